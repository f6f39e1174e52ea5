"""What stands, line by line: episodes of alerts, and what the bot found itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.alerts import acting
from bot.alerts.routing import rank
from bot.context import Target
from bot.releases.words import ago, span

if TYPE_CHECKING:
    from bot.context import Ctx
    from bot.store.alert_acts import Silencing
    from bot.store.alert_threads import Thread
    from bot.store.alerts import Episode
    from bot.store.messages import Handle

PAGE = 20
DAY = 86_400_000_000
WATCH = "own watch"
"""Stands for the severity of what the bot found itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are asked for.

    Attributes:
        clusters: Names of clusters; all that the asker may see.
        ended: Also what ended within a day.
        severity: Only those; empty for all.
        namespace: Only those; empty for all.
    """

    clusters: frozenset[str]
    ended: bool = False
    severity: str = ""
    namespace: str = ""
    page: int = 1


@dataclass(frozen=True)
class Line:
    """One alert, or one thing that the bot found itself.

    Attributes:
        id: What commands about it take; empty for what is none of Alertmanager's.
        firing: How many of its alerts fire.
        since: Microseconds UTC.
        closed_at: When it was over; None while it stands.
        state: Who takes care of it, or why it is quiet.
        url: Where its thread is; empty when it has none.
    """

    id: str
    severity: str
    title: str
    cluster: str
    namespace: str
    firing: int
    since: int
    closed_at: int | None
    state: str
    url: str


@dataclass(frozen=True)
class Listing:
    """One page of what stands.

    Attributes:
        counts: Severity → how many stand, on all pages.
        page: Its number.
        pages: How many there are.
    """

    lines: tuple[Line, ...]
    counts: Mapping[str, int]
    page: int
    pages: int


def seen_by(ctx: Ctx, command: str, params: object) -> frozenset[str]:
    """The clusters whose alerts the asker may list from here."""
    own, scope = ctx.desk.command(command), ctx.scope
    if own is None:
        return frozenset({ctx.target.cluster})
    return frozenset(
        name
        for name in ctx.config.clusters
        if ctx.desk.decide(scope.asker, own, params, Target(name), scope.channel).allowed
    )


async def listing(ctx: Ctx, wanted: Wanted) -> Listing:
    """One page: the worst first, and of those what nobody has taken."""
    held = await _held(ctx, wanted.clusters)
    found = await ctx.desk.episodes()
    if wanted.ended:
        found += await ctx.desk.ended_episodes(ctx.clock() - DAY)
    found = [episode for episode in found if _fits(episode, wanted)]
    found.sort(key=lambda e: (e.closed_at is not None, rank(e.severity), bool(e.owner)))
    narrow = wanted.severity or wanted.namespace
    own = [] if narrow else await _own(ctx, wanted.clusters)
    pages = max(1, -(-(len(found) + len(own)) // PAGE))
    page = min(wanted.page, pages)
    start, end = (page - 1) * PAGE, page * PAGE
    episodes, threads = found[start:end], own[max(0, start - len(found)) : max(0, end - len(found))]
    keys = (*map(_root, episodes), *(thread.message_key for thread in threads))
    places, now = await ctx.desk.places(keys), ctx.clock()
    lines = [line_of(one, held.get(one.id, ()), places, now) for one in episodes]
    lines += [_condition(one, places) for one in threads]
    return Listing(tuple(lines), _counts(found, own), page, pages)


async def one_line(ctx: Ctx, episode: Episode, silences: Sequence[Silencing]) -> Line:
    """The line of one episode."""
    return line_of(episode, silences, await ctx.desk.places([_root(episode)]), ctx.clock())


def line_of(
    episode: Episode, silences: Iterable[Silencing], places: Mapping[str, Handle], now: int
) -> Line:
    """An episode as one line."""
    return Line(
        episode.id,
        episode.severity,
        episode.title,
        episode.cluster,
        acting.namespace_of(episode),
        episode.firing,
        episode.opened_at,
        episode.closed_at,
        _state(episode, silences, now),
        _url(places.get(_root(episode))),
    )


async def _held(ctx: Ctx, clusters: Iterable[str]) -> dict[str, list[Silencing]]:
    held: dict[str, list[Silencing]] = {}
    for name in clusters:
        for one in await ctx.desk.silencings(name):
            if one.covers:
                held.setdefault(one.episode, []).append(one)
    return held


async def _own(ctx: Ctx, clusters: frozenset[str]) -> list[Thread]:
    found = await ctx.desk.conditions()
    return [thread for thread in found if not thread.cluster or thread.cluster in clusters]


def _condition(thread: Thread, places: Mapping[str, Handle]) -> Line:
    url = _url(places.get(thread.message_key))
    state = str(thread.body.get("muted") or "watched")
    return Line(
        *("", WATCH, thread.title, thread.cluster, "", 0, thread.opened_at, None, state, url)
    )


def _fits(episode: Episode, wanted: Wanted) -> bool:
    there = episode.cluster in wanted.clusters
    there &= not wanted.namespace or episode.shared.get("namespace") == wanted.namespace
    return there and wanted.severity in ("", episode.severity)


def _counts(found: Iterable[Episode], own: Sequence[Thread]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for episode in found:
        if episode.closed_at is None:
            name = episode.severity or "without severity"
            counts[name] = counts.get(name, 0) + 1
    return counts | ({WATCH: len(own)} if own else {})


def _root(episode: Episode) -> str:
    return episode.message_key or episode.storm


def _state(episode: Episode, silences: Iterable[Silencing], now: int) -> str:
    if episode.closed_at is not None:
        word = "lost sight of" if episode.state == "lost" else "over"
        return f"{word} {ago(episode.closed_at, now)}"
    said = [episode.owner_person or episode.owner] if episode.owner else []
    held = max(silences, key=lambda s: s.ends_at, default=None)
    if held is not None:
        said.append(f"silenced {span(held.ends_at - now)} more by {held.person}")
    if episode.muted:
        said.append(episode.muted)
    if episode.storm and not episode.message_key:
        said.append("in a storm's summary")
    return ", ".join(said) or "nobody has taken it"


def _url(place: Handle | None) -> str:
    """Where a browser shows a thread of Slack; the address its own client shows."""
    if place is None:
        return ""
    return f"https://app.slack.com/client/{place.team}/{place.channel}/thread/{place.channel}-{place.ts}"
