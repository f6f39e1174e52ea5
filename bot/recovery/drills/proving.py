"""The steps in which a backup is proved: it is read, walled in, restored, and asked.

The order is what makes it safe. First the backup itself is read, without restoring anything: a
copy that names hosts of the live namespace is not made at all. Then the walls stand before
anything is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.errors import Failed, Refused
from bot.recovery.checks import hosts, probing
from bot.recovery.checks.claims import homeless
from bot.recovery.checks.health import workloads
from bot.recovery.drills import doors, isolation
from bot.recovery.drills.rights import hold_rights
from bot.recovery.drills.volumes import new_volumes, untied
from bot.recovery.restores.restoring import run_restore
from bot.releases.live import describe_workload
from bot.releases.patience import patiently
from bot.releases.rollout import wait_for_workloads
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Ctx, Op
    from bot.releases.targets import AppRef
    from integrations.velero.client import Velero

_NAMED_MOST = 3
OUT_OF_TIME = "Not ready after"
"""How the reason begins when workloads were on their way, but not there in time."""


@dataclass
class Found:
    """What a drill has found out so far; each value comes from a step's record."""

    started: int | None = None
    asked: int | None = None
    ready: int | None = None
    left_out: list[str] = field(default_factory=list)
    workloads: list[list[str]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)


class Proving:
    """One drill's way to its proof."""

    def __init__(self, ctx: Ctx, ref: AppRef, op: Op, velero: Velero, found: Found) -> None:
        self._ctx, self._ref, self._op, self._velero = ctx, ref, op, velero
        self._cluster = ctx.clusters(ref.cluster)
        self._kube = self._cluster.kube
        self._backup, self._scratch = str(op.facts["backup"]), str(op.facts["scratch"])
        settings = ref.config.backup
        self._timeout = settings.drill.timeout if settings else 900.0
        self._longer = (
            f"`backup.drill.timeout` of {ref.name} in onprem.yaml gives it more "
            f"than {self._timeout:.0f} s"
        )
        self._found = found

    async def run(self) -> None:
        """Proves the backup.

        Raises:
            Refused: Its copy would speak to the live namespace.
            Failed: Something of it does not work.
        """
        rules = await self._look_inside()
        await self._namespace()
        await hold_rights(self._op, self._kube, self._scratch)
        await self._walls()
        modifier = await self._modifier(rules) if rules else ""
        spec = isolation.restore_spec(
            self._backup, self._ref.namespace, self._scratch, self._op.id, self._ref.name, modifier
        )
        try:
            restored = await run_restore(
                self._op, self._velero, spec, timeout=self._timeout, late=self._longer
            )
            if not restored.ok:
                raise Failed("Not everything could be restored", why=restored.why)
        except Failed as error:
            raise await self._explained(error) from error.__cause__
        await self._ready()
        await self._probes()
        await self._counts()

    async def _look_inside(self) -> list[Mapping[str, Any]]:
        """Reads the backup, refuses one that would reach the live app."""

        async def look() -> dict[str, Any]:
            from integrations.kubernetes.kinds import SERVICE
            from integrations.velero.contents import contents

            backup = await self._velero.backup(self._backup)
            saved = await contents(self._velero, backup, whole=None)
            kept, left = isolation.split(saved, self._ref.namespace)
            live = (await self._kube.list(SERVICE, self._ref.namespace)).items
            saved_ones = [obj for obj in kept if obj.get("kind") == "Service"]
            addresses = hosts.addresses([*live, *saved_ones])
            named = hosts.find(kept, self._ref.namespace, addresses)
            ties = await untied(self._kube, self._velero, backup, saved, self._ref.namespace)
            return {
                "at": self._ctx.clock(),
                "ok": not named,
                "named": [one.words for one in named],
                "left": [*left, *(f"PersistentVolume {one.volume}" for one in ties)],
                "objects": len(kept),
                "rules": [*isolation.plain_services(kept), *new_volumes(ties)],
            }

        async def not_yet() -> None:
            return None

        seen = await self._op.step("look for hosts of the live app", look, done=not_yet)
        self._found.started, self._found.left_out = seen["at"], seen["left"]
        if seen["named"]:
            raise Refused(
                "The copy was not made, for it could write to the live app",
                why=f"{listed(seen['named'], _NAMED_MOST)} names a host of namespace "
                f"{self._ref.namespace}",
                hint="Name the Service alone, without its namespace; then back up and drill again",
            )
        if not seen["objects"]:
            raise Failed(
                "There is nothing to prove",
                why=f"the backup holds nothing of namespace {self._ref.namespace}",
            )
        rules: list[Mapping[str, Any]] = seen["rules"]
        return rules

    async def _namespace(self) -> None:
        from integrations.kubernetes.errors import NotFound
        from integrations.kubernetes.kinds import NAMESPACE

        async def make() -> str:
            try:
                live = await self._kube.get(NAMESPACE, None, self._ref.namespace)
            except NotFound:
                live = {}
            body = isolation.namespace_body(
                self._scratch, live, self._ref.name, self._op.id, self._ctx.asker.actor
            )
            return str((await self._kube.create(NAMESPACE, None, body))["metadata"]["uid"])

        async def made() -> str | None:
            try:
                found = await self._kube.get(NAMESPACE, None, self._scratch)
            except NotFound:
                return None
            ours = isolation.is_ours(found, self._op.id)
            return str(found["metadata"]["uid"]) if ours else None

        await self._op.step(f"create namespace {self._scratch}", make, done=made)

    async def _walls(self) -> None:
        """Builds the walls; what is restored next is asked for from here on."""
        from integrations.kubernetes.errors import NotFound

        kind = doors.network_policies()

        async def build() -> int:
            body = isolation.wall(self._scratch, self._op.id)
            await self._kube.create(kind, self._scratch, body)
            return self._ctx.clock()

        async def built() -> int | None:
            try:
                await self._kube.get(kind, self._scratch, isolation.WALL)
            except NotFound:
                return None
            return self._ctx.clock()

        self._found.asked = await self._op.step("wall it in", build, done=built)

    async def _modifier(self, rules: list[Mapping[str, Any]]) -> str:
        from integrations.kubernetes.errors import NotFound
        from integrations.kubernetes.kinds import CONFIG_MAP

        name, home = isolation.modifier_name(self._op.id), self._velero.namespace

        async def make() -> str:
            await self._kube.create(
                CONFIG_MAP, home, isolation.modifier_body(name, home, self._op.id, rules)
            )
            return name

        async def made() -> str | None:
            try:
                await self._kube.get(CONFIG_MAP, home, name)
            except NotFound:
                return None
            return name

        await self._op.step("keep the copy to itself", make, done=made)
        return name

    async def _ready(self) -> None:
        async def see() -> list[list[Any]]:
            items = await patiently(self._op, lambda: workloads(self._cluster, self._scratch, None))
            return [[i["kind"], i["metadata"]["name"], i["metadata"]["generation"]] for i in items]

        async def not_yet() -> None:
            return None

        async def picture() -> dict[str, Any]:
            at = self._ctx.clock()
            items = await patiently(self._op, lambda: workloads(self._cluster, self._scratch, None))
            states = [describe_workload(item) for item in items]
            return {"at": at, "workloads": [[s.path, f"{s.ready}/{s.wanted}"] for s in states]}

        targets = await self._op.step("see what came back", see, done=not_yet)
        if not targets:
            raise Failed("There is nothing to prove", why="the backup holds no workload")
        wanted = [(str(kind), str(name), int(number)) for kind, name, number in targets]
        step = "wait until the copy is ready"
        try:
            await wait_for_workloads(
                self._op, self._cluster, self._scratch, wanted, step, self._timeout
            )
        except Failed as error:  # what else its pods would show is gone with the copy
            error.hint = self._longer if error.why.startswith(OUT_OF_TIME) else ""
            raise await self._explained(error) from error.__cause__
        seen = await self._op.step("take the time", picture, done=not_yet)
        self._found.ready, self._found.workloads = seen["at"], seen["workloads"]

    async def _explained(self, error: Failed) -> Failed:
        """The same, with what kept pods from starting: more time would not have helped."""
        found = await homeless(self._kube, self._scratch)
        if found is not None:
            error.why = f"{error.why.rstrip('.')}; {found.why}" if error.why else found.why
            error.hint = f"{found.hint}, then drill again"
        return error

    async def _probes(self) -> None:
        probes = self._ref.config.probes
        if not probes:
            return

        async def ask() -> dict[str, Any]:
            await doors.open_door(self._cluster, self._scratch, self._op.id, probes)
            said = await probing.ask_probes(self._cluster, self._scratch, probes)
            return {"ok": all(one["ok"] for one in said), "said": said}

        async def not_yet() -> None:
            return None

        told = await self._op.step("ask the probes", ask, done=not_yet)
        self._found.probes = told["said"]
        bad = next((one for one in told["said"] if not one["ok"]), None)
        if bad is not None:
            raise Failed(f"Probe {bad['name']} failed in the copy", why=bad["said"])

    async def _counts(self) -> None:
        settings = self._ref.config.backup
        if settings is None or not settings.drill.counts:
            return

        async def count() -> dict[str, Any]:
            done = await probing.count_all(
                self._cluster, self._ctx.config, self._ref, self._scratch
            )
            return {"ok": all(probing.Counted(**one).ok for one in done), "counts": done}

        async def not_yet() -> None:
            return None

        told = await self._op.step("count documents", count, done=not_yet)
        self._found.counts = told["counts"]
        bad = next((c for c in told["counts"] if not probing.Counted(**c).ok), None)
        if bad is not None:
            why = (
                bad["why"]
                or f"it holds none, the live database {bad['live'] or 'an unknown number'}"
            )
            raise Failed(f"Documents of {bad['collection']} are missing in the copy", why=why)
