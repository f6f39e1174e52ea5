"""A restore as durable steps: ask Velero once, follow it, read what became of each object.

Then the app's health, for a run that is `Completed` says nothing about pods. A drill uses the same
steps on its copy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Cancelled, Failed
from bot.recovery.translating import left_alone, run_failure, translate
from bot.releases.live import Object, describe_workload, newest_revision
from bot.releases.patience import patiently
from bot.releases.rollout import wait_for_workloads
from bot.releases.words import count, short_image

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.velero.client import Velero
    from integrations.velero.models import Entry, Restore, RestoreSpec, Results

_BASE = 200
"""Characters of a backup's name that a restore's name keeps."""


@dataclass(frozen=True, slots=True)
class Restored:
    """How a restore ended.

    Attributes:
        name: Of the Restore.
        phase: Velero's word.
        took: Microseconds by Velero's clock; None when it never began.
        created: Objects made anew.
        updated: Objects that were patched.
        same: Objects that exist as they were saved.
        left: Objects that exist, differ, and were left alone: `ConfigMap settings`.
        failed: Objects that could not be made: `Deployment web`.
        errors: In words.
        warnings: In words.
        hooks_failed: Commands in pods that did not run or failed: their data is not loaded.
        why: Why it is no success, a clause; empty when it is one.
        unread: Why objects could not be read one by one; empty when they were.
    """

    name: str
    backup: str
    phase: str
    took: int | None = None
    created: int = 0
    updated: int = 0
    same: int = 0
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hooks_failed: int = 0
    why: str = ""
    unread: str = ""

    @property
    def ok(self) -> bool:
        """Everything that was asked for is there."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Health:
    """Whether what was restored works.

    Attributes:
        why: What is wrong, a clause; empty when all is ready.
        workloads: Path, `ready/wanted` and image of each.
    """

    why: str
    workloads: tuple[tuple[str, str, str], ...] = ()

    @property
    def ok(self) -> bool:
        """All workloads are ready."""
        return not self.why


def restore_name(backup: str, request_id: str) -> str:
    """The name of an operation's Restore: fixed, so that a kill never makes a second one."""
    return f"{backup[:_BASE].rstrip('.-')}-{request_id}"


async def run_restore(op: Op, velero: Velero, spec: RestoreSpec, *, timeout: float) -> Restored:
    """Restores, as durable steps; one in each operation.

    Args:
        op: The operation; its id fixes the Restore's name.
        velero: Where.
        spec: What of which backup.
        timeout: Seconds for Velero's part.

    Returns:
        How it ended, a failure of Velero's included: `ok` says whether.

    Raises:
        Failed: Velero's server does not work; a request that it never took up is withdrawn.
        IntegrationError: As Velero's client raises it.
    """
    name = restore_name(spec.backup, op.id)
    await _ask(op, velero, name, spec)
    ended = await _follow(op, velero, name, timeout)
    found = await _read(op, velero, name, ended)
    kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    return Restored(**kept)


async def check_health(
    op: Op,
    cluster: Cluster,
    namespace: str,
    *,
    labels: Mapping[str, str] | None,
    timeout: float,
    step: str = "wait until it is ready",
) -> Health:
    """Waits, as a step, until the workloads of a namespace are rolled out.

    Args:
        op: The operation.
        cluster: Where.
        namespace: Of the workloads.
        labels: Those that they carry; None for all in the namespace.
        timeout: Seconds.
        step: The step's name.
    """
    items = await patiently(op, lambda: workloads(cluster, namespace, labels))
    if not items:
        return Health("")
    targets = [
        (
            str(i["kind"]),
            str(i["metadata"]["name"]),
            int(i["metadata"].get("generation") or 0),
        )
        for i in items
    ]
    why = ""
    try:
        await wait_for_workloads(op, cluster, namespace, targets, step, timeout)
    except Cancelled:
        raise
    except Failed as error:
        why = error.why or error.what
    return Health(why, await _picture(cluster, namespace, labels))


async def known_to_helm(cluster: Cluster, namespace: str, release: str) -> int:
    """The newest revision that Helm knows of a release; 0 when it knows none."""
    return await newest_revision(cluster.kube, namespace, release)


async def workloads(
    cluster: Cluster, namespace: str, labels: Mapping[str, str] | None
) -> list[Object]:
    """The workloads of a namespace, by labels; whoever owns them."""
    from integrations.kubernetes.kinds import WORKLOADS

    lists = await asyncio.gather(
        *(cluster.kube.list(kind, namespace, labels=labels) for kind in WORKLOADS.values())
    )
    return [item for found in lists for item in found.items]


async def _picture(
    cluster: Cluster, namespace: str, labels: Mapping[str, str] | None
) -> tuple[tuple[str, str, str], ...]:
    """Nothing when the cluster does not answer just then: what was done stays done."""
    from integrations.errors import IntegrationError

    try:
        items = await workloads(cluster, namespace, labels)
    except IntegrationError:
        return ()
    states = [describe_workload(item) for item in items]
    return tuple((s.path, f"{s.ready}/{s.wanted}", short_image(s.image)) for s in states)


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


async def _follow(op: Op, velero: Velero, name: str, timeout: float) -> dict[str, Any]:
    """Waits for the end; its result is the ending as JSON."""
    from integrations.velero.errors import ServerAway

    async def tell(restore: Restore) -> None:
        await op.say(_progress(restore))

    async def follow() -> dict[str, Any]:
        try:
            return _ending(await velero.follow_restore(name, on_progress=tell, timeout=timeout))
        except ServerAway as error:
            raise await _away(velero, name, error) from error

    async def ended() -> dict[str, Any] | None:
        restore = await patiently(op, lambda: velero.restore(name))
        return _ending(restore) if restore.finished else None

    result: dict[str, Any] = await op.step(
        "Velero restores", follow, done=ended, interruptible=True
    )
    return result


async def _away(velero: Velero, name: str, error: Exception) -> Failed:
    """What to say when nobody works on a restore; one that nobody took up is withdrawn.

    Else it would begin whenever the server comes back, perhaps over a repaired app.
    """
    from integrations.errors import IntegrationError
    from integrations.velero.kinds import RESTORE

    state = f"restore {name} has begun and goes on or fails once the server is back"
    with contextlib.suppress(IntegrationError):
        restore = await velero.restore(name)
        if restore.phase == "New":
            await velero.kube.delete(RESTORE, velero.namespace, name, uid=restore.uid)
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
            return asdict(_blind(ended, error.message))
        return asdict(summarized(ended, results, entries))

    async def unknown() -> None:
        return None

    result: dict[str, Any] = await op.step("read what became of each object", read, done=unknown)
    return result


def _ending(restore: Restore) -> dict[str, Any]:
    return {
        "ok": restore.completed,
        "name": restore.name,
        "backup": restore.backup,
        "phase": restore.phase,
        "took": restore.duration,
        "hooks_failed": restore.hooks_failed,
        "failure": restore.failure,
        "problems": list(restore.problems),
        "errors": restore.errors,
        "warnings": restore.warnings,
    }


def _progress(restore: Restore) -> str:
    if restore.items_total:
        said = f"{restore.phase}: {restore.items_done} of {count(restore.items_total, 'object')}"
        waits = restore.phase == "InProgress" and restore.items_done >= restore.items_total
        return f"{said}, now the data of volumes" if waits else said
    return "waiting for Velero's server" if restore.phase == "New" else restore.phase


def summarized(ended: Mapping[str, Any], results: Results, entries: tuple[Entry, ...]) -> Restored:
    """An ending, and what became of each object. Pure.

    Velero lists an object that exists and differs as `failed`, beside those that it could not
    make; only the warnings tell them apart.
    """
    errors, warnings = translate(results.errors), translate(results.warnings)
    hooks = max(int(ended["hooks_failed"]), errors.hooks + warnings.hooks)
    left = set(warnings.left)
    missed = [n for e in entries if e.action == "failed" and (n := _named(e)) not in left]
    counted = {a: sum(e.action == a for e in entries) for a in ("created", "updated", "skipped")}
    return Restored(
        name=str(ended["name"]),
        backup=str(ended["backup"]),
        phase=str(ended["phase"]),
        took=ended["took"],
        created=counted["created"],
        updated=counted["updated"],
        same=counted["skipped"],
        left=warnings.left,
        failed=tuple(missed),
        errors=errors.sentences,
        warnings=warnings.sentences,
        hooks_failed=hooks,
        why=_why(ended, errors.sentences, hooks),
    )


def _blind(ended: Mapping[str, Any], unread: str) -> Restored:
    return Restored(
        name=str(ended["name"]),
        backup=str(ended["backup"]),
        phase=str(ended["phase"]),
        took=ended["took"],
        hooks_failed=int(ended["hooks_failed"]),
        why=_why(ended, (), int(ended["hooks_failed"])),
        unread=unread,
    )


def _why(ended: Mapping[str, Any], errors: tuple[str, ...], hooks: int) -> str:
    """Why an ending is no success; data that was not loaded makes `Completed` none."""
    if ended["phase"] == "Completed":
        failed = count(hooks, "restore hook")
        return f"{failed} did not do its work, so data is not loaded" if hooks else ""
    if ended["phase"] == "PartiallyFailed":
        first = errors[0].rstrip(".") if errors else ""
        number = count(max(int(ended["errors"]), len(errors)), "error")
        return f"{number}: {first}" if first else number
    return run_failure(str(ended["failure"]), list(ended["problems"]))


def _named(entry: Entry) -> str:
    return f"{entry.kind.rpartition('/')[2]} {entry.name}"


def skipped_words(restored: Restored) -> str:
    """What was left as it is, and why: one sentence, or nothing."""
    return left_alone(restored.left)
