"""Buttons below answers to reads: they run their command, as whoever presses them."""

from __future__ import annotations

from typing import Any

from bot.clock import now
from bot.context import Asker
from bot.engine import Press
from bot.engine.offers import MOST, Offers
from bot.render.document import Actions, Button, Document
from bot.store import offers

from .conftest import ADMIN, VIEWER, Rig


def tokens(document: Document) -> list[str]:
    return [b.token for e in document.elements if isinstance(e, Actions) for b in e.buttons]


async def press(rig: Rig, token: str, who: Asker) -> Any:
    return await rig.engine.press(Press(f"key-{who.person}", token, who, {"kind": "test"}, now()))


async def test_the_button_below_an_answer_runs_its_command(bench: Rig) -> None:
    _, answer = await bench.ask("look")
    (token,) = tokens(answer.document)
    admission = await press(bench, token, ADMIN)
    assert await bench.engine.proceed(admission) is None
    await bench.until(lambda: admission.request.id in bench.surface.ended)
    assert bench.world.size == 3


async def test_it_is_authorized_anew(bench: Rig) -> None:
    _, answer = await bench.ask("look")
    (token,) = tokens(answer.document)
    denied = await press(bench, token, VIEWER)
    assert denied.reply.headline == "You may not size"
    assert denied.exit_code == 3


async def test_what_comes_of_a_message_nobody_asked_for_is_told_in_its_thread(bench: Rig) -> None:
    token = await bench.store.write(lambda db: offers.put(db, "alert/1", "size web 3", now()))
    for before, thread in (({}, "7.1"), ({"thread": "6.1"}, "6.1")):
        origin = {"kind": "test", "message": "7.1", **before}
        admission = await bench.engine.press(Press(f"k{thread}", token, ADMIN, origin, now()))
        assert admission.request is not None
        assert admission.request.origin["thread"] == thread


async def test_an_unknown_button_says_what_to_do(bench: Rig) -> None:
    unknown = await press(bench, "of-an-earlier-process", ADMIN)
    assert unknown.reply.headline == "Nothing was done"
    assert "Ask again" in str(unknown.reply)


def test_a_button_that_asks_first_is_known_as_well() -> None:
    offers = Offers()
    asks = Button("Size …", "ask", command="size web 3")
    (token,) = tokens(offers.fill(Document.of(Actions((asks,)))))
    assert offers.get(token) == "size web 3"


def test_old_ones_are_forgotten() -> None:
    offers = Offers()
    document = Document.of(Actions((Button("Go", "run", command="look"),)))
    first = tokens(offers.fill(document))[0]
    for _ in range(MOST):
        last = tokens(offers.fill(document))[0]
    assert offers.get(first) is None
    assert offers.get(last) == "look"
