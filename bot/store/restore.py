"""Bringing back a copy of the state: both database files together, or neither.

Everything is staged beside the live files first and then moved; `finish_restore` completes the
moves of a restore that was cut short. What was under way when the copy was made is not resumed: the
world has moved on since, so those requests become `stuck`, for a person to look at.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import Refused
from bot.store import anchor, audit, locks, migrations, outbox, requests
from bot.store.backup import Snapshot, copy, failed, snapshot, snapshots
from bot.store.connect import connect
from bot.store.keys import replace_private, sync_folder

STATE_FILE = "onprem.db"
READY = "ready"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        before: Copy of the state that was replaced; None when it was too damaged to copy.
        audit_seq: The row that tells of it.
    """

    before: Snapshot | None
    audit_seq: int


def restore(
    source: Snapshot,
    paths: Mapping[str, Path],
    dest: Path,
    *,
    log: audit.AuditLog,
    actor: str,
    person: str,
    now: int,
    note: Path | None = None,
    damaged: bool = False,
) -> Restored:
    """Replaces the live files by those of a copy. The bot must be stopped (its file lock held).

    Args:
        source: The copy.
        paths: Name in the copy → live file; `onprem.db` is one of them.
        dest: Folder of the copies; the state that is replaced is copied there first.
        log: Writes the audit row into the restored state.
        actor: Who asks.
        person: The person behind the actor.
        now: Microseconds UTC.
        note: The file with the noted head of the audit log.
        damaged: The live state cannot be read: do without its check and copy.

    Raises:
        Refused: While operations are pending.
        StoreUnavailable: If the copy is damaged or files cannot be written; the live state stays.
    """
    live = paths[STATE_FILE]
    before = None
    if live.exists() and not damaged:
        _refuse_pending(live)
        keep = len(snapshots(dest)) + 1  # nothing is pruned for it, least of all the source
        before = snapshot(list(paths.values()), dest, now=now, keep=keep)
    stage = live.parent / ".restore"
    shutil.rmtree(stage, ignore_errors=True)
    try:
        stage.mkdir(mode=0o700)
        for name in paths:
            if (source.path / name).exists():
                copy(source.path / name, stage / name)
        event = audit.AuditEvent(
            audit.Kind.STATE,
            actor,
            person,
            "state restore",
            target=source.name,
            body={"copy_of": source.at, "before": before.name if before else None},
        )
        head = _prepare(stage / STATE_FILE, log, event, now)
        replace_private(stage / READY, b"")
    except (sqlite3.Error, OSError) as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise failed("The state was not restored", error, source.path) from error
    finish_restore(paths)
    if note:
        anchor.note(note, head)
    return Restored(before, head.seq)


def finish_restore(paths: Mapping[str, Path]) -> bool:
    """Completes a restore that was cut between its moves; call it before the state is opened.

    Returns:
        Whether there was one. A stage that never became ready is removed.
    """
    stage = paths[STATE_FILE].parent / ".restore"
    if not stage.exists():
        return False
    ready = (stage / READY).exists()
    if ready:
        for name, live in paths.items():
            if (stage / name).exists():
                for suffix in ("-wal", "-shm"):  # of the old file; the new one has none
                    live.with_name(live.name + suffix).unlink(missing_ok=True)
                (stage / name).replace(live)
                sync_folder(live.parent)
    shutil.rmtree(stage)
    return ready


def _refuse_pending(live: Path) -> None:
    try:
        db = connect(live, timeout=5.0, read_only=True)
        try:
            pending = requests.find(db, states=requests.PENDING, limit=1000)
        finally:
            db.conn.close()
    except sqlite3.Error as error:
        raise failed("The state was not restored", error, live) from error
    if pending:
        names = ", ".join(f"{one.command} ({one.id})" for one in pending[:5])
        raise Refused(
            "The state was not restored",
            why=f"{len(pending)} operations are pending: {names}",
            hint="Start the bot and let them end, or cancel them, then stop it and try again",
        )


def _prepare(path: Path, log: audit.AuditLog, event: audit.AuditEvent, now: int) -> audit.Head:
    """Brings a staged state up to date, ends what was under way in it, and notes the restore."""
    db = connect(path, timeout=5.0)
    try:
        if migrations.pending(db):
            migrations.apply(db)
        db.execute("BEGIN IMMEDIATE")
        ended = requests.abandon(db, now, f"the state was restored from the copy {event.target}")
        locks.release_all(db)
        outbox.abandon(db, now, "the state was restored from an older copy")
        log.append(db, replace(event, body={**event.body, "stuck": ended}))
        db.execute("COMMIT")
        newest = audit.head(db)
    finally:
        db.conn.close()
    if newest is None:
        raise sqlite3.DatabaseError(f"{path} took no audit row")
    return newest
