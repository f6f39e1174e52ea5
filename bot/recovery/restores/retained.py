"""Volumes that outlive their claims, and so never bind again. Pure.

Of a PersistentVolume whose reclaim policy is not Delete, and of whose data the backup holds no copy
of its own, Velero restores the object as it was (`restore.go` of 1.18; its issues 5141, 1418). One
that is there is left alone, and still belongs to the claim that is gone: the new claim names it,
and waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.recovery.backups.proof import Proof
from bot.recovery.restores.conflicts import CLAIMS, VOLUMES

if TYPE_CHECKING:
    from integrations.velero.contents import Saved

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stuck:
    """A claim that will wait for a volume which belongs to another.

    Attributes:
        claim: Its name.
        place: The namespace that it is restored into.
        volume: The PersistentVolume.
        holder: `parse/data-db-0`, when that claim is bound to it; empty when it is gone.
    """

    claim: str
    place: str
    volume: str
    holder: str = ""

    @property
    def words(self) -> str:
        """What will happen, and what mends it."""
        anew = (
            f"`kubectl -n {self.place} delete pvc {self.claim}` once it waits lets a StatefulSet "
            "make it anew, empty"
        )
        if self.holder:
            return (
                f"Claim {self.claim} will wait for volume {self.volume} (reclaim policy Retain), "
                f"which {self.holder} uses; the backup has no copy of its own of the data: {anew}."
            )
        give = f"""`kubectl patch pv {self.volume} -p '{{"spec":{{"claimRef":{{"uid":null}}}}}}'`"""
        return (
            f"Claim {self.claim} will wait for volume {self.volume} (reclaim policy Retain): it "
            "still belongs to the claim that is gone, with the data as it was last. To go on with "
            f"that data, now or once the claim waits: {give}. To begin without: {anew}."
        )


@dataclass(frozen=True, slots=True)
class Tied:
    """A claim of a backup that Velero restores with the name of its old volume.

    Attributes:
        claim: Its name.
        namespace: In the backup.
        volume: The PersistentVolume.
        held: The backup holds that volume's object, so that Velero makes it where it is missing.
    """

    claim: str
    namespace: str
    volume: str
    held: bool


def tied(saved: Iterable[Saved], proof: Proof) -> tuple[Tied, ...]:
    """The claims that stay tied to their volumes.

    Args:
        saved: What is restored, and the PersistentVolumes that the backup holds.
        proof: Of which claims it holds data.
    """
    objects = list(saved)
    policies = {o.name: _policy(o.object) for o in objects if o.resource == VOLUMES}
    copied = {p.claim for p in proof.protected if not p.dumped}
    found = []
    for one in objects:
        name = str((one.object.get("spec") or {}).get("volumeName") or "")
        if one.resource != CLAIMS or not name or policies.get(name) == "Delete":
            continue
        if not copied & {one.name, f"{one.namespace}/{one.name}"}:
            found.append(Tied(one.name, one.namespace, name, name in policies))
    return tuple(found)


def remade(
    saved: Iterable[Saved],
    mapping: Mapping[str, str],
    proof: Proof,
    volumes: Iterable[Object] | None,
) -> tuple[Tied, ...]:
    """The claims whose volumes Velero makes as they were, on the storage that they had.

    Arguments as of `stuck`; nothing is told where the cluster's volumes may not be read.
    """
    if volumes is None:
        return ()
    live = {str(v["metadata"]["name"]) for v in volumes}
    return tuple(
        one
        for one in tied(saved, proof)
        if one.held and one.volume not in live and one.namespace in mapping
    )


def stuck(
    saved: Iterable[Saved],
    mapping: Mapping[str, str],
    proof: Proof,
    volumes: Iterable[Object] | None,
) -> tuple[Stuck, ...]:
    """The claims of a backup that would not get their volumes, were they not there already.

    Args:
        saved: What is restored, and the PersistentVolumes that the backup holds.
        mapping: Namespace in the backup → namespace here.
        proof: Of which claims it holds data.
        volumes: The cluster's PersistentVolumes; None when they may not be read.
    """
    live = {str(v["metadata"]["name"]): v for v in volumes or ()}
    found = []
    for one in tied(saved, proof):
        place, volume = mapping.get(one.namespace, ""), live.get(one.volume)
        if not place or volume is None:
            continue
        owner = (volume.get("spec") or {}).get("claimRef") or {}
        if owner.get("uid"):
            bound = (volume.get("status") or {}).get("phase") == "Bound"
            holder = f"{owner.get('namespace')}/{owner.get('name')}" if bound else ""
            found.append(Stuck(one.claim, place, one.volume, holder))
    return tuple(found)


def _policy(volume: Object) -> str:
    return str((volume.get("spec") or {}).get("persistentVolumeReclaimPolicy") or "")
