"""Who am I, and may I? The one user of the practice cluster is its administrator."""

from __future__ import annotations

from sandbox.kube.jsonutil import Json
from sandbox.kube.resources import Resource

USER: Json = {"username": "sandbox-admin", "groups": ["system:masters", "system:authenticated"]}
_ALL = ["*"]


def answer(resource: Resource, review: Json) -> Json:
    """Return a review with its status filled in."""
    status: Json
    if resource.kind == "SelfSubjectReview":
        status = {"userInfo": USER}
    elif resource.kind == "SelfSubjectRulesReview":
        status = {
            "resourceRules": [{"verbs": _ALL, "apiGroups": _ALL, "resources": _ALL}],
            "nonResourceRules": [{"verbs": _ALL, "nonResourceURLs": _ALL}],
            "incomplete": False,
        }
    else:
        status = {"allowed": True}
    return {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {"creationTimestamp": None},
        "spec": review.get("spec") or {},
        "status": status,
    }
