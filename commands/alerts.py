"""`alerts`: what is wrong now, and who takes care of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Fields,
    Mono,
    Note,
    Role,
    Table,
    Text,
    Title,
    When,
    command,
)
from bot.alerts import acting
from bot.alerts.condition import Act
from bot.alerts.finding import alert_target, check_id, check_severity, episode_of
from bot.alerts.listing import Line, Listing, Wanted, listing, one_line, seen_by
from bot.alerts.routing import SEVERITIES, rank
from bot.alerts.showing import button
from bot.names import check_namespace
from bot.releases.words import ago, count, listed
from bot.render.document import Inline, Link

if TYPE_CHECKING:
    from bot.render.document import Tone

MOST_ROWS = 15


@dataclass(frozen=True)
class Alerts:
    """What `alerts` takes."""

    alert: Annotated[str, Arg("Show this one in full", metavar="ID", check=check_id)] = ""
    all: Annotated[bool, Arg("Also what ended within a day", flag=True)] = False
    severity: Annotated[
        str, Arg("Only of this severity, such as critical", flag=True, check=check_severity)
    ] = ""
    page: Annotated[int, Arg("Which page of a long list", flag=True, minimum=1, maximum=999)] = 1
    namespace: Annotated[
        str, Arg("Only about this namespace", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Only of this cluster, not of all", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Page:
    """One page of what stands; `more` is the command for the next one, empty on the last."""

    listing: Listing
    more: str


@dataclass(frozen=True)
class Detail:
    """One episode in full.

    Attributes:
        rows: Status, labels and beginning of some of its alerts.
        silences: Silences that hold it back: until when, by whom, why.
        acts: What fits now.
    """

    line: Line
    labels: Mapping[str, str]
    rows: tuple[tuple[str, str, int], ...]
    total: int
    silences: tuple[tuple[int, str, str], ...]
    acts: tuple[Act, ...]


def view_alerts(result: Page | Detail, now: int) -> Document:
    """A table and the way to the threads, or one episode."""
    if isinstance(result, Detail):
        return _one(result, now)
    found = result.listing
    standing = sum(found.counts.values())
    by = listed(f"{number} {name}" for name, number in found.counts.items())
    severe = any(name in SEVERITIES[:2] for name in found.counts)
    tone: Tone = "bad" if severe else "warn" if standing else "good"
    title = f"{count(standing, 'alert')} standing: {by}" if standing else "No alert is standing"
    columns = ("alert", "severity", "what", "where", "firing", "since", "state")
    rows = tuple(_row(line, now) for line in found.lines)
    tones = tuple(_tone(line) for line in found.lines)
    return Document.of(
        Title(title, tone),
        Table(columns, rows, tones=tones, empty="nothing") if rows else None,
        Text(tuple(_threads(found.lines))) if any(line.url for line in found.lines) else None,
        Note.of(f"Page {found.page} of {found.pages}.") if found.pages > 1 else None,
        Actions((Button("Next page", "run", command=result.more),)) if result.more else None,
    )


def _row(line: Line, now: int) -> tuple[str, ...]:
    return (
        line.id or "–",
        line.severity or "–",
        line.title,
        "/".join(part for part in (line.cluster, line.namespace) if part) or "the bot",
        str(line.firing) if line.firing else "–",
        ago(line.since, now),
        line.state,
    )


def _tone(line: Line) -> Tone:
    if line.closed_at is not None:
        return "good"
    return "bad" if line.severity and rank(line.severity) < 2 else "warn"


def _threads(lines: Iterable[Line]) -> Iterable[Inline]:
    yield "Threads: "
    shown = [line for line in lines if line.url]
    for number, line in enumerate(shown):
        yield from (" · ",) if number else ()
        yield Link(line.id or line.title, line.url)


def _one(result: Detail, now: int) -> Document:
    line = result.line
    pairs: list[tuple[str, tuple[Inline, ...]]] = [
        ("severity", (line.severity or "none",)),
        ("since", (When(line.since), f" ({ago(line.since, now)})")),
        ("state", (line.state,)),
        ("where", (Link("its thread", line.url) if line.url else "it has no thread",)),
    ]
    pairs += [(name, (Mono(value),)) for name, value in sorted(result.labels.items())]
    rows = tuple((status, labels, ago(at, now)) for status, labels, at in result.rows)
    more = result.total - len(rows)
    return Document.of(
        Title(f"{line.id}: {line.title}", _tone(line)),
        Fields(tuple(pairs[:10])),
        *(
            Text.of("Silenced until ", When(until), f" by {who}", f": {why}" if why else ".")
            for until, who, why in result.silences
        ),
        Table(("state", "labels", "since"), rows),
        Note.of(f"{count(more, 'more alert')} not shown.") if more > 0 else None,
        Actions(tuple(map(button, result.acts))) if result.acts else None,
    )


@command(
    "alerts",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=Alerts,
    target=alert_target,
    view=view_alerts,
    examples=("alerts", "alerts --severity critical", "alerts --all --cluster main"),
)
async def alerts(ctx: Ctx, p: Alerts) -> Page | Detail:
    """List what is wrong now: alerts, who has taken them, and what the bot found itself.

    Silenced alerts and those of a maintenance are listed too, and every alert of a storm.
    """
    if p.alert:
        return await _detail(ctx, p.alert)
    one = bool(p.cluster or p.namespace)
    clusters = frozenset({ctx.target.cluster}) if one else seen_by(ctx, "alerts", p)
    found = await listing(ctx, Wanted(clusters, p.all, p.severity, p.namespace, p.page))
    return Page(found, _next(p, found.page) if found.page < found.pages else "")


def _next(p: Alerts, page: int) -> str:
    flags = [("severity", p.severity), ("namespace", p.namespace), ("cluster", p.cluster)]
    given = "".join(f" --{name} {value}" for name, value in flags if value)
    return f"alerts --page {page + 1}{' --all' if p.all else ''}{given}"


async def _detail(ctx: Ctx, name: str) -> Detail:
    episode = await episode_of(ctx, name)
    rows = await ctx.desk.episode_alerts(episode.id, MOST_ROWS)
    silences = [s for s in await ctx.desk.silencings(episode.cluster) if s.episode == episode.id]
    return Detail(
        await one_line(ctx, episode, silences),
        episode.labels or episode.shared,
        tuple((row.status, _differing(row.labels, episode.shared), row.starts_at) for row in rows),
        episode.total,
        tuple((s.ends_at, s.person, s.comment) for s in silences),
        tuple(act for act in acting.acts(ctx.config, episode, silences) if act.button),
    )


def _differing(labels: Mapping[str, str], shared: Mapping[str, str]) -> str:
    own = [f"{k}={v}" for k, v in sorted(labels.items()) if shared.get(k) != v]
    return " ".join(own) or labels.get("alertname", "")


COMMANDS = (alerts,)
