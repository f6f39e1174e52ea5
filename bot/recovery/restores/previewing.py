"""The plan of a restore in words. Pure."""

from __future__ import annotations

from typing import Any

from bot.context import Change, Plan, Weight
from bot.recovery.restores.cautions import warnings
from bot.recovery.restores.conflicts import CLAIMS
from bot.recovery.restores.elsewhere import mode_facts
from bot.recovery.restores.prepared import Prepared
from bot.recovery.which.intent import moved
from bot.releases.words import ago, count, listed
from bot.render.document import Document, Note

NAMES = 8
"""So many objects are named; the rest is a number."""


def plan(found: Prepared, *, update: bool, safety: bool, now: int) -> Plan:
    """What is → what will be."""
    intent = found.intent
    places = tuple(found.mapping.values())
    typed = places[0] if len(places) == 1 else found.backup.name
    if intent.app is not None and intent.in_place:
        typed = intent.app.name
    return Plan(
        summary(found, now),
        facts=facts(found, update=update, safety=safety),
        changes=changes(found, update=update),
        warnings=warnings(found, update=update, safety=safety, now=now),
        weight=Weight.TYPE if found.live else Weight.CONFIRM,
        typed=typed if found.live else "",
        details=_why_this_one(found),
    )


def _why_this_one(found: Prepared) -> Document | None:
    how = found.choice.how
    return Document.of(Note.of(f"{found.backup.name} is {how}.")) if how else None


def untouched(found: Prepared) -> tuple[str, ...]:
    """Claims whose data stays as it is: they exist, and no restore hook will load a dump."""
    survey = found.survey
    if found.room is not None:
        return found.room.kept
    return () if survey.hooks and not survey.idle_hooks else survey.claims


def summary(found: Prepared, now: int) -> str:
    """`Restore parse on main from parseserver-backup-…, 3 h old`."""
    intent = found.intent
    what = intent.app.name if intent.app else listed(sorted(found.mapping), 3)
    into = "" if intent.in_place or not intent.to else f" into namespace {intent.to}"
    verb = "Replace" if found.room else "Restore"
    made = ago(found.backup.started_at, now)
    return f"{verb} {what}{into} on {intent.cluster} from {found.backup.name}" + (
        f", made {made}" if made else ""
    )


def facts(found: Prepared, *, update: bool, safety: bool) -> dict[str, Any]:
    """What fixes the effect, as JSON values; the run works by these alone."""
    backup, room = found.backup, found.room
    # Another cluster's copy of a Backup gets a uid of its own when it shows up.
    identity = backup.started_at if found.intent.home else backup.uid
    made: dict[str, Any] = {
        "backup": backup.name,
        "identity": identity,
        "made": backup.started_at,
        "mapping": dict(found.mapping),
        "moved": moved(found.mapping),
        "resources": list(found.resources),
        "selectors": [dict(one) for one in found.selectors],
        "update": update,
        "ports": found.intent.in_place,
        "app": found.intent.app.name if found.intent.app else "",
        "there": found.survey.marks,
        "workloads_held": found.survey.workloads,
        "reaches": [*found.reach.named, *found.reach.jobs],
        "untouched": list(untouched(found)),
        **mode_facts(found.location),
    }
    if found.unseen is not None:
        made["unseen"] = True
        made["loose"] = list(found.unseen.loose)
    if room is not None:
        made["safety"] = safety
        made["workloads"] = [[w.kind, w.name, w.uid] for w in room.workloads]
        made["claims"] = [[c.kind, c.name, c.uid] for c in room.claims]
    return made


def changes(found: Prepared, *, update: bool) -> tuple[Change, ...]:
    """What goes, what is made, what stays."""
    survey, room = found.survey, found.room
    rows = [Change(f"namespace {name}", "not there", "made") for name in survey.fresh]
    if room is not None:
        gone = [Change(w.path, "running", "deleted, restored") for w in room.workloads]
        gone += [Change(f"volume of {c.name}", "in use", "deleted, refilled") for c in room.claims]
        rows += _capped(gone, "to be deleted")
        rows += [Change(f"volume of {name}", "in use", "stays as it is") for name in room.kept]
    stays = [
        Change(one.path, "there", "patched where it differs" if update else "stays as it is")
        for one in survey.met
        if one.resource != CLAIMS
    ]
    rows.append(_objects(found))
    if room is None and (fresh := _refilled(found)):
        rows.append(Change(f"data of {count(fresh, 'volume')}", "not there", "restored"))
    rows += _capped(stays, "that exist")
    if room is None:
        rows += [Change(f"data of {name}", "in use", "stays as it is") for name in survey.claims]
    return tuple(rows)


def _objects(found: Prepared) -> Change:
    survey = found.survey
    if found.unseen is not None:
        return Change("what the backup holds", "not seen", "made where it is missing")
    there = f"{survey.there} there" if survey.there else "not there"
    return Change(count(survey.total, "object"), there, f"{survey.total - survey.there} made")


def _refilled(found: Prepared) -> int:
    """Volumes that are made anew with the data of the backup; unknown where kinds are chosen."""
    there = found.survey.claims
    return 0 if found.resources else sum(p.claim not in there for p in found.proof.protected)


def _capped(rows: list[Change], what: str) -> list[Change]:
    if len(rows) <= NAMES:
        return rows
    return [
        *rows[:NAMES],
        Change(f"{len(rows) - NAMES} more {what}", rows[0].before, rows[0].after),
    ]
