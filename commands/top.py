"""`top pods`, `top nodes`: who uses most processor time or memory right now."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Note,
    Refused,
    Role,
    Scope,
    Table,
    Target,
    Title,
    UsageError,
    command,
)
from bot.graphs.asking import pods_of
from bot.names import check_name, check_namespace
from bot.releases.targets import app_ref, check_cluster
from bot.render.plot import amount

if TYPE_CHECKING:
    from bot.graphs.catalogue import AppPods
    from bot.render.document import Tone
    from integrations.kubernetes.usage import Usage
    from integrations.prometheus import Prometheus

MOST_ROWS = 20
BUSY, FULL = 0.8, 0.95
"""Shares of a node from which on a line is coloured."""
METRICS, PROMETHEUS = "the metrics API", "Prometheus"
NO_METRICS = "The cluster has no metrics API that answers."


@dataclass(frozen=True)
class TopPods:
    """What `top pods` takes."""

    by: Annotated[str, Arg("What to sort by", flag=True, choices=("cpu", "memory"))] = "cpu"
    app: Annotated[
        str, Arg("Only this app's pods", flag=True, complete="apps", check=check_name)
    ] = ""
    namespace: Annotated[
        str, Arg("Only this namespace", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class TopNodes:
    """What `top nodes` takes."""

    by: Annotated[str, Arg("What to sort by", flag=True, choices=("cpu", "memory"))] = "cpu"
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Used:
    """What a pod or node uses; None for what nobody knows.

    Attributes:
        cpu: Cores.
        memory: Bytes.
        cpu_share: Of the node's cores that pods may use, 1.0 for all.
        memory_share: Of its memory, likewise.
    """

    name: str
    namespace: str
    cpu: float | None
    memory: float | None
    cpu_share: float | None = None
    memory_share: float | None = None


@dataclass(frozen=True)
class Top:
    """Who uses most, the greediest first.

    Attributes:
        what: `pods` or `nodes`.
        about: `parse on main`, `main`.
        source: Who told it.
        number: How many there are.
        note: Why the first choice of a source did not tell it; may be empty.
        flags: What to add to a command so that it is about the same.
    """

    what: str
    about: str
    by: str
    source: str
    rows: tuple[Used, ...]
    number: int
    note: str = ""
    flags: str = ""


def pods_target(scope: Scope, p: TopPods) -> Target:
    """The app's or namespace's, else the cluster.

    Raises:
        UsageError: App and namespace contradict each other.
    """
    if p.app:
        target = app_ref(scope.config, p.app, p.cluster, scope.cluster).target
        if p.namespace not in ("", target.namespace):
            raise UsageError(
                f"App {p.app} is in namespace {target.namespace}, not in {p.namespace}",
                hint="Leave --namespace out",
            )
        return target
    return Target(check_cluster(scope.config, p.cluster or scope.cluster), p.namespace)


def nodes_target(scope: Scope, p: TopNodes) -> Target:
    """The cluster."""
    return Target(check_cluster(scope.config, p.cluster or scope.cluster))


def view_top(result: Top, now: int) -> Document:
    """A line for each, the greediest first."""
    pods = result.what == "pods"
    columns = ("namespace", "pod", "cpu", "memory") if pods else ("node", "cpu", "", "memory", "")
    title = f"{result.what.capitalize()} by {result.by}: {result.about}"
    other = "memory" if result.by == "cpu" else "cpu"
    words = f"top {result.what} --by {other}{result.flags}"
    rest = result.number - len(result.rows)
    return Document.of(
        Title(title),
        Table(
            columns,
            tuple(_pod(row) if pods else _node(row) for row in result.rows),
            tones=tuple(_tone(row) for row in result.rows),
            empty=f"no {result.what} that {result.source} knows of",
        ),
        Note.of(f"{rest} more not shown.") if rest else None,
        Note.of(f"As {result.source} tells it. {result.note}".strip()),
        Actions((Button(f"By {other}", "run", command=words),)),
    )


def _pod(row: Used) -> tuple[str, ...]:
    return row.namespace, row.name, _amount(row.cpu, "cores"), _amount(row.memory, "bytes")


def _node(row: Used) -> tuple[str, ...]:
    cpu, memory = _amount(row.cpu, "cores"), _amount(row.memory, "bytes")
    return row.name, cpu, _percent(row.cpu_share), memory, _percent(row.memory_share)


def _amount(value: float | None, unit: str) -> str:
    return "–" if value is None else amount(value, unit)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _tone(row: Used) -> Tone:
    most = max(row.cpu_share or 0.0, row.memory_share or 0.0)
    return "bad" if most >= FULL else "warn" if most >= BUSY else "plain"


@command(
    "top pods",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=TopPods,
    target=pods_target,
    view=view_top,
    examples=("top pods", "top pods --by memory --app parse"),
    timeout=30.0,
)
async def top_pods(ctx: Ctx, p: TopPods) -> Top:
    """Show which pods use most processor time or memory right now.

    The cluster's metrics API tells it, else Prometheus; the answer says which.
    """
    from integrations.kubernetes.usage import MetricsMissing, pod_usage

    target, cluster = ctx.target, ctx.cluster
    pods = None
    if target.app:
        pods = pods_of(ctx.config, app_ref(ctx.config, target.app, cluster.name, cluster.name))
    try:
        found = await pod_usage(cluster.kube, target.namespace or None)
        source, note = METRICS, ""
    except MetricsMissing as error:
        from bot.graphs import usage
        from bot.graphs.catalogue import AppPods

        prometheus = _prometheus(ctx, error)
        asked = pods or (AppPods(target.namespace) if target.namespace else None)
        found = await usage.pod_usage(prometheus, asked)
        source, note = PROMETHEUS, NO_METRICS
    rows = [Used(u.name, u.namespace, _known(u.cpu), _known(u.memory)) for u in _of(found, pods)]
    about = f"{target.app} on {target.cluster}" if target.app else target.path
    app = f" --app {target.app}" if target.app else ""
    namespace = f" --namespace {target.namespace}" if target.namespace and not app else ""
    flags = f"{app}{namespace} --cluster {target.cluster}"
    return _top("pods", about, p.by, source, rows, note, flags)


@command(
    "top nodes",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=TopNodes,
    target=nodes_target,
    view=view_top,
    examples=("top nodes", "top nodes --by memory"),
    timeout=30.0,
)
async def top_nodes(ctx: Ctx, p: TopNodes) -> Top:
    """Show how much of their processors and memory the nodes use right now.

    The shares are of what pods may use. The cluster's metrics API tells it, else Prometheus; the
    answer says which.
    """
    from integrations.kubernetes.kinds import NODE
    from integrations.kubernetes.usage import MetricsMissing, node_usage, quantity

    cluster = ctx.cluster
    nodes = (await cluster.kube.list(NODE)).items
    room = {
        str(node["metadata"]["name"]): tuple(
            quantity(((node.get("status") or {}).get("allocatable") or {}).get(what) or "0")
            for what in ("cpu", "memory")
        )
        for node in nodes
    }
    try:
        used = {u.name: (u.cpu, u.memory) for u in await node_usage(cluster.kube)}
        rows = [_by_amount(name, used.get(name), room[name]) for name in room]
        source, note = METRICS, ""
    except MetricsMissing as error:
        from bot.graphs import usage

        settings = cluster.config.prometheus
        found = await usage.node_shares(
            _prometheus(ctx, error), settings.jobs if settings else None
        )
        names = [*room, *(name for name in found if name not in room)]
        rows = [_by_share(name, found.get(name), room.get(name)) for name in names]
        source, note = PROMETHEUS, f"{NO_METRICS} The shares are of the whole machine."
    flags = f" --cluster {cluster.name}"
    return _top("nodes", cluster.name, p.by, source, rows, note, flags)


def _top(
    what: str, about: str, by: str, source: str, rows: list[Used], note: str, flags: str
) -> Top:
    def greed(row: Used) -> tuple[float, str]:
        used = row.cpu if by == "cpu" else row.memory
        share = row.cpu_share if by == "cpu" else row.memory_share
        first = share if share is not None else used
        return (-1.0 if first is None else first) * -1, f"{row.namespace}/{row.name}"

    ordered = sorted(rows, key=greed)
    return Top(what, about, by, source, tuple(ordered[:MOST_ROWS]), len(ordered), note, flags)


def _of(found: Iterable[Usage], pods: AppPods | None) -> Iterable[Usage]:
    """Those of an app, where it shares its namespace with another."""
    if pods is None:
        return found
    pattern = re.compile(pods.pattern)
    return (u for u in found if u.namespace == pods.namespace and pattern.fullmatch(u.name))


def _by_amount(name: str, used: tuple[float, float] | None, room: tuple[float, ...]) -> Used:
    if used is None:
        return Used(name, "", None, None)
    shares = [u / r if r else None for u, r in zip(used, room, strict=True)]
    return Used(name, "", used[0], used[1], shares[0], shares[1])


def _by_share(
    name: str, shares: tuple[float, float] | None, room: tuple[float, ...] | None
) -> Used:
    if shares is None:
        return Used(name, "", None, None)
    cpu, memory = map(_known, shares)
    cores, size = room or (0.0, 0.0)
    return Used(name, "", _part(cpu, cores), _part(memory, size), cpu, memory)


def _part(share: float | None, whole: float) -> float | None:
    return share * whole if share is not None and whole else None


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _prometheus(ctx: Ctx, error: Exception) -> Prometheus:
    prometheus = ctx.cluster.prometheus
    if prometheus is None:
        raise Refused(
            f"Nobody can tell what is used on {ctx.cluster.name}",
            why="it has no metrics API that answers, and no Prometheus is configured for it",
            hint="Install metrics-server there, or add Prometheus' address under "
            f"clusters.{ctx.cluster.name}.prometheus in onprem.yaml",
        ) from error
    return prometheus


COMMANDS = (top_pods, top_nodes)
