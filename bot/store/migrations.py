"""The schema, as sqlite-utils migrations that only ever grow at the end.

Every table is STRICT. A row that concerns them names `cluster`, `actor` and `person`; times are
integer microseconds UTC; ids are opaque text except where the order of rows is their meaning
(`audit.seq`, `outbox.id`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database, Migrations

from bot.errors import StoreUnavailable
from bot.store.connect import create_private

SET = "onprem"

REQUESTS = (
    """CREATE TABLE requests (
        id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE,
        actor TEXT NOT NULL, person TEXT NOT NULL, origin TEXT NOT NULL,
        command TEXT NOT NULL, params TEXT NOT NULL, text TEXT NOT NULL,
        cluster TEXT NOT NULL, namespace TEXT NOT NULL, app TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('received', 'acked', 'planning', 'waiting', 'running',
            'done', 'failed', 'cancelled', 'refused', 'expired', 'lost', 'stuck')),
        created_at INTEGER NOT NULL, acked_at INTEGER, started_at INTEGER, finished_at INTEGER,
        fingerprint TEXT NOT NULL, plan TEXT, outcome TEXT, confirmed_by TEXT NOT NULL,
        cancel_by TEXT NOT NULL, cancel_at INTEGER, parent TEXT NOT NULL) STRICT""",
    "CREATE INDEX requests_created ON requests (created_at, id)",
    "CREATE INDEX requests_state ON requests (state, created_at)",
    "CREATE INDEX requests_actor ON requests (actor, created_at)",
    "CREATE INDEX requests_cluster ON requests (cluster, created_at)",
    """CREATE TABLE steps (
        request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
        name TEXT NOT NULL, position INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('started', 'done', 'skipped', 'failed')),
        detail TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER,
        PRIMARY KEY (request_id, name)) STRICT""",
    """CREATE TABLE processes (
        request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
        step TEXT NOT NULL, pid INTEGER NOT NULL, start_time INTEGER NOT NULL,
        started_at INTEGER NOT NULL, PRIMARY KEY (request_id, step)) STRICT""",
    """CREATE TABLE approvals (
        id TEXT PRIMARY KEY, request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
        action TEXT NOT NULL, data TEXT NOT NULL, choice TEXT NOT NULL,
        created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        used_by TEXT NOT NULL, used_at INTEGER) STRICT""",
    "CREATE INDEX approvals_choice ON approvals (request_id, choice)",
)

LOCKS = (
    """CREATE TABLE operation_locks (
        path TEXT PRIMARY KEY, request_id TEXT NOT NULL, cluster TEXT NOT NULL,
        actor TEXT NOT NULL, person TEXT NOT NULL, what TEXT NOT NULL, since INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX operation_locks_request ON operation_locks (request_id)",
    """CREATE TABLE sticky_locks (
        path TEXT PRIMARY KEY, cluster TEXT NOT NULL, actor TEXT NOT NULL, person TEXT NOT NULL,
        reason TEXT NOT NULL, since INTEGER NOT NULL, expires_at INTEGER) STRICT""",
)

AUDIT_TABLE = """CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,
    actor TEXT NOT NULL, person TEXT NOT NULL, cluster TEXT NOT NULL,
    action TEXT NOT NULL, target TEXT NOT NULL, request_id TEXT NOT NULL, body TEXT NOT NULL,
    format INTEGER NOT NULL, key_id TEXT NOT NULL, after_break INTEGER,
    prev_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT"""

# REPLACE deletes without firing delete triggers when a client has recursive_triggers off (the
# default), so that the insert trigger has to stop it: only the very next row may come.
AUDIT_TRIGGERS = {
    "audit_no_update": """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_no_delete": """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
        SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    "audit_in_order": """CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
        OR NEW.prev_hash IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), '')
        BEGIN SELECT RAISE(ABORT, 'the audit log only takes the next row'); END""",
}

AUDIT = (
    AUDIT_TABLE,
    *AUDIT_TRIGGERS.values(),
    "CREATE INDEX audit_at ON audit (at)",
    "CREATE INDEX audit_person ON audit (person, seq)",
    "CREATE INDEX audit_request ON audit (request_id)",
)

POLICY = (
    """CREATE TABLE roles (
        name TEXT PRIMARY KEY, description TEXT NOT NULL, level INTEGER,
        actor TEXT NOT NULL, person TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT""",
    """CREATE TABLE grants (
        subject TEXT NOT NULL, role TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
        actor TEXT NOT NULL, person TEXT NOT NULL, created_at INTEGER NOT NULL,
        PRIMARY KEY (subject, role)) STRICT""",
    """CREATE TABLE rules (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        role TEXT REFERENCES roles (name) ON DELETE CASCADE, subject TEXT,
        command TEXT NOT NULL, cluster TEXT NOT NULL, namespace TEXT NOT NULL, app TEXT NOT NULL,
        channel TEXT NOT NULL, condition TEXT NOT NULL,
        actor TEXT NOT NULL, person TEXT NOT NULL, created_at INTEGER NOT NULL,
        CHECK ((role IS NULL) <> (subject IS NULL))) STRICT""",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    "INSERT INTO counters VALUES ('policy', 0)",
    """INSERT INTO roles VALUES
        ('viewer', 'Looks at everything, changes nothing', 1, 'system:onprem', 'system:onprem', 0),
        ('operator', 'Deploys, scales, restarts', 2, 'system:onprem', 'system:onprem', 0),
        ('admin', 'Everything, roles and rules included', 3, 'system:onprem', 'system:onprem', 0)
    """,
)

OVERRIDES = (
    """CREATE TABLE override_heads (
        cluster TEXT NOT NULL, app TEXT NOT NULL, revision INTEGER NOT NULL,
        PRIMARY KEY (cluster, app, revision)) STRICT""",
    """CREATE TABLE overrides (
        cluster TEXT NOT NULL, app TEXT NOT NULL, revision INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('value', 'version', 'chart_version', 'replicas')),
        path TEXT NOT NULL, value TEXT NOT NULL, actor TEXT NOT NULL, person TEXT NOT NULL,
        at INTEGER NOT NULL, request_id TEXT NOT NULL,
        PRIMARY KEY (cluster, app, revision, kind, path),
        FOREIGN KEY (cluster, app, revision) REFERENCES override_heads ON DELETE CASCADE) STRICT""",
)

MESSAGES = (
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,
        turn_at INTEGER NOT NULL, team TEXT NOT NULL, channel TEXT NOT NULL,
        thread_key TEXT NOT NULL, message_key TEXT NOT NULL, priority INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('post', 'update', 'ephemeral', 'respond', 'file')),
        final INTEGER NOT NULL, payload TEXT NOT NULL, request_id TEXT NOT NULL,
        cluster TEXT NOT NULL, actor TEXT NOT NULL, person TEXT NOT NULL,
        state TEXT NOT NULL
            CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'superseded')),
        attempts INTEGER NOT NULL, not_before INTEGER NOT NULL, error TEXT NOT NULL,
        finished_at INTEGER) STRICT""",
    """CREATE INDEX outbox_open ON outbox (state, priority, turn_at)
        WHERE state IN ('queued', 'sending')""",
    "CREATE INDEX outbox_message ON outbox (message_key)",
    "CREATE INDEX outbox_created ON outbox (created_at)",
    """CREATE TABLE messages (
        message_key TEXT PRIMARY KEY, team TEXT NOT NULL, channel TEXT NOT NULL, ts TEXT NOT NULL,
        created_at INTEGER NOT NULL) STRICT""",
    "CREATE INDEX messages_place ON messages (team, channel, ts)",
)


RECOVERY = (
    """CREATE TABLE drills (
        request_id TEXT PRIMARY KEY, cluster TEXT NOT NULL, app TEXT NOT NULL,
        backup TEXT NOT NULL, backup_at INTEGER, actor TEXT NOT NULL, person TEXT NOT NULL,
        started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL, ready_after INTEGER,
        proved INTEGER NOT NULL, why TEXT NOT NULL, findings TEXT NOT NULL) STRICT""",
    "CREATE INDEX drills_app ON drills (cluster, app, finished_at)",
    "CREATE INDEX drills_backup ON drills (cluster, backup)",
)

THREADS = (
    """CREATE TABLE alert_threads (
        message_key TEXT PRIMARY KEY, condition TEXT NOT NULL, cluster TEXT NOT NULL,
        title TEXT NOT NULL, body TEXT NOT NULL, opened_at INTEGER NOT NULL,
        changed_at INTEGER NOT NULL, closed_at INTEGER) STRICT""",
    """CREATE UNIQUE INDEX alert_threads_open ON alert_threads (condition)
        WHERE closed_at IS NULL""",
)

WATCHING = (
    """CREATE TABLE sightings (
        cluster TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (cluster, name)) STRICT""",
    """CREATE TABLE offers (
        id TEXT PRIMARY KEY, message_key TEXT NOT NULL, command TEXT NOT NULL,
        created_at INTEGER NOT NULL, UNIQUE (message_key, command)) STRICT""",
    "CREATE INDEX alert_threads_condition ON alert_threads (condition, closed_at)",
)

CHANGES = (
    """CREATE TABLE outside_changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
        cluster TEXT NOT NULL, namespace TEXT NOT NULL, app TEXT NOT NULL, object TEXT NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, manager TEXT NOT NULL,
        automatic INTEGER NOT NULL) STRICT""",
    "CREATE INDEX outside_changes_at ON outside_changes (cluster, at)",
    """CREATE TABLE kinds_seen (
        cluster TEXT NOT NULL, namespace TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (cluster, namespace, kind)) STRICT""",
    """CREATE TABLE objects_seen (
        cluster TEXT NOT NULL, namespace TEXT NOT NULL, object TEXT NOT NULL,
        facts TEXT NOT NULL, PRIMARY KEY (cluster, namespace, object)) STRICT""",
    "CREATE INDEX requests_started ON requests (cluster, started_at)",
)

ALERTS = (
    """CREATE TABLE episodes (
        id TEXT PRIMARY KEY, cluster TEXT NOT NULL, receiver TEXT NOT NULL,
        group_key TEXT NOT NULL, labels TEXT NOT NULL, shared TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('firing', 'resolved', 'lost')),
        title TEXT NOT NULL, severity TEXT NOT NULL, firing INTEGER NOT NULL,
        total INTEGER NOT NULL, truncated INTEGER NOT NULL, source TEXT NOT NULL,
        channel TEXT NOT NULL, message_key TEXT NOT NULL, storm TEXT NOT NULL,
        muted TEXT NOT NULL, owner TEXT NOT NULL, owner_person TEXT NOT NULL, owned_at INTEGER,
        created_at INTEGER NOT NULL, opened_at INTEGER NOT NULL, changed_at INTEGER NOT NULL,
        closed_at INTEGER, revision INTEGER NOT NULL, shown INTEGER NOT NULL,
        picture TEXT NOT NULL) STRICT""",
    """CREATE UNIQUE INDEX episodes_open ON episodes (cluster, receiver, group_key)
        WHERE closed_at IS NULL""",
    "CREATE INDEX episodes_group ON episodes (cluster, receiver, group_key, closed_at)",
    "CREATE INDEX episodes_untold ON episodes (changed_at) WHERE revision > shown",
    "CREATE INDEX episodes_channel ON episodes (channel, created_at)",
    "CREATE INDEX episodes_storm ON episodes (storm) WHERE storm <> ''",
    "CREATE INDEX episodes_message ON episodes (message_key)",
    """CREATE TABLE alerts (
        episode TEXT NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('firing', 'resolved', 'lost')),
        labels TEXT NOT NULL, annotations TEXT NOT NULL, cut INTEGER NOT NULL,
        starts_at INTEGER NOT NULL, ends_at INTEGER, source TEXT NOT NULL,
        seen_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, told TEXT NOT NULL,
        missing_since INTEGER, PRIMARY KEY (episode, fingerprint)) STRICT""",
    "CREATE INDEX alerts_untold ON alerts (episode) WHERE told <> status",
    "CREATE INDEX alerts_status ON alerts (episode, status, changed_at)",
    "CREATE INDEX alerts_fingerprint ON alerts (fingerprint) WHERE status = 'firing'",
    """CREATE TABLE storms (
        id TEXT PRIMARY KEY, channel TEXT NOT NULL, opened_at INTEGER NOT NULL,
        changed_at INTEGER NOT NULL, calm_at INTEGER, closed_at INTEGER,
        revision INTEGER NOT NULL, shown INTEGER NOT NULL) STRICT""",
    "CREATE INDEX storms_open ON storms (channel) WHERE closed_at IS NULL",
)

ALERT_ACTS = (
    """CREATE TABLE alert_silences (
        cluster TEXT NOT NULL, silence TEXT NOT NULL, episode TEXT NOT NULL,
        person TEXT NOT NULL, actor TEXT NOT NULL, request_id TEXT NOT NULL,
        comment TEXT NOT NULL, covers INTEGER NOT NULL, starts_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, ended_at INTEGER,
        PRIMARY KEY (cluster, silence, episode)) STRICT""",
    "CREATE INDEX alert_silences_episode ON alert_silences (episode) WHERE ended_at IS NULL",
    """CREATE TABLE alert_escalations (
        episode TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT""",
    """CREATE TABLE alert_calls (
        episode TEXT NOT NULL, actor TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (episode, actor)) STRICT""",
)

MAILS = (
    """CREATE TABLE mails (
        key TEXT PRIMARY KEY, title TEXT NOT NULL, mailed_at INTEGER NOT NULL,
        over INTEGER NOT NULL) STRICT""",
)

ALERT_TIMES = (
    "ALTER TABLE episodes ADD COLUMN placed_at INTEGER NOT NULL DEFAULT 0",
    "UPDATE episodes SET placed_at = created_at WHERE message_key <> '' OR storm <> ''",
    "CREATE INDEX episodes_placed ON episodes (channel, placed_at)",
    """CREATE TABLE alert_waits (
        episode TEXT NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
        severity TEXT NOT NULL, since INTEGER NOT NULL,
        PRIMARY KEY (episode, severity)) STRICT""",
    """INSERT INTO alert_waits SELECT id, severity, created_at FROM episodes
        WHERE closed_at IS NULL AND placed_at > 0""",
)

ALERTS_LOST = ("CREATE INDEX alerts_lost ON alerts (fingerprint) WHERE status = 'lost'",)

ALERTS_FORGOTTEN = (
    "ALTER TABLE episodes ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE episodes ADD COLUMN forgotten_from INTEGER NOT NULL DEFAULT 0",
)


def _statements(*groups: tuple[str, ...]) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        for group in groups:
            for statement in group:
                db.execute(statement)

    return run


def schema() -> Migrations:
    """The ordered list of migrations. Add at the end; never edit one that was released."""
    migrations = Migrations(SET)
    first = _statements(REQUESTS, LOCKS, AUDIT, POLICY, OVERRIDES, MESSAGES)
    migrations(name="0001_start")(first)
    migrations(name="0002_recovery")(_statements(RECOVERY, THREADS))
    migrations(name="0003_watching")(_statements(WATCHING))
    migrations(name="0004_changes")(_statements(CHANGES))
    migrations(name="0005_alerts")(_statements(ALERTS))
    migrations(name="0006_alert_acts")(_statements(ALERT_ACTS))
    migrations(name="0007_mails")(_statements(MAILS))
    migrations(name="0008_alert_times")(_statements(ALERT_TIMES))
    migrations(name="0009_alerts_lost")(_statements(ALERTS_LOST))
    migrations(name="0010_alerts_forgotten")(_statements(ALERTS_FORGOTTEN))
    return migrations


def pending(db: Database) -> tuple[str, ...]:
    """Names of the migrations that this database still lacks.

    Raises:
        StoreUnavailable: If a newer version of the product wrote it.
    """
    migrations = schema()
    known = {m.name for m in migrations.pending(db)}
    applied = {m.name for m in migrations.applied(db)}
    foreign = sorted(applied - {m.name for m in migrations._migrations})
    if foreign:
        raise StoreUnavailable(
            "The state database cannot be used",
            why=f"a newer version of the bot wrote it ({', '.join(foreign)})",
            hint="Install that version, or bring back an older copy with `onprem state restore`",
        )
    return tuple(sorted(known))


def apply(db: Database) -> None:
    """Brings the schema up to date, alone: nobody else may even read meanwhile.

    Raises:
        sqlite3.Error: If a migration fails; then nothing of any of them stays.
    """
    db.execute("BEGIN EXCLUSIVE")
    try:
        schema().apply(db)
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


def copy_before(db: Database, path: Path, backup_dir: Path, now: int) -> Path | None:
    """Copies a database that is about to be migrated; None when it is new and empty."""
    if not db.table_names():
        return None
    backup_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    dest = backup_dir / f"{path.stem}-before-migration-{now}{path.suffix}"
    vacuum_into(db, dest)
    return dest


def vacuum_into(db: Database, dest: Path) -> None:
    """Writes a consistent, compact copy (0600) of a live database to a file that must not exist.

    Raises:
        sqlite3.Error: If it cannot be written; a half-written file is removed.
    """
    if dest.exists() and dest.stat().st_size:
        raise sqlite3.OperationalError(f"{dest} exists")
    create_private(dest)
    try:
        db.execute("VACUUM INTO ?", [str(dest)])
    except BaseException:
        dest.unlink(missing_ok=True)
        raise
