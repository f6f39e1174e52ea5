"""`dashboard`: the graphs that belong together, in one picture."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Failed,
    Image,
    Role,
    Scope,
    Table,
    Target,
    Text,
    Title,
    UsageError,
    command,
)
from bot.graphs import asking
from bot.graphs.asking import About, Drawn
from bot.graphs.numbers import Numbers, cells, foremost, numbers_of, past, worst
from bot.graphs.series import WIDTH, nothing, panel
from bot.graphs.window import USUAL, Window, check_length, check_moment, window
from bot.names import check_name
from bot.releases.errors import as_words
from bot.releases.targets import apps_on, check_cluster
from bot.releases.words import listed
from bot.render.plot import Panel
from integrations.errors import IntegrationError

if TYPE_CHECKING:
    from bot.changes import ChangeSeen
    from bot.graphs.catalogue import Graph

MOST_ROWS = 3
"""Lines of each graph in a table."""
_WIDTH = WIDTH // 2
_SECONDS = 60.0


@dataclass(frozen=True)
class DashboardParams:
    """What `dashboard` takes."""

    board: Annotated[str, Arg("Which", choices=("cluster", "app"))] = "cluster"
    app: Annotated[str, Arg("App, for `dashboard app`", complete="apps", check=check_name)] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""
    last: Annotated[
        str,
        Arg(f"How long back: 30m, 6h, 7d; {USUAL} unless given", flag=True, check=check_length),
    ] = ""
    from_: Annotated[
        str,
        Arg(
            "From when: 14:30, 2026-11-22T14:30, 2h", flag=True, metavar="TIME", check=check_moment
        ),
    ] = ""
    to: Annotated[
        str, Arg("Until when; now unless given", flag=True, metavar="TIME", check=check_moment)
    ] = ""
    save: Annotated[
        str, Arg("Write the picture to this file; in a terminal", flag=True, metavar="FILE")
    ] = ""


@dataclass(frozen=True)
class Part:
    """One graph of a dashboard.

    Attributes:
        missing: Why there are no numbers; empty when there are.
    """

    name: str
    title: str
    numbers: tuple[Numbers, ...]
    missing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dashboard:
    """A dashboard, answered.

    Attributes:
        said: Which time, in words.
        start: Microseconds UTC.
        end: Microseconds UTC.
        changes: What changed in that time, newest first.
        drawn: The picture, where one can be shown.
        flags: What to add to `graph` so that it is about the same.
    """

    board: str
    about: str
    said: str
    start: int
    end: int
    parts: tuple[Part, ...]
    changes: tuple[ChangeSeen, ...]
    drawn: Drawn
    flags: str


@dataclass(frozen=True)
class _Had:
    """One graph as numbers and as it is drawn; `error` when it cannot be had."""

    part: Part
    panel: Panel
    error: Exception | None = None


def target(scope: Scope, p: DashboardParams) -> Target:
    """`target=` of `dashboard`.

    Raises:
        UsageError: It does not say which app, or names one that is not asked for.
    """
    if p.board == "cluster":
        if p.app:
            raise UsageError("The cluster's dashboard takes no app", hint=f"dashboard app {p.app}")
        return asking.graph_target(scope, "", p.cluster)
    if p.app:
        return asking.graph_target(scope, p.app, p.cluster)
    cluster = check_cluster(scope.config, p.cluster or scope.cluster)
    names = [ref.name for ref in apps_on(scope.config, cluster)]
    if len(names) == 1:
        return asking.graph_target(scope, names[0], cluster)
    known = f"dashboard app NAME, with one of {listed(names)}" if names else "See apps"
    raise UsageError("It is not clear which app is meant", hint=known)


def view_dashboard(result: Dashboard, now: int) -> Document:
    """The picture where it can be seen, else its numbers."""
    drawn = result.drawn
    everything = [one for part in result.parts for one in part.numbers]
    lacking = [f"{part.title}: {part.missing}" for part in result.parts if part.missing]
    notes = [note for part in result.parts for note in part.notes]
    return Document.of(
        Title(f"Dashboard of {result.about}, {result.said}", worst(everything)),
        *(Text.of(f"{part.title}: {said}") for part in result.parts for said in past(part.numbers)),
        *(() if drawn.seen else (_table(result), asking.table_of(result.changes, now))),
        Image(drawn.png, f"{result.board}.png", drawn.alt, shared=True) if drawn.picture else None,
        *asking.remarks(drawn, (*lacking, *dict.fromkeys(notes)), ""),
        _actions(result),
    )


def _table(result: Dashboard) -> Table:
    rows = [(part.name, one) for part in result.parts for one in foremost(part.numbers, MOST_ROWS)]
    return Table(
        ("graph", "line", "course", "now", "least", "most", "trend"),
        tuple((title, *cells(one)) for title, one in rows),
        tones=tuple(one.tone for _, one in rows),
        empty="no data",
    )


def _actions(result: Dashboard) -> Actions | None:
    """The graphs that want to be looked at, and else the first ones."""
    parts = sorted(result.parts, key=lambda part: worst(part.numbers) == "plain")
    buttons = tuple(
        Button(part.title, "run", command=f"graph {part.name}{result.flags}")
        for part in parts
        if part.numbers
    )
    return Actions(buttons[:5]) if buttons else None


@command(
    "dashboard",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=DashboardParams,
    target=target,
    view=view_dashboard,
    examples=("dashboard cluster", "dashboard app parse --last 24h"),
    timeout=_SECONDS,
)
async def dashboard(ctx: Ctx, p: DashboardParams) -> Dashboard:
    """Show the most telling graphs of the cluster or of an app, in one picture.

    A graph that cannot be had says why, and the others are shown.
    """
    asking.check_save(ctx.scope, p.save)
    known = asking.graphs(ctx)
    time = window(last=p.last, since=p.from_, until=p.to, now=ctx.clock(), zone=ctx.asker.timezone)
    where = asking.about(ctx)
    graphs = [known[name] for name in known.dashboards[p.board]]
    found = await asyncio.gather(*(_part(ctx, where, graph, time) for graph in graphs))
    if all(one.error for one in found):
        raise next(one.error for one in found if one.error)
    parts, panels = tuple(one.part for one in found), tuple(one.panel for one in found)
    seen, drawn = await asking.changed(ctx, time), Drawn()
    if any(part.numbers for part in parts):
        picture = asking.chart(ctx, where, time, f"Dashboard of {where.said}", panels, seen)
        drawn = await asking.draw(ctx, picture, save=bool(p.save))
    return Dashboard(
        board=p.board,
        about=where.said,
        said=time.said,
        start=time.start,
        end=time.end,
        parts=parts,
        changes=seen,
        drawn=drawn,
        flags=where.flags,
    )


async def _part(ctx: Ctx, where: About, graph: Graph, time: Window) -> _Had:
    """One graph, or why it cannot be had."""
    try:
        fetched = await asking.numbers(ctx, where, graph, time, width=_WIDTH)
    except (IntegrationError, Failed) as error:
        why = as_words(error)
        part = Part(graph.name, graph.title, (), why)
        return _Had(part, Panel(graph.title, graph.unit, (), note=why), error)
    missing = "" if fetched.lines else nothing(graph)
    told = await asyncio.to_thread(numbers_of, graph, fetched)
    part = Part(graph.name, graph.title, told, missing, fetched.notes)
    return _Had(part, panel(graph, fetched))


COMMANDS = (dashboard,)
