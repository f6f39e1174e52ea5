"""An engine over the real state database and real durable steps, with commands made for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Document,
    Effect,
    Failed,
    Op,
    Plan,
    Role,
    Scope,
    Target,
    Title,
    Weight,
    command,
)
from bot.clock import now
from bot.config import Config
from bot.context import Asker, Cluster
from bot.desk import Desk, Powers
from bot.engine import Engine, Incoming, Notice, Parts
from bot.redaction import Redactor
from bot.render.plot import Artist
from bot.spec import Command
from bot.store.db import Store
from bot.store.keys import AuditKey
from bot.store.requests import Request
from bot.tasks import Tasks
from bot.translation import translate
from integrations.kubernetes.errors import ClusterUnreachable

ADMIN = Asker("slack:T1/UADMIN", "ada", "Ada")
VIEWER = Asker("slack:T1/UVIEW", "vic", "Vic")


class World:
    """What the test commands act upon."""

    def __init__(self) -> None:
        self.size = 1
        self.log: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail = False
        self.ok = True
        self.plan_error: Exception | None = None
        self.planned = 0
        self.thinking: asyncio.Event | None = None
        self.away = 0

    def look(self) -> None:
        """Is asked by looks; the cluster is away for as many of them as were said."""
        if self.away:
            self.away -= 1
            raise ClusterUnreachable("shop does not answer")


@dataclass(frozen=True, slots=True)
class Size:
    """A change with two steps."""

    name: Annotated[str, Arg("Thing")]
    size: Annotated[int, Arg("How many", minimum=0, maximum=100)]
    cluster: Annotated[str, Arg("Where", flag=True)] = ""


@dataclass(frozen=True, slots=True)
class Sized:
    size: int
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    name: Annotated[str, Arg("Thing")] = "all"


def commands_for(world: World) -> tuple[Command[Any, Any], ...]:
    def target(scope: Scope, p: Size) -> Target:
        return Target(p.cluster or scope.cluster, "shop", p.name)

    async def plan(ctx: Ctx, p: Size) -> Plan:
        if world.plan_error is not None:
            raise world.plan_error
        before = world.size
        world.planned += 1
        if world.thinking is not None:
            await world.thinking.wait()
        weights = {True: Weight.TYPE, False: Weight.CONFIRM if p.size < before else Weight.RUN}
        return Plan(
            f"Size {p.name} from {before} to {p.size}",
            facts={"before": before, "after": p.size},
            changes=(Change("size", str(before), str(p.size)),),
            weight=weights[p.size == 0],
            typed=p.name,
            nothing=p.size == before,
        )

    @command(
        "size",
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        params=Size,
        target=target,
        plan=plan,
        view=lambda result, now: Document.of(Title(f"size is {result.size}", "good")),
    )
    async def size(ctx: Ctx, p: Size, op: Op) -> Sized:
        """Size a thing."""

        async def first() -> str:
            world.log.append("first")
            await world.gate.wait()
            if world.fail:
                raise Failed("It broke", why="the world said so")
            return "one"

        async def second() -> int:
            world.log.append("second")
            world.size = p.size
            return p.size

        async def first_done() -> str | None:
            world.look()
            return "one" if "first" in world.log else None

        async def second_done() -> int | None:
            world.look()
            return world.size if world.size == p.size else None

        await op.step("first", first, done=first_done, interruptible=True)
        return Sized(await op.step("second", second, done=second_done), world.ok)

    @command(
        "slow",
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        params=Size,
        target=target,
        plan=plan,
        view=lambda result, now: Document.of(Title("done")),
        timeout=0.05,
    )
    async def slow(ctx: Ctx, p: Size, op: Op) -> Sized:
        """Take longer than allowed."""

        async def wait() -> None:
            await world.gate.wait()

        async def never() -> None:
            return None

        await op.step("wait", wait, done=never)
        return Sized(p.size)

    @command(
        "look",
        effect=Effect.READ,
        role=Role.VIEWER,
        params=Look,
        view=lambda result, now: Document.of(
            Title(f"size {result.size}"), Actions((Button("Grow", "run", command="size web 3"),))
        ),
    )
    async def look(ctx: Ctx, p: Look) -> Sized:
        """Look at a thing."""
        return Sized(world.size)

    @command(
        "free",
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        params=Size,
        target=target,
        plan=plan,
        view=lambda result, now: Document.of(Title("freed")),
        locks=False,
    )
    async def free(ctx: Ctx, p: Size, op: Op) -> Sized:
        """Take no lock, as `cancel` does."""
        return Sized(p.size)

    return size, slow, free, look


@dataclass
class Surface:
    """Collects what a surface would show."""

    pace: float = 0.0
    stored: list[Notice] = field(default_factory=list)
    ended: dict[str, tuple[Any, int]] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    refuse: Callable[[Notice], bool] = lambda notice: False

    def store(self, db: Any, request: Request, notice: Notice) -> None:
        if self.refuse(notice):
            raise ValueError("it cannot be rendered")

    def deliver(self, request: Request, notice: Notice) -> None:
        self.stored.append(notice)  # not before it is durable: a press would find no button

    def finished(self, request: Request, data: Any, exit_code: int) -> None:
        self.ended[request.id] = (data, exit_code)


@dataclass
class Rig:
    engine: Engine
    store: Store
    world: World
    surface: Surface
    tasks: Tasks
    settings: dict[str, Any]
    skew: int = 0
    counter: int = 0

    async def ask(self, words: str, who: Asker = ADMIN, key: str = "", **origin: Any) -> Any:
        """Admits, acknowledges and goes on, as a surface does."""
        self.counter += 1
        incoming = Incoming(
            key or f"k{self.counter}",
            words,
            who,
            {"kind": "test", "channel": "C1", **origin},
            now(),
        )
        admission = await self.engine.admit(incoming)
        if admission.reply is not None or admission.duplicate:
            return admission, None
        return admission, await self.engine.proceed(admission)

    async def until(self, holds: Callable[[], Awaitable[bool] | bool]) -> None:
        """Waits for a condition."""
        async with asyncio.timeout(10):
            while True:
                value = holds()
                if await value if isinstance(value, Awaitable) else value:
                    return
                await asyncio.sleep(0.01)


class Nobody:
    def boundary(self, request_id: str, step: str, edge: str) -> None:
        pass


@asynccontextmanager
async def rig(path: Path, world: World, observer: Any = None) -> AsyncIterator[Rig]:
    settings: dict[str, Any] = {
        "state": {"directory": str(path)},
        "clusters": {"lab": {}},
        "admins": [ADMIN.actor],
    }

    def config() -> Config:
        return Config.model_validate(settings)

    def clock() -> int:
        return now() + (made.skew if made else 0)

    made: Rig | None = None
    store = await Store.open(
        path / "onprem.db", clock=clock, audit_key=AuditKey.load_or_create(path / "keys" / "audit")
    )
    tasks, surface, commands = Tasks(), Surface(), commands_for(world)

    async def never(*_: Any) -> Any:
        return False

    def clusters(name: str) -> Cluster:
        raise AssertionError("the test commands reach no cluster")

    desk = Desk(store, Powers(commands, config, never, never))
    parts = Parts(
        store=store,
        audit=store.audit,
        commands=commands,
        config=config,
        clusters=clusters,
        desk=desk,
        decide=desk.decide,
        translate=translate,
        redact=Redactor().text,
        repliers={"test": surface},
        observer=observer or Nobody(),
        clock=clock,
        tasks=tasks,
        artist=Artist(path / "drawing"),
    )
    engine = Engine(parts, path / "workflows.db")
    try:
        await engine.start()
        made = Rig(engine, store, world, surface, tasks, settings)
        yield made
        await tasks.settle(5)
    finally:
        await tasks.close()
        engine.close()
        await store.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def bench(tmp_path: Path, world: World) -> AsyncIterator[Rig]:
    async with rig(tmp_path, world) as made:
        yield made
