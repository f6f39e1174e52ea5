"""A restore of a backup that the bot cannot read while Velero can: what is known without it.

Offered is only the plainest restore, of an app into its own namespace: there Velero makes what is
missing and leaves alone what exists, whatever the backup holds. Everything else decides by the
content, and is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from bot.errors import Refused
from bot.recovery.backups.proof import Evidence, Proof, prove
from bot.recovery.restores.conflicts import CLAIMS
from bot.recovery.restores.elsewhere import check_available
from bot.recovery.restores.surveying import Survey, resource_of, survey
from bot.recovery.which.matching import claims_of, fits
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.recovery.which.intent import Intent
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind
    from integrations.velero.client import Velero
    from integrations.velero.contents import Saved
    from integrations.velero.errors import OutOfSight
    from integrations.velero.models import Backup

_AT_ONCE = 8
_PASSING = frozenset({"Event", "Endpoints", "EndpointSlice", "Lease"})


class _Flags(Protocol):
    @property
    def to(self) -> str: ...
    @property
    def only(self) -> str: ...
    @property
    def update(self) -> bool: ...
    @property
    def replace(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Unseen:
    """What stands for the content of a backup that could not be read.

    Attributes:
        why: Why not, a sentence.
        hint: How the bot gets to see it, a sentence.
        reached_at: When Velero itself last reached the store, microseconds UTC.
        loose: Claims that exist and no pod uses: a hook may load a dump over their data.
    """

    why: str
    hint: str
    reached_at: int | None = None
    loose: tuple[str, ...] = ()


def check_plain(p: _Flags, wanted: Intent, backup: Backup, error: OutOfSight) -> None:
    """Makes sure that the restore is safe whatever the backup holds.

    Raises:
        Refused: It is not; with what would be, and how the bot gets to see the backup.
    """
    if wanted.app is None:
        raise Refused(
            f"Backup {backup.name} cannot be read, and is of no app in onprem.yaml",
            why=f"nothing tells what it would restore. {error.message}",
            hint=f"{error.hint} Without the bot: `velero restore create --from-backup "
            f"{backup.name}`",
        )
    home = wanted.app.namespace
    if reason := _reason(p, home):
        raise Refused(
            f"Backup {backup.name} cannot be read, so this is refused",
            why=f"{reason}. {error.message}",
            hint=f"{error.hint} A plain `restore {wanted.word}` is possible without: it makes "
            "what is missing, and leaves alone what is there",
        )
    if backup.namespaces and not any(fnmatchcase(home, one) for one in backup.namespaces):
        raise Refused(
            f"Backup {backup.name} holds nothing of namespace {home}",
            why=f"it is of {listed(backup.namespaces, 6)}",
        )


def _reason(p: _Flags, home: str) -> str:
    if p.replace:
        return "--replace deletes first, and only the content tells that it all comes back"
    if p.to not in ("", home):
        return "--to makes a copy, and only the content tells whether it would reach the live app"
    if p.only:
        return "--only picks from what the backup holds"
    if p.update:
        return "--update changes what exists, and only the content tells to what"
    return ""


async def look(
    kube: KubeClient,
    velero: Velero,
    backup: Backup,
    namespace: str,
    selectors: Sequence[Mapping[str, str]],
    error: OutOfSight,
) -> tuple[Survey, Proof, Unseen]:
    """Looks at what can be seen: the app as it stands, and Velero's records of copies.

    Args:
        kube: The cluster that is restored into.
        velero: Whose backup it is, and whose store.
        backup: The one.
        namespace: The app's.
        selectors: What the restore takes, any of which suffices; empty for everything.
        error: Why the content cannot be read.

    Raises:
        Refused: Velero does not reach the store either.
    """
    location = await velero.location(backup.location)
    check_available(location)
    (standing, mounted), copies = await asyncio.gather(
        _standing(kube, namespace, selectors), velero.volume_backups(backup.name)
    )
    found = await survey(
        kube, standing, {namespace: namespace}, source=backup.source_version, keep_ports=True
    )
    claims = [(copy.namespace, copy.claim) for copy in copies if copy.claim]
    proof = prove(Evidence([c for c in claims if c[0] == namespace], (), copies))
    loose = tuple(name for name in found.claims if name not in mounted)
    kept = tuple(name for name in found.claims if name in mounted)
    hint = error.hint or "Velero's own command line shows it."
    return (
        replace(found, claims=kept),
        proof,
        Unseen(error.message, hint, location.validated_at, loose),
    )


async def _standing(
    kube: KubeClient, namespace: str, selectors: Sequence[Mapping[str, str]]
) -> tuple[list[Saved], set[str]]:
    """The objects that carry the labels, as if the backup held them; and claims that pods use."""
    from integrations.kubernetes.discovery import namespaced_kinds
    from integrations.kubernetes.kinds import POD

    few = asyncio.Semaphore(_AT_ONCE)
    kinds = [k for k in await namespaced_kinds(kube) if k.kind not in _PASSING]
    pods, lists = await asyncio.gather(
        kube.list(POD, namespace),
        asyncio.gather(*(_metas(kube, kind, namespace, few) for kind in kinds)),
    )
    mounted = {claim for pod in pods.items for claim in claims_of(pod).values()}
    taken = {
        claim
        for pod in pods.items
        if _fits(pod["metadata"], selectors)
        for claim in claims_of(pod).values()
    }
    return [
        _as_saved(kind, namespace, meta)
        for kind, metas in zip(kinds, lists, strict=True)
        for meta in metas
        if _fits(meta, selectors) or (resource_of(kind) == CLAIMS and meta["name"] in taken)
    ], mounted


def _fits(meta: Mapping[str, Any], selectors: Sequence[Mapping[str, str]]) -> bool:
    return not selectors or fits(meta.get("labels") or {}, selectors)


def _as_saved(kind: Kind, namespace: str, meta: Mapping[str, Any]) -> Saved:
    from integrations.velero.contents import Saved

    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
    return Saved(resource_of(kind), namespace, str(meta["name"]), body)


async def _metas(kube: KubeClient, kind: Kind, namespace: str, few: asyncio.Semaphore) -> list[Any]:
    from integrations.kubernetes.discovery import list_metadata
    from integrations.kubernetes.errors import Forbidden, NotFound, ServerError

    async with few:
        try:
            return list(await list_metadata(kube, kind, namespace))
        except (Forbidden, NotFound, ServerError):
            return []
