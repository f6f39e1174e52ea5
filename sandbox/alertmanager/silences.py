"""Silences: made, changed, expired, and kept for a while after their end.

Facts: `silence/silence.go` and `api/v2/api.go` of Alertmanager v0.31.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.alertmanager import matchers
from sandbox.alertmanager.alerts import BadAlert, Malformed, api_stamp, moment
from sandbox.alertmanager.matchers import Matcher
from sandbox.kube.jsonutil import Json

_KEPT = timedelta(hours=120)
_STATES = ("active", "pending", "expired")


class NoSuchSilence(LookupError):
    """There is no silence of that id."""


@dataclass(frozen=True)
class Silence:
    """Mutes the alerts that meet all its matchers."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    created_by: str
    comment: str
    updated: datetime

    def state(self, now: datetime) -> str:
        """`active`, `pending` or `expired`."""
        if now < self.starts:
            return "pending"
        return "active" if now < self.ends else "expired"

    def mutes(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether an alert with these labels is muted now."""
        return self.state(now) == "active" and all(m.matches(labels) for m in self.matchers)

    def to_json(self, now: datetime) -> Json:
        """As the API has it."""
        return {
            "id": self.id,
            "status": {"state": self.state(now)},
            "updatedAt": api_stamp(self.updated),
            "comment": self.comment,
            "createdBy": self.created_by,
            "endsAt": api_stamp(self.ends),
            "matchers": [matcher.to_json() for matcher in self.matchers],
            "startsAt": api_stamp(self.starts),
        }


class Silences:
    """All silences of an Alertmanager."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: dict[str, Silence] = {}

    def muting(self, labels: Mapping[str, str]) -> list[str]:
        """The ids of the silences that mute an alert with these labels."""
        now = self._now()
        return sorted(s.id for s in self._kept.values() if s.mutes(labels, now))

    def get(self, id_: str) -> Silence:
        """One silence.

        Raises:
            NoSuchSilence: There is none.
        """
        try:
            return self._kept[id_]
        except KeyError:
            raise NoSuchSilence(id_) from None

    def all(self, filters: Sequence[Matcher] = ()) -> list[Silence]:
        """Those that have matchers like the filters: active, pending, expired ones."""
        now = self._now()
        self._kept = {k: s for k, s in self._kept.items() if s.ends + _KEPT > now}
        found = [s for s in self._kept.values() if all(f in s.matchers for f in filters)]

        def order(silence: Silence) -> tuple[int, float]:
            state = silence.state(now)
            number = _STATES.index(state)
            if state == "pending":
                return number, silence.starts.timestamp()
            ends = silence.ends.timestamp()
            return number, ends if state == "active" else -ends

        return sorted(found, key=order)

    def put(self, given: Any) -> str:
        """Make a silence, or change the one whose id is given; returns the id.

        A change that would falsify history ends the old one and makes another.

        Raises:
            BadAlert: It is none.
            NoSuchSilence: There is none of that id.
        """
        now = self._now()
        wanted = _read(given, now)
        if wanted.starts >= wanted.ends:
            raise BadAlert("Failed to create silence: start time must be before end time")
        if wanted.ends < now:
            raise BadAlert("Failed to create silence: end time can't be in the past")
        _check(wanted)
        old = self.get(wanted.id) if wanted.id else None
        if old is not None and _changeable(old, wanted, now):
            self._kept[old.id] = wanted
            return old.id
        if old is not None:
            self.expire(old.id)
        made = replace(wanted, id=str(uuid.uuid4()), starts=max(wanted.starts, now))
        self._kept[made.id] = made
        return made.id

    def expire(self, id_: str) -> None:
        """End a silence now; one that has ended stays as it is.

        Raises:
            NoSuchSilence: There is none.
        """
        silence, now = self.get(id_), self._now()
        state = silence.state(now)
        if state == "expired":
            return
        starts = now if state == "pending" else silence.starts
        self._kept[id_] = replace(silence, starts=starts, ends=now, updated=now)


def _changeable(old: Silence, new: Silence, now: datetime) -> bool:
    if old.matchers != new.matchers:
        return False
    state = old.state(now)
    if state == "active":
        return int(new.starts.timestamp()) == int(old.starts.timestamp()) and new.ends >= now
    return state == "pending" and new.starts >= now


def _read(given: Any, now: datetime) -> Silence:
    if not isinstance(given, dict):
        raise Malformed("silence in body is required")
    for name in ("comment", "createdBy", "endsAt", "matchers", "startsAt"):
        if given.get(name) is None:
            raise Malformed(f"{name} in body is required")
    if not given["matchers"]:
        raise Malformed("matchers in body should have at least 1 items", 612)
    return Silence(
        id=str(given.get("id") or ""),
        matchers=tuple(matchers.read(item) for item in given["matchers"]),
        starts=moment(str(given["startsAt"])),
        ends=moment(str(given["endsAt"])),
        created_by=str(given["createdBy"]),
        comment=str(given["comment"]),
        updated=now,
    )


def _check(silence: Silence) -> None:
    for number, matcher in enumerate(silence.matchers):
        if not matcher.name:
            raise BadAlert(
                f'invalid silence: invalid label matcher {number}: invalid label name ""'
            )
        if matcher.is_regex:
            try:
                matchers.check_regex(matcher)
            except BadAlert as error:
                raise BadAlert(
                    f"invalid silence: invalid label matcher {number}: {error}"
                ) from None
    if all(matcher.matches({}) for matcher in silence.matchers):
        text = "invalid silence: at least one matcher must not match the empty string"
        raise BadAlert(text)
