"""Tables of drills, watches over clusters, and alerts; rules as in `bot.store.tables`."""

from __future__ import annotations

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
