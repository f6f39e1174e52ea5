"""The life of a change, from words to the audit log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.clock import now
from bot.engine import Press
from bot.render.document import Actions, Button
from bot.store import audit, locks, requests, verify
from bot.store.requests import Request, State

from .conftest import ADMIN, VIEWER, Rig


def buttons(rig: Rig) -> dict[str, Button]:
    newest = rig.surface.stored[-1].document
    return {b.act: b for e in newest.elements if isinstance(e, Actions) for b in e.buttons}


async def state(rig: Rig, request: Request) -> State:
    found = await rig.store.read(lambda db: requests.get(db, request.id))
    assert found is not None
    return found.state


async def ended(rig: Rig, request: Request) -> State:
    await rig.until(lambda: request.id in rig.surface.ended)
    return await state(rig, request)


async def press(rig: Rig, token: str, who: Any = ADMIN, typed: str = "") -> Any:
    made = Press(
        f"press-{token}-{typed}", token, who, {"kind": "test", "channel": "C1"}, now(), typed=typed
    )
    admission = await rig.engine.press(made)
    if admission.reply is not None or admission.ask_typed:
        return admission, None
    return admission, await rig.engine.proceed(admission)


async def kinds(rig: Rig) -> list[str]:
    rows = await rig.store.read(lambda db: audit.search(db, limit=100))
    return [str(row.kind) for row in reversed(rows)]


async def test_a_light_change_runs_at_once_and_is_audited(bench: Rig) -> None:
    admission, answer = await bench.ask("size web 3")
    assert answer is None
    assert await ended(bench, admission.request) is State.DONE
    assert bench.world.size == 3
    assert bench.world.log == ["first", "second"]
    assert bench.surface.stored[-1].final
    assert bench.surface.stored[-1].document.headline == "size is 3"
    assert await kinds(bench) == ["intent", "plan", "outcome"]
    assert (await bench.store.read(lambda db: verify.verify(db, bench.store.audit.key))).ok
    assert await bench.store.read(locks.held) == []


async def test_the_intent_is_durable_before_the_acknowledgement(bench: Rig) -> None:
    from bot.engine import Incoming

    admission = await bench.engine.admit(
        Incoming("k", "size web 3", ADMIN, {"kind": "test", "channel": "C1"}, now())
    )
    assert await state(bench, admission.request) is State.RECEIVED
    assert bench.world.log == []
    await bench.engine.lost(admission)
    assert await state(bench, admission.request) is State.LOST
    assert bench.world.log == []
    assert "Not run" in bench.surface.stored[-1].document.headline
    assert await bench.engine.proceed(admission) is None
    assert bench.world.log == []


async def test_a_redelivery_is_dropped(bench: Rig) -> None:
    first, _ = await bench.ask("size web 3", key="same")
    second, _ = await bench.ask("size web 3", key="same")
    assert second.duplicate
    await ended(bench, first.request)
    assert bench.world.log == ["first", "second"]


@pytest.mark.parametrize("words", ["size web", "size web two", "size web -1", "sise web 3", ""])
async def test_bad_words_end_before_anything(bench: Rig, words: str) -> None:
    admission, _ = await bench.ask(words)
    assert admission.exit_code == 2
    assert admission.request is None
    assert await kinds(bench) == []


async def test_a_denial_names_the_role_and_is_audited(bench: Rig) -> None:
    admission, _ = await bench.ask("size web 3", VIEWER)
    assert admission.exit_code == 3
    assert "operator" in str(admission.reply)
    assert await kinds(bench) == ["denied"]
    assert bench.world.log == []


async def test_a_read_answers_privately_and_leaves_no_intent(bench: Rig) -> None:
    _, answer = await bench.ask("look")
    assert answer.data == {"size": 1, "ok": True}
    assert await kinds(bench) == []


async def test_dry_run_stops_after_the_plan(bench: Rig) -> None:
    _, answer = await bench.ask("size web 3 --dry-run")
    assert answer.data["facts"] == {"before": 1, "after": 3}
    assert bench.world.log == []


async def test_a_heavier_change_waits_for_a_click(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    assert await state(bench, admission.request) is State.WAITING
    assert bench.world.log == []
    await press(bench, buttons(bench)["confirm"].token)
    assert await ended(bench, admission.request) is State.DONE
    assert bench.world.size == 3


async def test_a_viewer_cannot_decide_and_does_not_use_the_button_up(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    denied, _ = await press(bench, token, VIEWER)
    assert denied.exit_code == 3
    assert await state(bench, admission.request) is State.WAITING
    await press(bench, token)
    assert await ended(bench, admission.request) is State.DONE


async def test_a_button_works_once(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    await press(bench, token)
    again, _ = await press(bench, token)
    assert again.reply is not None
    await ended(bench, admission.request)
    assert bench.world.log == ["first", "second"]


async def test_a_plan_that_moved_is_refused_with_the_difference(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    bench.world.size = 7
    await press(bench, buttons(bench)["confirm"].token)
    assert await ended(bench, admission.request) is State.REFUSED
    assert "7 → 3" in str(bench.surface.stored[-1].document)
    assert bench.world.log == []


async def test_a_name_must_be_typed(bench: Rig) -> None:
    admission, _ = await bench.ask("size web 0")
    token = buttons(bench)["type"].token
    asked, _ = await press(bench, token)
    assert asked.ask_typed == "web"
    wrong, _ = await press(bench, token, typed="wbe")
    assert wrong.reply is not None
    assert await state(bench, admission.request) is State.WAITING
    await press(bench, token, typed="web")
    assert await ended(bench, admission.request) is State.DONE


async def test_the_name_may_come_with_the_command(bench: Rig) -> None:
    admission, _ = await bench.ask("size web 0 --confirm web")
    assert await ended(bench, admission.request) is State.DONE


async def test_leaving_it_closes_the_question(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    await press(bench, buttons(bench)["dismiss"].token)
    assert await ended(bench, admission.request) is State.CANCELLED
    assert not any(isinstance(e, Actions) for e in bench.surface.stored[-1].document.elements)


async def test_a_busy_target_says_who_and_since_when(bench: Rig) -> None:
    bench.world.gate.clear()
    first, _ = await bench.ask("size web 3")
    await bench.until(lambda: bench.world.log == ["first"])
    second, answer = await bench.ask("size web 4")
    assert "busy" in answer.document.headline
    assert "ada" in str(answer.document).lower()
    assert await state(bench, second.request) is State.REFUSED
    bench.world.gate.set()
    assert await ended(bench, first.request) is State.DONE


async def test_cancel_stops_before_the_next_step_and_says_what_was_done(bench: Rig) -> None:
    bench.world.gate.clear()
    admission, _ = await bench.ask("size web 3")
    await bench.until(lambda: bench.world.log == ["first"])
    await bench.engine.cancel(admission.request.id, ADMIN)
    assert await ended(bench, admission.request) is State.CANCELLED
    assert bench.world.log == ["first"]
    assert "Ada" in str(bench.surface.stored[-1].document)


async def test_a_failed_step_ends_it_and_frees_the_target(bench: Rig) -> None:
    bench.world.fail = True
    admission, _ = await bench.ask("size web 3")
    assert await ended(bench, admission.request) is State.FAILED
    assert bench.surface.stored[-1].document.headline == "It broke"
    assert await bench.store.read(locks.held) == []


async def test_many_at_once_each_run_exactly_once(bench: Rig) -> None:
    bench.world.gate.clear()  # a plan made after the first has ended would find nothing to do
    asked = await asyncio.gather(*(bench.ask(f"size web{n} 3") for n in range(40)))
    bench.world.gate.set()
    for admission, _ in asked:
        await bench.until(lambda a=admission: a.request.id in bench.surface.ended)
    states = [await state(bench, admission.request) for admission, _ in asked]
    assert set(states) <= {State.DONE}
