"""A practice cluster with real helm, a real state database, and operations that can be cut."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.context import Asker, Cluster, Ctx, Plan, Scope
from bot.desk import Desk, Powers
from bot.engine.operation import Operation
from bot.errors import Failed, OnpremError
from bot.grammar import parse
from bot.registry import COMMANDS
from bot.render.document import Actions, Document
from bot.render.plot import Artist
from bot.store import requests
from bot.store.db import Store
from bot.store.keys import AuditKey
from sandbox.prometheus import PracticePrometheus
from tests.commands.measured import RAW, open_measured
from tests.commands.recovery import Recovery, open_recovery, shop_config
from tests.commands.world import World, open_world

START = 1_800_000_000_000_000
ANN = Asker("slack:T1/ANN", "ann", "Ann")
VIC = Asker("slack:T1/VIC", "vic", "Vic")
BEN = Asker("os:bastion/ben", "os:bastion/ben", "ben")


class Killed(BaseException):
    """The process ended here."""


class Journal:
    """Results of finished steps; what `bot.durable` keeps."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}

    async def once(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self.results:
            self.results[name] = json.loads(json.dumps(await act()))
        return self.results[name]


class Recorder:
    """What people would see of the steps."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def step(self, name: str, state: str, detail: str) -> None:
        self.said.append((name, state))

    async def process(self, step: str, pid: int, start_time: int) -> None:
        self.said.append((step, "process"))


@dataclass
class Cut:
    """Ends the process at one boundary; sees all of them."""

    step: str = ""
    edge: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        self.seen.append((step, edge))
        if (step, edge) == (self.step, self.edge):
            raise Killed(f"{step} {edge}")


def translate(error: Exception) -> OnpremError:
    if isinstance(error, OnpremError):
        return error
    message = getattr(error, "message", None)
    if message is None:
        raise error
    return Failed(message, hint=getattr(error, "hint", ""))


class Blindable(Operation):
    """An operation in which one step's look always says "not yet"."""

    def __init__(self, blind: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._blind = blind

    async def step(self, name: str, do: Any, *, done: Any, **options: Any) -> Any:
        async def nothing() -> None:
            return None

        look = nothing if name == self._blind else done
        return await super().step(name, do, done=look, **options)


class Office:
    """Runs commands as the engine does, without locks and surfaces.

    Attributes:
        cancelled: Jobs that somebody asked to stop.
    """

    def __init__(self, config: Config, store: Store, clusters: Mapping[str, Cluster]) -> None:
        self.config, self.store, self._clusters = config, store, clusters
        self.cancelled: list[str] = []
        self.probes: list[tuple[str, str, str]] = [("Kubernetes main", "works", "v1.35.4")]
        self.desk = Desk(store, Powers(COMMANDS, lambda: self.config, self._cancel, self._probe))
        self.now = START
        self.journal = Journal()
        self.artist = Artist(config.state.directory / "drawing")

    def clock(self) -> int:
        self.now += 1000
        return self.now

    async def _cancel(self, request_id: str, by: Asker) -> bool:
        self.cancelled.append(request_id)
        now = self.clock()
        return await self.store.write(lambda db: requests.ask_cancel(db, request_id, by.actor, now))

    async def _probe(self) -> list[tuple[str, str, str]]:
        return self.probes

    def parsed(self, line: str, asker: Asker = ANN, channel: str = "") -> tuple[Any, Any, Ctx]:
        command, params = (found := parse(line, COMMANDS)).command, found.params
        scope = Scope(self.config, self.config.default_cluster, asker, channel)
        target = command.target(scope, params)
        return (
            command,
            params,
            Ctx(scope, target, self._clusters.__getitem__, self.desk, self.clock, self.artist),
        )

    async def read(self, line: str, asker: Asker = ANN, channel: str = "") -> tuple[Any, Document]:
        command, params, ctx = self.parsed(line, asker, channel)
        result = await command.run(ctx, params)
        document = command.view(result, self.clock())
        check_buttons(document)
        json.dumps(dataclasses.asdict(result), allow_nan=False)  # machines read it
        return result, document

    async def plan(self, line: str, asker: Asker = ANN) -> Plan:
        command, params, ctx = self.parsed(line, asker)
        plan = await command.plan(ctx, params)
        json.dumps(dict(plan.facts))  # facts are JSON values
        return plan

    async def run(
        self,
        line: str,
        plan: Plan | None = None,
        *,
        asker: Asker = ANN,
        cut: Cut | None = None,
        resumed: bool = False,
        request_id: str = "",
        journal: Journal | None = None,
        blind: str = "",
    ) -> tuple[Any, Document]:
        """Plans (unless given) and runs a change; the look of step `blind` sees nothing."""
        command, params, ctx = self.parsed(line, asker)
        plan = plan or await self.plan(line, asker)
        self.recorder = Recorder()
        self.operation = op = Blindable(
            blind,
            request_id or requests.new_id(self.clock),
            json.loads(json.dumps(dict(plan.facts))),
            journal if journal is not None else Journal(),
            resumed=resumed,
            changed=lambda: None,
            record=self.recorder,
            observer=cut or Cut(),
            translate=translate,
        )
        result = await command.run(ctx, params, op)
        document = command.view(result, self.clock())
        check_buttons(document)
        return result, document

    async def boundaries(self, line: str) -> list[tuple[str, str]]:
        """Runs a change and returns every boundary it passed."""
        seen = Cut()
        await self.run(line, cut=seen)
        return seen.seen

    async def run_cut(self, line: str, step: str, edge: str) -> tuple[Any, Document]:
        """Ends the process at a boundary, then goes on in a new one."""
        plan, journal = await self.plan(line), Journal()
        request_id = requests.new_id(self.clock)
        with pytest.raises(Killed):
            await self.run(line, plan, cut=Cut(step, edge), request_id=request_id, journal=journal)
        return await self.run(line, plan, resumed=True, request_id=request_id, journal=journal)


@dataclass
class Measured:
    """Commands, the practice Prometheus that they ask, and its cluster."""

    office: Office
    prometheus: PracticePrometheus
    world: World


def check_buttons(document: Document) -> None:
    """Every offered command is one."""
    for element in document.elements:
        for button in element.buttons if isinstance(element, Actions) else ():
            if button.act == "run":
                parse(button.command, COMMANDS)


def text_of(document: Document) -> str:
    """All words of a document."""
    from bot.render.document import to_json

    return json.dumps(to_json(document), ensure_ascii=False)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    tick = iter(range(START, START + 10**9))
    opened = await Store.open(
        tmp_path / "state" / "onprem.db", clock=lambda: next(tick), audit_key=AuditKey(bytes(32))
    )
    yield opened
    await opened.close()


def configuration(tmp_path: Path, **changes: Any) -> Config:
    body: dict[str, Any] = {
        "state": {"directory": str(tmp_path / "state")},
        "clusters": {"main": {}},
        "admins": [ANN.actor],
        "persons": {"ann": [ANN.actor], "vic": [VIC.actor]},
        "apps": {
            "parse": {
                "namespace": "parse",
                "chart": "builtin:parse-server",
                "credentials": {},
                "secret_values": ["externalDatabase.uri"],
                "aliases": {
                    "mongodb": {
                        "workload": "statefulset/parse-mongodb",
                        "replicas_value": "mongodb.replicaCount",
                        "members": "mongodb",
                    },
                    "server": {
                        "workload": "deployment/parse-server",
                        "replicas_value": "replicaCount",
                        "autoscaling_value": "autoscaling",
                    },
                },
            }
        },
        **changes,
    }
    return Config.model_validate(body, context={"base": tmp_path})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configuration(tmp_path)


@pytest.fixture
def office(config: Config, store: Store) -> Office:
    """Commands that need no cluster."""
    return Office(config, store, {})


@pytest.fixture
async def world(tmp_path: Path, config: Config) -> AsyncIterator[World]:
    async with open_world(tmp_path, config) as opened:
        yield opened


@pytest.fixture
async def shop(config: Config, store: Store, world: World) -> Office:
    """Commands on a practice cluster."""
    return Office(config, store, {"main": world.cluster})


@pytest.fixture
async def measured(tmp_path: Path, store: Store, world: World) -> AsyncIterator[Measured]:
    """Commands on a practice cluster with a practice Prometheus; their clock is the cluster's."""
    async with open_measured(world) as (cluster, prometheus):
        office = Office(configuration(tmp_path, graphs=RAW), store, {"main": cluster})
        office.now = prometheus.now() * 1000
        yield Measured(office, prometheus, world)
        await office.artist.close()


@pytest.fixture
async def recovery(tmp_path: Path) -> AsyncIterator[Recovery]:
    """A practice cluster with Velero."""
    async with open_recovery(tmp_path, shop_config(tmp_path)) as opened:
        yield opened


@pytest.fixture
def recoverable(tmp_path: Path, store: Store, recovery: Recovery) -> Office:
    """Commands on a practice cluster with Velero; their clock is the cluster's."""
    office = Office(shop_config(tmp_path), store, {"main": recovery.cluster})
    office.now = time.time_ns() // 1000
    return office
