"""What a finished backup left behind: counts, remarks, and which volumes really hold data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.recovery.backups.proof import Evidence, Key, Proof, Protected, Unprotected, prove
from bot.recovery.which.matching import claims_of, fits
from bot.recovery.words import wording
from bot.recovery.words.translating import run_failure

if TYPE_CHECKING:
    from bot.context import Cluster
    from integrations.velero.client import Velero
    from integrations.velero.models import Backup

CLAIM = "v1/PersistentVolumeClaim"
PODS = "pods"
REMARKS = 5
"""So many warnings or errors are told; the log has all."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known about a finished backup.

    Attributes:
        items: Objects in it.
        took: Microseconds; None when it did not begin.
        warnings: How many.
        errors: How many.
        remarks: The first of its errors, or of its warnings, as sentences.
        proof: Its volumes.
        unchecked: Why the store could not be asked; empty when it was.
        failure: Why the whole run failed or was refused; empty otherwise.
    """

    name: str
    phase: str
    items: int
    took: int | None
    expires_at: int | None
    warnings: int
    errors: int
    remarks: tuple[str, ...]
    proof: Proof
    unchecked: str = ""
    failure: str = ""

    @property
    def complete(self) -> bool:
        """It ended without an error."""
        return self.phase == "Completed"

    def to_json(self) -> dict[str, Any]:
        """JSON values, for a step's result."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Checked:
        """The way back from `to_json`."""
        kept = tuple(Protected(**one) for one in body["proof"]["protected"])
        lost = tuple(Unprotected(**one) for one in body["proof"]["unprotected"])
        proof = Proof(kept, lost, body["proof"]["size"])
        return cls(**{**body, "remarks": tuple(body["remarks"]), "proof": proof})


async def checked(cluster: Cluster, velero: Velero, backup: Backup) -> Checked:
    """Reads what a finished backup left behind, and judges its volumes."""
    evidence, unchecked = await gather_evidence(cluster, velero, backup)
    return Checked(
        name=backup.name,
        phase=backup.phase,
        items=backup.items_done,
        took=backup.duration,
        expires_at=backup.expires_at,
        warnings=backup.warnings,
        errors=backup.errors,
        remarks=await remarks(velero, backup) if backup.warnings or backup.errors else (),
        proof=prove(evidence),
        unchecked=unchecked,
        failure="" if backup.usable else run_failure(backup.failure, backup.problems),
    )


async def remarks(velero: Velero, backup: Backup, most: int = REMARKS) -> tuple[str, ...]:
    """The first errors of a backup, or of one without errors its warnings, each once."""
    from integrations.velero.errors import VeleroError

    try:
        found = await velero.results("Backup", backup.name)
    except VeleroError:
        return ()
    sentences = dict.fromkeys(wording.remark(r.text) for r in found.errors or found.warnings)
    return tuple(sentences)[:most]


async def gather_evidence(cluster: Cluster, velero: Velero, backup: Backup) -> tuple[Evidence, str]:
    """What is known about a backup's volumes, and why the store could not be asked."""
    from integrations.velero.errors import VeleroError

    copies = await velero.volume_backups(backup.name)
    unchecked = ""
    claims: set[Key] = {(copy.namespace, copy.claim) for copy in copies if copy.claim}
    infos: Sequence[Any] = ()
    try:
        infos = await velero.volume_infos(backup.name)
        entries = await velero.entries("Backup", backup.name)
        claims |= {(e.namespace, e.name) for e in entries if e.kind == CLAIM}
        claims |= {(i.namespace, i.claim) for i in infos if i.claim}
    except VeleroError as error:
        unchecked = error.message.rstrip(".")
        claims |= await _live_claims(cluster, backup)
    pods = [pod for ns in sorted({n for n, _ in claims}) for pod in await _pods(cluster, ns)]
    volumes = await _volumes(cluster, claims)
    seen = Evidence(tuple(claims), infos, copies, pods, volumes, backup.spec)
    if unchecked or not prove(seen).unprotected:
        return seen, unchecked
    return await _as_saved(velero, backup, seen), ""


async def _as_saved(velero: Velero, backup: Backup, seen: Evidence) -> Evidence:
    """The same with the pods as they were when they were saved: they may be gone or changed."""
    from integrations.velero.contents import contents
    from integrations.velero.errors import VeleroError

    try:
        objects = await contents(velero, backup, whole=(PODS,))
    except VeleroError:
        return seen
    saved = {(o.namespace, o.name): o.object for o in objects if o.resource == PODS}
    now = [pod for pod in seen.pods if _key(pod) not in saved]
    return replace(seen, pods=(*saved.values(), *now))


def _key(pod: Any) -> Key:
    return str(pod["metadata"].get("namespace")), str(pod["metadata"]["name"])


async def _pods(cluster: Cluster, namespace: str) -> list[Any]:
    from integrations.kubernetes.errors import StatusError
    from integrations.kubernetes.kinds import POD

    try:
        return (await cluster.kube.list(POD, namespace)).items
    except StatusError:
        return []


async def _live_claims(cluster: Cluster, backup: Backup) -> set[Key]:
    """Claims that the backup's labels fit now; for when its own list cannot be read."""
    from integrations.kubernetes.errors import StatusError
    from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM

    found: set[Key] = set()
    for namespace in backup.namespaces:
        if namespace == "*":
            continue
        pods = await _pods(cluster, namespace)
        try:
            items = (await cluster.kube.list(PERSISTENT_VOLUME_CLAIM, namespace)).items
        except StatusError:
            items = []
        for item in items:
            if _fitting(item, backup):
                found.add((namespace, str(item["metadata"]["name"])))
        for pod in pods:
            if _fitting(pod, backup):
                found |= {(namespace, claim) for claim in claims_of(pod).values()}
    return found


def _fitting(item: Any, backup: Backup) -> bool:
    return not backup.selectors or fits(item["metadata"].get("labels") or {}, backup.selectors)


async def _volumes(cluster: Cluster, claims: set[Key]) -> dict[Key, Any]:
    """The PersistentVolumes of claims; those that may not be read are left out."""
    from integrations.kubernetes.errors import StatusError
    from integrations.kubernetes.kinds import Kind

    kind = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
    try:
        items = (await cluster.kube.list(kind)).items if claims else []
    except StatusError:
        return {}
    found = {}
    for item in items:
        ref = (item.get("spec") or {}).get("claimRef") or {}
        key = (str(ref.get("namespace")), str(ref.get("name")))
        if key in claims:
            found[key] = item
    return found
