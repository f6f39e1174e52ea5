"""`status`: how an app or a workload is, with its problems in words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Cluster,
    Ctx,
    Document,
    Effect,
    Fields,
    Mono,
    Note,
    Role,
    Scope,
    Table,
    Target,
    Text,
    Title,
    UsageError,
    command,
)
from bot.names import check_namespace
from bot.releases.deployment import revisions, versions
from bot.releases.errors import as_words
from bot.releases.live import (
    WorkloadState,
    deployed,
    examine,
    release_workloads,
    releases_in,
)
from bot.releases.targets import (
    AppRef,
    app_ref,
    apps_on,
    check_cluster,
    owner_target,
    resolve_workload,
)
from bot.releases.words import ago, count, moment, short_image
from bot.releases.workloads import find_all

if TYPE_CHECKING:
    from integrations.helm.models import Revision


UNKNOWN = "unknown"
"""The state of an app whose cluster does not answer."""


@dataclass(frozen=True)
class Status:
    """What `status` takes."""

    name: Annotated[
        str, Arg("App, alias or deployment/NAME; all apps when left out", complete="workloads")
    ] = ""
    namespace: Annotated[
        str, Arg("Namespace of a workload", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Part:
    """One workload.

    Attributes:
        created_at: Microseconds UTC.
    """

    path: str
    ready: int
    wanted: int
    image: str
    created_at: int | None
    message: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class AppState:
    """One app, or one workload when `revision` is 0 and `release` empty."""

    name: str
    cluster: str
    namespace: str
    release: str = ""
    revision: int = 0
    state: str = ""
    chart: str = ""
    app_version: str = ""
    deployed_at: int | None = None
    parts: tuple[Part, ...] = ()
    wishes: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def healthy(self) -> bool:
        """Every workload has the pods it should have."""
        return not self.trouble and all(p.ready >= p.wanted and not p.problems for p in self.parts)


@dataclass(frozen=True)
class States:
    """What `status` found; `one` when something was named."""

    cluster: str
    states: tuple[AppState, ...]
    one: bool

    @property
    def ok(self) -> bool:
        """Whether what was asked about could be seen at all."""
        return not self.one or self.states[0].state != UNKNOWN


def status_target(scope: Scope, p: Status) -> Target:
    """The app or workload; the cluster when nothing is named."""
    if not p.name:
        return Target(check_cluster(scope.config, p.cluster or scope.cluster))
    return owner_target(resolve_workload(scope, p), scope.config)


def view_states(result: States, now: int) -> Document:
    """One app in full, or all in a table."""
    if result.one:
        return _full(result.states[0], now)
    bad = [s for s in result.states if s.state and not s.healthy]
    rows = tuple(
        (
            s.name,
            f"{s.state} (revision {s.revision})" if s.revision else s.state or "not deployed",
            f"{sum(p.ready for p in s.parts)}/{sum(p.wanted for p in s.parts)}" if s.parts else "",
            s.app_version,
            ago(s.deployed_at, now),
            s.trouble or next((t for p in s.parts for t in p.problems), ""),
        )
        for s in result.states
    )
    tones: tuple[Any, ...] = tuple(
        "bad" if s in bad else "good" if s.parts else "plain" for s in result.states
    )
    title = (
        Title(f"Trouble on {result.cluster}: {', '.join(s.name for s in bad)}", "bad")
        if bad
        else Title(f"{count(len(rows), 'app')} on {result.cluster}, no trouble", "good")
    )
    columns = ("app", "release", "ready", "version", "deployed", "trouble")
    look = tuple(Button(f"Look at {s.name}", "run", command=f"status {s.name}") for s in bad[:3])
    return Document.of(
        title,
        Table(columns, rows, tones=tones, empty="no app is configured for this cluster"),
        Actions(look) if look else None,
    )


def _full(s: AppState, now: int) -> Document:
    ready = f"{sum(p.ready for p in s.parts)} of {count(sum(p.wanted for p in s.parts), 'pod')}"
    if s.state == UNKNOWN:
        again = Button("Ask again", "run", command=f"status {s.name}")
        return Document.of(
            Title(f"How {s.name} is on {s.cluster} cannot be told", "bad"),
            Text.of(s.trouble),
            Actions((again,)),
        )
    if not s.parts:
        title = Title(f"{s.name} is not deployed on {s.cluster}")
        offer = (Button("Deploy", "run", command=f"deploy {s.name}"),) if s.release else ()
        return Document.of(
            title, Note.of(s.trouble) if s.trouble else None, Actions(offer) if offer else None
        )
    title = Title(f"{s.name}: {ready} ready on {s.cluster}", "good" if s.healthy else "bad")
    facts = Fields.of(namespace=Mono(s.namespace))
    if s.release:
        facts = Fields(
            (
                ("release", (f"{s.release}, revision {s.revision}, {s.state}",)),
                ("chart", (s.chart,)),
                ("version", (s.app_version,)),
                ("deployed", (ago(s.deployed_at, now),)),
                ("namespace", (Mono(s.namespace),)),
            )
        )
    rows = tuple(
        (p.path, f"{p.ready}/{p.wanted}", short_image(p.image), ago(p.created_at, now))
        for p in s.parts
    )
    tones: tuple[Any, ...] = tuple(
        "bad" if p.problems else "warn" if p.ready < p.wanted else "good" for p in s.parts
    )
    troubles = [
        Note.of(f"{p.path}: {text}", tone="bad")
        for p in s.parts
        for text in (p.problems[:5] or ((p.message,) if p.ready < p.wanted else ()))
    ]
    return Document.of(
        title,
        facts,
        Table(("workload", "ready", "image", "age"), rows, tones=tones),
        *troubles,
        Note.of(s.trouble, tone="bad") if s.trouble else None,
        Note.of(f"Overrides in force: {', '.join(s.wishes)}.") if s.wishes else None,
        Actions(_offers(s)),
    )


def _offers(s: AppState) -> tuple[Button, ...]:
    if not s.release:
        place = f"{s.parts[0].path} --namespace {s.namespace}"
        return (Button("Restart", "run", command=f"restart {place}"),)
    offers = [Button("History", "run", command=f"history {s.name}")]
    if not s.healthy and s.revision > 1:
        offers.insert(0, Button("Roll back", "run", command=f"rollback {s.name}", style="danger"))
    return tuple(offers)


@command(
    "status",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=Status,
    target=status_target,
    view=view_states,
    examples=("status", "status parse", "status deployment/web -n shop"),
)
async def status(ctx: Ctx, p: Status) -> States:
    """Show how an app or a workload is; without a name, all apps of the cluster.

    Problems come in words: which pod, what is wrong with it.
    """
    cluster = ctx.cluster
    if not p.name:
        return States(cluster.name, await _all(ctx, cluster), False)
    ref = resolve_workload(ctx.scope, p)
    if ref.app is not None and not ref.name:
        state = await _app(ctx, app_ref(ctx.config, ref.app.name, ref.cluster, ref.cluster))
        return States(cluster.name, (state,), True)
    found = await find_all(cluster, ref)
    if not found:
        raise UsageError(f"{p.name} has no workloads on {cluster.name}")
    namespace = found[0].ref.namespace
    parts = await examine(cluster.kube, namespace, [one.item for one in found])
    name = found[0].path
    one = AppState(name, cluster.name, namespace, parts=tuple(_part(w) for w in parts))
    return States(cluster.name, (one,), True)


async def _all(ctx: Ctx, cluster: Cluster) -> tuple[AppState, ...]:
    """Every app of a cluster; pods are read only where something is wrong."""
    refs = apps_on(ctx.config, cluster.name)
    releases = await releases_in(cluster, ((ref.namespace, ref.release) for ref in refs))

    async def one(ref: AppRef) -> AppState:
        unread = releases.unread.get(ref.namespace)
        if unread is not None:
            return _unknown(ref, unread)
        release = releases.found.get((ref.namespace, ref.release))
        if release is None:
            return AppState(ref.name, ref.cluster, ref.namespace, ref.release)
        items, kept = await asyncio.gather(
            release_workloads(cluster.kube, ref.namespace, ref.release),
            ctx.desk.overrides(ref.target),
        )
        parts = await examine(cluster.kube, ref.namespace, items)
        return AppState(
            ref.name,
            ref.cluster,
            ref.namespace,
            ref.release,
            release.revision,
            release.status,
            release.chart,
            kept.version or release.app_version,
            moment(release.updated),
            tuple(_part(w) for w in parts),
        )

    return tuple(await asyncio.gather(*(one(ref) for ref in refs)))


async def _app(ctx: Ctx, ref: AppRef) -> AppState:
    """One app; trouble with reading it is part of the answer."""
    try:
        return await _read(ctx, ref, ctx.clusters(ref.cluster))
    except Exception as error:
        return _unknown(ref, error, hint=True)


def _unknown(ref: AppRef, error: Exception, *, hint: bool = False) -> AppState:
    why = as_words(error, hint=hint)
    return AppState(ref.name, ref.cluster, ref.namespace, ref.release, state=UNKNOWN, trouble=why)


async def _read(ctx: Ctx, ref: AppRef, cluster: Cluster) -> AppState:
    history, items, kept = await asyncio.gather(
        revisions(cluster, ref),
        release_workloads(cluster.kube, ref.namespace, ref.release),
        ctx.desk.overrides(ref.target),
    )
    parts = await examine(cluster.kube, ref.namespace, items)
    newest = history[-1] if history else None
    running = deployed(history) or newest
    trouble = _pending(newest)
    return AppState(
        ref.name,
        ref.cluster,
        ref.namespace,
        ref.release,
        running.number if running else 0,
        running.status if running else "",
        running.chart if running else "",
        versions(history).get(running.number, "") if running else "",
        moment(running.updated) if running else None,
        tuple(_part(w) for w in parts),
        tuple(f"{o.path or o.kind.replace('_', ' ')} {o.value}" for o in kept.items),
        trouble,
    )


def _pending(newest: Revision | None) -> str:
    if newest is None or not newest.pending:
        return ""
    return f"Revision {newest.number} is {newest.status}: helm is at work on it, or was killed."


def _part(w: WorkloadState) -> Part:
    return Part(w.path, w.ready, w.wanted, w.image, w.created_at, w.message, w.problems)


COMMANDS = (status,)
