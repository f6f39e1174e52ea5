"""Remembers the audit log's newest row outside the database, to notice a missing tail.

A chain proves what is there, not that nothing was cut off its end. The head is therefore written to
a small file beside the key after every commit, and compared before every batch of writes. Whoever
can write both files can still cut both: only a head posted elsewhere (the ops channel) shows that.
"""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from bot.store.audit import AuditLog, Head, head
from bot.store.keys import replace_private
from bot.store.rows import first


class Anchor:
    """Watches the head of one log.

    Args:
        log: Gets a `break` row when the noted head is no longer in the table.
        path: Where to note it; None keeps it in memory only.
    """

    def __init__(self, log: AuditLog, path: Path | None = None) -> None:
        self._log, self._path = log, path
        self.noted = read(path) if path else None

    def check(self, db: Database) -> None:
        """Marks the log as broken when the noted row is gone or another one; once per break."""
        if self.noted is None:
            return
        row = first(db, "SELECT hash FROM audit WHERE seq = ?", [self.noted.seq])
        if row and row["hash"] == self.noted.hash:
            return
        now = head(db)
        if row or now is None:
            broken = self.noted.seq if row else 1
        else:
            broken = min(now.seq + 1, self.noted.seq)
        why = "it was replaced" if row else f"rows up to {self.noted.seq} were cut off"
        self._log.mark_broken(db, broken, why)

    def advance(self, db: Database) -> None:
        """Notes the head after a commit.

        Raises:
            OSError: If the file cannot be written; the older note stays and is still right.
        """
        now = head(db)
        if now is None or now == self.noted:
            return
        self.noted = now
        if self._path:
            note(self._path, now)


def note(path: Path, head: Head) -> None:
    """Writes a head; not synced, since an older note is as true as a newer one."""
    replace_private(path, f"{head.seq} {head.hash}\n".encode(), durable=False)


def read(path: Path) -> Head | None:
    """The noted head; None when there is none or a power cut left it unreadable."""
    try:
        seq, value = path.read_text("ascii").split()
        return Head(int(seq), value)
    except (OSError, ValueError):
        return None
