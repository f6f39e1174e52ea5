"""When a schedule runs next, and when it last should have.

Velero 1.18.3 reads schedules with netresearch/go-cron's standard parser: five fields, ``@daily``
and its kin, ``@every 1h30m``, and perhaps a time zone before them (``CRON_TZ=…`` or ``TZ=…``);
without one the server's own zone holds, which in its container is UTC. A run must match both the
day of the month and the day of the week. (Up to 1.18.1 it was robfig/cron, where either sufficed
when neither is ``*``: better not to write such a schedule.) The fields are ``cronsim``'s work.
Ranges that wrap around (``fri-mon``) are Velero's alone; write ``fri-sat,sun-mon``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from integrations.velero.errors import BadSchedule
from integrations.velero.runs import Schedule
from integrations.velero.values import seconds

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_TERM = r"(?:[*?]|\d+|[a-z]{3})(?:-(?:\d+|[a-z]{3}))?(?:/\d+)?"
_FIELD = re.compile(rf"{_TERM}(?:,{_TERM})*\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLES = 16
_HINT = "Five fields such as “0 2 * * *” (2:00 each day), or @daily, @every 6h; UTC unless CRON_TZ="


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule's times.

    Attributes:
        fields: Five fields as ``cronsim`` takes them; empty for ``@every``.
        zone: In which the fields are meant.
        every: Seconds between two runs, counted from the run before; None with fields.
    """

    fields: str
    zone: tzinfo
    every: int | None = None

    @classmethod
    def parsed(cls, cron: str) -> Cron:
        """Read a schedule as Velero would.

        Raises:
            BadSchedule: Velero would refuse it, or it never comes.
        """
        zone: tzinfo = UTC
        text = cron.strip()
        if text.startswith(("CRON_TZ=", "TZ=")):
            head, _, text = text.partition(" ")
            zone = _zone(cron, head.partition("=")[2])
            text = text.strip()
        if text.startswith("@every "):
            every = seconds(text.removeprefix("@every "))
            if every is None or every < 1:
                raise _bad(cron, "the time after @every is not one of a second or more")
            return cls("", zone, every)
        fields = _NAMED.get(text) or _normal(cron, text)
        try:
            next(_runs(fields, datetime(2024, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise _bad(cron, str(error).lower()) from error
        except StopIteration as error:
            raise _bad(cron, "that day never comes") from error
        return cls(fields, zone)

    def after(self, at_us: int) -> Iterator[int]:
        """All runs after a moment, in µs UTC, whole seconds."""
        if self.every is not None:
            at_us -= at_us % 1_000_000
            while True:
                at_us += self.every * 1_000_000
                yield at_us
        for found in _runs(self.fields, _moment(at_us, self.zone)):
            yield (found - _EPOCH) // timedelta(microseconds=1)

    def before(self, at_us: int) -> int:
        """The last run before a moment; for ``@every`` the latest at which it must have been."""
        if self.every is not None:
            return at_us - self.every * 1_000_000
        found = next(_runs(self.fields, _moment(at_us, self.zone), back=True))
        return (found - _EPOCH) // timedelta(microseconds=1)


def next_run(cron: str, after_us: int) -> int:
    """The first run after a moment.

    Raises:
        BadSchedule: Velero would refuse it, or it never comes.
    """
    return next(Cron.parsed(cron).after(after_us))


def last_due(cron: str, before_us: int) -> int:
    """The last run that was due before a moment.

    Raises:
        BadSchedule: Velero would refuse it, or it never comes.
    """
    return Cron.parsed(cron).before(before_us)


def interval(cron: str, at_us: int) -> int:
    """Seconds between two runs: the longest pause among the next ones (weekends count).

    Raises:
        BadSchedule: Velero would refuse it, or it never comes.
    """
    runs = islice(Cron.parsed(cron).after(at_us), _SAMPLES)
    return max(b - a for a, b in pairwise(runs)) // 1_000_000


def next_due(schedule: Schedule) -> int | None:
    """When Velero will run a schedule next, as it counts: from its last run, skip or creation.

    A time in the past means that it is overdue; None that it is paused or unreadable.
    """
    known = (schedule.last_backup_at or schedule.created_at, schedule.last_skipped_at)
    base = max((at for at in known if at is not None), default=None)
    if schedule.paused or base is None:
        return None
    try:
        return next_run(schedule.cron, base)
    except BadSchedule:
        return None


def _normal(cron: str, text: str) -> str:
    fields = text.lower().split()
    if len(fields) != 5 or not all(_FIELD.match(f) for f in fields):
        raise _bad(cron, "it does not have five fields of numbers, names and * , - /")
    return " ".join(fields).replace("?", "*")


def _runs(fields: str, start: datetime, *, back: bool = False) -> CronSim:
    runs = CronSim(fields, start, reverse=back)
    runs.day_and = True
    return runs


def _zone(cron: str, name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise _bad(cron, f"there is no time zone {name}") from error


def _moment(at_us: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def _bad(cron: str, why: str) -> BadSchedule:
    return BadSchedule(f"“{cron}” is not a schedule: {why}.", hint=f"{_HINT}.")
