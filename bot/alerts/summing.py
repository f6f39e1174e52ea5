"""Brings the summaries of storms in line with what they sum up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.alerts import storm
from bot.alerts.outlet import pressable
from bot.releases.words import span
from bot.store import alert_acts, storms

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.outlet import Outlet
    from bot.alerts.placing import Places
    from bot.alerts.telling import Words
    from bot.config import Config
    from bot.store.alerts import Episode
    from bot.store.storms import Storm


class Summaries:
    """Posts and edits the one message of each storm.

    Args:
        outlet: Where it is told.
        clock: Microseconds UTC.
        config: The configuration in force.
        words: What messages are made with.
        places: Knows whom an episode calls.
    """

    def __init__(
        self,
        outlet: Outlet | None,
        clock: Callable[[], int],
        config: Callable[[], Config],
        words: Words,
        places: Places,
    ) -> None:
        self._outlet, self._clock, self._config = outlet, clock, config
        self._words, self._places = words, places

    def tell(self, db: Database, name: str) -> bool:
        """Posts or edits the summary of a storm; False when there is nobody to tell."""
        found, outlet, settings = storms.get(db, name), self._outlet, self._config().alerts
        if found is None or outlet is None or settings is None:
            return False
        folded, now = storms.folded(db, name), self._clock()
        over = found.calm_at is not None and not folded.open
        ended = folded.closed_at or now
        current = replace(found, closed_at=ended if over else None, shown=found.revision)
        called = self._called(db, current, folded.open)
        document = storm.summary(
            current,
            folded,
            called=called,
            prefix=self._words.prefix(),
            known=self._words.known,
            threads=settings.storm.threads,
            per=span(int(settings.storm.per * 1_000_000)),
        )
        storms.put(db, current)
        key = found.id
        outlet.keep(db, key, pressable(db, key, document, now), channel=found.channel, live=True)
        return True

    def _called(self, db: Database, found: Storm, firing: Sequence[Episode]) -> list[str]:
        """Whom a storm calls; whom it did not call in its first post it calls in an answer."""
        outlet = self._outlet
        callers: dict[str, list[Episode]] = {}
        for episode in firing:
            for actor in self._places.route(episode).mentions:
                callers.setdefault(actor, []).append(episode)
        fresh = alert_acts.call(db, found.id, list(callers), self._clock())
        if fresh and outlet is not None and outlet.standing(db, found.id):
            about = {e.id: e for actor in fresh for e in callers[actor]}
            answer = storm.called(fresh, list(about.values()))
            outlet.reply(db, found.id, answer, channel=found.channel)
        return list(callers)
