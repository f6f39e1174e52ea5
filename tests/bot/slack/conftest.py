"""The real Slack edge between the practice Slack and an engine with commands made for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from bot import (
    Actions,
    Arg,
    Button,
    Code,
    Ctx,
    Document,
    Effect,
    Image,
    Op,
    Plan,
    Role,
    Target,
    Text,
    Title,
    command,
)
from bot.clock import now
from bot.config import Config, SlackConfig
from bot.context import Cluster
from bot.desk import Desk, Powers
from bot.engine import Engine, Parts
from bot.redaction import Redactor
from bot.render.plot import Artist
from bot.slack.surface import SlackSurface
from bot.spec import Command
from bot.store import outbox, roles
from bot.store.db import Store
from bot.store.keys import AuditKey
from bot.tasks import Tasks
from bot.translation import translate
from sandbox.slack import Limits, SlackServer, practice_workspace
from sandbox.slack.entities import Message
from tests.bot.engine.conftest import Nobody, World, commands_for


@dataclass(frozen=True, slots=True)
class Much:
    lines: Annotated[int, Arg("How many", minimum=1, maximum=100_000)]


@dataclass(frozen=True, slots=True)
class Word:
    word: Annotated[str, Arg("Anything")] = "-"


def more_commands() -> tuple[Command[Any, Any], ...]:
    """Reads: long, broken, a picture, who asks; a change with a long result."""

    def text(p: Much) -> str:
        return "\n".join(f"line {n}" for n in range(p.lines))

    @command(
        "lines",
        effect=Effect.READ,
        role=Role.VIEWER,
        params=Much,
        view=lambda result, at: Document.of(Title("Lines"), Code(result, "lines.txt")),
    )
    async def lines(ctx: Ctx, p: Much) -> str:
        """Show lines."""
        return text(p)

    @command(
        "boom",
        effect=Effect.READ,
        role=Role.VIEWER,
        params=Word,
        view=lambda result, at: Document(),
    )
    async def boom(ctx: Ctx, p: Word) -> None:
        """Break."""
        raise RuntimeError("a fault nobody thought of")

    @command(
        "draw",
        effect=Effect.READ,
        role=Role.VIEWER,
        params=Word,
        view=lambda result, at: Document.of(
            Title("Drawn"),
            Image(b"PNG", "drawn.png", "now 7", shared=True),
            Actions((Button("Again", "run", command="draw"),)),
        ),
    )
    async def draw(ctx: Ctx, p: Word) -> None:
        """Show a picture that everybody may see."""

    @command(
        "echo",
        effect=Effect.READ,
        role=Role.VIEWER,
        params=Word,
        view=lambda result, at: Document.of(Title(result), Text.of(result)),
    )
    async def echo(ctx: Ctx, p: Word) -> str:
        """Say a word and who asked."""
        groups = ",".join(ctx.asker.groups)
        return f"{p.word} for {ctx.asker.name} {groups}"

    async def plan(ctx: Ctx, p: Much) -> Plan:
        return Plan(f"Print {p.lines} lines", facts={"lines": p.lines})

    @command(
        "print",
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        params=Much,
        target=lambda scope, p: Target(scope.cluster, "shop", "printer"),
        plan=plan,
        view=lambda result, at: Document.of(
            Title("Printed", "good"),
            Code(result, "printed.txt"),
            Actions((Button("Size it", "run", command="size web 7"),)),
        ),
    )
    async def printing(ctx: Ctx, p: Much, op: Op) -> str:
        """Print lines."""

        async def do() -> str:
            return text(p)

        async def done() -> None:
            return None

        return str(await op.step("print", do, done=done))

    return lines, boom, draw, echo, printing


@dataclass
class Office:
    """A workspace with a bot in it."""

    server: SlackServer
    surface: SlackSurface
    engine: Engine
    store: Store
    world: World
    repliers: dict[str, Any]
    later: list[int]  # microseconds that the engine's clock is ahead

    @property
    def team(self) -> str:
        return self.server.workspace.team_id

    def user(self, name: str) -> str:
        return self.server.workspace.person(name).id

    def channel(self, name: str) -> str:
        return self.server.workspace.channel(name).id

    def seen(self, who: str, where: str) -> list[Message]:
        """What the bot has shown this person there."""
        bot = self.server.workspace.app.bot_user
        return [m for m in self.server.messages(who, where) if m.user == bot]

    async def told(
        self, who: str, where: str, text: str, *, private: bool | None = None
    ) -> Message:
        """Waits for a message of the bot with these words in it."""

        def look() -> Message | None:
            for message in self.seen(who, where):
                fits = text in everything(message)
                if fits and private in (None, message.ephemeral_to is not None):
                    return message
            return None

        try:
            return await self.server.wait_for(look, timeout=8)
        except TimeoutError:
            shown = "\n---\n".join(everything(m) for m in self.server.messages(who, where))
            raise AssertionError(f"{who} did not see {text!r} in {where}, but:\n{shown}") from None

    async def ask(self, who: str, where: str, words: str) -> str:
        """Types a command and returns what the acknowledgement showed at once."""
        delivery = await self.server.slash(who, where, f"/onprem {words}")
        assert delivery.ok, delivery.error
        return delivery.shown and everything(delivery.response)

    async def until(self, holds: Callable[[], Awaitable[bool] | bool]) -> None:
        async with asyncio.timeout(8):
            while True:
                value = holds()
                if await value if isinstance(value, Awaitable) else value:
                    return
                await asyncio.sleep(0.01)

    async def quiet(self) -> None:
        """Waits until the outbox is empty."""

        async def empty() -> bool:
            left = await self.store.read(lambda db: outbox.listed(db, states={"queued", "sending"}))
            return not left

        await self.until(empty)


def everything(message: Any) -> str:
    """All text that a message shows."""
    if isinstance(message, Message):
        return "\n".join([message.text, *texts(message.blocks)])
    return "\n".join(texts(message))


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [t for v in value.values() for t in texts(v)]
    return [t for v in value for t in texts(v)] if isinstance(value, list) else []


def marked(message: Message) -> str:
    """The text that Slack reads as markup."""
    return "\n".join([message.text, *_marked(message.blocks)])


def _marked(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [t for v in value.values() for t in _marked(v)]
    return [t for v in value for t in _marked(v)] if isinstance(value, list) else []


def buttons(message: Message) -> dict[str, str]:
    """Label → value of a message's buttons."""
    return {
        e["text"]["text"]: e.get("value", "")
        for block in message.blocks
        if block["type"] == "actions"
        for e in block["elements"]
    }


class Held:
    """An engine that admits nothing before the gate opens."""

    def __init__(self, engine: Engine, gate: asyncio.Event) -> None:
        self._engine, self._gate = engine, gate

    async def admit(self, incoming: Any) -> Any:
        await self._gate.wait()
        return await self._engine.admit(incoming)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@asynccontextmanager
async def office(
    path: Path,
    server: SlackServer,
    world: World,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    gate: asyncio.Event | None = None,
    **slack: Any,
) -> AsyncIterator[Office]:
    workspace = server.workspace
    team = workspace.team_id
    settings: dict[str, Any] = {
        "bot_token": server.bot_token,
        "app_token": server.app_token,
        "signing_secret": server.signing_secret,
        "api_url": server.api_url,
        "ops_channel": workspace.channel("ops").id,
        **slack,
    }
    config = Config.model_validate(
        {
            "state": {"directory": str(path)},
            "clusters": {"lab": {}},
            "slack": settings,
            "admins": [f"slack:{team}/{workspace.person('adam').id}"],
        }
    )
    store = await Store.open(
        path / "onprem.db", clock=now, audit_key=AuditKey.load_or_create(path / "keys" / "audit")
    )
    tasks, commands = Tasks(), (*commands_for(world), *more_commands())

    async def never(*_: Any) -> Any:
        return False

    def clusters(name: str) -> Cluster:
        raise AssertionError("the test commands reach no cluster")

    desk = Desk(store, Powers(commands, lambda: config, never, never))
    repliers: dict[str, Any] = {}
    later = [0]
    parts = Parts(
        store=store,
        audit=store.audit,
        commands=commands,
        config=lambda: config,
        clusters=clusters,
        desk=desk,
        decide=desk.decide,
        translate=translate,
        redact=Redactor().text,
        repliers=repliers,
        observer=Nobody(),
        clock=lambda: now() + later[0],
        tasks=tasks,
        artist=Artist(path / "drawing"),
    )
    engine = Engine(parts, path / "workflows.db")
    assert isinstance(config.slack, SlackConfig)
    facing: Any = Held(engine, gate) if gate else engine
    surface = SlackSurface(lambda: config, config.slack, store, facing, now, monotonic)
    repliers["slack"] = surface.replier
    platform = next(iter(workspace.groups))

    def grants(db: Any) -> None:
        for subject, role in (
            (f"slack:{team}/{workspace.person('vera').id}", "viewer"),
            (f"slack-group:{team}/{platform}", "operator"),
            (f"slack:{team}/{workspace.person('gus').id}", "viewer"),
        ):
            roles.grant(db, subject, role, actor="system:test", person="test", now=1)

    await store.write(grants)
    try:
        await surface.open()
        await engine.start()
        await surface.listen()
        yield Office(server, surface, engine, store, world, repliers, later)
        world.gate.set()
        await tasks.settle(5)
    finally:
        await surface.close()
        await tasks.close()
        engine.close()
        await store.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def limits() -> Limits:
    """No rate limits unless a test wants them."""
    limits = Limits.off()
    limits.share_delay = 0.0
    return limits


@pytest.fixture
async def server(limits: Limits) -> AsyncIterator[SlackServer]:
    workspace = practice_workspace()
    workspace.app.escape_commands = True
    workspace.add_channel("dev", ["alice", "vera", "adam"])
    server = SlackServer(workspace, limits=limits)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def bot(tmp_path: Path, server: SlackServer, world: World) -> AsyncIterator[Office]:
    async with office(tmp_path, server, world) as made:
        yield made
