"""How a restore ended: counts, what was left alone, what failed, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.recovery.words.translating import left_alone, run_failure, translate
from bot.releases.words import count

if TYPE_CHECKING:
    from integrations.velero.models import Entry, Restore, Results


@dataclass(frozen=True, slots=True)
class Restored:
    """How a restore ended.

    Attributes:
        name: Of the Restore.
        phase: Velero's word.
        took: Microseconds by Velero's clock; None when it never began.
        created: Objects made anew.
        updated: Objects that were patched.
        same: Objects that exist as they were saved.
        left: Objects that exist, differ, and were left alone: `ConfigMap settings`.
        failed: Objects that could not be made: `Deployment web`.
        errors: In words.
        warnings: In words.
        hooks_failed: Commands in pods that did not run or failed: their data is not loaded.
        why: Why it is no success, a clause; empty when it is one.
        unread: Why objects could not be read one by one; empty when they were.
    """

    name: str
    backup: str
    phase: str
    took: int | None = None
    created: int = 0
    updated: int = 0
    same: int = 0
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hooks_failed: int = 0
    why: str = ""
    unread: str = ""

    @property
    def ok(self) -> bool:
        """Everything that was asked for is there."""
        return not self.why


def ending(restore: Restore) -> dict[str, Any]:
    """A finished restore as JSON values."""
    return {
        "ok": restore.completed,
        "name": restore.name,
        "backup": restore.backup,
        "phase": restore.phase,
        "took": restore.duration,
        "hooks_failed": restore.hooks_failed,
        "failure": restore.failure,
        "problems": list(restore.problems),
        "errors": restore.errors,
        "warnings": restore.warnings,
    }


def summarized(ended: Mapping[str, Any], results: Results, entries: tuple[Entry, ...]) -> Restored:
    """An ending, and what became of each object. Pure.

    Velero lists an object that exists and differs as `failed`, beside those that it could not
    make; only the warnings tell them apart.
    """
    errors, warnings = translate(results.errors), translate(results.warnings)
    hooks = max(int(ended["hooks_failed"]), errors.hooks + warnings.hooks)
    left = set(warnings.left)
    missed = [n for e in entries if e.action == "failed" and (n := _named(e)) not in left]
    counted = {a: sum(e.action == a for e in entries) for a in ("created", "updated", "skipped")}
    return Restored(
        name=str(ended["name"]),
        backup=str(ended["backup"]),
        phase=str(ended["phase"]),
        took=ended["took"],
        created=counted["created"],
        updated=counted["updated"],
        same=counted["skipped"],
        left=warnings.left,
        failed=tuple(missed),
        errors=errors.sentences,
        warnings=warnings.sentences,
        hooks_failed=hooks,
        why=_why(ended, errors.sentences, hooks),
    )


def blind(ended: Mapping[str, Any], unread: str) -> Restored:
    """An ending whose objects could not be read one by one. Pure."""
    return Restored(
        name=str(ended["name"]),
        backup=str(ended["backup"]),
        phase=str(ended["phase"]),
        took=ended["took"],
        hooks_failed=int(ended["hooks_failed"]),
        why=_why(ended, (), int(ended["hooks_failed"])),
        unread=unread,
    )


def _why(ended: Mapping[str, Any], errors: tuple[str, ...], hooks: int) -> str:
    """Why an ending is no success; data that was not loaded makes `Completed` none."""
    if ended["phase"] == "Completed":
        failed = count(hooks, "restore hook")
        return f"{failed} did not do its work, so data is not loaded" if hooks else ""
    if ended["phase"] == "PartiallyFailed":
        first = errors[0].rstrip(".") if errors else ""
        number = count(max(int(ended["errors"]), len(errors)), "error")
        return f"{number}: {first}" if first else number
    return run_failure(str(ended["failure"]), list(ended["problems"]))


def _named(entry: Entry) -> str:
    return f"{entry.kind.rpartition('/')[2]} {entry.name}"


def skipped_words(restored: Restored) -> str:
    """What was left as it is, and why: one sentence, or nothing."""
    return left_alone(restored.left)
