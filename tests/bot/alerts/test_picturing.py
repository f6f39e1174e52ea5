"""The graph below an alert: nothing of it holds the bot up, one that fails ends only itself."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

import pytest

from bot.alerts.picturing import NONE, Illustrator, Studio
from bot.config import Config
from bot.context import Cluster
from bot.errors import StoreUnavailable
from bot.render import terminal
from bot.render.document import Document
from bot.render.plot import Chart
from bot.store import alerts
from bot.store.alerts import AlertRow
from bot.store.db import Store
from integrations.prometheus import RangeResult, Series, TooManySeries
from tests.bot.alerts.conftest import START, Clock, Room
from tests.bot.store.test_alert_acts import episode

RULE = "shop_queue > 100"
SOURCE = "http://p/graph?" + urlencode({"g0.expr": RULE})
AT = START // 1_000_000


class Labels(dict[str, str]):
    """Labels that know who read them."""

    readers: set[int]

    def get(self, *args: Any) -> Any:
        self.readers.add(threading.get_ident())
        return super().get(*args)

    def items(self) -> Any:
        self.readers.add(threading.get_ident())
        return super().items()

    def __iter__(self) -> Iterator[str]:
        self.readers.add(threading.get_ident())
        return super().__iter__()


@dataclass
class Answers:
    """A Prometheus that has these lines, and too many of some questions."""

    labels: dict[str, str] = field(default_factory=lambda: {"queue": "mail"})
    many: Iterable[str] = ()
    asked: list[str] = field(default_factory=list)

    async def range(self, promql: str, **window: Any) -> RangeResult:
        self.asked.append(promql)
        if promql in self.many:
            raise TooManySeries(612, 500)
        return RangeResult((Series(self.labels, (AT - 60.0, AT - 30.0), (120.0, 130.0)),))


class Artist:
    """Draws everything alike, and keeps what."""

    def __init__(self) -> None:
        self.drawn: list[Chart] = []

    async def draw(self, picture: Chart) -> bytes:
        self.drawn.append(picture)
        return b"png"


class Nothing:
    """Records of a cluster in which nothing changed."""

    async def changed(self, **asked: Any) -> tuple[list[Any], list[Any]]:
        return [], []


@dataclass
class Easel:
    """Threads of alerts, and who puts pictures into them."""

    store: Store
    room: Room
    clock: Clock
    artist: Artist = field(default_factory=Artist)
    answers: Answers = field(default_factory=Answers)

    async def fires(self, *names: str) -> None:
        """Groups fire, and their roots are there."""

        def work(db: Any) -> None:
            for name in names:
                at = {"created_at": START, "opened_at": START}
                shared = {"alertname": "ShopQueue"}
                alerts.put(db, episode(name, **at, shared=shared, labels={"n": name}))
                row = (name, name, "firing", {"queue": "mail"}, {}, 0, START, None, SOURCE)
                alerts.put_alerts(db, [AlertRow(*row, START, START, "firing", None)])
                self.room.keep(db, f"episode/{name}", Document())

        await self.store.write(work)

    async def step(self, room: Room | None = None) -> bool:
        body = {"state": {"directory": "/nowhere"}, "clusters": {"main": {}}}
        config = Config.model_validate(body)
        here, none = config.clusters["main"], cast(Any, None)
        prometheus = cast(Any, self.answers)
        cluster = Cluster("main", here, none, none, prometheus=prometheus)
        studio = Studio(cast(Any, Nothing()), cast(Any, self.artist))
        there = (self.clock, lambda: config, lambda _: cluster, studio)
        return await Illustrator(self.store, room or self.room, *there).step()

    async def pictures(self) -> dict[str, str]:
        return {e.id: e.picture for e in await self.store.read(alerts.standing)}


@pytest.fixture
def easel(store: Store, room: Room, clock: Clock) -> Easel:
    return Easel(store, room, clock)


async def test_a_thread_gets_its_rules_graph_once(easel: Easel) -> None:
    await easel.fires("a7")
    assert not await easel.step()
    assert not await easel.step()
    assert easel.answers.asked == ["shop_queue"]
    [(thread, image)] = easel.room.pictures
    assert (thread, image.png) == ("episode/a7", b"png")
    assert "mail: now 130" in image.alt
    assert await easel.pictures() == {"a7": "done"}


async def test_numbers_are_worked_out_where_nobody_waits_for_them(easel: Easel) -> None:
    labels = Labels(queue="mail")
    labels.readers = set()
    easel.answers.labels = labels
    await easel.fires("a7")
    await easel.step()
    assert len(easel.room.pictures) == 1
    assert labels.readers
    assert threading.get_ident() not in labels.readers


async def test_with_too_many_lines_only_those_beyond_the_limit_are_shown(easel: Easel) -> None:
    easel.answers.many = ["shop_queue"]
    await easel.fires("a7")
    await easel.step()
    assert easel.answers.asked == ["shop_queue", RULE]
    assert len(easel.room.pictures) == 1
    [chart] = easel.artist.drawn
    assert "Only what is beyond the limit" in chart.panels[0].note
    assert "612 lines" in chart.panels[0].note


async def test_when_even_those_are_too_many_the_thread_says_so(easel: Easel) -> None:
    easel.answers.many = ["shop_queue", RULE]
    await easel.fires("a7")
    await easel.step()
    assert easel.room.pictures == []
    [(_, told)] = easel.room.replies
    assert "No graph: its expression has 612 lines." in terminal.plain(told)


class Broken(Room):
    """A place that cannot take the pictures of one thread."""

    error: type[Exception] = ValueError

    def attach(self, db: Any, thread: str, *args: Any, **more: Any) -> None:
        if thread == "episode/a7":
            raise self.error("unexpected")
        super().attach(db, thread, *args, **more)


async def test_an_unexpected_error_ends_one_picture_and_not_those_behind_it(easel: Easel) -> None:
    broken = Broken(roots=easel.room.roots)
    await easel.fires("a7", "b7")
    assert not await easel.step(broken)
    assert [thread for thread, _ in broken.pictures] == ["episode/b7"]
    assert await easel.pictures() == {"a7": NONE, "b7": "done"}


async def test_a_state_that_cannot_be_written_is_no_fault_of_the_picture(easel: Easel) -> None:
    class Full(Broken):
        error = StoreUnavailable

    await easel.fires("a7")
    assert await easel.step(Full(roots=easel.room.roots))
    assert await easel.pictures() == {"a7": ""}
    assert not await easel.step()
    assert await easel.pictures() == {"a7": "done"}
