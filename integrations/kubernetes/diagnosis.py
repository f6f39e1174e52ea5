"""Why a workload's pods do not get ready, from the pods (and events) alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

CRASHES = 3
"""Restarts after which a crash loop counts as fatal."""

_FATAL_REASONS = {
    "ImagePullBackOff": "cannot pull image {image}",
    "InvalidImageName": "has an image name that no registry can have: {image}",
    "ErrImageNeverPull": "must not pull image {image}, and the node does not have it",
    "CreateContainerConfigError": "needs a Secret, ConfigMap or key that is not there",
    "CreateContainerError": "cannot create its container",
    "RunContainerError": "cannot start its container",
}
_PULLING = "ErrImagePull"
_PULL_REASONS = frozenset({_PULLING, "ImagePullBackOff"})
# The wordings of containerd and of registries (distribution spec error codes), in lower case.
_PULL_CAUSES = (
    (("x509", "certificate"), "the registry's certificate is not trusted"),
    (("toomanyrequests", "too many requests"), "the registry limits how often images are pulled"),
    (
        ("unauthorized", "authorization failed", "access denied", "forbidden"),
        "the registry wants credentials (is there an imagePullSecret?)",
    ),
    (
        ("no such host", "connection refused", "i/o timeout", "deadline exceeded", "dial tcp"),
        "the registry cannot be reached",
    ),
    (("not found", "manifest unknown", "notfound"), "the registry has no such image or tag"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One pod's trouble.

    Attributes:
        pod: The pod's name.
        reason: Machine-readable, Kubernetes' own where it has one.
        message: A sentence.
        fatal: Waiting will not help.
    """

    pod: str
    reason: str
    message: str
    fatal: bool


def diagnose(pods: Iterable[Object], events: Iterable[Object] = ()) -> list[Problem]:
    """List what is wrong with these pods, fatal problems first.

    Pods that end or have succeeded have no problem. ``events`` (core/v1) add the words of the
    last failed probe or mount.
    """
    words = _last_words(events)
    found = [
        problem
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp")
        for problem in _pod_problems(pod, words.get(str(pod["metadata"].get("name")), {}))
    ]
    return sorted(found, key=lambda problem: not problem.fatal)


def _pod_problems(pod: Object, words: Mapping[str, str]) -> list[Problem]:
    name = str(pod["metadata"]["name"])
    status: Object = pod.get("status") or {}
    phase = status.get("phase")
    if phase == "Succeeded":
        return []
    if phase == "Failed":
        why = status.get("message") or status.get("reason") or "its containers failed"
        reason = str(status.get("reason") or "Failed")
        return [Problem(name, reason, f"{name} has failed: {why}.", fatal=False)]
    unscheduled = _unscheduled(name, status)
    if unscheduled is not None:
        return [unscheduled]
    statuses: Sequence[Object] = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    found = [p for container in statuses if (p := _container(name, container)) is not None]
    if found:
        return found
    return _waiting(name, status, words)


def _container(pod: str, status: Object) -> Problem | None:
    waiting: Object = (status.get("state") or {}).get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    container, image = str(status.get("name")), str(status.get("image") or "")
    said = _clause(waiting.get("message"))
    if reason in _PULL_REASONS:
        said = _pull_cause(str(waiting.get("message") or "")) or said
    if reason in _FATAL_REASONS:
        text = _FATAL_REASONS[reason].format(image=image)
        return Problem(pod, reason, f"{pod} ({container}) {text}{said}.", fatal=True)
    if reason == _PULLING:
        return Problem(
            pod, reason, f"{pod} ({container}) could not pull image {image}{said}.", fatal=False
        )
    if reason == "CrashLoopBackOff":
        restarts = int(status.get("restartCount") or 0)
        last: Object = (status.get("lastState") or {}).get("terminated") or {}
        times = "once" if restarts == 1 else f"{restarts} times"
        return Problem(
            pod,
            str(last.get("reason") or reason) if last.get("reason") == "OOMKilled" else reason,
            f"{pod} ({container}) keeps crashing: restarted {times}, {_ending(last)}.",
            fatal=restarts >= CRASHES,
        )
    return None


def _pull_cause(message: str) -> str:
    """What the container runtime's long message comes to; empty when it is none of the usual."""
    lower = message.lower()
    for signs, cause in _PULL_CAUSES:
        if any(sign in lower for sign in signs):
            return f": {cause}"
    return ""


def _ending(last: Object) -> str:
    if last.get("reason") == "OOMKilled":
        return "it needs more memory than its limit"
    code = last.get("exitCode")
    return f"last exit code {code}" if code is not None else "its exit code is unknown"


def _unscheduled(pod: str, status: Object) -> Problem | None:
    condition = _condition(status, "PodScheduled")
    if condition.get("status") != "False" or condition.get("reason") != "Unschedulable":
        return None
    said = str(condition.get("message") or "no node fits").rstrip(".")
    if "PersistentVolumeClaim" in said or "persistentvolumeclaim" in said:
        return Problem(pod, "VolumePending", f"{pod} waits for its volume: {said}.", fatal=False)
    return Problem(pod, "Unschedulable", f"{pod} fits on no node: {said}.", fatal=False)


def _waiting(pod: str, status: Object, words: Mapping[str, str]) -> list[Problem]:
    for reason in ("FailedMount", "FailedAttachVolume"):
        if reason in words and status.get("phase") == "Pending":
            return [
                Problem(pod, reason, f"{pod} cannot mount a volume: {words[reason]}.", fatal=False)
            ]
    for container in status.get("containerStatuses") or []:
        running = (container.get("state") or {}).get("running") is not None
        if running and not container.get("ready"):
            said = _clause(words.get("Unhealthy"))
            text = f"{pod} ({container.get('name')}) runs but is not ready{said}."
            return [Problem(pod, "NotReady", text, fatal=False)]
    return []


def _last_words(events: Iterable[Object]) -> dict[str, dict[str, str]]:
    """Pod name → event reason → its newest message."""
    ordered = sorted(
        (e for e in events if (e.get("involvedObject") or {}).get("kind") == "Pod"),
        key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""),
    )
    words: dict[str, dict[str, str]] = {}
    for event in ordered:
        pod = words.setdefault(str(event["involvedObject"].get("name")), {})
        pod[str(event.get("reason"))] = str(event.get("message") or "").strip().rstrip(".")
    return words


def _condition(status: Object, type_: str) -> Object:
    for condition in status.get("conditions") or []:
        if condition.get("type") == type_:
            found: Object = condition
            return found
    return {}


def _clause(said: Any) -> str:
    text = " ".join(str(said or "").split()).rstrip(".")
    return f": {text[:300]}" if text else ""
