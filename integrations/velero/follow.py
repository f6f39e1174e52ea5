"""Following runs and deletions to their end, noticing when nobody works on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import Object
from integrations.velero import kinds
from integrations.velero.errors import (
    DeletionFailed,
    NoSuchBackup,
    NoSuchRestore,
    ServerAway,
    TookTooLong,
    store_cause,
)
from integrations.velero.runs import Backup, Restore
from integrations.velero.storage import Deletion, ServerInfo
from integrations.velero.values import part
from integrations.velero.waiting import Waiting, until

UNTOUCHED = 3.0
"""Seconds after which the server is asked about a request that it has not touched."""
SILENCE = 20.0
"""The same for a run under way; Velero tells its progress every second while there is any."""
ASK = 5.0
"""Seconds that it has for its answer; with ``UNTOUCHED`` the user waits less than ten."""
MISSES = 2
"""So many answers must be missing in a row before a run under way is given up."""

R = TypeVar("R", Backup, Restore)


class _Ask(Protocol):
    async def __call__(self, timeout: float) -> ServerInfo: ...


class Follower:
    """Follows one run or deletion."""

    def __init__(self, kube: KubeClient, namespace: str, ask: _Ask) -> None:
        self._kube, self._namespace, self._ask = kube, namespace, ask
        self._missed = 0

    async def run(
        self,
        kind: Kind,
        name: str,
        read: Callable[[Object], R],
        on_progress: Callable[[R], Awaitable[None]] | None,
        timeout: float,
    ) -> R:
        """Wait for a run's end; see ``Velero.follow_backup``."""

        async def told(raw: Object) -> None:
            self._missed = 0
            if on_progress is not None:
                await on_progress(read(raw))

        wait = Waiting(lambda raw: read(raw).finished, told, _patience, self._alive)
        try:
            raw = await until(self._kube, kind, self._namespace, name, wait, timeout=timeout)
        except TimeoutError as error:
            raise self._too_long(f"{kind.kind} {name} has not ended", timeout) from error
        if raw is None:
            absent = NoSuchBackup if kind is kinds.BACKUP else NoSuchRestore
            raise absent(
                f"{kind.kind} {name} is not there (any more) in cluster {self._kube.cluster}.",
                hint="Somebody may have deleted it.",
            )
        return read(raw)

    async def gone(self, name: str, request: str, timeout: float) -> None:
        """Wait for a deletion's end; see ``Velero.follow_gone``."""
        raw = None
        if request:
            wait = Waiting(_processed, None, _patience, self._alive)
            kind = kinds.DELETE_REQUEST
            try:
                raw = await until(self._kube, kind, self._namespace, request, wait, timeout=timeout)
            except TimeoutError as error:
                raise self._too_long(f"Deleting backup {name} has not ended", timeout) from error
        found = Deletion.from_object(raw) if raw is not None else None
        if found is None or not found.errors:
            if not await self._there(name):
                return
            found = None
        reason = "; ".join(store_cause(e) for e in found.errors) if found else "it is still there"
        raise DeletionFailed(
            f"Backup {name} could not be deleted: {reason}.",
            hint="Mend the cause, then delete it again.",
            detail="\n".join(found.errors) if found else "",
        )

    async def _there(self, name: str) -> bool:
        try:
            await self._kube.get(kinds.BACKUP, self._namespace, name)
        except NotFound:
            return False
        return True

    async def _alive(self, raw: Object) -> None:
        """Ask the server; a run that is under way survives one missing answer."""
        try:
            await self._ask(ASK)
        except ServerAway:
            self._missed += 1
            if not part(raw, "status").get("phase") or self._missed >= MISSES:
                raise
        else:
            self._missed = 0

    def _too_long(self, what: str, timeout: float) -> TookTooLong:
        return TookTooLong(
            f"{what} after {timeout:.0f} s in cluster {self._kube.cluster}.",
            hint="It goes on without us; look again later.",
        )


def _patience(raw: Object) -> float:
    return SILENCE if part(raw, "status").get("phase") else UNTOUCHED


def _processed(raw: Object) -> bool:
    """A request that worked is removed; one with the phase but no errors is about to be."""
    status = part(raw, "status")
    return status.get("phase") == "Processed" and bool(status.get("errors"))
