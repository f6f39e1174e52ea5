"""Schedules: a Backup whenever one is due. Missed runs are not made up for.

Follows ``pkg/controller/schedule_controller.go`` of velero v1.18.3; expressions are those of
robfig/cron's standard parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.kube.clock import parse_timestamp
from sandbox.kube.controllers import cronjobs
from sandbox.kube.controllers.meta import owner_ref
from sandbox.kube.controllers.work import Key
from sandbox.velero.backups import phase_of
from sandbox.velero.definitions import BACKUPS, SCHEDULES
from sandbox.velero.site import NAMESPACE, Site, duration

Json = dict[str, Any]
Later = Callable[[str, Key, float], None]

SCHEDULE_LABEL = "velero.io/schedule-name"
_ZONE = re.compile(r"^(?:CRON_)?TZ=(\S+)\s+(.*)$")
_LONGEST_SLEEP = 3600.0


class Cron(Protocol):
    """Says when something is due."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the first due time after a moment."""
        ...


class _Every:
    def __init__(self, seconds: float) -> None:
        self._step = timedelta(seconds=max(int(seconds), 1))

    def after(self, moment: datetime) -> datetime:
        return moment.replace(microsecond=0) + self._step


class _Zoned:
    def __init__(self, cron: Cron, zone: ZoneInfo) -> None:
        self._cron, self._zone = cron, zone

    def after(self, moment: datetime) -> datetime | None:
        found = self._cron.after(moment.astimezone(self._zone))
        return None if found is None else found.astimezone(UTC)


def parse(text: str) -> Cron:
    """Read an expression: five fields, ``@daily``, ``@every 1h30m``, ``CRON_TZ=…`` before it.

    Raises:
        ValueError: It is none; the text is Velero's validation error.
    """
    if not text:
        raise ValueError("Schedule must be a non-empty valid Cron expression")
    zoned = _ZONE.match(text)
    try:
        if zoned:
            return _Zoned(cronjobs.Schedule(zoned[2]), ZoneInfo(zoned[1]))
        if text.startswith("@every "):
            seconds = duration(text.removeprefix("@every ").strip(), 0.0)
            if not seconds:
                raise ValueError(f"failed to parse duration {text}")
            return _Every(seconds)
        return cronjobs.Schedule(text)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"invalid schedule: {error}") from error


class Schedules:
    """Looks at each schedule when it changes and when it is due."""

    def __init__(self, site: Site, later: Later) -> None:
        self._site, self._later = site, later

    def reconcile(self, key: Key) -> None:
        """Validate a schedule, and make a Backup if one is due."""
        schedule = self._site.peek(SCHEDULES, key[1])
        if schedule is None or schedule["spec"].get("paused"):
            return
        cron = self._validated(key[1])
        fresh = self._site.peek(SCHEDULES, key[1])
        if cron is None or fresh is None:
            return
        due = cron.after(self._last(fresh))
        if due is None:
            return
        left = (due - self._site.now()).total_seconds()
        if left <= 0:
            if not self._unfinished(key[1]):
                self._submit(fresh)
                return  # the change of its status looks again
            left = self._site.tempo.validation
        self._later("schedules", key, min(left + 0.001, _LONGEST_SLEEP))

    def _validated(self, name: str) -> Cron | None:
        cron: list[Cron] = []

        def write(obj: Json) -> None:
            spec, status = obj["spec"], obj.setdefault("status", {})
            if spec.get("skipImmediately"):
                status["lastSkipped"] = self._site.stamp()
            spec["skipImmediately"] = False
            try:
                cron.append(parse(spec.get("schedule", "")))
            except ValueError as error:
                status.update(phase="FailedValidation", validationErrors=[str(error)])
            else:
                status["phase"] = "Enabled"
                status.pop("validationErrors", None)

        self._site.patch(SCHEDULES, name, write)
        return cron[0] if cron else None

    def _last(self, schedule: Json) -> datetime:
        status = schedule.get("status") or {}
        last = status.get("lastBackup") or schedule["metadata"]["creationTimestamp"]
        return parse_timestamp(max(last, status.get("lastSkipped", "")))

    def _unfinished(self, name: str) -> bool:
        return any(
            (b["metadata"].get("labels") or {}).get(SCHEDULE_LABEL) == name
            and phase_of(b) in ("", "New", "InProgress")
            for b in self._site.store.scan(BACKUPS, NAMESPACE)
        )

    def _submit(self, schedule: Json) -> None:
        site, meta = self._site, schedule["metadata"]
        now = site.now()
        template = schedule["spec"].get("template") or {}
        labels = (template.get("metadata") or {}).get("labels") or meta.get("labels") or {}
        made: Json = {"labels": {**labels, SCHEDULE_LABEL: meta["name"]}}
        if meta.get("annotations"):
            made["annotations"] = meta["annotations"]
        if schedule["spec"].get("useOwnerReferencesInBackup"):
            owner = owner_ref(schedule)
            del owner["blockOwnerDeletion"]
            made["ownerReferences"] = [owner]
        name = f"{meta['name']}-{now:%Y%m%d%H%M%S}"
        if site.peek(BACKUPS, name) is None:
            site.create(BACKUPS, name, metadata=made, spec=template)
        stamp = site.stamp()
        site.patch(SCHEDULES, meta["name"], lambda o: o["status"].update(lastBackup=stamp))
