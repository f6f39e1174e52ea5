"""`changes`: the bot's own operations and those of others, in one list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes import changes, marks
from bot.errors import UsageError
from bot.render.document import Note, Table
from bot.store import outside_changes, requests
from bot.store.outside_changes import OutsideChange
from bot.store.requests import Request, State
from tests.commands.conftest import START, Office, text_of

MINUTE = 60_000_000
HOUR = 60 * MINUTE
CONFIGURED = START - 48 * HOUR


def operation(command: str, ago: int, summary: str, **more: Any) -> Request:
    at = START - ago
    made = Request(
        *(requests.new_id(lambda: at), f"{command}{at}", "slack:T1/ANN", "ann", command, at),
        cluster="main",
        namespace="parse",
        app="parse",
        state=State.DONE,
        started_at=at,
        finished_at=at + MINUTE,
        plan={"summary": summary},
    )
    return replace(made, **more)


def other(text: str, ago: int, **more: Any) -> OutsideChange:
    made = OutsideChange(
        *(START - ago, "main", "parse", "parse", "deployment/web", "scale", text, "kubectl")
    )
    return replace(made, **more)


async def fill(office: Office, *rows: Request | OutsideChange, watched: bool = True) -> None:
    def work(db: Any) -> None:
        for row in rows:
            if isinstance(row, Request):
                requests.insert(db, row)
            else:
                outside_changes.record(db, START, [row])
        if watched:
            outside_changes.remember(
                db, "main", "parse", CONFIGURED, kinds=["deployment"], seen=[], gone=[]
            )

    await office.store.write(work)


async def test_own_and_other_changes_stand_in_one_list_newest_first(office: Office) -> None:
    await fill(
        office,
        operation("deploy", 3 * HOUR, "Deploy parse 1.2"),
        other("deployment/web: scaled from 3 to 5", 2 * HOUR),
        operation("restart", HOUR, "Restart parse", state=State.FAILED),
        operation("role grant", HOUR, "Grant vic operator"),
    )
    found, document = await office.read("changes")
    assert [one.text for one in found.seen] == [
        "Restart parse (failed)",
        "deployment/web: scaled from 3 to 5",
        "Deploy parse 1.2",
    ]
    assert [one.outside for one in found.seen] == [False, True, False]
    table = next(e for e in document.elements if isinstance(e, Table))
    assert table.tones == ("plain", "warn", "plain")
    assert table.rows[1][2] == "kubectl (outside the bot)"
    assert table.rows[0][2] == "ann"
    assert document.headline == "3 changes: main, last 24 h (1 outside the bot)"
    assert not [e for e in document.elements if isinstance(e, Note)]


async def test_what_never_ran_is_no_change(office: Office) -> None:
    waiting = operation("deploy", HOUR, "Deploy", state=State.EXPIRED, started_at=None)
    await fill(office, waiting)
    found, document = await office.read("changes")
    assert found.seen == ()
    assert "nothing changed in this time" in text_of(document)


async def test_a_time_an_app_and_outside_only_narrow_it(office: Office) -> None:
    await fill(
        office,
        operation("deploy", 30 * HOUR, "Deploy long ago"),
        operation("scale", HOUR, "Scale it"),
        operation("scale", HOUR - 1, "Scale elsewhere", app="shop", namespace="shop"),
        other("web scaled", HOUR),
        other("api scaled", HOUR, app="shop", namespace="shop"),
        other("shared scaled", HOUR, app=""),
        other("by itself", HOUR, automatic=True, manager="kube-controller-manager"),
    )
    of_app, _ = await office.read("changes parse")
    assert {x.text for x in of_app.seen} == {"Scale it", "web scaled", "shared scaled", "by itself"}
    assert {x.text for x in (await office.read("changes --last 31h"))[0].seen} >= {
        "Deploy long ago"
    }
    outside, _ = await office.read("changes parse --outside")
    assert {x.text for x in outside.seen} == {"web scaled", "shared scaled", "by itself"}
    assert {x.by for x in outside.seen} == {"kubectl", "autoscaler"}
    nothing, _ = await office.read("changes --from 2h --to 90m")
    assert nothing.seen == ()
    with pytest.raises(UsageError, match="together"):
        await office.read("changes --last 2h --from 3h")


async def test_it_says_what_it_cannot_know(office: Office) -> None:
    _, document = await office.read("changes")
    assert "were not seen" in text_of(document)
    await fill(office)
    assert "known since" not in text_of((await office.read("changes"))[1])
    assert "known since" in text_of((await office.read("changes --last 7d"))[1])


async def test_more_than_a_screen_full_is_counted(office: Office) -> None:
    await fill(office, *(other(f"change {n}", HOUR + n) for n in range(60)))
    _, document = await office.read("changes parse")
    table = next(e for e in document.elements if isinstance(e, Table))
    assert len(table.rows) == 50
    assert "10 older changes not shown" in text_of(document)


async def test_marks_say_what_sort_of_change_it_was(office: Office) -> None:
    await fill(
        office,
        operation("rollback", 3 * HOUR, "Roll back"),
        operation("restore drill", 2 * HOUR, "Drill"),
        operation("uninstall", 2 * HOUR - 1, "Uninstall"),
        other("web scaled", HOUR),
        other("by itself", HOUR - 1, automatic=True),
    )
    seen = await changes(office.desk, cluster="main", since=START - 24 * HOUR, until=START)
    assert [mark.kind for mark in marks(seen)] == [
        *("rollback", "drill", "deploy", "outside", "scale")
    ]
    assert [mark.at for mark in marks(seen)] == sorted(one.at for one in seen)
    assert await changes(office.desk, cluster="other", since=0, until=START) == ()
