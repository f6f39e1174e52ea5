"""Backups in plain words: phases, sizes, progress. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.recovery.words.causes import known_cause
from bot.releases.words import count

if TYPE_CHECKING:
    from integrations.velero.models import Backup, VolumeBackup

_WORDS = {
    "New": "asked for",
    "Queued": "waiting for its turn",
    "ReadyToStart": "about to start",
    "InProgress": "being made",
    "WaitingForPluginOperations": "waiting for volumes",
    "WaitingForPluginOperationsPartiallyFailed": "waiting for volumes, with errors",
    "Finalizing": "being finished",
    "FinalizingPartiallyFailed": "being finished, with errors",
    "Completed": "complete",
    "PartiallyFailed": "incomplete",
    "Failed": "failed",
    "FailedValidation": "refused",
    "Deleting": "being deleted",
}
_REMARK = re.compile(r"(\w+): /(.*?)(?=\s+\w+: /|\Z)", re.DOTALL)
_LONGEST = 240
_UNITS = ("B", "kB", "MB", "GB", "TB")


def phase(word: str) -> str:
    """Velero's word for a phase in ours; an unknown one stays as it is."""
    return _WORDS.get(word, word)


def size(number: int | None) -> str:
    """`35 MB`; a dash when it is not known."""
    if number is None:
        return "–"
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 9.95 else f"{value:.0f} {_UNITS[unit]}"


def progress(backup: Backup, volumes: Iterable[VolumeBackup]) -> str:
    """`InProgress, 120 of 300 objects, 35 MB of 80 MB`, as far as it is known."""
    said = [backup.phase]
    if backup.queue_position:
        said.append(f"place {backup.queue_position} in the queue")
    if backup.items_total:
        said.append(f"{backup.items_done} of {count(backup.items_total, 'object')}")
    copies = tuple(volumes)
    if total := sum(copy.total_bytes for copy in copies):
        said.append(f"{size(sum(c.done_bytes for c in copies))} of {size(total)}")
    elif copies:
        said.append(count(len(copies), "volume"))
    return ", ".join(said)


def copied(volumes: Iterable[VolumeBackup]) -> int | None:
    """Bytes of the volumes that were copied as files; None without any."""
    done = [copy.total_bytes for copy in volumes if copy.phase == "Completed"]
    return sum(done) if done else None


def remark(text: str) -> str:
    """A warning or error of a backup as a sentence.

    Velero writes ` resource: /pods name: /db-0 message: /Error backing up item error: /…`.
    """
    said = {key: value.strip() for key, value in _REMARK.findall(text)}
    what = " ".join(said[key] for key in ("resource", "name") if said.get(key))
    why = said.get("error") or said.get("message") or text
    cause = known_cause(why) or " ".join(why.split())
    message = said.get("message", "")
    if said.get("error") and message and not known_cause(why):
        cause = f"{message[0].lower()}{message[1:]}: {cause}"
    whole = f"{what}: {cause}" if what else cause
    return whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 1]}…"
