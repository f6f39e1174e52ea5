"""Who am I, and may I? The review kinds, which are answered and forgotten."""

from __future__ import annotations

from sandbox.kube import errors
from sandbox.kube.causes import Found, invalid
from sandbox.kube.jsonutil import Json
from sandbox.kube.requests import Target
from sandbox.kube.rights.attributes import Attributes
from sandbox.kube.rights.authorizer import Authorizer
from sandbox.kube.rights.users import User

_GROUP = "authorization.k8s.io"
_RESOURCE, _PATH = "resourceAttributes", "nonResourceAttributes"


def answer(authorizer: Authorizer, user: User, target: Target, review: Json) -> Json:
    """Return a review with its status filled in.

    Raises:
        ApiError: 422 for a question that makes no sense; 400 for one that names no namespace.
    """
    kind, spec = target.resource.kind, review.get("spec") or {}
    meta: Json = {"creationTimestamp": None}
    if kind == "SelfSubjectReview":
        return _review(target, meta, None, {"userInfo": user.to_json()})
    if kind == "SelfSubjectRulesReview":
        return _review(target, meta, {}, _rules(authorizer, user, spec.get("namespace") or ""))
    _check(kind, spec, target.namespace)
    if target.namespace:
        meta["namespace"] = target.namespace
    if kind != "SelfSubjectAccessReview":
        user = _named(spec)
    verdict = authorizer.decide(user, _wish(spec))
    status: Json = {"allowed": verdict.allowed}
    if verdict.reason:
        status["reason"] = verdict.reason
    return _review(target, meta, spec, status)


def _review(target: Target, meta: Json, spec: Json | None, status: Json) -> Json:
    body: Json = {
        "kind": target.resource.kind,
        "apiVersion": target.resource.api_version,
        "metadata": meta,
    }
    if spec is not None:
        body["spec"] = spec
    return {**body, "status": status}


def _rules(authorizer: Authorizer, user: User, namespace: str) -> Json:
    if not namespace:
        raise errors.bad_request("no namespace on request")
    rules = [rule for grant in authorizer.grants(user, namespace) for rule in grant.rules]
    return {
        "resourceRules": [rule for rule in rules if rule.get("resources")],
        "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": False,
    }


def _named(spec: Json) -> User:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    groups = tuple(spec.get("groups") or ())
    return User(spec.get("user") or "", spec.get("uid") or "", groups, extra)


def _wish(spec: Json) -> Attributes:
    given = spec.get(_PATH)
    if given is not None:
        return Attributes(given.get("verb", ""), path=given.get("path", ""))
    names = ("verb", "group", "resource", "subresource", "namespace", "name")
    return Attributes(**{name: spec[_RESOURCE].get(name) or "" for name in names})


def _check(kind: str, spec: Json, namespace: str | None) -> None:
    resource, path = spec.get(_RESOURCE), spec.get(_PATH)
    found: Found = []
    shown = {"Path": path.get("path", ""), "Verb": path.get("verb", "")} if path else None
    if resource is not None and path is not None:
        detail = "cannot be specified in combination with resourceAttributes"
        found.append(invalid(f"spec.{_PATH}", shown, detail))
    if resource is None and path is None:
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        found.append(invalid(f"spec.{_RESOURCE}", None, detail))
    if kind != "SelfSubjectAccessReview" and not (spec.get("user") or spec.get("groups")):
        found.append(invalid("spec.user", "", "at least one of user or group must be specified"))
    if kind == "LocalSubjectAccessReview":
        asked = (resource or {}).get("namespace") or ""
        if resource is not None and asked != namespace:
            place = f"spec.{_RESOURCE}.namespace"
            found.append(invalid(place, asked, "must match metadata.namespace"))
        if path is not None:
            found.append(invalid(f"spec.{_PATH}", shown, "disallowed on this kind of request"))
    if found:
        raise errors.invalid(_GROUP, "", "", found)
