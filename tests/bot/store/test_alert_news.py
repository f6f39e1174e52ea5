"""What is asked of the alerts' tables again and again, also in a storm that lasts for days."""

from __future__ import annotations

from typing import Any

from bot.store import alert_acts, alert_news, alerts, storms
from bot.store.alerts import AlertRow
from bot.store.db import Store
from bot.store.storms import Folded, Storm
from tests.bot.store.test_alert_acts import NOW, episode


async def test_a_storm_knows_what_fires_and_of_what_is_over_the_numbers(store: Store) -> None:
    def work(db: Any) -> tuple[Folded, Folded]:
        storms.put(db, Storm("storm/x", "", NOW, NOW, None, None, 1, 0))
        empty = storms.folded(db, "storm/x")
        folded = {"message_key": "", "storm": "storm/x"}
        alerts.put(db, episode("a", firing=1, total=4, **folded))
        alerts.put(db, episode("b", firing=3, total=3, opened_at=NOW - 9, **folded))
        for name, at, state in (("c", 5, "resolved"), ("d", 7, "lost")):
            over = {"closed_at": NOW + at, "state": state, "firing": 0}
            alerts.put(db, episode(name, **over, **folded))
        alerts.put(db, episode("e", closed_at=NOW + 99))
        return empty, storms.folded(db, "storm/x")

    empty, found = await store.write(work)
    assert empty == Folded(())
    assert [one.id for one in found.open] == ["b", "a"]
    assert (found.over, found.lost, found.alerts) == (2, 1, 11)
    assert (found.opened_at, found.closed_at) == (NOW - 9, NOW + 7)


async def test_what_is_to_be_told_is_told_once(store: Store) -> None:
    def work(db: Any) -> list[tuple[str, bool]]:
        alerts.put(db, episode("told"))
        alerts.put(db, episode("behind", revision=2, changed_at=NOW + 2))
        alerts.put(db, episode("unanswered", changed_at=NOW + 1))
        alerts.put(db, episode("muted", message_key="", muted="maintenance"))
        alerts.put(db, episode("new", message_key="", shown=0, changed_at=NOW + 3))
        for name in ("behind", "unanswered", "muted", "new"):
            row = AlertRow(name, "f", "firing", {}, {}, 0, NOW, None, "", NOW, NOW, "", None)
            alerts.put_alerts(db, [row])
        return alert_news.untold(db, 10)

    found = await store.write(work)
    assert found == [("new", True), ("unanswered", False), ("behind", False)]


async def test_what_is_over_costs_a_round_nothing(store: Store) -> None:
    def plans(db: Any) -> list[str]:
        asked: list[str] = []
        db.conn.set_trace_callback(asked.append)
        alert_news.untold(db, 50)
        alert_news.unplaced(db)
        alert_news.rooted(db)
        alert_news.bare(db, NOW)
        storms.folded(db, "storm/x")
        alert_acts.unescalate(db, "storm/x")
        db.conn.set_trace_callback(None)
        found = [db.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in asked]
        return [row[3] for rows in found for row in rows]

    steps = await store.write(plans)
    assert "SCAN episodes" not in steps
    assert not [s for s in steps if "episodes_message" in s and "message_key=?" in s]
