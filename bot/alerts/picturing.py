"""The alert's graph and what changed before it, put into its thread after its root is there.

Nothing here ever holds up an alert: it is done later, one at a time, each with a deadline; and what
fails is said in the thread in one line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from bot.alerts.choosing import Choice, choose, matching
from bot.alerts.presenting import cut
from bot.changes import Records, changes, marks
from bot.errors import StoreUnavailable
from bot.graphs.catalogue import load
from bot.graphs.series import MOST_LINES, numbers, panel
from bot.graphs.window import Window
from bot.releases.words import span
from bot.render.document import Document, Image, Inline, Note, Text, When
from bot.render.plot import Chart, Mark, alt
from bot.store import alert_news, storms
from bot.store.alerts import AlertRow, Episode
from integrations.prometheus import PrometheusError, TooManySeries

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.alerts.outlet import Outlet
    from bot.changes import ChangeSeen
    from bot.config import Config
    from bot.context import Cluster
    from bot.graphs.series import Question
    from bot.render.plot import Artist, Panel
    from bot.store.db import Store
    from integrations.prometheus import Prometheus, RangeResult

log = structlog.get_logger(__name__)

SECOND = 1_000_000
BEFORE = 3600 * SECOND
"""What is shown of the time before the alert."""
LONGEST = 6 * 3600 * SECOND
FRESH = 30 * 60 * SECOND
"""Older threads, such as after a long time without the bot, get no graph any more."""
DEADLINE = 20.0
POLL = 1.0
MOST_CHANGES = 5
DONE, NONE = "done", "none"


@dataclass(frozen=True, slots=True)
class Studio:
    """What pictures are made with.

    Attributes:
        records: Know what changed.
        artist: Draws.
    """

    records: Records
    artist: Artist


@dataclass(frozen=True, slots=True)
class _Found:
    png: bytes = b""
    words: str = ""
    why_not: str = ""


class Illustrator:
    """Adds to each new thread its graph and what changed.

    Args:
        store: Knows the threads.
        outlet: Where they are.
        clock: Microseconds UTC.
        config: The configuration in force.
        clusters: Opens a configured cluster.
        studio: What pictures are made with.
    """

    def __init__(
        self,
        store: Store,
        outlet: Outlet | None,
        clock: Callable[[], int],
        config: Callable[[], Config],
        clusters: Callable[[str], Cluster],
        studio: Studio,
    ) -> None:
        self._store, self._outlet, self._clock = store, outlet, clock
        self._config, self._clusters, self._studio = config, clusters, studio
        self._wakeup = asyncio.Event()

    def wake(self) -> None:
        """Says that there may be a new thread; never blocks."""
        self._wakeup.set()

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            self._wakeup.clear()
            left = await self.step()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL if left else None):
                    await self._wakeup.wait()

    async def step(self) -> bool:
        """Adds to the threads that are there; True when others are still on their way."""
        outlet, left = self._outlet, False
        if outlet is None:
            return False
        try:
            since = self._clock() - FRESH
            for episode in await self._store.read(lambda db: alert_news.bare(db, since)):
                key = episode.message_key
                if not await self._store.read(lambda db, k=key: outlet.standing(db, k)):  # type: ignore[misc]
                    left = True
                    continue
                await self._tried(episode)
        except StoreUnavailable as error:
            log.error("graphs of alerts wait", why=str(error))
            return True
        except Exception as error:
            log.error("round of graphs failed", exc_info=error)
            return True
        return left

    async def _tried(self, episode: Episode) -> None:
        """Adds to one thread; what fails there must not keep the others waiting, nor come again."""
        try:
            await self._add(episode)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.error("graph of an alert failed", episode=episode.id, exc_info=error)
            await self._store.write(lambda db: alert_news.pictured(db, episode.id, NONE))

    async def _add(self, episode: Episode) -> None:
        outlet = self._outlet
        storm = await self._store.read(lambda db: storms.raging(db, episode.channel))
        found, seen = (_Found(), ()) if storm else await self._looked(episode)
        document = _told(found, seen)

        def work(db: Database) -> None:
            alert_news.pictured(db, episode.id, DONE if found.png else NONE)
            if outlet is None:
                return
            if document.elements:
                outlet.reply(db, episode.message_key, document, channel=episode.channel)
            if found.png:
                image = Image(found.png, f"{episode.id}.png", found.words)
                outlet.attach(db, episode.message_key, image, channel=episode.channel)

        await self._store.write(work)
        if outlet is not None:
            outlet.wake()

    async def _looked(self, episode: Episode) -> tuple[_Found, tuple[ChangeSeen, ...]]:
        now = self._clock()
        start = max(min(episode.opened_at, now) - BEFORE, now - LONGEST)
        window = Window(start, now, f"last {span(now - start)}")
        seen: tuple[ChangeSeen, ...] = ()
        try:
            async with asyncio.timeout(DEADLINE):
                seen = await self._changed(episode, window)
                return await self._drawn(episode, window, seen), seen
        except TimeoutError:
            return _Found(why_not=f"it took longer than {DEADLINE:.0f} s"), seen
        except TooManySeries as error:
            many = f"{error.count:,}" if error.count else f"more than {error.most:,}"
            return _Found(why_not=f"its expression has {many} lines"), seen
        except PrometheusError as error:
            return _Found(why_not=f"{str(error).rstrip('.')}"), seen
        except Exception as error:
            log.error("graph of an alert failed", episode=episode.id, exc_info=error)
            return _Found(why_not="it could not be drawn; the log says why"), seen

    async def _changed(self, episode: Episode, window: Window) -> tuple[ChangeSeen, ...]:
        return await changes(
            self._studio.records,
            cluster=episode.cluster,
            since=window.start,
            until=window.end,
            namespace=episode.shared.get("namespace", ""),
        )

    async def _drawn(self, episode: Episode, window: Window, seen: Sequence[ChangeSeen]) -> _Found:
        cluster = self._clusters(episode.cluster)
        prometheus, settings = cluster.prometheus, cluster.config.prometheus
        if prometheus is None:
            return _Found()
        rows = await self._store.read(lambda db: alert_news.newest_firing(db, episode.id, 50))
        source = rows[-1].source if rows else ""
        jobs = settings.jobs if settings else None
        choice = choose(load(self._config()), episode.shared, source, window, jobs)
        if choice is None:
            return _Found()
        found, choice = await _asked(prometheus, choice)
        shown = await asyncio.to_thread(_worked_out, episode, rows, choice, found, window, seen)
        if shown is None:
            return _Found(why_not="Prometheus has no data for it")
        chart, words = shown
        png = await self._studio.artist.draw(chart)
        return _Found(png, words) if png else _Found(why_not="it could not be drawn")


async def _asked(prometheus: Prometheus, choice: Choice) -> tuple[RangeResult, Choice]:
    """The answer and what was asked in the end: with too many lines, only those beyond the limit.

    Raises:
        PrometheusError: No numbers came.
    """
    try:
        return await _lines(prometheus, choice.asked), choice
    except TooManySeries as error:
        if choice.whole is None:
            raise
        found = await _lines(prometheus, choice.whole)
        many = f"{error.count:,}" if error.count else f"more than {error.most:,}"
        note = f"Only what is beyond the limit: without it there are {many} lines."
        told = replace(found, warnings=(note, *found.warnings))
        return told, replace(choice, asked=choice.whole)


async def _lines(prometheus: Prometheus, asked: Question) -> RangeResult:
    return await prometheus.range(
        asked.promql, start=asked.start, end=asked.end, step=asked.step, most=MOST_LINES
    )


def _worked_out(
    episode: Episode,
    rows: Sequence[AlertRow],
    choice: Choice,
    found: RangeResult,
    window: Window,
    seen: Sequence[ChangeSeen],
) -> tuple[Chart, str] | None:
    """The picture to be drawn and its words; None without data. Takes long for many lines."""
    if choice.own:
        found = replace(found, series=matching(found.series, [r.labels for r in rows]))
    fetched = numbers(choice.graph, choice.asked, found)
    if not fetched.lines:
        return None
    chart = _chart(episode, rows, choice, window, panel(choice.graph, fetched), seen)
    return chart, cut(alt(chart), 1_900)


def _chart(
    episode: Episode,
    rows: Sequence[AlertRow],
    choice: Choice,
    window: Window,
    shown: Panel,
    seen: Sequence[ChangeSeen],
) -> Chart:
    began = [Mark(at, "alert", "alert") for at in _beginnings(episode, rows, window)]
    title = f"{choice.graph.title}: {episode.title}" if not choice.own else episode.title
    return Chart(
        title=cut(title, 100),
        subtitle=f"{episode.cluster}, {window.said}",
        panels=(shown,),
        start=window.start,
        end=window.end,
        marks=tuple(sorted((*marks(seen), *began), key=lambda mark: mark.at)),
    )


def _beginnings(episode: Episode, rows: Sequence[AlertRow], window: Window) -> Iterator[int]:
    first = min((r.starts_at for r in rows if r.starts_at), default=episode.opened_at)
    if window.start <= first <= window.end:
        yield first


def _told(found: _Found, seen: Sequence[ChangeSeen]) -> Document:
    """What changed before, and why there is no graph; nothing when there is nothing to say."""
    lines: list[Inline] = []
    for one in seen[:MOST_CHANGES]:
        by = f" by {cut(one.by, 60)}" if one.by else ""
        lines += ["\n• ", When(one.at), f" {cut(one.text, 200)}{by}"]
    more = f" (the newest of {len(seen)})" if len(seen) > MOST_CHANGES else ""
    return Document.of(
        Text((f"What changed lately{more}:", *lines)) if lines else None,
        Note.of(f"No graph: {found.why_not}.") if found.why_not else None,
    )
