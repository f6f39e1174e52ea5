"""What a start does with what the process before it left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.clock import now
from bot.engine import Admission, Incoming, Press
from bot.store import audit, locks, requests, verify
from bot.store.requests import Request, State

from .conftest import ADMIN, Rig, World, rig
from .test_changes import buttons, ended, press, state


class Gone(Exception):
    """The process is no more."""


class Cut:
    """Ends an operation at one boundary, as a process that is killed does."""

    def __init__(self, step: str, edge: str) -> None:
        self.at = (step, edge)
        self.reached = asyncio.Event()

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        if (step, edge) == self.at:
            self.reached.set()
            raise asyncio.CancelledError


@asynccontextmanager
async def process(path: Path, world: World, observer: Any = None) -> AsyncIterator[Rig]:
    """A bot that is gone at the end of the block, whatever it was at."""
    with contextlib.suppress(Gone):
        async with rig(path, world, observer) as bench:
            yield bench
            raise Gone


async def admitted(bench: Rig, words: str = "size web 3") -> Request:
    """An intent that is committed and not acknowledged."""
    incoming = Incoming("k", words, ADMIN, {"kind": "test", "channel": "C1"}, now())
    admission: Admission = await bench.engine.admit(incoming)
    assert admission.request is not None
    return admission.request


async def outcomes(bench: Rig, request: Request) -> int:
    rows = await bench.store.read(lambda db: audit.search(db, limit=100))
    assert (await bench.store.read(lambda db: verify.verify(db, bench.store.audit.key))).ok
    return sum(row.kind == "outcome" and row.request_id == request.id for row in rows)


async def test_what_was_never_acknowledged_never_runs(tmp_path: Path, world: World) -> None:
    async with process(tmp_path, world) as bench:
        request = await admitted(bench)
    async with rig(tmp_path, world) as bench:
        assert await ended(bench, request) is State.LOST
        told = bench.surface.stored[-1]
        assert told.private
        assert told.document.headline.startswith("Not run: size web 3")
        assert await outcomes(bench, request) == 1
    assert world.log == []


async def test_what_was_acknowledged_goes_on(tmp_path: Path, world: World) -> None:
    request = await acknowledged(tmp_path, world)
    async with rig(tmp_path, world) as bench:
        assert await ended(bench, request) is State.DONE
        assert await outcomes(bench, request) == 1
    assert world.log == ["first", "second"]


async def test_what_is_refused_by_now_is_told(tmp_path: Path, world: World) -> None:
    async with process(tmp_path, world) as bench:
        request = await admitted(bench)
        before = {State.RECEIVED}
        await bench.store.write(
            lambda db: requests.transition(db, request.id, State.ACKED, expect=before)
        )
    world.size = 3
    async with rig(tmp_path, world) as bench:
        await bench.until(lambda: bool(bench.surface.stored))
        assert await state(bench, request) is State.DONE
        assert bench.surface.stored[-1].private
        assert "Size web from 3 to 3" in bench.surface.stored[-1].document.headline
    assert world.log == []


@pytest.mark.parametrize("edge", ["before", "acted", "after"])
@pytest.mark.parametrize("step", ["first", "second"])
async def test_what_ran_continues_at_the_step_that_was_cut(
    tmp_path: Path, world: World, step: str, edge: str
) -> None:
    cut = Cut(step, edge)
    async with process(tmp_path, world, cut) as bench:
        admission, _ = await bench.ask("size web 3")
        request = admission.request
        async with asyncio.timeout(10):
            await cut.reached.wait()
        assert await state(bench, request) is State.RUNNING
    for _ in range(2):  # a further start finds nothing to do
        async with rig(tmp_path, world) as bench:
            await bench.until(lambda bench=bench: _over(bench, request))
            assert await state(bench, request) is State.DONE
            assert await outcomes(bench, request) == 1
            assert await bench.store.read(locks.held) == []
    assert world.log == ["first", "second"]


async def test_a_look_waits_for_a_cluster_that_is_away_when_the_bot_starts(
    tmp_path: Path, world: World
) -> None:
    """Machines that come back together: the API server may be slower than the bot."""
    cut = Cut("second", "acted")
    async with process(tmp_path, world, cut) as bench:
        admission, _ = await bench.ask("size web 3")
        await cut.reached.wait()
    world.away = 2
    async with rig(tmp_path, world) as bench:
        await bench.until(lambda: _over(bench, admission.request))
        assert await state(bench, admission.request) is State.DONE
    assert world.away == 0
    assert world.log == ["first", "second"]


async def _over(bench: Rig, request: Request) -> bool:
    return await state(bench, request) in requests.ENDED


async def test_a_step_that_failed_on_record_fails_again_without_acting(
    tmp_path: Path, world: World
) -> None:
    world.fail = True
    cut = Cut("first", "after")
    async with process(tmp_path, world, cut) as bench:
        admission, _ = await bench.ask("size web 3")
        await cut.reached.wait()
    world.fail = False
    async with rig(tmp_path, world) as bench:
        assert await ended(bench, admission.request) is State.FAILED
        assert bench.surface.stored[-1].document.headline == "It broke"
    assert world.log == ["first"]


async def test_what_this_version_does_not_know_stops_for_a_person(
    tmp_path: Path, world: World
) -> None:
    cut = Cut("second", "before")
    async with process(tmp_path, world, cut) as bench:
        admission, _ = await bench.ask("size web 3")
        request = admission.request
        await cut.reached.wait()
        await bench.store.write(
            lambda db: requests.transition(
                db,
                request.id,
                State.RUNNING,
                expect={State.RUNNING},
                params={"thing": "of another version"},
            )
        )
    async with rig(tmp_path, world) as bench:
        assert await ended(bench, request) is State.STUCK
        told = bench.surface.stored[-1].document
        assert told.headline == "size was cut off and cannot be continued"
        assert "This version of the bot does not know the command" in str(told)
        assert await outcomes(bench, request) == 1
    assert world.log == ["first"]


async def test_a_cancel_that_was_not_heard_in_time_is_heard_at_the_start(
    tmp_path: Path, world: World
) -> None:
    cut = Cut("first", "after")
    async with process(tmp_path, world, cut) as bench:
        admission, _ = await bench.ask("size web 3")
        await cut.reached.wait()
        request = admission.request
        await bench.store.write(
            lambda db: requests.ask_cancel(db, request.id, ADMIN.actor, bench.store.clock())
        )
    async with rig(tmp_path, world) as bench:
        assert await ended(bench, request) is State.CANCELLED
    assert world.log == ["first"]


async def test_a_question_outlives_the_process(tmp_path: Path, world: World) -> None:
    world.size = 5
    async with process(tmp_path, world) as bench:
        admission, _ = await bench.ask("size web 3")
        token = buttons(bench)["confirm"].token
    async with rig(tmp_path, world) as bench:
        assert await state(bench, admission.request) is State.WAITING
        await press(bench, token)
        assert await ended(bench, admission.request) is State.DONE
    assert world.size == 3


@pytest.mark.parametrize(
    ("act", "size", "outcome"),
    [("confirm", 3, State.DONE), ("type", 0, State.DONE), ("dismiss", 3, State.CANCELLED)],
)
async def test_an_answer_that_was_not_carried_out_can_be_given_again(
    tmp_path: Path, world: World, act: str, size: int, outcome: State
) -> None:
    """Killed between the use of a button and what it decides."""
    world.size = 5
    typed = "web" if act == "type" else ""
    async with process(tmp_path, world) as bench:
        admission, _ = await bench.ask(f"size web {size}")
        token = buttons(bench)[act].token
        place = {"kind": "test", "channel": "C1"}
        pressed = await bench.engine.press(Press("p", token, ADMIN, place, now(), typed=typed))
        assert pressed.press["act"] == act
    async with rig(tmp_path, world) as bench:
        assert await state(bench, admission.request) is State.WAITING
        told = bench.surface.stored[-1]
        assert told.private
        assert told.document.headline == f"Please decide again: Size web from 5 to {size}"
        await press(bench, token, typed=typed)
        assert await ended(bench, admission.request) is outcome
        assert await outcomes(bench, admission.request) == 1
    assert world.size == (size if outcome is State.DONE else 5)


async def test_an_answer_that_was_not_carried_out_in_time_expires(
    tmp_path: Path, world: World
) -> None:
    world.size = 5
    async with process(tmp_path, world) as bench:
        admission, _ = await bench.ask("size web 3")
        place = {"kind": "test", "channel": "C1"}
        token = buttons(bench)["confirm"].token
        await bench.engine.press(Press("p", token, ADMIN, place, now()))
    async with rig(tmp_path, world) as bench:
        bench.skew += 901_000_000
        await bench.engine.sweep()
        assert await ended(bench, admission.request) is State.EXPIRED
    assert world.log == []


async def acknowledged(path: Path, world: World, **columns: Any) -> Request:
    """A request that was acknowledged by a bot that is gone."""
    async with process(path, world) as bench:
        request = await admitted(bench)
        before = {State.RECEIVED}
        await bench.store.write(
            lambda db: requests.transition(db, request.id, State.ACKED, expect=before, **columns)
        )
    return request


async def test_what_was_acknowledged_long_ago_is_told_lost(tmp_path: Path, world: World) -> None:
    request = await acknowledged(tmp_path, world, acked_at=now() - 3_600_000_000)
    async with rig(tmp_path, world) as bench:
        assert await ended(bench, request) is State.LOST
        assert "Not run" in bench.surface.stored[-1].document.headline
    assert world.log == []


async def test_a_restart_asks_again_whether_they_may(tmp_path: Path, world: World) -> None:
    asker = {"actor": "slack:T1/UVIEW", "person": "vic", "name": "Vic"}
    origin = {"kind": "test", "channel": "C1", "asker": asker, "given": {}}
    request = await acknowledged(tmp_path, world, acked_at=now(), origin=origin)
    async with rig(tmp_path, world) as bench:
        await bench.until(lambda: bool(bench.surface.stored))
        assert "You may not" in bench.surface.stored[-1].document.headline
        assert await state(bench, request) is State.REFUSED
        rows = await bench.store.read(lambda db: audit.search(db, limit=100))
        assert "denied" in {str(row.kind) for row in rows}
    assert world.log == []
