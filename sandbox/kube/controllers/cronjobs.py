"""CronJobs: a Job at every due minute of a five-field schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.kube.clock import parse_timestamp, timestamp
from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import Json, deleting, is_true, owner_ref, uid
from sandbox.kube.controllers.work import Key
from sandbox.kube.resources import CRONJOBS, JOBS, Resource

SOURCE = "cronjob-controller"
_NAMED = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_WORDS = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_FAR = 366 * 5


class Schedule:
    """A five-field cron expression."""

    def __init__(self, text: str) -> None:
        """Read the expression.

        Raises:
            ValueError: It is none.
        """
        fields = _NAMED.get(text.strip(), text).split()
        if len(fields) != 5:
            raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{text}]")
        self._sets = [_field(fields[i], i) for i in range(5)]
        self._any_day = (fields[2] == "*", fields[4] == "*")

    def after(self, moment: datetime) -> datetime | None:
        """Return the first due minute after a moment; None if there is none in five years."""
        at = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for _ in range(_FAR):
            if at.month in self._sets[3] and self._day_fits(at):
                found = self._in_day(at)
                if found is not None:
                    return found
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
        return None

    def _in_day(self, at: datetime) -> datetime | None:
        for hour in sorted(h for h in self._sets[1] if h >= at.hour):
            first = at.minute if hour == at.hour else 0
            minutes = [m for m in self._sets[0] if m >= first]
            if minutes:
                return at.replace(hour=hour, minute=min(minutes))
        return None

    def _day_fits(self, at: datetime) -> bool:
        day = at.day in self._sets[2]
        weekday = at.isoweekday() % 7 in self._sets[4]
        return (day or weekday) if not any(self._any_day) else (day and weekday)


def _field(text: str, position: int) -> set[int]:
    low, high = _RANGES[position]
    names = _WORDS.get(position, ())
    base = 1 if position == 3 else 0

    def number(part: str) -> int:
        if part.lower() in names:
            return names.index(part.lower()) + base
        value = int(part)
        if not low <= value <= high:
            raise ValueError(f"{value} is outside {low} to {high}")
        return value

    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        elif "-" in span:
            left, _, right = span.partition("-")
            first, last = number(left), number(right)
        else:
            first = number(span)
            last = high if step else first
        found.update(range(first, last + 1, int(step or 1)))
    if position == 4 and 7 in found:
        found = (found - {7}) | {0}
    return found


class CronJobs(Controller):
    """Makes Jobs when they are due and drops old ones."""

    name = "cronjobs"
    level = 2

    def watches(self) -> Mapping[Resource, Handler]:
        """CronJobs and their Jobs."""
        return {CRONJOBS: self.enqueue, JOBS: self.enqueue_owner("CronJob")}

    def reconcile(self, key: Key) -> None:
        """Make the Job that is due, write the status, and wait for the next time."""
        cron = self.ctx.store.peek(CRONJOBS, *key)
        if cron is None or deleting(cron):
            return
        jobs = self.ctx.index.owned(uid(cron), JOBS)
        self._trim(cron, jobs)
        status = self._status(cron, jobs)
        try:
            schedule, zone = Schedule(cron["spec"]["schedule"]), _zone(cron)
        except (ValueError, ZoneInfoNotFoundError) as error:
            text = f"unparseable schedule {cron['spec']['schedule']!r}: {error}"
            self.ctx.events.warning(cron, "UnparseableSchedule", text, source=SOURCE)
            return
        if not cron["spec"].get("suspend"):
            self._tick(key, cron, status, schedule, zone)
        self.ctx.put_status(CRONJOBS, cron, status)

    def _tick(
        self, key: Key, cron: Json, status: Json, schedule: Schedule, zone: tzinfo | None
    ) -> None:
        now = self.ctx.now()
        last = status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]
        since = max(parse_timestamp(last), now - timedelta(minutes=2))
        due = schedule.after(since.astimezone(zone) if zone else since)
        if due is not None and due <= now:
            self._run(cron, status, due)
            due = schedule.after(now.astimezone(zone) if zone else now)
        if due is not None:
            self.again(key, max(0.1, (due - now).total_seconds()))

    def _run(self, cron: Json, status: Json, due: datetime) -> None:
        policy = cron["spec"].get("concurrencyPolicy", "Allow")
        status["lastScheduleTime"] = timestamp(due)
        if status.get("active") and policy == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"  # noqa: E501
            self.ctx.events.normal(cron, "JobAlreadyActive", text, source=SOURCE)
            return
        if policy == "Replace":
            for ref in status.pop("active", ()):
                self.ctx.store.delete(JOBS, ref["namespace"], ref["name"], propagation="Background")
        meta, template = cron["metadata"], cron["spec"]["jobTemplate"]
        name = f"{meta['name']}-{int(due.timestamp()) // 60}"
        if self.ctx.store.peek(JOBS, meta["namespace"], name) is not None:
            return
        inner = template.get("metadata") or {}
        job = self.ctx.store.create(
            JOBS,
            {
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": inner.get("labels") or {},
                    "annotations": {
                        **(inner.get("annotations") or {}),
                        "batch.kubernetes.io/cronjob-scheduled-timestamp": timestamp(due),
                    },
                    "ownerReferences": [owner_ref(cron)],
                },
                "spec": template["spec"],
            },
        )
        status.setdefault("active", []).append(_ref(job))
        self.ctx.events.normal(cron, "SuccessfulCreate", f"Created job {name}", source=SOURCE)

    def _status(self, cron: Json, jobs: list[Json]) -> Json:
        status = dict(cron.get("status") or {})
        active = [_ref(job) for job in jobs if not _ended(job)]
        status.pop("active", None)
        if active:
            status["active"] = active
        won = [j["status"]["completionTime"] for j in jobs if is_true(j["status"], "Complete")]
        if won:
            status["lastSuccessfulTime"] = max(won)
        return status

    def _trim(self, cron: Json, jobs: list[Json]) -> None:
        limits = (
            ("Complete", cron["spec"].get("successfulJobsHistoryLimit", 3)),
            ("Failed", cron["spec"].get("failedJobsHistoryLimit", 1)),
        )
        for kind, limit in limits:
            done = [job for job in jobs if is_true(job.get("status") or {}, kind)]
            done.sort(key=lambda job: job["metadata"]["creationTimestamp"])
            for job in done[: max(0, len(done) - limit)]:
                if not deleting(job):
                    meta = job["metadata"]
                    self.ctx.store.delete(
                        JOBS, meta["namespace"], meta["name"], propagation="Background"
                    )


def _zone(cron: Json) -> tzinfo | None:
    name = cron["spec"].get("timeZone")
    return ZoneInfo(name) if name else None


def _ended(job: Json) -> bool:
    status = job.get("status") or {}
    return is_true(status, "Complete") or is_true(status, "Failed")


def _ref(job: Json) -> Json:
    meta = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }
