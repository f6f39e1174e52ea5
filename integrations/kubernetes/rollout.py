"""How far a roll-out is, computed from the workload object alone, as kubectl computes it.

Source: ``k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go``. Where kubectl refuses
(update strategy ``OnDelete``), readiness decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rollout:
    """The state of one workload.

    Attributes:
        done: kubectl would say "successfully rolled out".
        failed: It will not get there by itself (progress deadline exceeded).
        message: One sentence.
        ready: Ready replicas.
        wanted: Replicas asked for.
        updated: Replicas of the newest revision.
        extra: Replicas still present beyond the wanted number (kubectl does not wait for
            these after a scale-down; a caller may).
    """

    done: bool
    failed: bool
    message: str
    ready: int
    wanted: int
    updated: int
    extra: int = 0


def rollout_status(workload: Object) -> Rollout:
    """Compute the roll-out of a Deployment, StatefulSet or DaemonSet.

    Raises:
        ValueError: Any other kind.
    """
    kind = workload.get("kind")
    judge = _JUDGES.get(str(kind))
    if judge is None:
        raise ValueError(f"{kind} has no roll-out")
    return judge(workload)


def observed(workload: Object) -> bool:
    """Whether the controller has seen the newest spec, so that the status speaks of it."""
    seen = _number(workload, "status", "observedGeneration")
    return seen >= _number(workload, "metadata", "generation") and (
        seen > 0 or workload.get("kind") != "StatefulSet"
    )


def _deployment(workload: Object) -> Rollout:
    status: Object = workload.get("status") or {}
    wanted = _wanted(workload)
    present, updated = _int(status, "replicas"), _int(status, "updatedReplicas")
    available, ready = _int(status, "availableReplicas"), _int(status, "readyReplicas")
    result = _result(ready, wanted, updated, present)
    if not observed(workload):
        return result(False, "Waiting for the change to be noticed.")
    progress = _condition(status, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return result(False, f"Exceeded its progress deadline: {progress.get('message')}", True)
    if updated < wanted:
        return result(False, f"{updated} of {wanted} replicas updated.")
    if present > updated:
        return result(False, f"{present - updated} old replicas are still ending.")
    if available < updated:
        return result(False, f"{available} of {updated} updated replicas are available.")
    return result(True, f"{available} of {wanted} replicas are up to date and available.")


def _stateful_set(workload: Object) -> Rollout:
    status: Object = workload.get("status") or {}
    spec: Object = workload.get("spec") or {}
    wanted, ready = _wanted(workload), _int(status, "readyReplicas")
    updated, present = _int(status, "updatedReplicas"), _int(status, "replicas")
    strategy: Object = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    result = _result(ready, wanted, updated, present)
    if not observed(workload):
        return result(False, "Waiting for the change to be noticed.")
    if ready < wanted:
        return result(False, f"{ready} of {wanted} replicas are ready.")
    if strategy.get("type") == "OnDelete":
        return result(True, f"{ready} of {wanted} replicas are ready (updated when deleted).")
    if rolling is not None and strategy.get("type", "RollingUpdate") == "RollingUpdate":
        partition = rolling.get("partition")
        due = 0 if partition is None else wanted - int(partition)
        if updated < due:
            return result(False, f"{updated} of {due} replicas updated.")
        return result(True, f"{ready} of {wanted} replicas are ready, {updated} updated.")
    if status.get("updateRevision") != status.get("currentRevision"):
        return result(False, f"{updated} of {wanted} replicas updated.")
    return result(True, f"{ready} of {wanted} replicas are up to date and ready.")


def _daemon_set(workload: Object) -> Rollout:
    status: Object = workload.get("status") or {}
    strategy: Object = (workload.get("spec") or {}).get("updateStrategy") or {}
    wanted, updated = _int(status, "desiredNumberScheduled"), _int(status, "updatedNumberScheduled")
    available, ready = _int(status, "numberAvailable"), _int(status, "numberReady")
    result = _result(ready, wanted, updated, _int(status, "currentNumberScheduled"))
    if not observed(workload):
        return result(False, "Waiting for the change to be noticed.")
    if updated < wanted and strategy.get("type") != "OnDelete":
        return result(False, f"{updated} of {wanted} nodes updated.")
    if available < wanted:
        return result(False, f"Available on {available} of {wanted} nodes.")
    return result(True, f"Up to date and available on {available} nodes.")


_JUDGES: Mapping[str, Callable[[Object], Rollout]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
}


def _result(ready: int, wanted: int, updated: int, present: int) -> Callable[..., Rollout]:
    def make(done: bool, message: str, failed: bool = False) -> Rollout:
        extra = max(0, present - wanted)
        return Rollout(done, failed, message, ready, wanted, updated, extra)

    return make


def _wanted(workload: Object) -> int:
    replicas = (workload.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _condition(status: Object, type_: str) -> Object:
    for condition in status.get("conditions") or []:
        if condition.get("type") == type_:
            found: Object = condition
            return found
    return {}


def _int(of: Object, key: str) -> int:
    return int(of.get(key) or 0)


def _number(workload: Object, part: str, key: str) -> int:
    return _int(workload.get(part) or {}, key)
