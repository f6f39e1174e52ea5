"""What the tests of autoscalers share."""

from __future__ import annotations

from typing import Any

from tests.contract.client import Json

V1 = "autoscaling/v1/horizontalpodautoscalers"
V2 = "autoscaling/v2/horizontalpodautoscalers"


def hpa(target: str = "web", kind: str = "Deployment", name: str = "", **spec: Any) -> Json:
    """An autoscaler as a user writes it; ``spec`` goes over what else it has."""
    ref = {"apiVersion": "apps/v1", "kind": kind, "name": target}
    body = {"scaleTargetRef": ref, "maxReplicas": 5, **spec}
    return {"metadata": {"name": name or target}, "spec": body}


def says(item: Json) -> dict[str, tuple[str, str, str]]:
    """Status, reason and message of each condition."""
    found = item.get("status", {}).get("conditions", ())
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in found}
