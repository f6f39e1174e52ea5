"""A pod's status, computed from the lives of its containers."""

from __future__ import annotations

from sandbox.kube.controllers import behaviour
from sandbox.kube.controllers.containers import Container, Stage
from sandbox.kube.controllers.meta import Json, quantity, with_condition
from sandbox.kube.controllers.pace import Pace


def build(pod: Json, inits: list[Container], mains: list[Container], now: str, pace: Pace) -> Json:
    """Return the whole status of a pod that has a node.

    Args:
        pod: The pod as kept.
        inits: Its init containers.
        mains: Its other containers.
        now: The present as the API writes it.
        pace: Names the back-off in messages.
    """
    status = dict(pod.get("status") or {})
    phase = _phase(inits, mains)
    status["phase"] = phase
    status["qosClass"] = qos(pod["spec"])
    status.setdefault("startTime", now)
    if inits:
        status["initContainerStatuses"] = [_container(pod, c, inits, pace) for c in inits]
    status["containerStatuses"] = [_container(pod, c, inits, pace) for c in mains]
    status["conditions"] = _conditions(status, phase, inits, mains, now)
    return status


def qos(spec: Json) -> str:
    """Return the quality-of-service class."""
    every = [c.get("resources") or {} for c in spec["containers"]]
    if not any(r.get("requests") or r.get("limits") for r in every):
        return "BestEffort"
    for resources in every:
        limits, asked = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            if name not in limits:
                return "Burstable"
            if quantity(asked.get(name, limits[name])) != quantity(limits[name]):
                return "Burstable"
    return "Guaranteed"


def initialized(inits: list[Container]) -> bool:
    """Whether the main containers may start (a restartable init container only has to run)."""
    return all(c.succeeded or (c.restart == "Always" and c.started_at) for c in inits)


def _phase(inits: list[Container], mains: list[Container]) -> str:
    once = [c for c in inits if c.restart != "Always"]
    if any(c.failed and c.restart == "Never" for c in once):
        return "Failed"
    if all(c.stage is Stage.ENDED and c.restart != "Always" for c in mains):
        retried = [c for c in mains if c.failed and c.restart == "OnFailure"]
        if not retried:
            return "Failed" if any(c.failed for c in mains) else "Succeeded"
    if all(c.started_at for c in mains):
        return "Running"
    return "Pending"


def _conditions(
    status: Json, phase: str, inits: list[Container], mains: list[Container], now: str
) -> list[Json]:
    have = list(status.get("conditions") or ())
    sandbox_up = bool(status.get("podIP")) and phase not in ("Succeeded", "Failed")
    have = with_condition(have, "PodReadyToStartContainers", _word(sandbox_up), now)
    if initialized(inits):
        reason = "PodCompleted" if phase == "Succeeded" else ""
        have = with_condition(have, "Initialized", "True", now, reason=reason)
    else:
        left = " ".join(c.name for c in inits if not c.succeeded)
        have = with_condition(
            have,
            "Initialized",
            "False",
            now,
            reason="ContainersNotInitialized",
            message=f"containers with incomplete status: [{left}]",
        )
    waiting = [c.name for c in mains if not c.ready]
    for kind in ("Ready", "ContainersReady"):
        if phase in ("Succeeded", "Failed"):
            reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
            have = with_condition(have, kind, "False", now, reason=reason)
        elif waiting:
            have = with_condition(
                have,
                kind,
                "False",
                now,
                reason="ContainersNotReady",
                message=f"containers with unready status: [{' '.join(waiting)}]",
            )
        else:
            have = with_condition(have, kind, "True", now)
    return with_condition(have, "PodScheduled", "True", now)


def _word(value: bool) -> str:
    return "True" if value else "False"


def _container(pod: Json, c: Container, inits: list[Container], pace: Pace) -> Json:
    done = c in inits and c.succeeded
    status: Json = {
        "name": c.name,
        "image": behaviour.canonical_image(c.image) if c.started_at else c.image,
        "imageID": behaviour.image_id(c.image) if c.started_at else "",
        "ready": done or c.ready,
        "started": c.stage is Stage.RUNNING and (c.ready or "startupProbe" not in c.spec),
        "restartCount": c.restarts,
        "state": _state(pod, c, inits, pace),
        "lastState": {},
    }
    if c.started_at:
        status["containerID"] = c.identity(pod)
    if c.stage is Stage.CRASH_BACKOFF and c.terminated:
        status["lastState"] = {"terminated": c.terminated}
    elif c.last:
        status["lastState"] = {"terminated": c.last}
    return status


def _state(pod: Json, c: Container, inits: list[Container], pace: Pace) -> Json:
    match c.stage:
        case Stage.RUNNING:
            return {"running": {"startedAt": c.started_at}}
        case Stage.ENDED:
            return {"terminated": c.terminated}
        case Stage.PULL_FAILED | Stage.PULL_BACKOFF:
            return {"waiting": _pull_problem(c)}
        case Stage.MISCONFIGURED:
            return {"waiting": {"reason": "CreateContainerConfigError", "message": c.missing}}
        case Stage.CRASH_BACKOFF:
            meta = pod["metadata"]
            wait = min(pace.backoff * 2 ** min(c.restarts - 1, 30), pace.backoff_limit)
            return {
                "waiting": {
                    "reason": "CrashLoopBackOff",
                    "message": f"back-off {wait:.3g}s restarting failed container={c.name} "
                    f"pod={meta['name']}_{meta['namespace']}({meta['uid']})",
                }
            }
        case Stage.WAITING | Stage.PULLING | Stage.STARTING:
            return {"waiting": {"reason": "PodInitializing" if inits else "ContainerCreating"}}


def _pull_problem(c: Container) -> Json:
    error = f"rpc error: code = NotFound desc = {behaviour.pull_error(c.image)}"
    if c.stage is Stage.PULL_FAILED:
        return {"reason": "ErrImagePull", "message": error}
    return {
        "reason": "ImagePullBackOff",
        "message": f'Back-off pulling image "{c.image}": ErrImagePull: {error}',
    }
