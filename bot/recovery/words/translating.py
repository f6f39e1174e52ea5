"""Velero's warnings and errors in words. Pure.

The texts are those of `pkg/restore`, `pkg/podvolume` and `internal/hook` of Velero 1.18. One that
is unknown is given as it is, cut short: never nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.releases.words import count, listed
from integrations.velero.errors import store_cause
from integrations.velero.models import Remark

MOST = 8
"""Names or sentences that one message shows; the rest is a number."""
_LONGEST = 200

_EXISTS = re.compile(
    r"could not restore, (?P<kind>[A-Za-z]+)(?::| )\"?(?P<name>[^\s\"]+)\"? already exists"
)
_RESTORING = re.compile(r"error restoring (?P<what>[^\s:]+): (?P<why>.*)", re.DOTALL)
_HOOK = re.compile(
    r"hook \S+ in container (?P<container>\S+)(?: in pod (?P<pod>\S+))? "
    r"(?P<how>expired before executing|failed to execute, err: (?P<error>.*)|"
    r"not executed: (?P<cause>.*))",
    re.DOTALL,
)
_EXIT = re.compile(r"exit code (\d+)")

_CAUSES: tuple[tuple[str, str], ...] = (
    # First match wins; what an API server answers, as `k8s.io/apimachinery` words it.
    (r"no matches for kind|could not find the requested resource", "this cluster does not know "
     "its kind: install its CRD first"),
    (r"provided port is already allocated", "its node port is taken by another Service"),
    (r"provided IP is already allocated|failed to allocate (requested )?ip", "its cluster address "
     "is taken by another Service"),
    (r"exceeded quota", "the namespace's quota is used up"),
    (r"host \"(?P<x>[^\"]+)\" and path .* is already defined in ingress (?P<y>\S+)",
     "its host {x} belongs to Ingress {y} already"),
    (r"failed calling webhook \"(?P<x>[^\"]+)\"", "webhook {x}, which must agree, does not answer"),
    (r"admission webhook \"(?P<x>[^\"]+)\" denied the request: (?P<y>.*)", "webhook {x} refuses "
     "it: {y}"),
    (r"violates PodSecurity \"(?P<x>[^\"]+)\"", "the namespace's pod security ({x}) forbids it"),
    (r"is forbidden", "it is forbidden"),
    (r"field is immutable", "a field differs that cannot be changed: delete the object first"),
    (r"is being terminated", "its namespace is being deleted"),
    # Since 1.34 the API server merges these into the selector when it makes a pod, and refuses a
    # pod in which they are merged already (MatchLabelKeysInPodTopologySpreadSelectorMerge).
    (r"exists in both matchLabelKeys and labelSelector", "it carries `matchLabelKeys`, and so only "
     "its Deployment can make it anew: take them out of the app's topologySpreadConstraints, then "
     "deploy and back up again"),
)  # fmt: skip
_WHOLE: tuple[tuple[str, str], ...] = (
    (r"zero items to be restored", "The backup holds nothing of what was asked for."),
    (
        r"timed out waiting for terminating namespace (?P<x>\S+) to disappear",
        "Namespace {x} is still being deleted; restore again once it is gone.",
    ),
    (
        r"timed out waiting for all PodVolumeRestores",
        "The data of volumes did not come back in time: see whether the pods were scheduled and "
        "node-agent runs on their nodes.",
    ),
    (
        r"node-agent pod is not running in node (?P<x>\S+)",
        "No node-agent runs on node {x}, so the volumes of its pods stay empty.",
    ),
    (
        r"error to check node agent status|daemonset pod not found",
        "No node-agent runs in the cluster, so the data of volumes stays in the store.",
    ),
    (
        r"pod volume restore (failed|canceled): (?P<x>.*)",
        "The data of a volume did not come back: {x}.",
    ),
    (
        r"error executing PVAction for (?P<x>\S+): (?P<y>.*)",
        "Volume {x} could not be made from its snapshot: {y}.",
    ),
    (
        r"fail(ed)? to patch dynamic PV, err: (?P<y>.*), PVC: (?P<x>[^,]+)",
        "The volume of claim {x} did not get its old labels and reclaim policy back.",
    ),
    (
        r"found a restore with status \"InProgress\" during the server starting",
        "Velero's server restarted in the middle. What was restored by then is there.",
    ),
    (
        r"pod (?P<x>\S+) deleted before all hooks were executed",
        "Pod {x} was deleted before its restore hook ran, so its data was not loaded.",
    ),
    (
        r"pod entered phase (?P<x>\S+) before some post-restore exec hooks ran",
        "A pod ended ({x}) before its restore hook ran, so its data was not loaded.",
    ),
    (r"error downloading backup: (?P<x>.*)", "The backup could not be read from the store: {x}."),
)


@dataclass(frozen=True, slots=True)
class Remarks:
    """What a run remarked, in words.

    Attributes:
        sentences: One each, the same one once.
        left: Objects that exist and differ, and were left as they are: `ConfigMap settings`.
        hooks: How many of them are about commands in pods.
    """

    sentences: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    hooks: int = 0


def translate(remarks: Iterable[Remark]) -> Remarks:
    """Puts a run's warnings, or its errors, into words."""
    sentences: dict[str, None] = {}
    left: dict[str, None] = {}
    hooks = 0
    for remark in remarks:
        exists = _EXISTS.search(remark.text)
        if exists:
            left[f"{exists['kind']} {exists['name']}"] = None
            continue
        hooks += _HOOK.search(remark.text) is not None
        sentences[_sentence(remark.text)] = None
    return Remarks(tuple(sentences), tuple(left), hooks)


def run_failure(failure: str, problems: Sequence[str]) -> str:
    """Why Velero refused or gave up a run as a whole: a clause without a full stop."""
    said = [_refusal(text) for text in problems] or [_giving_up(failure)]
    return "; ".join(text for text in said if text) or "Velero does not say why"


def shortened(sentences: Sequence[str], most: int = MOST) -> tuple[str, ...]:
    """At most so many sentences, and how many there are besides."""
    if len(sentences) <= most:
        return tuple(sentences)
    rest = count(len(sentences) - most, "more is", "more are")
    return (*sentences[:most], f"{rest} in the restore's log.")


def left_alone(names: Sequence[str]) -> str:
    """A sentence about objects that exist and differ."""
    if not names:
        return ""
    if len(names) == 1:
        return f"1 object exists and differs from the backup, and stays as it is: {names[0]}."
    return (
        f"{len(names)} objects exist and differ from the backup, and stay as they are: "
        f"{listed(names, MOST)}."
    )


def _refusal(text: str) -> str:
    """One of `status.validationErrors`."""
    lower = text.lower()
    if "unavailable" in lower or "bsl" in lower:
        return "the storage location of the backup is unavailable"
    if "not found" in lower and "backup" in lower:
        return "the backup is gone"
    return store_cause(text).rstrip(".")


def _giving_up(text: str) -> str:
    """A `status.failureReason`; what a plugin says of its store comes with all its wrapping."""
    if re.search(r"object stor(e|age)|rpc error", text, re.IGNORECASE):
        return store_cause(text).rstrip(".")
    return _sentence(text).rstrip(".")


def _sentence(text: str) -> str:
    for pattern, words in _WHOLE:
        if found := re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return _filled(words, found, store_cause)
    if hook := _HOOK.search(text):
        return _hook(hook)
    if failed := _RESTORING.search(text):
        return f"{_object(failed['what'])} was not restored: {_cause(failed['why'])}."
    return f"{_clip(text).rstrip('.')}." if text.strip() else ""


def _hook(found: re.Match[str]) -> str:
    where = f"container {found['container']}" + (f" of pod {found['pod']}" if found["pod"] else "")
    if found["error"]:
        code = _EXIT.search(found["error"])
        why = f"ended with exit code {code[1]}" if code else f"failed: {_clip(found['error'])}"
        return f"The restore hook in {where} {why}: the data may not be loaded."
    why = "in time" if not found["cause"] or "deadline" in found["cause"] else "at all"
    return f"The restore hook in {where} did not run {why}: the data is not loaded."


def _object(what: str) -> str:
    """`deployments.apps/parse/web` → `deployments.apps web in parse`."""
    parts = what.split("/")
    if len(parts) == 3:
        return f"{parts[0]} {parts[2]} in {parts[1]}"
    return " ".join(parts)


def _cause(text: str) -> str:
    for pattern, words in _CAUSES:
        if found := re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return _filled(words, found, _clip).rstrip(".")
    return _clip(text).rstrip(".")


def _filled(words: str, found: re.Match[str], shorten: Callable[[str], str]) -> str:
    """Words with the named groups of a match; those are outside text, and cut."""
    given = {name: shorten(value or "").rstrip(".") for name, value in found.groupdict().items()}
    return words.format(**given)


def _clip(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
