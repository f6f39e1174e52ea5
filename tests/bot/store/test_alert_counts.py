"""How many groups of alerts stand where, and of which the chat has not heard."""

from __future__ import annotations

from typing import Any

from bot.store import alert_acts, alert_counts, alerts, messages
from bot.store.alert_counts import Untold
from bot.store.alerts import AlertRow
from bot.store.db import Store
from tests.bot.store.test_alert_acts import NOW, episode, silencing

MINUTE = 60_000_000


def posted(db: Any, *keys: str) -> None:
    for key in keys:
        messages.put(db, messages.Handle(key, "T1", "C1", f"1.{key}", NOW))


def fires(db: Any, name: str, at: int, status: str = "firing") -> None:
    row = AlertRow(name, f"{name}{at}", status, {}, {}, 0, at, None, "", at, at, "", None)
    alerts.put_alerts(db, [row])


async def untold(store: Store) -> Untold:
    return await store.read(alert_counts.untold)


async def test_what_fires_is_counted_by_what_became_of_it(store: Store) -> None:
    def work(db: Any) -> None:
        for name, changes in (
            ("a", {}),
            ("b", {}),
            ("c", {"owner": "slack:T1/U1"}),
            ("d", {"owner": "slack:T1/U1"}),
            ("e", {"muted": "maintenance until noon"}),
            ("f", {"severity": "warning", "cluster": "spare"}),
            ("g", {"closed_at": NOW, "state": "resolved"}),
            ("h", {"firing": 3}),
        ):
            alerts.put(db, episode(name, **changes))
        alert_acts.put(db, silencing("s1", "d"))
        alert_acts.put(db, silencing("s1", "h"))  # one of three still fires aloud
        alert_acts.put(db, silencing("s2", "a", ended_at=NOW))

    await store.write(work)
    assert await store.read(alert_counts.standing) == {
        ("main", "critical", "waiting"): 3,
        ("main", "critical", "taken"): 1,
        ("main", "critical", "silenced"): 1,
        ("main", "critical", "muted"): 1,
        ("spare", "warning", "waiting"): 1,
    }


async def test_what_stands_in_the_chat_is_told(store: Store) -> None:
    def work(db: Any) -> None:
        alerts.put(db, episode("rooted"))
        alerts.put(db, episode("summed", message_key="", storm="storm/x"))
        alerts.put(db, episode("muted", message_key="", muted="maintenance"))
        alerts.put(db, episode("over", message_key="", closed_at=NOW))
        posted(db, "episode/rooted", "storm/x")

    await store.write(work)
    assert await untold(store) == Untold(0, None)


async def test_what_has_no_message_waits_since_its_oldest_alert_that_fires(store: Store) -> None:
    def work(db: Any) -> None:
        alerts.put(db, episode("new", message_key="", revision=1, shown=0, changed_at=NOW))
        fires(db, "new", NOW - 9 * MINUTE, "resolved")
        fires(db, "new", NOW - 5 * MINUTE)
        fires(db, "new", NOW)

    await store.write(work)
    assert await untold(store) == Untold(1, NOW - 5 * MINUTE)


async def test_a_message_that_is_queued_or_refused_is_none_yet(store: Store) -> None:
    def work(db: Any) -> None:
        alerts.put(db, episode("queued"))
        fires(db, "queued", NOW - MINUTE)
        alerts.put(db, episode("summed", message_key="", storm="storm/x"))
        alerts.put(db, episode("nowhere", message_key=""))

    await store.write(work)
    assert await untold(store) == Untold(3, NOW - MINUTE)


async def test_a_message_that_is_behind_waits_since_the_last_change(store: Store) -> None:
    def work(db: Any) -> None:
        alerts.put(db, episode("behind", revision=3, shown=2, changed_at=NOW + MINUTE))
        fires(db, "behind", NOW - 50 * MINUTE)
        alerts.put(db, episode("over", revision=2, closed_at=NOW, changed_at=NOW + 2 * MINUTE))
        posted(db, "episode/behind", "episode/over")

    await store.write(work)
    assert await untold(store) == Untold(2, NOW + MINUTE)


async def test_a_message_that_somebody_deleted_is_to_be_told_again(store: Store) -> None:
    def work(db: Any) -> None:
        alerts.put(db, episode("gone"))
        posted(db, "episode/gone")
        messages.forget(db, "episode/gone")

    await store.write(work)
    assert (await untold(store)).groups == 1


async def test_only_open_rows_are_read(store: Store) -> None:
    def plans(db: Any) -> list[str]:
        statements: list[str] = []
        db.conn.set_trace_callback(statements.append)
        alert_counts.standing(db)
        alert_counts.untold(db)
        db.conn.set_trace_callback(None)
        asked = [db.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in statements]
        return [row[3] for rows in asked for row in rows]

    steps = await store.read(plans)
    assert any("episodes_untold" in step for step in steps)
    whole = [s for s in steps if s.startswith("SCAN") and "USING" not in s]
    assert not [s for s in whole if "subquery" not in s.lower()]
