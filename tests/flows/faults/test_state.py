"""A state that cannot be written, or is in use: refused before anything acts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.flows.faults.test_cluster import namespace_of, told
from tests.kill.bots import Start
from tests.kill.cycles import picture
from tests.kill.practice import Practice


def test_a_locked_database_refuses_a_change_before_it_acts(
    world: Practice, start: Start, tmp_path: Path
) -> None:
    config = world.config(tmp_path, slack=None)
    bot = start(config).ready()
    path = tmp_path / "state" / "onprem.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ran = bot.ask("deploy", "parse")
        assert ran.edges == ()
        state, text = told(ran)
        assert state == "answered"
        assert "state database" in text
        assert "locked" in text or "busy" in text or "another program" in text
        other.execute("ROLLBACK")
    assert world.get(f"/api/v1/namespaces/{namespace_of(config)}") is None
    assert told(bot.ask("deploy", "parse"))[0] == "done"


def test_a_full_disk_refuses_a_change_before_it_acts(
    world: Practice, start: Start, tmp_path: Path
) -> None:
    config = world.config(tmp_path, slack=None)
    namespace = namespace_of(config)
    bot = start(config).ready()
    assert told(bot.ask("deploy", "parse"))[0] == "done"
    bot.limit(1)
    ran = bot.ask("deploy", "parse", "--version", "8.1.0")
    assert ran.edges == ()
    state, text = told(ran)
    assert state == "answered"
    assert "state database" in text
    assert picture(world, namespace).revisions == {1: "deployed"}
    assert told(bot.ask("status", "parse"))[0] == "answered", "reads go on"
    bot.limit(1 << 40)
    assert told(bot.ask("deploy", "parse", "--version", "8.1.0"))[0] == "done"
    assert picture(world, namespace).revisions == {1: "superseded", 2: "deployed"}
