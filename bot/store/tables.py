"""Tables of requests, locks, the audit log, policy, overrides and messages, as first released.

Every table is STRICT. A row that concerns them names `cluster`, `actor` and `person`; times are
integer microseconds UTC; ids are opaque text except where the order of rows is their meaning
(`audit.seq`, `outbox.id`). What was released is never edited: see `bot.store.migrations`.
"""

from __future__ import annotations

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

START = (*REQUESTS, *LOCKS, *AUDIT, *POLICY, *OVERRIDES, *MESSAGES)
