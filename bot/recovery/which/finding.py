"""A backup by what a person typed, for looking at it: any state will do. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from bot.errors import UsageError
from bot.recovery.which.apps import backs, of_cluster
from integrations.velero import names
from integrations.velero.models import Backup


def find_backup(
    word: str,
    backups: Sequence[Backup],
    bases: Mapping[str, str],
    cluster: str,
    where: str = "",
) -> Backup:
    """The backup of that name, else the newest of a series or of an app, the cluster's own first.

    Args:
        word: What was typed.
        backups: All that the cluster knows, newest first.
        bases: App → what its backups are called.
        cluster: Where; of a shared bucket, backups of others are known there too.
        where: The flag that offered commands need to mean that cluster.

    Raises:
        UsageError: There is none.
    """
    for fitting in (
        (b for b in backups if b.name == word),
        (b for b in backups if names.is_stamped(b.name, word) and of_cluster(b.labels, cluster)),
        (b for b in backups if word in bases and backs(b, word, bases[word], cluster)),
        (b for b in backups if names.is_stamped(b.name, bases.get(word, word))),
    ):
        if (found := next(fitting, None)) is not None:
            return found
    raise unknown(word, backups, bases, where)


def exact_backup(name: str, backups: Sequence[Backup], where: str = "") -> Backup:
    """The backup of exactly that name, for what must not hit another one.

    Raises:
        UsageError: There is none.
    """
    found = next((b for b in backups if b.name == name), None)
    if found is None:
        raise unknown(name, backups, {}, where)
    return found


def unknown(
    word: str, backups: Sequence[Backup], bases: Mapping[str, str], where: str = ""
) -> UsageError:
    """There is no such backup; names the nearest one."""
    known = [*(b.name for b in backups), *bases.values(), *bases]
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return UsageError(
        f"There is no backup {word}",
        why=f"did you mean {near[0]}?" if near else "",
        hint=f"`backup list --all{where}` shows them all",
    )
