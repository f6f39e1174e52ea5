"""The audit log: what is written stays, and whoever touches it is found out."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from bot.errors import StoreUnavailable, UsageError
from bot.redaction import Redactor
from bot.store import audit, migrations, tables
from bot.store.audit import AuditEvent, AuditLog, Head, Kind
from bot.store.connect import connect
from bot.store.export import export
from bot.store.keys import AuditKey
from bot.store.verify import verify

KEY = AuditKey(b"k" * 32)
EVENT = AuditEvent(Kind.INTENT, "slack:T1/U1", "ada", "scale", cluster="lab", target="lab/db/mongo")


@pytest.fixture
def log(clock) -> AuditLog:
    return AuditLog(KEY, clock, Redactor())


def fill(db: Database, log: AuditLog, count: int) -> None:
    with db.atomic():
        for n in range(count):
            log.append(db, replace(EVENT, request_id=f"r{n}", body={"replicas": n}))


def test_rows_are_numbered_and_chained(db, log):
    fill(db, log, 3)
    rows = audit.page(db)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.prev_hash for row in rows] == ["", rows[0].hash, rows[1].hash]
    assert {(row.key_id, row.format, row.after_break) for row in rows} == {(KEY.id, 1, None)}
    assert verify(db, KEY) == type(verify(db, KEY))(True, 3, None, "", Head(3, rows[2].hash))


def test_an_empty_log_is_whole(db):
    assert verify(db, KEY).ok
    assert verify(db, KEY).head is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET actor = 'x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2",
        "REPLACE INTO audit SELECT * FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 9, at, kind, actor, person, cluster, action, target, request_id,"
        " body, format, key_id, after_break, hash, 'f' FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 4, at, kind, actor, person, cluster, action, target, request_id,"
        " body, format, key_id, after_break, prev_hash, 'f' FROM audit WHERE seq = 3",
        "UPDATE OR REPLACE audit SET seq = 1 WHERE seq = 2",
    ],
)
def test_any_other_client_is_stopped_by_the_triggers(db, log, tmp_path, sql):
    fill(db, log, 3)
    raw = sqlite3.connect(tmp_path / "tables.db")  # recursive_triggers off, as everywhere
    with pytest.raises(sqlite3.IntegrityError, match="audit log"):
        raw.execute(sql)
    raw.close()
    assert verify(db, KEY).ok


def tampered(path: Path, *statements: str) -> None:
    """What somebody does who may write the file: no triggers, no rules."""
    raw = sqlite3.connect(path)
    for name in tables.AUDIT_TRIGGERS:
        raw.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        raw.execute(statement)
    for sql in tables.AUDIT_TRIGGERS.values():
        raw.execute(sql)
    raw.commit()
    raw.close()


COPY = """INSERT INTO audit SELECT {to}, at, kind, actor, person, cluster, action, target,
    request_id, body, format, key_id, after_break, prev_hash, hash FROM audit WHERE seq = {of}"""


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_random_tampering_is_found_at_the_first_row_it_touched(data, tmp_path_factory, clock):
    path = tmp_path_factory.mktemp("audit") / "tables.db"
    path.touch()
    db = connect(path, timeout=1)
    migrations.apply(db)
    size = data.draw(st.integers(2, 8))
    fill(db, AuditLog(KEY, clock, Redactor()), size)
    noted = audit.head(db)
    row = data.draw(st.integers(1, size))
    act = data.draw(st.sampled_from(["update", "delete", "replace", "append", "truncate", "swap"]))
    if act == "update":
        column, value = data.draw(
            st.sampled_from(
                [(c, "'zz'") for c in audit.COLUMNS if c not in ("seq", "at", "format", "body")]
                + [("at", "at + 1"), ("format", "2"), ("body", "body || ' '")]
            )
        )
        if column == "after_break":
            value = "1"
        tampered(path, f"UPDATE audit SET {column} = {value} WHERE seq = {row}")
        expected = row
    elif act == "delete":
        tampered(path, f"DELETE FROM audit WHERE seq = {row}")
        expected = row if row == size else row + 1
    elif act == "replace":
        other = 1 + row % size
        tampered(
            path,
            f"DELETE FROM audit WHERE seq = {row}",
            COPY.format(to=row, of=other),
        )
        expected = row
    elif act == "append":
        tampered(path, COPY.format(to=size + 1, of=row))
        expected = size + 1
    elif act == "truncate":
        tampered(path, f"DELETE FROM audit WHERE seq >= {row}")
        expected = row
    else:
        other = 1 + row % size
        tampered(
            path,
            f"UPDATE audit SET seq = -1 WHERE seq = {row}",
            f"UPDATE audit SET seq = {row} WHERE seq = {other}",
            f"UPDATE audit SET seq = {other} WHERE seq = -1",
        )
        expected = min(row, other)
    found = verify(db, KEY, noted)
    db.conn.close()
    assert (found.ok, found.first_broken) == (False, expected)
    assert f"Row {expected}" in found.why


def test_rewriting_the_whole_log_needs_the_key(db, log, tmp_path, clock):
    fill(db, log, 3)
    forged = AuditLog(AuditKey(b"x" * 32), clock, Redactor())
    tampered(tmp_path / "tables.db", "DELETE FROM audit")
    fill(db, forged, 3)
    assert verify(db, KEY).first_broken == 1


@pytest.mark.parametrize(
    "change",
    ["hash = 'é'", "actor = CAST(x'ff' AS TEXT)", "kind = 'rotate', body = 'no json'"],
)
def test_whatever_a_row_is_changed_to_the_verdict_comes_and_the_log_goes_on(
    db, log, tmp_path, clock, change
):
    fill(db, log, 2)
    tampered(tmp_path / "tables.db", f"UPDATE audit SET {change} WHERE seq = 2")
    assert verify(db, KEY).first_broken == 2
    new = AuditKey(b"n" * 32, (KEY.secret,))
    fill(db, AuditLog(new, clock, Redactor()), 1)
    assert verify(db, new).first_broken == 2


def test_a_key_that_nobody_announced_is_found(db, log):
    fill(db, log, 1)
    (row,) = audit.page(db)
    new = AuditKey(b"n" * 32, (KEY.secret,))
    raw = {name: getattr(row, name) for name in audit.COLUMNS}
    raw |= {"seq": 2, "prev_hash": row.hash, "key_id": new.id, "body": "{}"}
    raw["hash"] = audit.sign(raw, new.secret)
    db.table("audit").insert(raw)
    found = verify(db, new)
    assert found.first_broken == 2
    assert "without a row that says so" in found.why


def test_a_long_log_is_read_to_its_end(db, log, tmp_path):
    fill(db, log, 1005)
    assert verify(db, KEY).rows == 1005
    tampered(tmp_path / "tables.db", "UPDATE audit SET target = 'x' WHERE seq = 1003")
    assert verify(db, KEY).first_broken == 1003


def test_a_guard_that_was_taken_off_is_named(db, log):
    fill(db, log, 2)
    db.execute("DROP TRIGGER audit_no_update")
    found = verify(db, KEY)
    assert not found.ok
    assert "audit_no_update" in found.why


def test_secrets_are_gone_before_the_row_is_hashed(db, clock):
    redactor = Redactor()
    redactor.register("hunter2-and-more")
    log = AuditLog(KEY, clock, redactor)
    log.append(
        db,
        replace(
            EVENT,
            action="deploy --set x=hunter2-and-more",
            target="mongodb://root:pa55word@db",
            body={"password": "short", "nested": [{"note": "token=abcdef123"}], "ok": 1},
        ),
    )
    (row,) = audit.page(db)
    assert row.action == "deploy --set x=[redacted]"
    assert row.target == "mongodb://root:[redacted]@db"
    assert row.body == {"password": "[redacted]", "nested": [{"note": "token=[redacted]"}], "ok": 1}
    assert verify(db, KEY).ok


@given(text=st.text(max_size=50))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_that_a_person_types_can_be_stored_and_verified(db, log, text):
    log.append(db, replace(EVENT, action=text + "\ud800\0", body={text: text}))
    assert verify(db, KEY).ok


def test_a_new_key_is_announced_by_the_old_one(db, clock):
    fill(db, AuditLog(KEY, clock, Redactor()), 2)
    new = AuditKey(b"n" * 32, (KEY.secret,))
    fill(db, AuditLog(new, clock, Redactor()), 2)
    rows = audit.page(db)
    assert [(row.kind, row.key_id) for row in rows[2:]] == [
        ("rotate", KEY.id),
        ("intent", new.id),
        ("intent", new.id),
    ]
    assert verify(db, new).ok
    without_old = AuditKey(new.secret)
    assert verify(db, without_old).first_broken == 1
    assert KEY.id in verify(db, without_old).why


def test_a_lost_key_leaves_the_log_usable_and_says_what_is_unproved(db, clock):
    fill(db, AuditLog(KEY, clock, Redactor()), 2)
    fresh = AuditKey(b"n" * 32)
    fill(db, AuditLog(fresh, clock, Redactor()), 1)
    assert [row.seq for row in audit.page(db)] == [1, 2, 3, 4]
    assert verify(db, fresh).first_broken == 1


def test_after_a_break_rows_are_marked_and_the_break_stays_visible(db, log):
    fill(db, log, 2)
    log.mark_broken(db, 2, "it was changed")
    fill(db, log, 2)
    assert [row.after_break for row in audit.page(db)] == [None, None, 2, 2, 2]
    found = verify(db, KEY)
    assert (found.ok, found.first_broken, found.rows) == (False, 2, 5)
    assert "it was changed" in found.why
    assert "row 3" in found.why


async def test_a_tail_cut_off_while_the_bot_rests_is_found_at_its_next_write(open_store, tmp_path):
    options = {"anchor": tmp_path / "keys" / "head"}
    (tmp_path / "keys").mkdir()
    store = await open_store(**options)
    for n in range(4):
        await store.write(lambda db, n=n: store.audit.append(db, replace(EVENT, target=str(n))))
    await store.close()
    tampered(tmp_path / "onprem.db", "DELETE FROM audit WHERE seq > 2")
    store = await open_store(**options)
    await store.write(lambda db: store.audit.append(db, EVENT))
    kinds = await store.read(lambda db: [(r.kind, r.after_break) for r in audit.page(db)])
    assert kinds[2:] == [("break", 3), ("intent", 3)]
    found = await store.read(lambda db: verify(db, store.audit.key))
    assert (found.ok, found.first_broken) == (False, 3)


async def test_a_tail_cut_off_while_the_bot_runs_is_found_at_its_next_write(store, tmp_path):
    for _ in range(3):
        await store.write(lambda db: store.audit.append(db, EVENT))
    tampered(tmp_path / "onprem.db", "DELETE FROM audit")
    await store.write(lambda db: store.audit.append(db, EVENT))
    await store.write(lambda db: store.audit.append(db, EVENT))
    kinds = await store.read(lambda db: [(r.kind, r.after_break) for r in audit.page(db)])
    assert kinds == [("break", 1), ("intent", 1), ("intent", 1)]


async def test_a_note_that_cannot_be_written_stops_nothing(open_store, tmp_path):
    store = await open_store(anchor=tmp_path / "nowhere" / "head")
    assert await store.write(lambda db: store.audit.append(db, EVENT)) == 1
    assert await store.write(lambda db: store.audit.append(db, EVENT)) == 2
    assert (await store.read(lambda db: verify(db, store.audit.key))).ok


def test_search_finds_by_every_column_newest_first(db, log, clock):
    log.append(db, replace(EVENT, request_id="r1", body={"note": "100%_sure"}))
    middle = clock.now
    log.append(
        db,
        AuditEvent(
            Kind.DENIED, "os:h/bob", "bob", "role grant", cluster="prod", target="slack:T1/U9"
        ),
    )

    def seqs(**filters: object) -> list[int]:
        return [row.seq for row in audit.search(db, **filters)]

    assert seqs() == [2, 1]
    assert seqs(limit=1) == [2]
    assert seqs(before=2) == [1]
    assert seqs(actor="slack:T1/U1") == seqs(person="ada") == seqs(kind="intent") == [1]
    assert seqs(cluster="prod") == seqs(action="grant") == seqs(target="U9") == [2]
    assert seqs(request_id="r1") == seqs(until=middle + 1) == [1]
    assert seqs(since=middle + 1) == [2]
    assert seqs(text="0%_S") == [1]
    assert seqs(text="0__s") == []
    assert seqs(text="mongo", person="bob") == []


def test_export_to_csv_disarms_formulas_and_keeps_everything_else(db, log):
    log.append(db, replace(EVENT, action="=1+1", target='say "hi", 2\nlines', body={"a": 1}))
    log.append(db, replace(EVENT, action="+x", target="@y"))
    names, first, second = csv.reader(io.StringIO("".join(export(audit.page(db), "csv"))))
    row = dict(zip(names, first, strict=True))
    assert row["action"] == "'=1+1"
    assert row["target"] == 'say "hi", 2\nlines'
    assert row["body"] == '{"a":1}'
    assert row["time"].startswith("2027-01-15T08:00:00.")
    other = dict(zip(names, second, strict=True))
    assert (other["action"], other["target"]) == ("'+x", "'@y")


def test_export_to_json_lines_is_lazy_and_whole(db, log):
    fill(db, log, 2)
    rows = audit.page(db)

    def endless():
        while True:
            yield from rows

    line = next(export(endless(), "jsonl"))
    assert json.loads(line)["hash"] == rows[0].hash
    assert line.endswith("\n")
    with pytest.raises(UsageError, match="csv or jsonl"):
        export(rows, "xlsx")


class TestKeyFile:
    def test_it_is_made_once_private_and_read_again(self, tmp_path):
        path = tmp_path / "keys" / "audit.key"
        made = AuditKey.load_or_create(path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert AuditKey.load_or_create(path) == made
        assert made.secret.hex() not in repr(made)

    def test_rotation_keeps_the_older_keys(self, tmp_path):
        path = tmp_path / "audit.key"
        old = AuditKey.load_or_create(path)
        new = AuditKey.rotate(path)
        assert AuditKey.load_or_create(path) == new
        assert set(new.ring) == {old.id, new.id}

    @pytest.mark.parametrize(
        ("content", "mode", "why"),
        [
            ("00" * 32, 0o644, "chmod 600"),
            ("", 0o600, "no whole key"),
            ("abcd", 0o600, "no whole key"),
            ("not hex at all", 0o600, "not a key file"),
        ],
    )
    def test_a_file_that_cannot_be_trusted_is_refused(self, tmp_path, content, mode, why):
        path = tmp_path / "audit.key"
        path.write_text(content)
        path.chmod(mode)
        with pytest.raises(StoreUnavailable, match=why):
            AuditKey.load_or_create(path)

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreUnavailable, match=r"audit\.key"):
            AuditKey.load_or_create(tmp_path / "file" / "audit.key")
