"""What a backup would save: objects that carry the label, and those that do not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.recovery.which.apps import selectors
from bot.releases.targets import AppRef

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind

EXCLUDE_LABEL = "velero.io/exclude-from-backup"
_AT_ONCE = 8
_PASSING = frozenset({
    "Event", "Endpoints", "EndpointSlice", "Lease", "PodMetrics", "ControllerRevision",
})  # fmt: skip
"""Kinds that the cluster makes anew by itself."""
_MADE = frozenset({("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")})
"""Objects that every namespace gets by itself."""

Object = Mapping[str, Any]
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as far as matching is concerned.

    Attributes:
        owned: A controller made it, and makes it again.
    """

    kind: str
    name: str
    labels: Labels = field(default_factory=dict)
    owned: bool = False

    @property
    def path(self) -> str:
        """`Secret/parse-credentials`."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Match:
    """What a backup would save of a namespace.

    Attributes:
        kinds: Kind → how many objects match.
        claims: Volume claims that it takes: labelled ones, and those of pods that it takes.
        missed: Objects of nobody else that do not carry the label: `Secret/extra`.
        excluded: Objects that carry it, and `velero.io/exclude-from-backup` as well.
        unseen: Kinds that the bot may not list, so that nothing is known of them.
    """

    kinds: Mapping[str, int]
    claims: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All objects that match."""
        return sum(self.kinds.values())


def fits(labels: Labels, wanted: Sequence[Labels]) -> bool:
    """Whether labels satisfy any one of several selectors."""
    return any(all(labels.get(k) == v for k, v in one.items()) for one in wanted)


def claims_of(pod: Object) -> dict[str, str]:
    """A pod's volumes with a claim: the volume's name in the pod → the claim."""
    return {
        str(volume["name"]): str(volume["persistentVolumeClaim"].get("claimName"))
        for volume in (pod.get("spec") or {}).get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    }


def match(
    objects: Iterable[Seen],
    pods: Iterable[Object],
    wanted: Sequence[Labels],
    others: Sequence[Labels] = (),
    unseen: Iterable[str] = (),
) -> Match:
    """Sorts the objects of a namespace.

    Args:
        objects: All of them.
        pods: Its pods, whole: Velero takes a pod's claims along, and a claim's pods.
        wanted: Selectors of the app, any one of which suffices.
        others: Selectors of other apps in the namespace, whose objects nobody misses here.
        unseen: Kinds that could not be listed.
    """
    taken: list[Seen] = []
    missed: list[str] = []
    excluded: list[str] = []
    everything = list(objects)
    along = _along(everything, pods, wanted)
    for one in everything:
        chosen = fits(one.labels, wanted) or (one.kind, one.name) in along
        if chosen and one.labels.get(EXCLUDE_LABEL) == "true":
            excluded.append(one.path)
        elif chosen:
            taken.append(one)
        elif not (_of_nobody(one) or fits(one.labels, others)):
            missed.append(one.path)
    return Match(
        kinds=dict(sorted(Counter(one.kind for one in taken).items())),
        claims=tuple(sorted(o.name for o in taken if o.kind == "PersistentVolumeClaim")),
        missed=tuple(sorted(missed)),
        excluded=tuple(sorted(excluded)),
        unseen=tuple(sorted(set(unseen))),
    )


def _of_nobody(one: Seen) -> bool:
    return one.owned or one.kind in _PASSING or (one.kind, one.name) in _MADE


def _along(
    objects: Iterable[Seen], pods: Iterable[Object], wanted: Sequence[Labels]
) -> set[tuple[str, str]]:
    """Claims of matching pods, and pods of matching claims, on and on."""
    labelled = {(o.kind, o.name) for o in objects if fits(o.labels, wanted)}
    mounts = {str(pod["metadata"]["name"]): set(claims_of(pod).values()) for pod in pods}
    found: set[tuple[str, str]] = set()
    while True:
        known = labelled | found
        more = {
            item
            for pod, claims in mounts.items()
            for item in (("Pod", pod), *(("PersistentVolumeClaim", c) for c in claims))
            if claims
            and (
                ("Pod", pod) in known
                or any(("PersistentVolumeClaim", claim) in known for claim in claims)
            )
        }
        if more <= known:
            return found
        found |= more


async def survey(kube: KubeClient, ref: AppRef, others: Sequence[AppRef] = ()) -> Match:
    """Looks what a backup of an app would save now; only labels are read, and pods.

    Args:
        kube: The app's cluster.
        ref: The app.
        others: Other apps of the cluster.
    """
    from integrations.kubernetes.discovery import namespaced_kinds
    from integrations.kubernetes.kinds import POD

    kinds = await namespaced_kinds(kube)
    seats = asyncio.Semaphore(_AT_ONCE)
    pods, lists = await asyncio.gather(
        kube.list(POD, ref.namespace),
        asyncio.gather(*(_seen(kube, kind, ref.namespace, seats) for kind in kinds)),
    )
    shared = [s for o in others if o.namespace == ref.namespace for s in selectors(o)]
    return match(
        (one for found in lists if found for one in found),
        pods.items,
        selectors(ref),
        shared,
        (kind.kind for kind, found in zip(kinds, lists, strict=True) if found is None),
    )


async def _seen(
    kube: KubeClient, kind: Kind, namespace: str, seats: asyncio.Semaphore
) -> list[Seen] | None:
    """The objects of a kind; None when the bot may not list them."""
    from integrations.kubernetes.discovery import list_metadata
    from integrations.kubernetes.errors import Forbidden, NotFound, ServerError

    if kind.kind in _PASSING:
        return []
    async with seats:
        try:
            found = await list_metadata(kube, kind, namespace)
        except NotFound:
            return []
        except (Forbidden, ServerError):
            return None
    return [
        Seen(kind.kind, str(m["name"]), m.get("labels") or {}, bool(m.get("ownerReferences")))
        for m in found
        if not m.get("deletionTimestamp")
    ]
