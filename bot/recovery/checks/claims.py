"""Claims that have no volume, and why: what keeps pods from starting after a restore.

The texts are those of Kubernetes' volume controller (`pkg/controller/volume/persistentvolume`) and
of the CSI provisioner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.releases.words import listed

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient

Object = Mapping[str, Any]
_MOST = 3
_LONGEST = 160

_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"storageclass\S* \"(?P<it>[^\"]+)\" not found",
        "storage class {it} is not in this cluster",
        "Make storage class {it} here",
    ),
    (
        r"volume \"(?P<it>[^\"]+)\" already bound to a different claim",
        "volume {it} belongs to another claim",
        "Give the claim another volume, or none: then its storage class makes one",
    ),
    (
        r"no persistent volumes available",
        "no volume is free, and no storage class makes one",
        "Make a volume for it, or a default storage class",
    ),
    (
        r"waiting for a volume to be created",
        "its storage's provisioner has not made it",
        "Look at the pods of that provisioner",
    ),
    (
        r"exceeded quota",
        "the namespace's quota is used up",
        "Raise the quota",
    ),
)


@dataclass(frozen=True, slots=True)
class Homeless:
    """Claims without a volume.

    Attributes:
        why: Which, and the cause, one clause.
        hint: What mends it.
    """

    why: str
    hint: str


async def homeless(kube: KubeClient, namespace: str) -> Homeless | None:
    """Claims of a namespace that wait for a volume; None when none does, or nobody can tell."""
    from integrations.errors import IntegrationError
    from integrations.kubernetes.kinds import EVENT, PERSISTENT_VOLUME_CLAIM

    only = {"involvedObject.kind": "PersistentVolumeClaim"}
    try:
        claims = (await kube.list(PERSISTENT_VOLUME_CLAIM, namespace)).items
        events = (await kube.list(EVENT, namespace, fields=only)).items
    except IntegrationError:
        return None
    return explain(claims, events)


def explain(claims: Iterable[Object], events: Iterable[Object]) -> Homeless | None:
    """Why claims have no volume, by what the cluster last said of each. Pure."""
    last: dict[str, str] = {}
    for event in sorted(events, key=_moment):
        last[str(event["involvedObject"].get("name"))] = str(event.get("message") or "")
    causes: dict[tuple[str, str], list[str]] = {}
    for claim in claims:
        name = str(claim["metadata"]["name"])
        if (claim.get("status") or {}).get("phase") == "Bound" or name not in last:
            continue
        if found := _cause(last[name]):
            causes.setdefault(found, []).append(name)
    if not causes:
        return None
    words = (f"{listed(names, _MOST)}: {cause}" for (cause, _), names in causes.items())
    return Homeless(
        f"a claim has no volume ({listed(words, _MOST)})", next(mend for _, mend in causes)
    )


def _moment(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _cause(message: str) -> tuple[str, str] | None:
    """The cause and its mend; None where it only waits for its pod to be placed."""
    for pattern, cause, mend in _REASONS:
        if found := re.search(pattern, message, re.IGNORECASE):
            return cause.format(**found.groupdict()), mend.format(**found.groupdict())
    if "first consumer" in message or not message:
        return None
    said = " ".join(message.split()).rstrip(".")
    return said[:_LONGEST], "Look at the storage class and its provisioner"
