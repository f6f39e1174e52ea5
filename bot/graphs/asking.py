"""What the commands about graphs share: whom to ask, about which pods, and the picture.

What is heavy is loaded when it is needed: `onprem --help` imports every command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.context import Target
from bot.errors import Failed, Refused, UsageError
from bot.graphs.series import WIDTH, Fetched, fetch, question
from bot.releases.targets import AppRef, app_ref, apps_on, check_cluster
from bot.releases.words import ago
from bot.render.document import Note, Table
from bot.render.plot import Chart, alt
from integrations.prometheus import QueryRefused, TooManySeries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.changes import ChangeSeen
    from bot.config import Config
    from bot.context import Cluster, Ctx, Scope
    from bot.graphs.catalogue import AppPods, Catalogue, Graph
    from bot.graphs.window import Window
    from bot.render.plot import Panel
    from integrations.prometheus import Prometheus

MOST_CHANGES = 5
"""What changed, as told below numbers."""


@dataclass(frozen=True, slots=True)
class About:
    """What a graph is about: a cluster, or an app or a node of it."""

    cluster: Cluster
    app: AppRef | None = None
    node: str = ""

    @property
    def said(self) -> str:
        """`parse on main`, `node w1 of main`, `main`."""
        if self.app is not None:
            of = f", node {self.node}" if self.node else ""
            return f"{self.app.name} on {self.cluster.name}{of}"
        return f"node {self.node} of {self.cluster.name}" if self.node else self.cluster.name

    @property
    def flags(self) -> str:
        """What to add to a command, so that it is about the same."""
        app = f" --app {self.app.name}" if self.app else ""
        node = f" --node {self.node}" if self.node else ""
        return f"{app}{node} --cluster {self.cluster.name}"


def graph_target(scope: Scope, app: str, cluster: str) -> Target:
    """The app's, whose graphs show nothing else; without one the cluster."""
    if app:
        return app_ref(scope.config, app, cluster, scope.cluster).target
    return Target(check_cluster(scope.config, cluster or scope.cluster))


def graphs(ctx: Ctx) -> Catalogue:
    """All graphs there are."""
    from bot.graphs.catalogue import load

    return load(ctx.config)


def about(ctx: Ctx, node: str = "") -> About:
    """What was asked about: the target for which leave was given."""
    app = ctx.target.app
    ref = app_ref(ctx.config, app, ctx.target.cluster, ctx.target.cluster) if app else None
    return About(ctx.cluster, ref, node)


def pods_of(config: Config, ref: AppRef) -> AppPods:
    """The pods of an app: all of its namespace, unless it shares that with another app.

    Then those of its aliases, and those that bear its release's name.
    """
    from bot.graphs.catalogue import AppPods

    near = [other for other in apps_on(config, ref.cluster) if other.namespace == ref.namespace]
    if len(near) < 2:
        return AppPods(ref.namespace)
    known = {alias.workload for alias in ref.config.aliases.values()}
    return AppPods(ref.namespace, (*sorted(known), ref.release))


def prometheus_of(cluster: Cluster) -> Prometheus:
    """Who is asked.

    Raises:
        Refused: None is configured.
    """
    if cluster.prometheus is None:
        raise Refused(
            f"No Prometheus is configured for {cluster.name}",
            hint=f"Add its address under clusters.{cluster.name}.prometheus in onprem.yaml",
        )
    return cluster.prometheus


async def numbers(
    ctx: Ctx, where: About, graph: Graph, window: Window, *, width: int = WIDTH
) -> Fetched:
    """Asks for a graph.

    Raises:
        UsageError: The graph cannot be narrowed so, or has to be.
        Refused: No Prometheus is configured.
        Failed: There are too many series.
        PrometheusError: No numbers came.
    """
    prometheus = prometheus_of(where.cluster)
    settings = where.cluster.config.prometheus
    asked = question(
        graph,
        window,
        app=pods_of(ctx.config, where.app) if where.app else None,
        node=where.node,
        jobs=settings.jobs if settings else None,
        width=width,
    )
    try:
        return await fetch(prometheus, graph, asked)
    except TooManySeries as error:
        raise Failed(
            f"{graph.title} would have {_counted(error)} lines",
            why=f"at most {error.most} are drawn",
            hint=_narrower(graph, where),
        ) from error
    except QueryRefused as error:
        if graph.name not in ctx.config.graphs:
            raise
        mend = f"Correct graphs.{graph.name}.query in onprem.yaml."
        raise QueryRefused(error.message, hint=mend, detail=error.detail) from error


def _counted(error: TooManySeries) -> str:
    return f"{error.count:,}" if error.count else f"more than {error.most:,}"


def _narrower(graph: Graph, where: About) -> str:
    """What to ask instead."""
    if "namespace" in graph.places and where.app is None:
        return f"Ask for one app: graph {graph.name} --app NAME"
    if "node" in graph.places and not where.node:
        return f"Ask for one node: graph {graph.name} --node NAME"
    return "Ask for a shorter time with --last; what is long gone counts too"


async def changed(ctx: Ctx, window: Window) -> tuple[ChangeSeen, ...]:
    """What changed where leave was given to look, newest first."""
    from bot.changes import changes

    target = ctx.target
    return await changes(
        ctx.desk,
        cluster=target.cluster,
        since=window.start,
        until=window.end,
        namespace=target.namespace,
        app=target.app,
    )


def chart(
    ctx: Ctx,
    where: About,
    window: Window,
    title: str,
    panels: tuple[Panel, ...],
    seen: tuple[ChangeSeen, ...],
) -> Chart:
    """Panels, with what changed in that time."""
    from bot.changes import marks

    return Chart(
        title=title,
        subtitle=window.said if where.said in title else f"{where.said}, {window.said}",
        panels=panels,
        start=window.start,
        end=window.end,
        marks=marks(seen),
        timezone=ctx.asker.timezone,
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, if one was wanted.

    Attributes:
        chat: The asker can be shown it; else only saved.
        wanted: There should be one; without it, it could not be drawn.
        picture: The PNG, in hexadecimal digits.
        alt: The picture in words.
    """

    chat: bool = False
    wanted: bool = False
    picture: str = ""
    alt: str = ""

    @property
    def png(self) -> bytes:
        """The PNG; empty without a picture."""
        return bytes.fromhex(self.picture)

    @property
    def seen(self) -> bool:
        """Whether the asker sees it."""
        return self.chat and bool(self.picture)


def check_save(scope: Scope, file: str) -> None:
    """Refuses `--save` where nobody could write the file.

    Raises:
        UsageError: It was asked for in a chat.
    """
    if file and scope.channel:
        raise UsageError("--save works in a terminal only", hint="Here the picture is shown")


async def draw(ctx: Ctx, picture: Chart, *, save: bool) -> Drawn:
    """Draws for a chat, and in a terminal what is to be saved."""
    chat = bool(ctx.scope.channel)
    if not chat and not save:
        return Drawn()
    png = await ctx.artist.draw(picture)
    return Drawn(chat, True, (png or b"").hex(), alt(picture))


def remarks(drawn: Drawn, notes: Iterable[str], missing: str) -> Iterator[Note]:
    """Small print below a graph."""
    if missing:
        yield Note.of(missing, tone="warn")
    for note in notes:
        yield Note.of(note, tone="warn")
    if drawn.wanted and not drawn.picture:
        yield Note.of("The picture could not be drawn; these are its numbers.", tone="warn")


def table_of(seen: Sequence[ChangeSeen], now: int) -> Table | None:
    """What changed, for who does not see the marks of a picture."""
    rows = tuple((ago(one.at, now), one.text, one.by) for one in seen[:MOST_CHANGES])
    more = f" (newest {MOST_CHANGES} of {len(seen)})" if len(seen) > MOST_CHANGES else ""
    table = Table(("when", "what", "who"), rows, title=f"What changed{more}")
    return table if rows else None
