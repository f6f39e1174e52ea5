"""What people changed beside an app's configuration, and which release it belongs to.

`scale`, `--version` and `--set` persist per app. Each release revision has its own set, so that a
rollback brings back those of its target. Values are JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlite_utils import Database

from bot.store.rows import changed, dump, every, first, load

VALUE, VERSION, CHART_VERSION, REPLICAS = "value", "version", "chart_version", "replicas"


@dataclass(frozen=True, slots=True)
class Override:
    """One deviation from the configuration.

    Attributes:
        kind: value, version (of the image), chart_version or replicas.
        path: Path in the chart's values for a value; the workload for replicas; else empty.
        value: JSON.
        at: Microseconds UTC.
    """

    kind: str
    path: str
    value: Any
    actor: str
    person: str
    at: int
    request_id: str


@dataclass(frozen=True, slots=True)
class OverrideSet:
    """All overrides of an app at one release revision; `revision` 0 when none was recorded."""

    revision: int
    items: tuple[Override, ...]

    def of(self, kind: str) -> dict[str, Any]:
        """The values of one kind by their path."""
        return {item.path: item.value for item in self.items if item.kind == kind}

    @property
    def values(self) -> dict[str, Any]:
        """Path in the chart's values → value, from `--set`."""
        return self.of(VALUE)

    @property
    def replicas(self) -> dict[str, Any]:
        """Workload → replicas, from `scale`."""
        return self.of(REPLICAS)

    @property
    def version(self) -> str | None:
        """The image version, from `--version`."""
        return self.of(VERSION).get("")

    @property
    def chart_version(self) -> str | None:
        """The chart's version, from `--chart-version`."""
        return self.of(CHART_VERSION).get("")


_FIELDS = tuple(f.name for f in fields(Override))


def current(db: Database, cluster: str, app: str) -> OverrideSet:
    """The overrides of the newest recorded revision."""
    return at_revision(db, cluster, app, None)


def at_revision(db: Database, cluster: str, app: str, revision: int | None) -> OverrideSet:
    """The overrides that held at a revision: its own, or those of the last one before it."""
    row = first(
        db,
        """SELECT max(revision) AS revision FROM override_heads
        WHERE cluster = ? AND app = ? AND (? IS NULL OR revision <= ?)""",
        [cluster, app, revision, revision],
    )
    if row is None or row["revision"] is None:
        return OverrideSet(0, ())
    found = every(
        db,
        f"""SELECT {", ".join(_FIELDS)} FROM overrides
        WHERE cluster = ? AND app = ? AND revision = ? ORDER BY kind, path""",  # noqa: S608
        [cluster, app, row["revision"]],
    )
    items = tuple(Override(**{**item, "value": load(item["value"])}) for item in found)
    return OverrideSet(row["revision"], items)


def save(db: Database, cluster: str, app: str, revision: int, items: Iterable[Override]) -> None:
    """Records exactly these overrides for a revision, in place of what was recorded for it.

    A release's revisions only grow, so higher ones are of a release that is gone by now.
    """
    changed(
        db,
        "DELETE FROM override_heads WHERE cluster = ? AND app = ? AND revision >= ?",
        [cluster, app, revision],
    )
    changed(
        db,
        "INSERT INTO override_heads (cluster, app, revision) VALUES (?, ?, ?)",
        [cluster, app, revision],
    )
    for item in items:
        changed(
            db,
            f"""INSERT INTO overrides (cluster, app, revision, {", ".join(_FIELDS)})
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",  # noqa: S608
            [
                *(cluster, app, revision, item.kind, item.path, dump(item.value)),
                *(item.actor, item.person, item.at, item.request_id),
            ],
        )


def put(db: Database, cluster: str, app: str, revision: int, *items: Override) -> None:
    """Adds or replaces single overrides, keeping the others that held at that revision."""
    kept = {(item.kind, item.path): item for item in at_revision(db, cluster, app, revision).items}
    kept |= {(item.kind, item.path): item for item in items}
    save(db, cluster, app, revision, kept.values())


def drop(
    db: Database, cluster: str, app: str, revision: int, keys: Collection[tuple[str, str]]
) -> None:
    """Removes single overrides, given as (kind, path), from that revision on."""
    kept = at_revision(db, cluster, app, revision).items
    save(db, cluster, app, revision, [item for item in kept if (item.kind, item.path) not in keys])


def carry(db: Database, cluster: str, app: str, source: int, target: int) -> OverrideSet:
    """Gives a new revision the overrides of an older one, as a rollback does."""
    old = at_revision(db, cluster, app, source)
    save(db, cluster, app, target, old.items)
    return OverrideSet(target, old.items)


def set_aside(db: Database, cluster: str, app: str) -> None:
    """Keeps what is in force under revision 0, when a release ends and its numbers begin anew."""
    kept = current(db, cluster, app).items
    forget(db, cluster, app)
    if kept:
        save(db, cluster, app, 0, kept)


def forget(db: Database, cluster: str, app: str) -> int:
    """Drops everything of an app; returns how many revisions."""
    sql = "DELETE FROM override_heads WHERE cluster = ? AND app = ?"
    return changed(db, sql, [cluster, app])
