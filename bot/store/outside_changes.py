"""Changes that others than the bot made in clusters, and what was last seen there.

Both are written in one transaction, so that a restart neither loses a change nor tells it twice.
No value of a Secret, nor any other content than sizes, images and numbers, is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, every, load


@dataclass(frozen=True, slots=True)
class OutsideChange:
    """One change that the bot did not make.

    Attributes:
        at: When it was made, by the cluster's clock; microseconds UTC.
        app: The configured app that it concerns; empty when none does, or several may.
        object: `deployment/web`, `release/parse`.
        kind: `scale`, `deploy`, `rollback`, `restart`, `made`, `deleted`, `changed`,
            `uninstall`.
        text: For people, one line.
        manager: Who made it, as the cluster calls them: `kubectl`, `helm`; empty when unknown.
        automatic: A controller did it, such as an autoscaler: nobody changed anything.
    """

    at: int
    cluster: str
    namespace: str
    app: str
    object: str
    kind: str
    text: str
    manager: str
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What was last seen of one object.

    Attributes:
        namespace: Where.
        object: `deployment/web`.
        facts: What is compared; JSON.
    """

    namespace: str
    object: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def record(db: Database, seen_at: int, changes: Iterable[OutsideChange]) -> None:
    """Keeps changes that were just seen."""
    for one in changes:
        changed(
            db,
            """INSERT INTO outside_changes
                (at, seen_at, cluster, namespace, app, object, kind, text, manager, automatic)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                *(one.at, seen_at, one.cluster, one.namespace, one.app, one.object),
                *(one.kind, one.text, one.manager, int(one.automatic)),
            ],
        )


def find(
    db: Database,
    *,
    cluster: str,
    since: int,
    until: int,
    namespace: str = "",
    app: str = "",
    limit: int = 500,
) -> list[OutsideChange]:
    """The newest changes first, of a time (microseconds; `until` excluded).

    An app's are those in its name, and those of its namespace that belong to no app alone.
    """
    sql = """SELECT at, cluster, namespace, app, object, kind, text, manager, automatic
        FROM outside_changes WHERE cluster = :cluster AND at >= :since AND at < :until
        AND (:namespace = '' OR namespace = :namespace)
        AND (:app = '' OR app = :app OR (app = '' AND :namespace <> ''))
        ORDER BY at DESC, id DESC LIMIT :limit"""
    where = {"cluster": cluster, "since": since, "until": until}
    rows = every(db, sql, {**where, "namespace": namespace, "app": app, "limit": limit})
    return [OutsideChange(**{**row, "automatic": bool(row["automatic"])}) for row in rows]


def known(db: Database, cluster: str, namespace: str) -> tuple[frozenset[str], list[Known]]:
    """The kinds that were looked at in a namespace, and what was last seen of its objects."""
    where = [cluster, namespace]
    kinds = every(db, "SELECT kind FROM kinds_seen WHERE cluster = ? AND namespace = ?", where)
    sql = "SELECT object, facts FROM objects_seen WHERE cluster = ? AND namespace = ?"
    objects = [Known(namespace, r["object"], load(r["facts"])) for r in every(db, sql, where)]
    return frozenset(row["kind"] for row in kinds), objects


def watched_since(db: Database, cluster: str, namespace: str = "") -> int | None:
    """Since when all that can be seen there has been looked at (microseconds); None for never.

    Args:
        db: The database.
        cluster: Where.
        namespace: One of them; all that were ever looked at, when empty.
    """
    sql = """SELECT max(at) AS at FROM kinds_seen WHERE cluster = :cluster
        AND (:namespace = '' OR namespace = :namespace)"""
    [row] = every(db, sql, {"cluster": cluster, "namespace": namespace})
    return None if row["at"] is None else int(row["at"])


def remember(
    db: Database,
    cluster: str,
    namespace: str,
    now: int,
    *,
    kinds: Iterable[str],
    seen: Iterable[Known],
    gone: Collection[str],
) -> None:
    """Keeps what was seen of a namespace; the same object again replaces what was there."""
    for kind in kinds:
        changed(
            db,
            "INSERT OR IGNORE INTO kinds_seen (cluster, namespace, kind, at) VALUES (?, ?, ?, ?)",
            [cluster, namespace, kind, now],
        )
    for one in seen:
        changed(
            db,
            """INSERT OR REPLACE INTO objects_seen (cluster, namespace, object, facts)
            VALUES (?, ?, ?, ?)""",
            [cluster, namespace, one.object, dump(one.facts)],
        )
    changed(
        db,
        """DELETE FROM objects_seen WHERE cluster = ? AND namespace = ?
        AND object IN (SELECT value FROM json_each(?))""",
        [cluster, namespace, dump(sorted(gone))],
    )


def prune(db: Database, before: int) -> int:
    """Deletes changes made before that moment."""
    return changed(db, "DELETE FROM outside_changes WHERE at < ?", [before])
