"""What can come between words and outcome: strangers, locks, clocks, changes of mind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import UsageError
from bot.clock import now
from bot.config import FreezeConfig
from bot.context import Asker
from bot.engine import Incoming, Press
from bot.errors import Refused
from bot.store import requests, sticky_locks
from bot.store.requests import State

from .conftest import ADMIN, VIEWER, Rig
from .test_changes import buttons, ended, kinds, press, state

PLACE = {"kind": "test", "channel": "C1"}


async def unknown(rig: Rig, words: str, who: Any) -> Any:
    """A command of somebody whose groups and status are still being fetched."""
    stranger = replace(who, groups=(), name="?")
    incoming = Incoming("cold", words, stranger, PLACE, now(), known=False)
    admission = await rig.engine.admit(incoming)
    return admission, await rig.engine.proceed(admission, who)


async def test_a_stranger_is_authorized_right_after_the_acknowledgement(bench: Rig) -> None:
    admission, answer = await unknown(bench, "size web 3", VIEWER)
    assert answer.exit_code == 3
    assert await state(bench, admission.request) is State.REFUSED
    assert await kinds(bench) == ["intent", "denied"]
    assert bench.world.log == []


async def test_somebody_who_turns_out_to_be_allowed_goes_on(bench: Rig) -> None:
    admission, answer = await unknown(bench, "size web 3", ADMIN)
    assert answer is None
    assert await ended(bench, admission.request) is State.DONE


@pytest.mark.parametrize(("who", "outcome"), [(ADMIN, State.DONE), (VIEWER, State.WAITING)])
async def test_a_press_of_a_stranger_is_settled_after_the_acknowledgement(
    bench: Rig, who: Any, outcome: State
) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    made = Press("p", buttons(bench)["confirm"].token, who, PLACE, now(), known=False)
    pressed = await bench.engine.press(made)
    assert await state(bench, admission.request) is State.WAITING
    answer = await bench.engine.proceed(pressed, who)
    if outcome is State.DONE:
        assert await ended(bench, admission.request) is State.DONE
    else:
        assert answer.exit_code == 3
        assert await state(bench, admission.request) is State.WAITING


async def test_a_person_s_lock_stops_others_and_says_why(bench: Rig) -> None:
    held = sticky_locks.StickyLock(
        "lab/shop", "lab", "slack:T1/UBOB", "bob", "database migration", now()
    )
    await bench.store.write(lambda db: sticky_locks.lock(db, held))
    admission, answer = await bench.ask("size web 3")
    assert "locked by bob" in answer.document.headline
    assert "Database migration." in str(answer.document)
    assert await state(bench, admission.request) is State.REFUSED
    assert bench.world.log == []


async def test_who_is_in_the_way_is_called_by_name(bench: Rig) -> None:
    cleo = Asker("slack:T1/UCLEO", "slack:T1/UCLEO", "Cleo")  # whom the configuration does not know
    bench.settings["admins"].append(cleo.actor)
    bench.world.gate.clear()
    first, _ = await bench.ask("size web 3", cleo)
    await bench.until(lambda: bench.world.log == ["first"])
    _, answer = await bench.ask("size web 4")
    assert "Cleo has been at it" in str(answer.document)
    held = sticky_locks.StickyLock("lab/shop", "lab", cleo.actor, cleo.person, "migration", now())
    await bench.store.write(lambda db: sticky_locks.lock(db, held))
    _, answer = await bench.ask("size other 4")
    assert answer.document.headline == "lab/shop is locked by Cleo"
    bench.world.gate.set()
    assert await ended(bench, first.request) is State.DONE


async def test_the_holder_of_a_lock_may_act(bench: Rig) -> None:
    held = sticky_locks.StickyLock("lab/shop", "lab", ADMIN.actor, ADMIN.person, "mine", now())
    await bench.store.write(lambda db: sticky_locks.lock(db, held))
    admission, _ = await bench.ask("size web 3")
    assert await ended(bench, admission.request) is State.DONE


async def test_one_s_own_older_lock_does_not_hide_somebody_else_s(bench: Rig) -> None:
    own = sticky_locks.StickyLock("lab/shop/web", "lab", ADMIN.actor, ADMIN.person, "mine", now())
    other = sticky_locks.StickyLock("lab", "lab", "slack:T1/UBOB", "bob", "power cut", now() + 1)
    await bench.store.write(lambda db: sticky_locks.lock(db, own))
    await bench.store.write(lambda db: sticky_locks.lock(db, other))
    admission, answer = await bench.ask("size web 3")
    assert "locked by bob" in answer.document.headline
    assert await state(bench, admission.request) is State.REFUSED


@pytest.mark.parametrize("target", ["", "lab", "lab/shop", "lab/shop/web"])
async def test_a_freeze_stops_everybody_and_says_until_when(bench: Rig, target: str) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    freeze = FreezeConfig(start=start, end=start + timedelta(days=1), reason="audit", target=target)
    bench.settings["freezes"] = [freeze]
    admission, answer = await bench.ask("size web 3")
    assert "frozen until" in answer.document.headline
    assert await state(bench, admission.request) is State.REFUSED


async def test_the_policy_raises_what_a_change_needs(bench: Rig) -> None:
    bench.settings["policy"] = {"size": "confirm"}
    admission, _ = await bench.ask("size web 3")
    assert await state(bench, admission.request) is State.WAITING
    bench.settings["policy"] = {"size": "run"}
    bench.world.size = 5
    lighter, _ = await bench.ask("size shop 2")
    assert await state(bench, lighter.request) is State.WAITING


async def test_nothing_to_do_ends_at_once(bench: Rig) -> None:
    admission, answer = await bench.ask("size web 1")
    assert answer.data == {"summary": "Size web from 1 to 1", "changed": False}
    assert await state(bench, admission.request) is State.DONE
    assert bench.world.log == []


async def test_a_plan_that_cannot_be_made_refuses(bench: Rig) -> None:
    bench.world.plan_error = UsageError("There is no web", hint="Look with `look`")
    admission, answer = await bench.ask("size web 3")
    assert answer.exit_code == 2
    assert answer.document.headline == "There is no web"
    assert await state(bench, admission.request) is State.REFUSED


async def test_an_unforeseen_error_gives_a_reference_and_no_details(bench: Rig) -> None:
    bench.world.plan_error = ZeroDivisionError("secret-token-xyz")
    _, answer = await bench.ask("size web 3")
    assert "reference" in str(answer.document)
    assert "secret-token-xyz" not in str(answer.document)


async def test_a_result_that_says_no_is_a_failure(bench: Rig) -> None:
    bench.world.ok = False
    admission, _ = await bench.ask("size web 3")
    assert await ended(bench, admission.request) is State.FAILED
    assert bench.surface.ended[admission.request.id][1] == 1


async def test_an_operation_that_takes_too_long_ends_and_says_so(bench: Rig) -> None:
    bench.world.gate.clear()
    admission, _ = await bench.ask("slow web 3")
    assert await ended(bench, admission.request) is State.FAILED
    assert "longer than" in str(bench.surface.stored[-1].document)


async def test_a_question_expires(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    bench.skew += 901_000_000
    await bench.engine.sweep()
    assert await ended(bench, admission.request) is State.EXPIRED
    late, _ = await press(bench, _waiting_token(bench))
    assert late.reply is not None
    assert bench.world.log == []


async def test_an_answer_is_not_overtaken_by_the_question_s_end(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    pressed = await bench.engine.press(Press("p", token, ADMIN, PLACE, now()))
    bench.skew += 930_000_000
    await bench.engine.sweep()
    assert await state(bench, admission.request) is State.PLANNING
    assert await bench.engine.proceed(pressed) is None
    assert await ended(bench, admission.request) is State.DONE


async def test_an_answer_that_was_never_carried_out_does_not_keep_its_question_open(
    bench: Rig,
) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    await bench.engine.press(Press("p", token, ADMIN, PLACE, now()))
    bench.skew += 1_000_000_000
    await bench.engine.sweep()
    assert await ended(bench, admission.request) is State.EXPIRED
    assert bench.world.log == []


async def test_a_press_whose_acknowledgement_failed_has_not_happened(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    await bench.engine.lost(await bench.engine.press(Press("p", token, ADMIN, PLACE, now())))
    assert await state(bench, admission.request) is State.WAITING
    await press(bench, token)
    assert await ended(bench, admission.request) is State.DONE


async def test_a_fault_while_an_answer_is_carried_out_leaves_the_question_open(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    await bench.store.write(
        lambda db: requests.transition(
            db, admission.request.id, State.WAITING, expect={State.WAITING}, params={"no": 1}
        )
    )
    _, answer = await press(bench, token)
    assert "does not know that command" in answer.document.headline
    assert await state(bench, admission.request) is State.WAITING
    await press(bench, buttons(bench)["dismiss"].token)
    assert await ended(bench, admission.request) is State.CANCELLED


async def test_a_question_that_was_closed_meanwhile_is_not_answered(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    token = buttons(bench)["confirm"].token
    await bench.engine.cancel(admission.request.id, ADMIN)
    late, _ = await press(bench, token)
    assert "no longer waiting" in late.reply.headline
    assert await kinds(bench) == ["intent", "cancel", "outcome"]
    assert bench.world.log == []


async def test_a_fresh_question_stays(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    await bench.engine.sweep()
    assert await state(bench, admission.request) is State.WAITING


async def test_cancelling_what_waits_closes_it(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    await bench.engine.cancel(admission.request.id, ADMIN)
    assert await ended(bench, admission.request) is State.CANCELLED


async def test_cancelling_what_is_unknown_or_over_says_so(bench: Rig) -> None:
    with pytest.raises(Refused, match="no job"):
        await bench.engine.cancel("nothing", ADMIN)
    admission, _ = await bench.ask("size web 3")
    await ended(bench, admission.request)
    with pytest.raises(Refused, match="ended"):
        await bench.engine.cancel(admission.request.id, ADMIN)


async def test_the_cancel_button_of_a_running_operation(bench: Rig) -> None:
    bench.world.gate.clear()
    admission, _ = await bench.ask("size web 3")
    await bench.until(lambda: bool(bench.surface.stored) and "cancel" in buttons(bench))
    _, answer = await press(bench, buttons(bench)["cancel"].token)
    assert "stops" in answer.document.headline
    assert await ended(bench, admission.request) is State.CANCELLED


@pytest.mark.parametrize("token", ["", "no-such-token"])
async def test_an_unknown_button_does_nothing(bench: Rig, token: str) -> None:
    admission, _ = await press(bench, token)
    assert "not known" in str(admission.reply)


async def test_help_is_an_answer_not_a_change(bench: Rig) -> None:
    admission, _ = await bench.ask("size --help")
    assert admission.exit_code == 0
    assert "Size a thing" in str(admission.reply)
    assert await kinds(bench) == []


async def test_a_stopping_bot_takes_nothing_new_and_lets_the_rest_end(bench: Rig) -> None:
    bench.world.gate.clear()
    first, _ = await bench.ask("size web 3")
    await bench.until(lambda: bench.world.log == ["first"])
    assert not await bench.engine.drain(0.05)
    late, _ = await bench.ask("size shop 3")
    assert "stopping" in str(late.reply)
    pressed, _ = await press(bench, "any")
    assert "stopping" in str(pressed.reply)
    bench.world.gate.set()
    assert await bench.engine.drain(10)
    assert await state(bench, first.request) is State.DONE


def _waiting_token(rig: Rig) -> str:
    from bot.render.document import Actions

    return next(
        b.token
        for notice in rig.surface.stored
        for e in notice.document.elements
        if isinstance(e, Actions)
        for b in e.buttons
        if b.act == "confirm"
    )


async def test_requests_keep_who_confirmed(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    await press(bench, buttons(bench)["confirm"].token)
    await ended(bench, admission.request)
    found = await bench.store.read(lambda db: requests.get(db, admission.request.id))
    assert found is not None
    assert found.confirmed_by == ADMIN.actor


async def test_a_cancel_is_in_the_audit_log(bench: Rig) -> None:
    bench.world.size = 5
    admission, _ = await bench.ask("size web 3")
    await bench.engine.cancel(admission.request.id, ADMIN)
    await ended(bench, admission.request)
    assert "cancel" in await kinds(bench)


async def test_what_waits_for_its_turn_says_so_and_other_clusters_do_not_wait(bench: Rig) -> None:
    bench.world.gate.clear()
    held = [(await bench.ask(f"size web{n} 3"))[0].request for n in range(17)]
    await bench.until(lambda: bench.world.log.count("first") == 16)
    await bench.until(
        lambda: any("waits for its turn" in str(n.document) for n in bench.surface.stored)
    )
    elsewhere, _ = await bench.ask("size web 3 --cluster=far")
    await bench.until(lambda: bench.world.log.count("first") == 17)
    bench.world.gate.set()
    for request in (*held, elsewhere.request):
        assert await ended(bench, request) is State.DONE
