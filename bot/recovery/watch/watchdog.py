"""What is wrong with Velero in one cluster, from what it has and the time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bot.alerts import Act, Condition, Findings, Item
from bot.alerts.condition import Sentence
from bot.recovery.watch.picture import MINUTE, WAITING, Known, Picture, Site, age, made_at
from bot.recovery.watch.promises import Verdict, promises
from bot.recovery.watch.timetable import timetable
from bot.releases.words import count, listed
from bot.render.document import Mono
from integrations.velero.errors import store_cause
from integrations.velero.kinds import GC_FAILURE_LABEL

if TYPE_CHECKING:
    from integrations.velero.models import Backup, Location, Restore

STUCK = 15 * MINUTE
UNTOUCHED = 2 * MINUTE
"""After which the server is asked whether it lives, when it has not taken up a run."""

_GC_CAUSES: Mapping[str, str] = {
    # Values of the label: velero v1.18.3, pkg/controller/gc_controller.go.
    "BSLNotFound": "its storage location is gone",
    "BSLCannotGet": "its storage location cannot be read",
    "BSLReadOnly": "its storage location is read-only",
}


def examine(site: Site, picture: Picture, known: Known, stock: Iterable[Verdict] = ()) -> Findings:
    """Looks at everything; what holds is told, what cannot be told is named as unsure.

    Args:
        site: The cluster.
        picture: What Velero has there.
        known: What no object tells.
        stock: What the store told of the volumes in backups.
    """
    verdicts: list[Verdict] = [
        *(_storage(site, location, known.now) for location in picture.locations),
        *promises(site, picture, known),
        *timetable(site, picture, known),
        *_standstill(site, picture, known),
        _server(site, picture, known),
        _deletions(site, picture, known.now),
        *stock,
    ]
    return Findings(
        tuple(v.broken for v in verdicts if v.broken),
        frozenset(v.key for v in verdicts if v.unsure),
        {v.key: v.well for v in verdicts if v.well},
    )


def suspects(picture: Picture, known: Known) -> tuple[Backup | Restore, ...]:
    """Runs under way that make no progress, or have not for nearly as long as matters."""
    return tuple(r for r in _active(picture.runs) if known.now - _moved(r, known) >= STUCK * 2 // 3)


def doubtful(picture: Picture, known: Known) -> bool:
    """Whether the server should be asked if it lives: it leaves something undone."""
    return any(h and known.now - made_at(h) >= UNTOUCHED for h in _heads(picture)) or any(
        known.now - _moved(run, known) >= STUCK for run in _active(picture.runs)
    )


def _storage(site: Site, location: Location, now: int) -> Verdict:
    key = f"location/{location.name}"
    if location.phase != "Unavailable":
        return Verdict(key, well=("Velero can use it again.",))
    where: Sentence = ("Bucket ", Mono(location.bucket))
    if location.url:
        where += (" at ", Mono(location.url))
    cause = store_cause(location.message) if location.message else "Velero does not say why"
    broken = Condition(
        key,
        f"Storage location {location.name} is not available",
        now,
        why=(
            (f"{cause[0].upper()}{cause[1:]}.",),
            (*where, ". No backup can be made or restored."),
        ),
        todo=("Mend the store or the way to it; Velero looks again every minute.",),
        acts=(Act("Check", "check"),),
    )
    return Verdict(key, broken)


def _standstill(site: Site, picture: Picture, known: Known) -> Iterator[Verdict]:
    """Runs that do not move, and heads of a queue that nobody serves."""
    for run in picture.runs:
        if run.finished and run.completed_at and known.now - run.completed_at < STUCK * 4:
            yield Verdict(_stuck_key(run), well=(f"It ended: {run.phase}.",))
    for run in _active(picture.runs):
        at = _moved(run, known)
        if known.now - at < STUCK:
            yield Verdict(_stuck_key(run), well=("It goes on.",))
            continue
        done = f"{run.items_done} of {count(run.items_total, 'object')}"
        far: Sentence = (f"It stopped at {done}, phase ", Mono(run.phase), ".")
        yield _stuck(site, run, at, far, picture)
    for head in _heads(picture):
        if head is None or known.now - made_at(head) < STUCK:
            continue
        if known.server is None:
            yield Verdict(_stuck_key(head), unsure=True)
        elif known.server:
            far = ("The server answers, but has not taken it up.",)
            yield _stuck(site, head, made_at(head), far, picture)


def _stuck(
    site: Site, run: Backup | Restore, since: int, far: Sentence, picture: Picture
) -> Verdict:
    kind = _kind(run)
    queue = picture.backups if kind == "backup" else picture.restores
    behind = [r.name for r in sorted(queue, key=age) if r.phase in WAITING and r is not run]
    why: list[Sentence] = [far]
    if behind:
        ones = "waits" if len(behind) == 1 else "wait"
        why.append((f"It is the head of the queue: {listed(behind, 3)} {ones} behind it.",))
    reads = (
        (
            site.act("What is in it", f"backup describe {run.name}"),
            site.act("Log", f"backup logs {run.name}"),
        )
        if kind == "backup"
        else ()
    )
    broken = Condition(
        _stuck_key(run),
        f"{kind.capitalize()} {run.name} makes no progress",
        since,
        why=tuple(why),
        todo=(
            "Look for its cause in ",
            Mono(site.kubectl("logs deployment/velero --tail 100")),
            "; a restart of the server ends it as Failed and lets the others go on.",
        ),
        acts=(*reads, _restart(site)),
    )
    return Verdict(_stuck_key(run), broken)


def _server(site: Site, picture: Picture, known: Known) -> Verdict:
    left = [r for r in (*_heads(picture), *_active(picture.runs)) if r is not None]
    if not doubtful(picture, known):
        return Verdict("server", well=("It works again.",))
    if known.server is None:
        return Verdict("server", unsure=True)
    if known.server:
        return Verdict("server", well=("It answers.",))
    first = min(left, key=age)
    broken = Condition(
        "server",
        "Velero's server does not answer",
        made_at(first),
        why=((f"It leaves {_kind(first)} ", Mono(first.name), " undone; no other can run."),),
        todo=("See why its pod does not run: ", Mono(site.kubectl("get pods,events"))),
        acts=(_restart(site),),
    )
    return Verdict("server", broken)


def _deletions(site: Site, picture: Picture, now: int) -> Verdict:
    """Expired backups that the server cannot collect, except where it was told not to."""
    told = {x.name for x in picture.locations if x.read_only}
    left = [
        b
        for b in sorted(picture.backups, key=age)
        if (cause := b.labels.get(GC_FAILURE_LABEL))
        and not (cause == "BSLReadOnly" and b.location in told)
    ]
    if not left:
        return Verdict("deletions")
    broken = Condition(
        "deletions",
        f"{count(len(left), 'expired backup')} cannot be deleted",
        now,
        why=(("They fill the store, and are listed as if they could be restored.",),),
        todo=("Mend the cause; Velero tries again every hour.",),
        acts=(site.act("Delete the oldest", f"backup delete {left[0].name}"),),
        items=tuple(Item(b.uid or b.name, _left(b)) for b in left),
        tone="warn",
    )
    return Verdict("deletions", broken)


def _left(backup: Backup) -> Sentence:
    cause = backup.labels[GC_FAILURE_LABEL]
    return (Mono(backup.name), f": {_GC_CAUSES.get(cause, cause)}")


def _restart(site: Site) -> Act:
    words = f"restart deployment/velero --namespace {site.namespace}"
    act = site.act("Restart Velero", words)
    return Act(act.label, act.command, button=False)  # it ends what is under way


def _active(runs: Sequence[Backup | Restore]) -> Iterator[Backup | Restore]:
    """Runs that somebody works on, or should."""
    left = (r for r in runs if not r.finished and r.phase not in (*WAITING, "Deleting"))
    return iter(sorted(left, key=age))


def _heads(picture: Picture) -> tuple[Backup | Restore | None, ...]:
    """The run that comes next, of backups and of restores; None while another is under way."""
    return tuple(
        None
        if any(_active(runs))
        else min((r for r in runs if r.phase in WAITING), key=age, default=None)
        for runs in (picture.backups, picture.restores)
    )


def _moved(run: Backup | Restore, known: Known) -> int:
    return known.moved.get(run.uid, known.now)


def _kind(run: Backup | Restore) -> str:
    return type(run).__name__.lower()


def _stuck_key(run: Backup | Restore) -> str:
    return f"stuck/{_kind(run)}/{run.name}"
