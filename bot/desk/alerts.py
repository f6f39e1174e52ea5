"""Alerts as commands see them, and what people do about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from bot.context import Asker
from bot.desk.base import DeskBase

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.render.document import Document
    from bot.store.alert_acts import Silencing
    from bot.store.alert_threads import Thread
    from bot.store.alerts import AlertRow, Episode
    from bot.store.messages import Handle

MOST = 10_000


class AlertDesk(DeskBase):
    """Episodes, who takes care of them, and what holds them back.

    What changes is shown in its thread: the root is written anew, and a reply says who did it,
    unless the answer to that very command stands in the thread.
    """

    async def episode(self, name: str) -> Episode | None:
        """One episode by its short id."""
        from bot.store import alerts

        return await self._store.read(lambda db: alerts.find(db, name))

    async def episodes(self, cluster: str = "") -> list[Episode]:
        """Episodes that still fire, the newest first."""
        from bot.store import alerts

        return await self._store.read(lambda db: alerts.standing(db, cluster, MOST))

    async def ended_episodes(self, since: int, cluster: str = "") -> list[Episode]:
        """Episodes that were over at a moment (microseconds UTC) or later, the last one first."""
        from bot.store import alert_acts

        return await self._store.read(lambda db: alert_acts.ended_since(db, cluster, since, MOST))

    async def places(self, keys: Iterable[str]) -> dict[str, Handle]:
        """Where messages of ours stand, by their keys."""
        from bot.store import messages

        wanted = tuple(keys)

        def work(db: Database) -> dict[str, Handle]:
            found = {key: messages.get(db, key) for key in wanted if key}
            return {key: one for key, one in found.items() if one is not None}

        return await self._store.read(work)

    async def episodes_by_alert(self, cluster: str) -> dict[str, list[str]]:
        """Fingerprint of each alert that fires on a cluster → the open episodes it belongs to."""
        from bot.store import alert_acts

        return await self._store.read(lambda db: alert_acts.episodes_by_alert(db, cluster))

    async def episode_alerts(self, name: str, limit: int) -> list[AlertRow]:
        """Some of an episode's alerts, those that fire first."""
        from bot.store import alerts

        return await self._store.read(lambda db: alerts.alerts_of(db, name, limit))

    async def silencings(self, cluster: str) -> list[Silencing]:
        """The silences that hold episodes of a cluster back, as they were told last."""
        from bot.store import alert_acts

        return await self._store.read(lambda db: alert_acts.standing(db, cluster))

    async def conditions(self) -> list[Thread]:
        """What is wrong by the bot's own watch."""
        from bot.store import alert_threads

        return await self._store.read(alert_threads.standing)

    async def take_alert(self, by: Asker, name: str, request_id: str, reply: Document) -> bool:
        """Makes somebody the owner of an episode; False when it is over."""
        from bot.store import alerts

        def work(db: Database) -> bool:
            taken = alerts.own(db, name, by.actor, by.person, self._store.clock())
            if taken:
                self._tell(db, name, request_id, reply)
            return taken

        taken = await self._store.write(work)
        self._powers.alerts().wake()
        return taken

    async def note_silence(
        self,
        silencings: Sequence[Silencing],
        request_id: str,
        reply: Callable[[Silencing], Document],
    ) -> None:
        """Keeps what a silence is to the episodes that it holds back."""
        from bot.store import alert_acts

        def work(db: Database) -> None:
            for one in silencings:
                alert_acts.put(db, one)
                self._tell(db, one.episode, request_id, reply(one))

        await self._store.write(work)
        self._powers.alerts().wake()

    async def note_unsilenced(
        self, cluster: str, silences: Iterable[str], request_id: str, reply: Document
    ) -> None:
        """Keeps that silences are over."""
        from bot.store import alert_acts

        ended = tuple(silences)

        def work(db: Database) -> None:
            now = self._store.clock()
            for name in {n for s in ended for n in alert_acts.end(db, cluster, s, now)}:
                self._tell(db, name, request_id, reply)

        await self._store.write(work)
        self._powers.alerts().wake()

    def _tell(self, db: Database, name: str, request_id: str, reply: Document) -> None:
        """Shows an episode anew, and answers in its thread unless the request does."""
        from bot.store import alerts, messages, requests

        alerts.touch(db, name, self._store.clock())
        episode, request = alerts.find(db, name), requests.get(db, request_id)
        if episode is None or not episode.message_key or episode.closed_at is not None:
            return
        root = messages.get(db, episode.message_key)
        origin = request.origin if request is not None else {}
        here = (str(origin.get("channel", "")), str(origin.get("thread", "")))
        if root is None or here != (root.channel, root.ts):
            self._powers.alerts().reply(db, episode.message_key, reply)
