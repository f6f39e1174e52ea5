"""Checks of roles and bindings, as ``pkg/apis/rbac/validation`` of Kubernetes v1.35 makes them."""

from __future__ import annotations

from sandbox.kube.causes import Found, invalid, required, unsupported
from sandbox.kube.jsonutil import Json

_GROUP = "rbac.authorization.k8s.io"
_SUBJECTS = ("ServiceAccount", "User", "Group")


def check_role(obj: Json) -> Found:
    """Check the rules of a Role or ClusterRole."""
    found: Found = []
    for index, rule in enumerate(obj.get("rules") or ()):
        found += _rule(rule, f"rules[{index}]", namespaced=obj["kind"] == "Role")
    gathered = obj.get("aggregationRule")
    if gathered is not None and not gathered.get("clusterRoleSelectors"):
        detail = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        found.append(required("aggregationRule.clusterRoleSelectors", detail))
    return found


def _rule(rule: Json, place: str, *, namespaced: bool) -> Found:
    found: Found = []
    if not rule.get("verbs"):
        found.append(required(f"{place}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs")
    if urls:
        if namespaced:
            detail = "namespaced rules cannot apply to non-resource URLs"
            found.append(invalid(f"{place}.nonResourceURLs", urls, detail))
        if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            found.append(invalid(f"{place}.nonResourceURLs", urls, detail))
        return found
    for name, what in (("apiGroups", "api group"), ("resources", "resource")):
        if not rule.get(name):
            detail = f"resource rules must supply at least one {what}"
            found.append(required(f"{place}.{name}", detail))
    return found


def check_binding(obj: Json) -> Found:
    """Check role and subjects of a RoleBinding or ClusterRoleBinding."""
    namespaced, found = obj["kind"] == "RoleBinding", Found()
    reference = obj.get("roleRef") or {}
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    found += _one_of("roleRef.apiGroup", reference.get("apiGroup", ""), (_GROUP,))
    found += _one_of("roleRef.kind", reference.get("kind", ""), kinds)
    if not reference.get("name"):
        found.append(required("roleRef.name"))
    for index, subject in enumerate(obj.get("subjects") or ()):
        found += _subject(subject, f"subjects[{index}]", namespaced=namespaced)
    return found


def _subject(subject: Json, place: str, *, namespaced: bool) -> Found:
    found: Found = []
    kind, group = subject.get("kind", ""), subject.get("apiGroup", "")
    if not subject.get("name"):
        found.append(required(f"{place}.name"))
    if kind not in _SUBJECTS:
        return found + _one_of(f"{place}.kind", kind, _SUBJECTS)
    if kind != "ServiceAccount":
        return found + _one_of(f"{place}.apiGroup", group, (_GROUP,))
    found += _one_of(f"{place}.apiGroup", group, ("",))
    if not namespaced and not subject.get("namespace"):
        found.append(required(f"{place}.namespace"))
    return found


def _one_of(place: str, value: str, allowed: tuple[str, ...]) -> Found:
    return [] if value in allowed else [unsupported(place, value, allowed)]
