"""What Alertmanager knows and we do not: refused, left out or lost on the way."""

from __future__ import annotations

from dataclasses import replace

from bot.store import alerts
from tests.bot.alerts.test_watching import MINUTE, Watch, watch

__all__ = ["watch"]


async def test_what_fires_unheard_is_taken_in(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(2)
    answers = watch.server.receiver
    watch.server.receiver = type(answers)("http://127.0.0.1:9/lost", name=answers.name)
    await watch.fire(pod="b")
    await watch.look(10)
    assert [one.firing for one in await watch.standing()] == [1], "it may still be told"
    await watch.look(8)
    assert [one.firing for one in await watch.standing()] == [2]


async def test_a_group_that_was_never_told_becomes_one_episode(watch: Watch) -> None:
    await watch.fire(pod="a")
    await watch.look(2)
    answers = watch.server.receiver
    watch.server.receiver = type(answers)("http://127.0.0.1:9/lost", name=answers.name)
    await watch.fire(minutes=0, pod="a")
    await watch.fire(alertname="Other")
    await watch.fire(alertname="Watchdog")
    await watch.look(20)
    (one,) = await watch.standing()
    assert "Other" in one.title
    watch.server.receiver = answers
    await watch.look(6)
    (again,) = await watch.standing()
    assert again.id == one.id, "it goes on under the key that is told at last"
    assert again.group_key != one.group_key
    await watch.fire(minutes=0, alertname="Other")
    await watch.look(3)
    assert await watch.standing() == []


async def test_what_a_silence_holds_back_is_not_taken_in(watch: Watch) -> None:
    from integrations.alertmanager import Matcher

    await watch.fire(pod="a")
    await watch.look(2)
    server = watch.around.clusters("main").alertmanager
    assert server is not None
    start = watch.clock.now
    await server.silence(
        (Matcher("alertname", "Other"),),
        starts=start,
        ends=start + 600 * MINUTE,
        created_by="ann",
        comment="known",
    )
    await watch.fire(alertname="Other")
    await watch.look(20)
    assert [one.firing for one in await watch.standing()] == [1]


async def test_a_group_that_left_alerts_out_is_not_over_while_they_fire(watch: Watch) -> None:
    answers = watch.server.receiver
    watch.server.receiver = replace(answers, max_alerts=1)
    await watch.fire(pod="a")
    await watch.fire(pod="b")
    await watch.look(3)
    (one,) = await watch.standing()
    assert (one.firing, one.truncated) == (1, 1)
    (row,) = await watch.store.read(lambda db: alerts.alerts_of(db, one.id))
    await watch.fire(minutes=0, pod=row.labels["pod"])
    await watch.look(4)
    (left,) = await watch.standing()
    assert (left.id, left.firing) == (one.id, 1)
