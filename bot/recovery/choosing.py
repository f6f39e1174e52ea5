"""Which backup a word means. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.errors import Refused, UsageError
from bot.recovery.apps import backs
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


def choose(word: str, backups: Sequence[Backup], bases: Mapping[str, str], now: int) -> Choice:
    """Finds the backup: an exact name, else the newest of a series, else an app's newest.

    An app's newest may be called otherwise: `recovery` counts it too.

    Args:
        word: What was typed: a backup, a series such as `parseserver-backup`, or an app.
        backups: All of the cluster, newest first.
        bases: App → what its backups are called.
        now: Microseconds UTC; what has expired by then cannot be taken.

    Raises:
        UsageError: Nothing fits the word.
        Refused: What fits cannot be restored, with the reason.
    """
    exact = next((b for b in backups if b.name == word), None)
    if exact is not None:
        if problem := _unfit(exact, now):
            raise Refused(f"Backup {word} cannot be restored", why=problem, hint=_HINT)
        return Choice(exact, "")
    series = [b for b in backups if names.is_stamped(b.name, word)]
    if series:
        return _newest(series, now, f"the newest good backup called {word}", word)
    if word in bases:
        series = [b for b in backups if backs(b, word, bases[word])]
        if not series:
            raise Refused(
                f"There is no backup of {word} yet", hint=f"Make one with `backup create {word}`"
            )
        return _newest(series, now, f"the newest good backup of {word}", word)
    if app := next((app for app, base in bases.items() if base == word), ""):
        raise Refused(
            f"There is no backup {word}-… yet", hint=f"Make one with `backup create {app}`"
        )
    known = sorted({*bases, *bases.values(), *(b.name for b in backups)})
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    raise UsageError(
        f"There is no backup {word}",
        why=f"did you mean {near[0]}?" if near else "",
        hint="`backup list` shows them all",
    )


_HINT = "`backup list` shows which ones are good"


def _newest(series: Sequence[Backup], now: int, how: str, word: str) -> Choice:
    passed: list[tuple[str, str]] = []
    for backup in series:
        problem = _unfit(backup, now) or ("" if backup.completed else "it is not complete")
        if not problem:
            return Choice(backup, how, tuple(passed))
        passed.append((backup.name, backup.phase))
    partial = next((b for b in series if not _unfit(b, now)), None)
    hint = _HINT
    if partial is not None:
        hint = f"`restore {partial.name}` takes the newest incomplete one, if you must"
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
