"""Threads of conditions: opened once, edited, answered for news, closed; on a real store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.alerts import Act, Condition, Findings, Item
from bot.alerts.threads import QUIET, Threads
from bot.render import terminal
from bot.render.document import Actions, Document
from bot.store import alert_threads, backup, messages, offers
from bot.store.db import Store
from tests.bot.alerts.conftest import START, Clock, Room

MINUTE = 60_000_000
DAY = 86_400_000_000
SOURCE = "velero/main"


STORE = Condition(
    "location/default",
    "Storage default is away",
    START - 5 * MINUTE,
    why=(("the store cannot be reached",),),
    todo=("Start it.",),
    acts=(
        Act("Status", "status"),
        Act("Log", "backup logs b-1"),
        Act("Fly", "fly away"),
        Act("Prefix", "backup logsmith"),
    ),
)


async def hold(threads: Threads, *conditions: Condition, **rest: Any) -> None:
    await threads.hold(SOURCE, Findings(conditions, **rest), cluster="main")


async def test_a_condition_is_told_once_and_closed_with_its_duration(
    threads: Threads, room: Room, clock: Clock
) -> None:
    for _ in range(3):
        await hold(threads, STORE)
        clock.now += MINUTE
    assert len(room.edits) == 1
    assert "Storage default is away" in room.edits[0]
    assert "What to do: Start it." in room.edits[0]
    clock.now = STORE.since + 125 * MINUTE
    await hold(threads, well={"location/default": ("The store answers.",)})
    await hold(threads)
    (key,) = room.roots
    assert len(room.edits) == 2
    assert "Over: Storage default is away" in room.edits[1]
    assert "2 h" in room.edits[1]
    assert [(to, terminal.plain(d).strip()) for to, d in room.replies] == [
        (key, "Over after 2 h. The store answers.")
    ]
    assert await threads.standing() == []


async def test_nothing_is_written_when_nothing_is_new(
    threads: Threads, room: Room, clock: Clock
) -> None:
    await hold(threads, STORE)
    awake = room.awake
    clock.now += MINUTE
    await hold(threads, STORE)
    (thread,) = await threads.standing()
    assert (thread.changed_at, room.awake) == (START, awake)


async def test_only_registered_commands_are_offered(threads: Threads, room: Room) -> None:
    await hold(threads, STORE)
    (document,) = next(iter(room.roots.values()))
    (actions,) = [e for e in document.elements if isinstance(e, Actions)]
    assert [b.command for b in actions.buttons] == ["status", "backup logs b-1"]
    assert "/onprem backup logs b-1" in room.edits[0]
    assert "fly away" not in room.edits[0]


async def test_a_button_is_the_same_after_an_edit_and_known_after_a_restart(
    threads: Threads, room: Room, store: Store
) -> None:
    await hold(threads, STORE)
    await hold(threads, replace(STORE, title="Storage default is still away"))
    first, second = next(iter(room.roots.values()))
    token = tokens(first)[1]
    assert tokens(second) == tokens(first)
    assert await store.read(lambda db: offers.get(db, token)) == "backup logs b-1"


def tokens(document: Document) -> list[str]:
    return [b.token for e in document.elements if isinstance(e, Actions) for b in e.buttons]


async def test_new_items_are_answers_and_repeats_are_silent(threads: Threads, room: Room) -> None:
    one = Item("1", ("backup b-1 failed",), ("b-1 is gone",))
    two = Item("2", ("backup b-2 failed",))
    failed = Condition("failed", "Backups of shop fail", START, items=(one,))
    await hold(threads, failed)
    assert room.answers == []
    await hold(threads, replace(failed, items=(one, two)))
    await hold(threads, replace(failed, items=(one, two)))
    assert [a.strip() for a in room.answers] == ["• backup b-2 failed"]
    assert "b-1 failed" in room.edits[-1]
    assert "b-2 failed" in room.edits[-1]
    await hold(threads, replace(failed, items=(two,)))
    await hold(threads, replace(failed, items=()))  # its going is not worth a word
    assert [a.strip() for a in room.answers[1:]] == ["• b-1 is gone"]


async def test_an_unsure_look_leaves_a_thread_as_it_is(threads: Threads, room: Room) -> None:
    await hold(threads, STORE)
    await hold(threads, unsure=frozenset({STORE.key}))
    assert len(await threads.standing()) == 1
    assert len(room.edits) == 1


async def test_another_source_is_not_concerned(threads: Threads) -> None:
    await hold(threads, STORE)
    await threads.hold("velero/main2", Findings())
    await threads.hold("velero/mai", Findings())
    assert len(await threads.standing()) == 1
    assert await threads.standing("velero/mai") == []


async def test_what_comes_back_soon_goes_on_in_its_thread(
    threads: Threads, room: Room, clock: Clock
) -> None:
    await hold(threads, STORE)
    clock.now += MINUTE
    await hold(threads)
    clock.now += QUIET
    await hold(threads, replace(STORE, since=clock.now))
    assert len(room.roots) == 1
    assert "It is back" in room.answers[-1]
    assert "Over" not in room.edits[-1]
    clock.now += MINUTE
    await hold(threads)
    clock.now += QUIET + 1
    await hold(threads, replace(STORE, since=clock.now))
    assert len(room.roots) == 2


async def test_a_restart_tells_nothing_twice_and_still_closes(
    threads: Threads, room: Room, store: Store, clock: Clock
) -> None:
    await hold(threads, STORE)
    after = Threads(store, room, clock, lambda: "/onprem ", ("status", "backup logs"))
    clock.now += MINUTE
    await hold(after, replace(STORE, since=clock.now))  # it does not know any more since when
    assert len(room.edits) == 1
    clock.now += 4 * MINUTE
    await hold(after)
    assert "Over after 10 min" in room.answers[-1]


async def test_without_a_channel_conditions_are_kept_and_told_when_there_is_one(
    threads: Threads, room: Room
) -> None:
    room.configured = False
    await hold(threads, STORE)
    assert room.edits == []
    assert [t.title for t in await threads.standing()] == [STORE.title]
    room.configured = True
    await hold(threads, STORE)
    assert len(room.edits) == 1


async def test_a_bot_without_slack_keeps_them_too(store: Store, clock: Clock) -> None:
    threads = Threads(store, None, clock, lambda: "", ())
    await hold(threads, STORE)
    await hold(threads)
    assert await threads.standing() == []


async def test_many_items_do_not_flood_the_message(threads: Threads, room: Room) -> None:
    items = tuple(Item(str(n), (f"backup b-{n:03}",)) for n in range(300))
    await hold(threads, Condition("failed", "Backups fail", START, items=items))
    assert "292 more" in room.edits[0]
    assert "b-299" in room.edits[0]
    assert "b-100" not in room.edits[0]


async def test_pruning_leaves_what_an_open_thread_needs(
    threads: Threads, room: Room, store: Store, clock: Clock
) -> None:
    await hold(threads, STORE, replace(STORE, key="other"))
    await hold(threads, STORE)
    for key in room.roots:
        handle = messages.Handle(key, "T1", "C1", "1.1", START)
        await store.write(lambda db, h=handle: messages.put(db, h))
    clock.now += 91 * DAY
    await store.write(lambda db: backup.prune(db, clock.now))
    (thread,) = await threads.standing()
    kept = await store.read(
        lambda db: [
            (alert_threads.get(db, k) is not None, messages.get(db, k) is not None)
            for k in sorted(room.roots, key=lambda k: k != thread.message_key)
        ]
    )
    assert kept == [(True, True), (False, False)]
    token = tokens(room.roots[thread.message_key][0])[0]
    assert await store.read(lambda db: offers.get(db, token)) == "status"
