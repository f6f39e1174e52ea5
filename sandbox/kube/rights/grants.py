"""Nobody gives rights that he does not hold: the checks of roles and bindings that are written.

Follows ``pkg/registry/rbac/*/policybased`` of Kubernetes v1.35.
"""

from __future__ import annotations

from sandbox.kube import errors
from sandbox.kube.jsonutil import Json
from sandbox.kube.requests import Target
from sandbox.kube.rights.attributes import Attributes, quoted
from sandbox.kube.rights.authorizer import Authorizer, joined
from sandbox.kube.rights.rules import described, missing
from sandbox.kube.rights.users import User

_GROUP = "rbac.authorization.k8s.io"
_EVERYTHING: list[Json] = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_COLLECTED = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")


def check_grant(
    authorizer: Authorizer, user: User, target: Target, obj: Json, old: Json | None
) -> None:
    """Refuse a role or binding that gives more than its writer has.

    Raises:
        ApiError: 403; 404 for a role that is not there.
    """
    if target.resource.group != _GROUP or user.master or (old and _only_collected(obj, old)):
        return
    if target.resource.plural in ("roles", "clusterroles"):
        _check_role(authorizer, user, target, obj, old)
    else:
        _check_binding(authorizer, user, target, obj)


def _check_role(
    authorizer: Authorizer, user: User, target: Target, obj: Json, old: Json | None
) -> None:
    namespace, plural = target.namespace or "", target.resource.plural
    wish = Attributes("escalate", _GROUP, plural, "", namespace, target.name)
    if authorizer.decide(user, wish).allowed:
        return
    _check_rules(authorizer, user, target, obj, obj.get("rules") or [])
    if any((one or {}).get("aggregationRule") for one in (obj, old)):
        held = [rule for grant in authorizer.grants(user, namespace) for rule in grant.rules]
        if missing(held, _EVERYTHING):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise errors.forbidden(_GROUP, plural, obj["metadata"]["name"], why)


def _check_binding(authorizer: Authorizer, user: User, target: Target, obj: Json) -> None:
    namespace, reference = target.namespace or "", obj.get("roleRef") or {}
    plural = {"ClusterRole": "clusterroles", "Role": "roles"}.get(reference.get("kind", ""))
    name = str(reference.get("name", ""))
    if plural is None:
        return  # validation names the fault
    group = str(reference.get("apiGroup", ""))
    if authorizer.decide(user, Attributes("bind", group, plural, "", namespace, name)).allowed:
        return
    rules = authorizer.role_rules(reference, namespace)
    if rules is None:
        raise errors.not_found(_GROUP, target.resource.plural, name)
    _check_rules(authorizer, user, target, obj, rules)


def _check_rules(
    authorizer: Authorizer, user: User, target: Target, obj: Json, rules: list[Json]
) -> None:
    grants = list(authorizer.grants(user, target.namespace or ""))
    lacking = missing([rule for grant in grants for rule in grant.rules], rules)
    if not lacking:
        return
    groups = " ".join(map(quoted, user.groups))
    why = (
        f"user {quoted(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions "
        "not currently held:\n" + "\n".join(described(lacking))
    )
    plural = target.resource.plural
    lost = [f"{plural}.{_GROUP} {quoted(g.lost[1])} not found" for g in grants if g.lost]
    if lost:
        why += f"; resolution errors: [{joined(lost)}]"
    raise errors.forbidden(_GROUP, plural, obj["metadata"]["name"], why)


def _only_collected(obj: Json, old: Json) -> bool:
    """Whether an update changes nothing but what the garbage collector must."""
    return _without(obj) == _without(old)


def _without(obj: Json) -> Json:
    meta = {key: value for key, value in obj["metadata"].items() if key not in _COLLECTED}
    return {**obj, "metadata": meta}
