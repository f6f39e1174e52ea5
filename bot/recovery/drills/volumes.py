"""Volumes of a drill's copy: it gets new ones, and never the old data itself.

Of a volume whose reclaim policy is not Delete, and of whose data the backup holds no copy of its
own, Velero restores the object as it was, and the claim with the volume's name. The copy's claim
would wait for the live volume for ever; and were that not in the cluster any more, Velero would
make it anew for the copy, which then works on the old data.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.errors import Refused
from bot.recovery.backups.proof import Evidence, Proof, prove
from bot.recovery.restores.conflicts import CLAIMS, PODS, VOLUMES
from bot.recovery.restores.retained import Tied, tied
from bot.releases.words import listed
from integrations.velero.names import label_value

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient
    from integrations.velero.client import Velero
    from integrations.velero.contents import Saved
    from integrations.velero.models import Backup

Object = Mapping[str, Any]
RESTORE_LABEL = "velero.io/restore-name"
"""Velero puts it on all that it makes itself."""
PROVISIONED = "pv.kubernetes.io/provisioned-by"
"""The annotation of volumes that a storage class made; those made by hand lack it."""
_MOST = 3


async def untied(
    kube: KubeClient, velero: Velero, backup: Backup, saved: Iterable[Saved], namespace: str
) -> tuple[Tied, ...]:
    """The claims of a namespace that must not ask for their old volumes.

    Raises:
        Refused: An old volume would be made anew for the copy.
        VeleroError: It cannot be read of which volumes there is a copy.
        KubernetesError: The volumes of the cluster cannot be read.
    """
    from integrations.kubernetes.kinds import Kind

    objects = [o for o in saved if o.namespace == namespace or o.resource == VOLUMES]
    if not tied(objects, Proof()):
        return ()
    infos, copies = await asyncio.gather(
        velero.volume_infos(backup.name), velero.volume_backups(backup.name)
    )
    claims = [(o.namespace, o.name) for o in objects if o.resource == CLAIMS]
    pods: list[Object] = [o.object for o in objects if o.resource == PODS]
    found = tied(objects, prove(Evidence(claims, infos, copies, pods, {}, backup.spec)))
    if any(one.held for one in found):
        kind = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
        there = {str(v["metadata"]["name"]) for v in (await kube.list(kind)).items}
        _refuse([one for one in found if one.held and one.volume not in there])
    return found


def _refuse(gone: Sequence[Tied]) -> None:
    if not gone:
        return
    raise Refused(
        "The copy was not made, for it would work on the old data itself",
        why=f"{listed((t.volume for t in gone), _MOST)} (the volume of "
        f"{listed((t.claim for t in gone), _MOST)}, reclaim policy Retain) is not in the cluster "
        "any more; the backup has no copy of its data, so Velero would make that very volume anew",
        hint="Back up again, which takes in the volume that is used now; then drill",
    )


def new_volumes(claims: Iterable[Tied]) -> list[dict[str, Any]]:
    """Rules that let claims come back without the names of their old volumes."""
    return [
        {
            "conditions": {
                "groupResource": CLAIMS,
                "resourceNameRegex": f"^{re.escape(one.claim)}$",
            },
            "mergePatches": [{"patchData": '{"spec": {"volumeName": null}}'}],
        }
        for one in claims
    ]


def made_for_copy(volume: Object, claim: Object, restore: str) -> bool:
    """Whether a volume that a claim of the copy is bound to was made for it, and may go with it.

    One that was free before the claim came is somebody's: what is on it stays.
    """
    meta, ref = volume["metadata"], volume["spec"].get("claimRef") or {}
    if ref.get("uid") != claim["metadata"]["uid"]:
        return False
    if (meta.get("labels") or {}).get(RESTORE_LABEL) == label_value(restore):  # of a snapshot
        return True
    late = str(meta["creationTimestamp"]) >= str(claim["metadata"]["creationTimestamp"])
    return late and PROVISIONED in (meta.get("annotations") or {})
