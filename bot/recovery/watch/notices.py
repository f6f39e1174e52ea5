"""What the ops channel hears of runs that others made: one message for each. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.recovery.restores.elsewhere import came_by_store
from bot.recovery.watch.picture import MINUTE, Picture, Site, ended_at, made_at
from bot.recovery.watch.promises import reason
from bot.recovery.which.apps import JOB_ANNOTATION
from bot.recovery.words import wording
from bot.releases.words import count, span
from bot.render.document import (
    Actions,
    Button,
    Document,
    Inline,
    Mono,
    Note,
    Text,
    Title,
    Tone,
    When,
)
from integrations.velero.models import Backup

if TYPE_CHECKING:
    from integrations.velero.models import Restore, Schedule

LONG = 2 * MINUTE
"""A run that takes longer is told of while it is under way."""
MANY = 10
"""More news than that at once, as after days without the bot, is one message."""
RUNNING, ENDED = "running", "ended"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, and what is known to have been told with it: name → state.

    Attributes:
        key: Its name; the same one again edits it.
    """

    key: str
    document: Document
    told: Mapping[str, str]


def present(picture: Picture) -> dict[str, str]:
    """Everything that is there: name → state as a first look knows it."""
    return {
        **{_name(run): ENDED for run in picture.runs if run.finished},
        **{f"schedule/{s.uid}": ENDED for s in picture.schedules},
    }


def notices(
    site: Site, picture: Picture, seen: Mapping[str, str], now: int, known: Collection[str] = ()
) -> Iterator[Notice]:
    """What to tell.

    Args:
        site: The cluster.
        picture: What is there.
        seen: What was told before: name → state.
        now: Microseconds UTC.
        known: Names of the registered commands; no others are offered.
    """
    ended: list[Backup | Restore] = []
    for run in sorted(picture.runs, key=ended_at):
        state = seen.get(_name(run), "")
        if state == ENDED or _ours(run) or came_by_store(run):
            continue
        if run.finished and state:
            yield _ended(site, run, known)
        elif run.finished:
            ended.append(run)
        elif not state and run.started_at is not None and now - run.started_at >= LONG:
            yield _running(site, run)
    if len(ended) > MANY:
        yield _summary(site, ended, now)
    else:
        yield from (_ended(site, run, known) for run in ended)
    for schedule in picture.schedules:
        if f"schedule/{schedule.uid}" not in seen and JOB_ANNOTATION not in schedule.annotations:
            yield _made(site, schedule)


def _ended(site: Site, run: Backup | Restore, known: Collection[str]) -> Notice:
    tone: Tone = "bad" if not run.usable else "good" if run.completed else "warn"
    facts: list[str] = []
    if run.duration is not None:
        facts.append(f"took {span(run.duration)}")
    if run.items_total:
        facts.append(count(run.items_total, "object"))
    if run.warnings:
        facts.append(count(run.warnings, "warning"))
    why = reason(run)
    document = Document.of(
        Title(f"{_title(run)} {_verb(run)}", tone),
        Text.of(f"{why[0].upper()}{why[1:]}.") if why and not run.completed else None,
        Text.of(", ".join(facts)) if facts else None,
        _buttons(site, run, known),
        _origin(site, run),
    )
    return Notice(_key(site, run), document, {_name(run): ENDED})


def _running(site: Site, run: Backup | Restore) -> Notice:
    document = Document.of(
        Title(f"{_title(run)} is running"),
        Text.of("Since ", When(made_at(run)), "; its end is told here."),
        _origin(site, run),
    )
    return Notice(_key(site, run), document, {_name(run): RUNNING})


def _summary(site: Site, runs: Sequence[Backup | Restore], now: int) -> Notice:
    phases = Counter(run.phase for run in runs)
    bad = [run for run in runs if not run.completed]
    lines: list[Inline] = []
    for run in bad[-MANY:]:
        why = reason(run)
        said = f" {_verb(run)}: {why}, " if why else f" {_verb(run)}, "
        lines += ["\n• ", _title(run), said, When(ended_at(run))]
    more = f" The last {MANY} of them:" if len(bad) > MANY else ""
    document = Document.of(
        Title(
            f"{len(runs)} backups and restores ended while nobody looked",
            "warn" if bad else "plain",
        ),
        Text.of(", ".join(f"{number} {wording.phase(p)}" for p, number in phases.most_common())),
        Text.of(f"{len(bad)} did not succeed.{more}", *lines) if bad else None,
        Note.of("Made by others, cluster ", Mono(site.cluster)),
    )
    return Notice(f"velero/{site.cluster}/many/{now}", document, {_name(r): ENDED for r in runs})


def _made(site: Site, schedule: Schedule) -> Notice:
    name = f"schedule/{schedule.uid}"
    document = Document.of(
        Title(f"Schedule {schedule.name} was made"),
        Text.of("It makes backups at ", Mono(schedule.cron)),
        Note.of("Made by others, cluster ", Mono(site.cluster)),
    )
    return Notice(f"velero/{site.cluster}/{name}", document, {name: ENDED})


def _buttons(site: Site, run: Backup | Restore, known: Collection[str]) -> Actions | None:
    if not isinstance(run, Backup):
        return None
    acts = [site.act("Describe", f"backup describe {run.name}")]
    if not run.completed or run.warnings:
        acts.append(site.act("Log", f"backup logs {run.name}"))
    shown = [a for a in acts if " ".join(a.command.split()[:2]) in known]
    return Actions(tuple(Button(a.label, "run", a.command) for a in shown)) if shown else None


def _origin(site: Site, run: Backup | Restore) -> Note:
    if isinstance(run, Backup):
        by: tuple[Inline, ...] = (
            ("Made by schedule ", Mono(run.schedule)) if run.schedule else ("Made by others",)
        )
    else:
        by = ("Made by others from backup ", Mono(run.backup)) if run.backup else ("By others",)
    return Note.of(*by, ", cluster ", Mono(site.cluster))


def _verb(run: Backup | Restore) -> str:
    words = wording.phase(run.phase)
    return words if words == "failed" else f"{'was' if words == 'refused' else 'is'} {words}"


def _title(run: Backup | Restore) -> str:
    return f"{type(run).__name__} {run.name}"


def _name(run: Backup | Restore) -> str:
    return f"{type(run).__name__.lower()}/{run.uid}"


def _key(site: Site, run: Backup | Restore) -> str:
    return f"velero/{site.cluster}/{_name(run)}"


def _ours(run: Backup | Restore) -> bool:
    """Made by a job of the bot, which tells of it. A schedule's runs inherit its annotations."""
    inherited = isinstance(run, Backup) and run.schedule
    return JOB_ANNOTATION in run.annotations and not inherited
