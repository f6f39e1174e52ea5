"""`graph`, `graph list`: a named graph as a picture in the chat, in numbers in a terminal."""

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
    Image,
    Note,
    Role,
    Scope,
    Table,
    Target,
    Text,
    Title,
    command,
)
from bot.graphs import asking
from bot.graphs.asking import Drawn
from bot.graphs.numbers import Numbers, cells, foremost, numbers_of, past, worst
from bot.graphs.series import nothing, panel
from bot.graphs.window import USUAL, check_length, check_moment, window
from bot.names import check_name, check_object
from bot.releases.words import count

if TYPE_CHECKING:
    from bot.changes import ChangeSeen
    from bot.graphs.catalogue import Graph

MOST_ROWS = 20
"""Lines of a graph that a table shows."""
_NEAR = ("1h", "6h", "24h", "7d")
_SECONDS = 60.0


@dataclass(frozen=True)
class GraphParams:
    """What `graph` takes."""

    name: Annotated[str, Arg("Which; see `graph list`", complete="graphs")]
    app: Annotated[
        str, Arg("Only this app's pods", flag=True, complete="apps", check=check_name)
    ] = ""
    node: Annotated[str, Arg("Only this node", flag=True, complete="nodes", check=check_object)] = (
        ""
    )
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
class Graphed:
    """A graph, answered.

    Attributes:
        said: Which time, in words.
        start: Microseconds UTC.
        end: Microseconds UTC.
        step: Seconds between two points.
        missing: Why there are no numbers; empty when there are.
        notes: What must be known with them.
        infos: What Prometheus remarks about the query.
        changes: What changed in that time, newest first.
        drawn: The picture, where one can be shown.
        flags: What to add to a command so that it is about the same.
    """

    name: str
    title: str
    about: str
    said: str
    start: int
    end: int
    step: float
    numbers: tuple[Numbers, ...]
    missing: str
    notes: tuple[str, ...]
    infos: tuple[str, ...]
    changes: tuple[ChangeSeen, ...]
    drawn: Drawn
    flags: str


def target(scope: Scope, p: GraphParams) -> Target:
    """`target=` of `graph`."""
    return asking.graph_target(scope, p.app, p.cluster)


def view_graph(result: Graphed, now: int) -> Document:
    """The picture where it can be seen, else its numbers."""
    drawn = result.drawn
    title = f"{result.title}: {result.about}, {result.said}"
    if result.missing:
        title = f"{result.title}: no data for {result.about}, {result.said}"
    shown = foremost(result.numbers, MOST_ROWS)
    rest = len(result.numbers) - len(shown)
    table = Table(
        ("line", "course", "now", "least", "most", "trend"),
        tuple(map(cells, shown)),
        tones=tuple(one.tone for one in shown),
    )
    return Document.of(
        Title(title, worst(result.numbers)),
        *(Text.of(sentence) for sentence in past(result.numbers)),
        table if shown and not drawn.seen else None,
        None if drawn.seen else asking.table_of(result.changes, now),
        Image(drawn.png, f"{result.name}.png", drawn.alt, shared=True) if drawn.picture else None,
        *asking.remarks(drawn, result.notes, result.missing),
        *map(Note.of, result.infos),
        Note.of(f"{count(rest, 'line')} more, not as high.") if rest and not drawn.seen else None,
        _actions(result),
    )


def _actions(result: Graphed) -> Actions:
    near = [length for length in _NEAR if not result.said.endswith(f" {length[:-1]} {length[-1]}")]
    return Actions(
        tuple(
            Button(
                f"Last {length[:-1]} {length[-1]}",
                "run",
                command=f"graph {result.name}{result.flags} --last {length}",
            )
            for length in near
        )
    )


@command(
    "graph",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=GraphParams,
    target=target,
    view=view_graph,
    examples=(
        "graph cpu",
        "graph memory --app parse --last 24h",
        "graph cpu --node worker-1 --from 14:30 --to 16:00",
    ),
    timeout=_SECONDS,
)
async def graph(ctx: Ctx, p: GraphParams) -> Graphed:
    """Show a graph: the picture in the channel or thread, its numbers in a terminal.

    With --app it shows that app's pods, and what changed there is marked. Times are in your own
    time zone.
    """
    asking.check_save(ctx.scope, p.save)
    chosen = asking.graphs(ctx).find(p.name, app=bool(p.app))
    time = window(last=p.last, since=p.from_, until=p.to, now=ctx.clock(), zone=ctx.asker.timezone)
    where = asking.about(ctx, p.node)
    fetched = await asking.numbers(ctx, where, chosen, time)
    seen = await asking.changed(ctx, time)
    drawn = Drawn()
    if fetched.lines:
        picture = asking.chart(ctx, where, time, chosen.title, (panel(chosen, fetched),), seen)
        drawn = await asking.draw(ctx, picture, save=bool(p.save))
    return Graphed(
        name=chosen.name,
        title=chosen.title,
        about=where.said,
        said=time.said,
        start=time.start,
        end=time.end,
        step=fetched.step,
        numbers=await asyncio.to_thread(numbers_of, chosen, fetched),
        missing="" if fetched.lines else nothing(chosen),
        notes=fetched.notes,
        infos=fetched.infos,
        changes=seen,
        drawn=drawn,
        flags=where.flags,
    )


@dataclass(frozen=True)
class ListParams:
    """What `graph list` takes."""


@dataclass(frozen=True)
class Listed:
    """One graph of the catalogue; `flags` are those that narrow it."""

    name: str
    title: str
    scope: str
    unit: str
    flags: tuple[str, ...]
    needs: str
    description: str


@dataclass(frozen=True)
class Graphs:
    """The catalogue."""

    graphs: tuple[Listed, ...]


def view_list(result: Graphs, now: int) -> Document:
    """A table of graphs."""
    rows = tuple((g.name, g.title, " ".join(g.flags), g.needs) for g in result.graphs)
    return Document.of(
        Title(count(len(rows), "graph")),
        Table(("graph", "what it shows", "narrow with", "measured by"), rows),
        Note.of("More can be added under `graphs` in onprem.yaml."),
    )


@command(
    "graph list",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=ListParams,
    view=view_list,
    examples=("graph list",),
)
async def list_graphs(ctx: Ctx, p: ListParams) -> Graphs:
    """List the graphs there are, what each shows, and how it can be narrowed."""
    return Graphs(tuple(map(_listed, asking.graphs(ctx).values())))


def _listed(graph: Graph) -> Listed:
    places = {"namespace": "--app", "node": "--node"}
    flags = tuple(flag for place, flag in places.items() if place in graph.places)
    return Listed(
        graph.name, graph.title, graph.scope, graph.unit, flags, graph.needs, graph.description
    )


COMMANDS = (graph, list_graphs)
