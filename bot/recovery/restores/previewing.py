"""The plan of a restore in words. Pure."""

from __future__ import annotations

from typing import Any

from bot.context import Change, Plan, Weight
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


def warnings(found: Prepared, *, update: bool, safety: bool, now: int) -> tuple[str, ...]:
    """What a person should read first, the worst first."""
    said = [
        *_blind(found, now),
        *_copies(found),
        *_losses(found, safety=safety, now=now),
        *_data(found),
        *_skips(found, update=update),
        *found.survey.clashes,
        *_choice(found),
        *_place(found),
    ]
    return tuple(said)


def _blind(found: Prepared, now: int) -> list[str]:
    """What nobody could look at."""
    unseen = found.unseen
    if unseen is None:
        return []
    reached = ago(unseen.reached_at, now)
    copied = listed((p.claim for p in found.proof.protected), 4)
    said = [
        f"{unseen.why} So NOBODY HAS LOOKED at what it holds. Velero reached its store "
        f"{reached or 'lately'}, so it can restore all the same: it makes what is missing, and "
        "leaves alone what is there.",
        "Not known: whether all of the app is in it; which node ports, hosts and storage classes "
        "clash or are missing; which volumes come back EMPTY, or wait for an old volume (reclaim "
        "policy Retain). "
        + (
            f"By Velero's records it has copies of {copied}."
            if copied
            else "Velero's records name no volume that was copied."
        ),
    ]
    if unseen.loose:
        said.append(
            f"{_volumes(unseen.loose)} and no pod uses "
            f"{'it' if len(unseen.loose) == 1 else 'them'}: if the backup has a dump, its restore "
            "hook loads it OVER the data there."
        )
    return [*said, f"Better with a look first, if there is time. {unseen.hint}"]


def _copies(found: Prepared) -> list[str]:
    """What a copy does to the living app: no wall stands between them."""
    named, jobs, said = found.reach.named, found.reach.jobs, []
    source = listed((s for s, place in found.mapping.items() if s != place), 3)
    if named:
        verb = "names" if len(named) == 1 else "name"
        said.append(
            f"The copy may write to the LIVE app: {listed(named, 4)} {verb} a host of namespace "
            f"{source}. A drill would refuse it."
        )
    if jobs:
        verb = "starts" if len(jobs) == 1 else "start"
        said.append(f"CronJob {listed(jobs, 4)} {verb} in the copy too, beside that of {source}.")
    return said


def _losses(found: Prepared, *, safety: bool, now: int) -> list[str]:
    room = found.room
    if room is None:
        return []
    made = ago(found.backup.started_at, now)
    said = [
        f"The app stops, and everything written after the backup ({made}) is lost: its workloads "
        f"and {count(len(room.claims), 'volume')} are deleted."
    ]
    if not safety:
        said.append("No safety backup is made first: there is no way back.")
    if room.retained:
        said.append(
            f"{listed(room.retained, 4)} {'keeps' if len(room.retained) == 1 else 'keep'} the old "
            "data (reclaim policy Retain): delete it yourself once nobody needs it."
        )
    if room.kept:
        stay = "this volume stays" if len(room.kept) == 1 else "these volumes stay"
        said.append(f"The backup has no data of {listed(room.kept, 4)}, so {stay} as now.")
    return said


def _data(found: Prepared) -> list[str]:
    """What becomes of the data on volumes."""
    survey, said = found.survey, []
    stays = survey.claims if found.room is None else ()
    if stays and survey.hooks and not survey.idle_hooks:
        said.append(
            f"{_volumes(stays)}, but the restore hook of {listed(survey.hooks, 3)} loads the dump "
            "of the backup: the database goes back to it."
        )
    elif stays:
        whose = "its" if len(stays) == 1 else "their"
        said.append(f"{_volumes(stays)}: {whose} data is NOT rolled back.{_instead(found, stays)}")
    if found.room is None and survey.idle_hooks:
        said.append(
            f"{listed(survey.idle_hooks, 3)} still "
            f"{'runs' if len(survey.idle_hooks) == 1 else 'run'}, so the restore hook that loads "
            "the dump does not run there."
        )
    waiting = {one.claim for one in found.waiting}
    lost = [u for u in found.proof.unprotected if u.claim not in (*survey.claims, *waiting)]
    if lost and found.room is None:
        named = listed((f"{u.claim} ({u.cause})" for u in lost), 4)
        said.append(f"The backup has no data of {named}: these volumes come back EMPTY.")
    said += [one.words for one in found.waiting]
    return said


def _volumes(claims: tuple[str, ...]) -> str:
    verb = "exists" if len(claims) == 1 else "exist"
    return f"{count(len(claims), 'volume')} ({listed(claims, 4)}) {verb}"


def _instead(found: Prepared, stays: tuple[str, ...]) -> str:
    """What would roll the data of these claims back."""
    if not found.intent.in_place or found.unseen is not None:
        return ""
    stored = {p.claim for p in found.proof.protected}
    if stored.isdisjoint(stays):
        return " The backup has none of it."
    if fixed := [name for name in found.fixed if name in stored]:
        return (
            f" Nor can --replace alone do that for {listed(fixed, 4)} (reclaim policy Retain, and "
            "the backup has a dump only): "
            f"`restore {found.backup.name} --replace{found.where}` says what can."
        )
    return f" `restore {found.backup.name} --replace{found.where}` deletes and refills."


def _skips(found: Prepared, *, update: bool) -> list[str]:
    """Objects that the restore leaves alone."""
    number = len(found.survey.met) - len(found.survey.claims)
    if number <= 0 or update:
        return []
    verb = "exists and stays" if number == 1 else "exist and stay"
    patches = "" if found.unseen else "; --update patches them"
    return [
        f"{count(number, 'object')} {verb} as {'it is' if number == 1 else 'they are'}, even where "
        f"the backup differs{patches}."
    ]


def _choice(found: Prepared) -> list[str]:
    """Which backup it is, and why not a newer or a better one."""
    said = []
    if found.intent.home:
        said.append(f"The backup is of {found.intent.home}, not of {found.intent.cluster}.")
    if found.choice.passed_over:
        newer = listed((f"{name} ({phase})" for name, phase in found.choice.passed_over), 3)
        said.append(f"Newer, but not good: {newer}.")
    if not found.backup.completed:
        said.append(
            f"The backup is incomplete ({count(found.backup.errors, 'error')}): "
            f"`backup describe {found.backup.name}{found.where}` tells what is missing."
        )
    if found.selectors:
        said.append("Another app lives in that namespace; only objects with the app's label come.")
    return said


def _place(found: Prepared) -> list[str]:
    said = []
    said += [
        f"{name} was not asked which backups it has: {why}." for name, why in found.troubles.items()
    ]
    if found.location is not None and not found.location.read_only:
        said.append(
            f"While it runs, {found.intent.cluster} cannot write to storage location "
            f"{found.location.name}: no backups there."
        )
    if found.waits:
        said.append(f"{found.intent.cluster} has yet to find the backup in the bucket.")
    return said
