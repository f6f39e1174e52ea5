"""Silences: made with exact matchers, told in the threads they hold back, ended when they end.

Alertmanager is the truth: what others do on its page is told as well.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from bot.alerts import acting
from bot.store import alert_acts, alerts, requests
from bot.store.alert_acts import Silencing
from integrations.alertmanager import AlertmanagerError, Matcher

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.outlet import Outlet
    from bot.context import Asker, Cluster
    from bot.render.document import Document
    from bot.store.db import Store
    from integrations.alertmanager import Alert, Alertmanager, Silence

log = structlog.get_logger(__name__)

SECOND = 1_000_000
EARLY = 5 * SECOND
"""Microseconds by which clocks may differ before an end counts as early."""
_MARK = re.compile(r" \[onprem ([0-9a-z]{14})\]$")
_CLASSIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def exact(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers that hold for exactly these labels, in the order of their names."""
    return tuple(Matcher(name, value) for name, value in sorted(labels.items()))


def creator(asker: Asker) -> str:
    """Who makes a silence, as Alertmanager shows it."""
    return asker.person if asker.person != asker.actor else f"{asker.name} ({asker.actor})"


def marked(comment: str, request_id: str) -> str:
    """A comment by which the silence is found again after a kill."""
    return f"{comment} [onprem {request_id}]"


def unmarked(comment: str) -> tuple[str, str]:
    """A comment as a person wrote it, and the request that made the silence, if it was one."""
    match = _MARK.search(comment)
    return (comment[: match.start()], match[1]) if match else (comment, "")


async def matching(server: Alertmanager, matchers: Sequence[Matcher]) -> tuple[Alert, ...]:
    """The alerts that a silence with these exact matchers would hold back now.

    Raises:
        AlertmanagerError: It cannot be used.
    """
    # A name that only newer Alertmanagers take in a filter is compared here alone.
    filters = [one for one in matchers if _CLASSIC.fullmatch(one.name)]
    found = await server.alerts(filters)
    return tuple(
        alert
        for alert in found
        if all(alert.labels.get(one.name, "") == one.value for one in matchers)
    )


async def made_by(server: Alertmanager, request_id: str) -> Silence | None:
    """The silence that a request has made; None when it has made none.

    Raises:
        AlertmanagerError: It cannot be used.
    """
    found = await server.silences()
    return next((one for one in found if unmarked(one.comment)[1] == request_id), None)


@dataclass(frozen=True)
class _World:
    """What Alertmanager says.

    Attributes:
        asked_at: When it was asked; what was written since then it may not know.
        silences: Active ones by their id; None while it does not answer.
        held: Silence and fingerprint of each alert that is held back.
    """

    asked_at: int
    silences: Mapping[str, Silence] | None
    held: Sequence[tuple[str, str]]


class Silences:
    """Keeps what threads say about silences in line with Alertmanager.

    Args:
        store: Holds what was told.
        clusters: Opens a configured cluster.
        outlet: Where threads are shown.
        clock: Microseconds UTC.
        wake: Is called when episodes are to be shown anew.
    """

    def __init__(
        self,
        store: Store,
        clusters: Callable[[str], Cluster],
        outlet: Outlet | None,
        clock: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._store, self._clusters, self._outlet = store, clusters, outlet
        self._clock, self._wake = clock, wake

    async def look(self, cluster: str) -> None:
        """Tells what is new about the silences of a cluster.

        Raises:
            StoreUnavailable: Nothing was written; the next look tells it.
        """
        server = self._clusters(cluster).alertmanager
        if server is None:
            return
        world = await _ask(server, cluster, self._clock())
        if await self._store.read(lambda db: self._changes(db, cluster, world)):
            await self._store.write(lambda db: self._apply(db, cluster, world))
            self._wake()

    def _changes(self, db: Database, cluster: str, world: _World) -> list[_Change]:
        now = self._clock()
        told = {(s.silence, s.episode): s for s in alert_acts.standing(db, cluster)}
        fresh = alert_acts.changed_since(db, cluster, world.asked_at)
        changes: list[_Change] = []
        covers = _covers(db, cluster, world)
        if world.silences is not None:
            for (silence, episode), number in covers.items():
                if (silence, episode) not in fresh and (silence, episode) not in told:
                    new = self._new(db, cluster, world.silences[silence], episode, number)
                    changes += [_Change(None, new)] if new else []
        for key, before in told.items():
            after = before if key in fresh else _after(before, world, covers.get(key, 0), now)
            if after != before:
                changes.append(_Change(before, replace(after, changed_at=now)))
        return changes

    def _new(
        self, db: Database, cluster: str, silence: Silence, episode: str, covers: int
    ) -> Silencing | None:
        """What a silence is to an episode, unless its request is still about to write it."""
        comment, made_for = unmarked(silence.comment)
        request = requests.get(db, made_for) if made_for else None
        if request is not None and request.state not in requests.ENDED:
            return None
        return Silencing(
            cluster=cluster,
            silence=silence.id,
            episode=episode,
            person=silence.created_by,
            actor=request.actor if request else "",
            request_id=request.id if request else "",
            comment=comment,
            covers=covers,
            starts_at=silence.starts_at,
            ends_at=silence.ends_at,
            changed_at=self._clock(),
        )

    def _apply(self, db: Database, cluster: str, world: _World) -> None:
        now = self._clock()
        for change in self._changes(db, cluster, world):
            alert_acts.put(db, change.after)
            alerts.touch(db, change.after.episode, now)
            self._tell(db, change, now)

    def _tell(self, db: Database, change: _Change, now: int) -> None:
        """Replies when a silence begins or ends; a new end or number only edits the root."""
        after, episode = change.after, alerts.find(db, change.after.episode)
        if episode is None or episode.closed_at is not None or not episode.message_key:
            return
        reply: Document
        if change.before is None:
            reply = acting.silence_began(after, episode.firing)
        elif after.ended_at is not None:
            early = now < after.ends_at - EARLY
            reply = acting.silence_over(after, early, episode.firing)
        else:
            return
        log.info("silence told", cluster=after.cluster, silence=after.silence, episode=episode.id)
        if self._outlet is not None:
            self._outlet.reply(db, episode.message_key, reply)


@dataclass(frozen=True)
class _Change:
    """What was told of a silence and an episode, and what is so now."""

    before: Silencing | None
    after: Silencing


def _after(before: Silencing, world: _World, covers: int, now: int) -> Silencing:
    """What a silence is to an episode now; over by the clock while nobody can be asked."""
    if world.silences is None:
        return before if now < before.ends_at else replace(before, ended_at=now)
    silence = world.silences.get(before.silence)
    if silence is None:
        return replace(before, ended_at=now)
    comment, _ = unmarked(silence.comment)
    return replace(before, covers=covers, comment=comment, ends_at=silence.ends_at)


def _covers(db: Database, cluster: str, world: _World) -> dict[tuple[str, str], int]:
    """Silence and episode → how many of the episode's alerts it holds back."""
    found: dict[tuple[str, str], int] = {}
    if not world.held:
        return found
    episodes = alert_acts.episodes_by_alert(db, cluster)
    for silence, fingerprint in world.held:
        for episode in episodes.get(fingerprint, ()):
            if silence in (world.silences or {}):
                key = (silence, episode)
                found[key] = found.get(key, 0) + 1
    return found


async def _ask(server: Alertmanager, cluster: str, now: int) -> _World:
    try:
        silences, held = await asyncio.gather(server.silences(), server.alerts(active=False))
    except AlertmanagerError as error:
        log.warning("silences not seen", cluster=cluster, why=error.message)
        return _World(now, None, ())
    active = {one.id: one for one in silences if one.state == "active"}
    held_back = [(s, alert.fingerprint) for alert in held for s in alert.silenced_by]
    return _World(now, active, held_back)
