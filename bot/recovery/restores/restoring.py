"""A restore as durable steps: ask Velero once, follow it, read what became of each object.

A drill uses the same steps on its copy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bot.errors import Failed
from bot.recovery.restores.ending import Restored, blind, ending, summarized
from bot.releases.patience import patiently
from bot.releases.words import count

if TYPE_CHECKING:
    from bot.context import Op
    from integrations.velero.client import Velero
    from integrations.velero.models import Restore, RestoreSpec

_BASE = 200
"""Characters of a backup's name that a restore's name keeps."""


def restore_name(backup: str, request_id: str) -> str:
    """The name of an operation's Restore: fixed, so that a kill never makes a second one."""
    return f"{backup[:_BASE].rstrip('.-')}-{request_id}"


async def run_restore(
    op: Op, velero: Velero, spec: RestoreSpec, *, timeout: float, late: str = ""
) -> Restored:
    """Restores, as durable steps; one in each operation.

    Args:
        op: The operation; its id fixes the Restore's name.
        velero: Where.
        spec: What of which backup.
        timeout: Seconds for Velero's part.
        late: What to do when that was not enough; when empty, that it goes on.

    Returns:
        How it ended, a failure of Velero's included: `ok` says whether.

    Raises:
        Failed: Velero's server does not work; a request that it never took up is withdrawn.
        IntegrationError: As Velero's client raises it.
    """
    name = restore_name(spec.backup, op.id)
    await _ask(op, velero, name, spec)
    ended = await _follow(op, velero, name, timeout, late)
    found = await _read(op, velero, name, ended)
    kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    return Restored(**kept)


# -- the steps ---------------------------------------------------------------------------------


async def _ask(op: Op, velero: Velero, name: str, spec: RestoreSpec) -> str:
    """Creates the Restore, once."""
    from integrations.velero.errors import AlreadyThere, NoSuchRestore

    async def create() -> str:
        try:
            return (await velero.create_restore(name, spec)).uid
        except AlreadyThere:  # ours: nobody else's names hold this operation's id
            return (await velero.restore(name)).uid

    async def ask() -> str:
        return await patiently(op, create)

    async def asked() -> str | None:
        try:
            return (await patiently(op, lambda: velero.restore(name))).uid
        except NoSuchRestore:
            return None

    uid: str = await op.step("ask Velero for the restore", ask, done=asked)
    return uid


async def _follow(op: Op, velero: Velero, name: str, timeout: float, late: str) -> dict[str, Any]:
    """Waits for the end; its result is the ending as JSON."""
    from integrations.velero.errors import ServerAway, TookTooLong

    async def tell(restore: Restore) -> None:
        await op.say(_progress(restore))

    async def follow() -> dict[str, Any]:
        try:
            return ending(await velero.follow_restore(name, on_progress=tell, timeout=timeout))
        except ServerAway as error:
            raise await _away(velero, name, error) from error
        except TookTooLong as error:
            raise Failed(error.message.rstrip("."), hint=late or error.hint) from error

    async def ended() -> dict[str, Any] | None:
        restore = await patiently(op, lambda: velero.restore(name))
        return ending(restore) if restore.finished else None

    result: dict[str, Any] = await op.step(
        "Velero restores", follow, done=ended, interruptible=True
    )
    return result


async def call_off(op: Op, velero: Velero, backup: str) -> str:
    """After a cancellation: takes back a restore that Velero has not begun, as a step.

    Returns:
        What became of it, or goes on all the same, a sentence; empty when it was never asked for.
    """
    from integrations.errors import IntegrationError
    from integrations.velero.errors import NoSuchRestore

    name = restore_name(backup, op.id)

    async def act() -> str:
        try:
            if await _withdrawn(velero, name):
                return "Velero had not begun: the request was withdrawn, nothing was restored"
            over = (await velero.restore(name)).finished
        except NoSuchRestore:
            return ""
        except IntegrationError as error:
            return f"Restore {name} may go on in Velero: {error.message}"
        if over:
            return f"Restore {name} had ended by then: what it made is there"
        return (
            f"Velero has begun restore {name} and goes on with it; "
            "only a restart of its server ends that, as failed"
        )

    async def never() -> None:
        return None

    return str(await op.step("call the restore off", act, done=never, always=True))


async def _withdrawn(velero: Velero, name: str) -> bool:
    """Deletes a restore that nobody took up; False when somebody did."""
    from integrations.velero.kinds import RESTORE

    restore = await velero.restore(name)
    if restore.phase != "New":
        return False
    await velero.kube.delete(RESTORE, velero.namespace, name, uid=restore.uid)
    return True


async def _away(velero: Velero, name: str, error: Exception) -> Failed:
    """What to say when nobody works on a restore; one that nobody took up is withdrawn.

    Else it would begin whenever the server comes back, perhaps over a repaired app.
    """
    from integrations.errors import IntegrationError

    state = f"restore {name} has begun and goes on or fails once the server is back"
    with contextlib.suppress(IntegrationError):
        if await _withdrawn(velero, name):
            state = "nothing was restored: the request was withdrawn"
    return Failed(
        "Velero's server does not answer",
        why=state,
        hint=f"See `kubectl -n {velero.namespace} get pods` and its log; then ask again",
        detail=str(error),
    )


async def _read(op: Op, velero: Velero, name: str, ended: Mapping[str, Any]) -> dict[str, Any]:
    """Reads results and objects; a store that does not answer costs the details only."""

    async def read() -> dict[str, Any]:
        from integrations.errors import IntegrationError

        try:  # one after the other: the first failure leaves nothing running
            results = await velero.results("Restore", name)
            entries = await velero.entries("Restore", name)
        except IntegrationError as error:
            return asdict(blind(ended, error.message))
        return asdict(summarized(ended, results, entries))

    async def unknown() -> None:
        return None

    result: dict[str, Any] = await op.step("read what became of each object", read, done=unknown)
    return result


def _progress(restore: Restore) -> str:
    if restore.items_total:
        said = f"{restore.phase}: {restore.items_done} of {count(restore.items_total, 'object')}"
        waits = restore.phase == "InProgress" and restore.items_done >= restore.items_total
        return f"{said}, now the data of volumes" if waits else said
    return "waiting for Velero's server" if restore.phase == "New" else restore.phase
