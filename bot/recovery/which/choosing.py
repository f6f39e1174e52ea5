"""Which backup a word means. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.errors import Refused, UsageError
from bot.recovery.which.apps import backs, of_cluster
from integrations.velero import names
from integrations.velero.models import Backup


@dataclass(frozen=True, slots=True)
class Choice:
    """A backup, and why it is this one.

    Attributes:
        backup: The one meant.
        how: In words, empty when it was named exactly.
        passed_over: Newer ones of the same series that cannot be taken: name and phase.
    """

    backup: Backup
    how: str
    passed_over: tuple[tuple[str, str], ...] = ()


def fitting(
    word: str, backups: Sequence[Backup], bases: Mapping[str, str], cluster: str
) -> list[Backup]:
    """What a word may mean: the backup of that name, else a cluster's series, else its app's."""
    if exact := [b for b in backups if b.name == word]:
        return exact
    own = [b for b in backups if of_cluster(b.labels, cluster)]
    if series := [b for b in own if names.is_stamped(b.name, word)]:
        return series
    return [b for b in own if word in bases and backs(b, word, bases[word], cluster)]


def choose(
    word: str,
    backups: Sequence[Backup],
    bases: Mapping[str, str],
    now: int,
    *,
    cluster: str,
    where: str = "",
) -> Choice:
    """Finds the backup: an exact name, else the newest of a series, else an app's newest.

    An app's newest may be called otherwise: `recovery` counts it too.

    Args:
        word: What was typed: a backup, a series such as `parseserver-backup`, or an app.
        backups: All that are known, newest first.
        bases: App → what its backups are called.
        now: Microseconds UTC; what has expired by then cannot be taken.
        cluster: Whose backups a series or an app means; clusters may share a bucket.
        where: The flag that offered commands need to mean that cluster.

    Raises:
        UsageError: Nothing fits the word.
        Refused: What fits cannot be restored, with the reason.
    """
    found = fitting(word, backups, bases, cluster)
    if found and found[0].name == word:
        if problem := _unfit(found[0], now):
            raise Refused(f"Backup {word} cannot be restored", why=problem, hint=_look(where))
        return Choice(found[0], "")
    if found:
        called = "called" if names.is_stamped(found[0].name, word) else "of"
        return _newest(found, now, f"the newest good backup {called} {word}", word, where)
    app = word if word in bases else next((a for a, base in bases.items() if base == word), "")
    if app:
        what = f"of {word}" if app == word else f"{word}-…"
        raise Refused(
            f"There is no backup {what} yet",
            hint=f"`backup list --all{where}` shows those of other names and clusters; "
            f"`backup create {app}{where}` makes one",
        )
    known = sorted({*bases, *bases.values(), *(b.name for b in backups)})
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    raise UsageError(
        f"There is no backup {word}",
        why=f"did you mean {near[0]}?" if near else "",
        hint=f"`backup list --all{where}` shows them all",
    )


def _look(where: str) -> str:
    return f"`backup list{where}` shows which ones are good"


def _newest(series: Sequence[Backup], now: int, how: str, word: str, where: str) -> Choice:
    passed: list[tuple[str, str]] = []
    for backup in series:
        problem = _unfit(backup, now) or ("" if backup.completed else "it is not complete")
        if not problem:
            return Choice(backup, how, tuple(passed))
        passed.append((backup.name, backup.phase))
    partial = next((b for b in series if not _unfit(b, now)), None)
    hint = _look(where)
    if partial is not None:
        hint = f"`restore {partial.name}{where}` takes the newest incomplete one, if you must"
    raise Refused(
        f"No backup {word} is good",
        why=", ".join(f"{name} is {phase}" for name, phase in passed[:3]),
        hint=hint,
    )


def _unfit(backup: Backup, now: int) -> str:
    """Why a backup cannot be restored; empty when it can."""
    if backup.deleting:
        return "it is being deleted"
    if not backup.finished:
        return f"it is not finished ({backup.phase}); wait for it, or take an older one"
    if not backup.usable:
        return backup.failure or ", ".join(backup.problems) or "it failed and holds nothing"
    if backup.expires_at is not None and backup.expires_at <= now:
        return "it has expired; its data may be gone at any moment"
    return ""
