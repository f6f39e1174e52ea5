"""The run of a restore, from the confirmed facts alone: room, bucket, restore, health."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Cancelled, Drifted, Failed, OnpremError
from bot.recovery.backups.backing import take_backup
from bot.recovery.backups.checking import Checked
from bot.recovery.checks.health import Health, check_health, known_to_helm
from bot.recovery.restores import elsewhere
from bot.recovery.restores.ending import Restored
from bot.recovery.restores.replacing import clear
from bot.recovery.restores.restoring import call_off, run_restore
from bot.recovery.restores.room import Doomed
from bot.recovery.which.apps import (
    APP_LABEL,
    ASKER_ANNOTATION,
    JOB_ANNOTATION,
    app_selector,
    backup_spec,
    base_name,
    safety_base,
    velero_of,
)
from bot.recovery.which.apps import elsewhere as at_cluster
from bot.releases.patience import patiently
from bot.releases.targets import AppRef
from bot.releases.words import count, listed
from integrations.velero.models import RestoreSpec

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx, Op
    from integrations.velero.client import Velero

HOURS = 4 * 3600.0
"""Seconds for Velero's part, as its own limit for what runs in the background."""
READY = 900.0
"""Seconds for workloads of no app to become ready."""
GLANCE = 20.0
"""The same when objects are missing: what cannot come up shall not be waited for."""


@dataclass(frozen=True, slots=True)
class Performed:
    """What a restore came to.

    Attributes:
        safety: The backup made first; empty without one.
        revision: The release's revision that Helm knows; None when nobody asked.
        closed: That the storage location could not be made writable again; else empty.
    """

    restored: Restored
    health: Health
    safety: str = ""
    revision: int | None = None
    closed: str = ""


class Performing:
    """One restore.

    Args:
        ctx: Who asks.
        op: The operation; its facts are the plan's.
        word: What was typed, for hints.
        cluster: Where.
        ref: The app; None when the backup is of no configured one.
    """

    def __init__(self, ctx: Ctx, op: Op, word: str, cluster: Cluster, ref: AppRef | None) -> None:
        self._ctx, self._op, self._word, self._cluster, self._ref = ctx, op, word, cluster, ref
        self._facts: Mapping[str, Any] = op.facts
        self._velero: Velero = velero_of(cluster)
        self._safety = ""
        self._stage = ""
        self._closed = ""

    async def run(self) -> Performed:
        """All of it.

        Raises:
            Failed: It stopped; the error says where it stands and how to go on.
        """
        try:
            if "workloads" in self._facts:
                await self._make_room()
            restored = await self._restore()
            if restored.phase not in ("Completed", "PartiallyFailed"):
                raise Failed(
                    f"Velero did not restore {restored.backup}",
                    why=restored.why,
                    hint=f"`backup logs {restored.name}{self._where}` shows Velero's log",
                )
            health = await self._health(restored)
        except OnpremError as error:
            raise self._told(error) from error
        revision = await self._revision()
        return Performed(restored, health, self._safety, revision, self._closed)

    def _told(self, error: OnpremError) -> OnpremError:
        """A failure with where it stands; before anything was touched, the failure alone."""
        if not self._stage or isinstance(error, Drifted):
            return error
        why = f"{error.what}: {error.why}" if error.why else error.what
        if isinstance(error, Cancelled):
            why = ". ".join(x for x in (error.why or "it was cancelled", error.hint) if x)
        back = ""
        if self._safety:
            back = f". `{self._again(self._safety)}` goes back to how it was"
        log = f"{error.hint.rstrip('.')}. " if "backup logs" in error.hint else ""
        return Failed(
            self._stage,
            why=why,
            hint=f"{log}`{self._again(str(self._facts['backup']))}` goes on{back}",
            detail=error.detail,
        )

    # -- before ------------------------------------------------------------------------------

    async def _make_room(self) -> None:
        """A safety backup, then everything that is in the way goes."""
        ref, facts = self._app, self._facts
        if facts["safety"]:
            await self._save(ref)
        self._stage = f"{ref.name} is stopped or stopping, and not restored yet"
        namespace = str(next(iter(facts["mapping"].values())))
        await clear(
            self._op,
            self._cluster,
            namespace,
            [Doomed(*one) for one in facts["workloads"]],
            [Doomed(*one) for one in facts["claims"]],
            timeout=ref.config.timeout,
        )
        self._stage = f"The workloads and volumes of {ref.name} are deleted, and not restored yet"

    async def _save(self, ref: AppRef) -> None:
        base = safety_base(base_name(ref))
        made = await take_backup(
            self._ctx, self._op, self._cluster, base, backup_spec(ref), prefix="safety backup: "
        )
        self._safety = made.name
        claims = {str(name) for _, name, _ in self._facts["claims"]}
        if reason := _not_a_way_back(made, claims):
            what, why = reason
            raise Failed(
                f"The safety backup {made.name} {what}, so nothing was touched",
                why=why,
                hint=f"Mend that and ask again; `{self._again(self._word)}` goes on without one",
            )

    def _again(self, word: str) -> str:
        """The command that goes on at once, in this very cluster."""
        return f"restore {word} --replace --skip-safety{self._where}"

    @property
    def _where(self) -> str:
        return at_cluster(self._ctx.scope, self._cluster.name)

    @property
    def _app(self) -> AppRef:
        if self._ref is None:
            raise Failed("Nothing tells which objects may be deleted", hint="Name an app")
        return self._ref

    # -- the restore -------------------------------------------------------------------------

    async def _restore(self) -> Restored:
        name = self._facts.get("location")
        if not name:
            return await self._velero_restores()
        if not self._facts["close"]:
            return await self._from_bucket(name)
        try:
            await elsewhere.close_to_writes(self._op, self._velero, name)
            restored = await self._from_bucket(name)
        except OnpremError as error:  # not a process that ends: the next goes on with the restore
            if said := await self._reopen(name):
                hint = f"{error.hint.rstrip('.')}. {said}" if error.hint else said
                raise type(error)(error.what, why=error.why, hint=hint) from error
            raise
        self._closed = await self._reopen(name)
        return restored

    async def _reopen(self, location: str) -> str:
        """Makes the location writable; that it could not be is told beside the restore's result."""
        try:
            await elsewhere.open_to_writes(self._op, self._velero, location)
        except OnpremError as error:
            return (
                f"Storage location {location} on {self._cluster.name} is still read-only, so that "
                f"no backups are made there ({(error.why or error.what).rstrip('.')}): set its "
                "`accessMode` to ReadWrite"
            )
        return ""

    async def _from_bucket(self, name: str) -> Restored:
        location = await patiently(self._op, lambda: self._velero.location(name))
        await elsewhere.wait_for_backup(self._op, self._velero, self._facts["backup"], location)
        return await self._velero_restores()

    async def _velero_restores(self) -> Restored:
        facts = self._facts
        spec = RestoreSpec(
            backup=facts["backup"],
            mapping=facts["moved"],
            namespaces=sorted(facts["mapping"]),
            resources=facts["resources"],
            selectors=facts["selectors"],
            update=facts["update"],
            node_ports=True if facts["ports"] else None,
            labels={APP_LABEL: facts["app"]} if facts["app"] else {},
            annotations={
                ASKER_ANNOTATION: self._ctx.asker.actor,
                JOB_ANNOTATION: self._op.id,
            },
        )
        try:
            return await run_restore(self._op, self._velero, spec, timeout=HOURS)
        except Cancelled as error:
            left = await call_off(self._op, self._velero, facts["backup"])
            raise Cancelled(error.what, why=error.why, hint=left) from error

    # -- after -------------------------------------------------------------------------------

    async def _health(self, restored: Restored) -> Health:
        labels = app_selector(self._ref) if self._ref else None
        timeout = self._ref.config.timeout if self._ref else READY
        if not restored.ok:
            timeout = min(timeout, GLANCE)
        places = sorted(self._facts["mapping"].values())
        found = [
            await check_health(
                self._op,
                self._cluster,
                place,
                labels=labels,
                timeout=timeout,
                probes=self._ref.config.probes if self._ref else (),
                suffix=f": {place}" if len(places) > 1 else "",
            )
            for place in places
        ]
        return Health(
            "; ".join(one.why for one in found if one.why),
            tuple(row for one in found for row in one.workloads),
            tuple(told for one in found for told in one.probes),
        )

    async def _revision(self) -> int | None:
        """Whether Helm knows the release again; of a copy it does not, and must not."""
        from integrations.errors import IntegrationError

        if self._ref is None or self._facts["moved"]:
            return None
        try:
            return await known_to_helm(self._cluster, self._ref.namespace, self._ref.release)
        except IntegrationError:
            return None


def _not_a_way_back(made: Checked, claims: Collection[str]) -> tuple[str, str] | None:
    """Why a safety backup is none: what about it, and why. Pure.

    Args:
        made: The backup.
        claims: Volume claims that are about to be deleted.
    """
    if not made.complete:
        return "is not complete", made.failure or next(iter(made.remarks), made.phase)
    if made.unchecked and claims:
        return "could not be checked", made.unchecked
    causes = {one.claim: one.cause for one in made.proof.unprotected}
    lost = sorted(set(claims) - {one.claim for one in made.proof.protected})
    if not lost:
        return None
    named = listed((f"{name}: {causes.get(name, 'Velero says nothing of it')}" for name in lost), 4)
    return f"lacks the data of {count(len(lost), 'volume')}", named
