"""A Deployment's status: counts, and the Available and Progressing conditions, with reasons."""

from __future__ import annotations

from datetime import datetime

from sandbox.kube.clock import parse_timestamp, timestamp
from sandbox.kube.controllers.meta import Json, condition, with_condition
from sandbox.kube.controllers.rollout import bounds, wanted

_NO_DEADLINE = 2**31 - 1


def build(
    deployment: Json, new: Json | None, sets: list[Json], now: datetime
) -> tuple[Json, float | None]:
    """Return the new status, and in how many seconds the deadline must be looked at.

    Args:
        deployment: The Deployment as kept.
        new: Its ReplicaSet of the current template, if there is one.
        sets: All its ReplicaSets.
        now: The present.
    """
    old = deployment.get("status") or {}
    status = _counts(deployment, new, sets)
    if "collisionCount" in old:
        status["collisionCount"] = old["collisionCount"]
    conditions = _available(deployment, status, old.get("conditions") or [], now)
    conditions = _progressing(deployment, new, status, conditions, now)
    status["conditions"] = conditions
    return status, _left(deployment, status, now)


def _counts(deployment: Json, new: Json | None, sets: list[Json]) -> Json:
    total = sum(_of(rs, "replicas") for rs in sets)
    available = sum(_of(rs, "availableReplicas") for rs in sets)
    size = sum(wanted(rs) for rs in sets)
    counts = {
        "replicas": total,
        "updatedReplicas": _of(new, "replicas") if new else 0,
        "readyReplicas": sum(_of(rs, "readyReplicas") for rs in sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, size - available),
    }
    status: Json = {name: count for name, count in counts.items() if count}
    status["observedGeneration"] = deployment["metadata"].get("generation", 1)
    return status


def _of(rs: Json, name: str) -> int:
    return int((rs.get("status") or {}).get(name, 0))


def _available(deployment: Json, status: Json, have: list[Json], now: datetime) -> list[Json]:
    enough = status.get("availableReplicas", 0) >= wanted(deployment) - bounds(deployment)[1]
    return with_condition(
        have,
        "Available",
        "True" if enough else "False",
        timestamp(now),
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message="Deployment has minimum availability."
        if enough
        else "Deployment does not have minimum availability.",
        touch="lastUpdateTime",
    )


def complete(deployment: Json, status: Json) -> bool:
    """Whether every pod is of the new template and available, and no other is left."""
    total = wanted(deployment)
    return bool(
        status.get("updatedReplicas", 0) == total
        and status.get("replicas", 0) == total
        and status.get("availableReplicas", 0) == total
        and status["observedGeneration"] >= deployment["metadata"].get("generation", 1)
    )


def _progressing(
    deployment: Json, new: Json | None, status: Json, have: list[Json], now: datetime
) -> list[Json]:
    old = condition({"conditions": have}, "Progressing")
    if deployment["spec"].get("paused"):
        return _set(have, "Unknown", "DeploymentPaused", "Deployment is paused", now)
    if old is not None and old["reason"] == "DeploymentPaused":
        return _set(have, "Unknown", "DeploymentResumed", "Deployment is resumed", now)
    if _deadline(deployment) == _NO_DEADLINE or new is None:
        return have
    name = f'ReplicaSet "{new["metadata"]["name"]}"'
    if complete(deployment, status):
        return _set(
            have, "True", "NewReplicaSetAvailable", f"{name} has successfully progressed.", now
        )
    before = deployment.get("status") or {}
    rested = old is not None and old["reason"] == "NewReplicaSetAvailable"
    if old is None or (rested and status.get("replicas", 0) and not _of(new, "replicas")):
        words = f'Created new replica set "{new["metadata"]["name"]}"'
        return _set(have, "True", "NewReplicaSetCreated", words, now)
    if rested and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return have  # only its size changed
    if _moved(before, status):
        have = [c for c in have if c is not old]
        fresh = _set(have, "True", "ReplicaSetUpdated", f"{name} is progressing.", now)
        if old["status"] == "True":
            fresh[-1]["lastTransitionTime"] = old["lastTransitionTime"]
        return fresh
    if _timed_out(deployment, old, now):
        return _set(
            have, "False", "ProgressDeadlineExceeded", f"{name} has timed out progressing.", now
        )
    return have


def _set(have: list[Json], value: str, reason: str, message: str, now: datetime) -> list[Json]:
    return with_condition(
        have,
        "Progressing",
        value,
        timestamp(now),
        reason=reason,
        message=message,
        touch="lastUpdateTime",
    )


def _moved(before: Json, status: Json) -> bool:
    """Whether the rollout got further since the last look."""

    def old_pods(s: Json) -> int:
        return int(s.get("replicas", 0) - s.get("updatedReplicas", 0))

    return bool(
        status.get("updatedReplicas", 0) > before.get("updatedReplicas", 0)
        or old_pods(status) < old_pods(before)
        or status.get("readyReplicas", 0) > before.get("readyReplicas", 0)
        or status.get("availableReplicas", 0) > before.get("availableReplicas", 0)
    )


def _deadline(deployment: Json) -> int:
    return int(deployment["spec"].get("progressDeadlineSeconds", 600))


def _waits(old: Json) -> bool:
    return bool(old["status"] != "False" and old["reason"] != "NewReplicaSetAvailable")


def _timed_out(deployment: Json, old: Json, now: datetime) -> bool:
    if not _waits(old):
        return False
    since = (now - parse_timestamp(old["lastUpdateTime"])).total_seconds()
    return since >= _deadline(deployment)


def _left(deployment: Json, status: Json, now: datetime) -> float | None:
    old = condition(status, "Progressing")
    if old is None or not _waits(old) or _deadline(deployment) == _NO_DEADLINE:
        return None
    since = (now - parse_timestamp(old["lastUpdateTime"])).total_seconds()
    return max(0.01, _deadline(deployment) - since)
