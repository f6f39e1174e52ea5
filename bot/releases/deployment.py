"""What a deploy would do: what is live, what is wanted, and the difference."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bot.context import Change
from bot.errors import Refused
from bot.releases import overrides, values
from bot.releases.charts import Chart, base_values, find_chart
from bot.releases.credentials import secret_exists
from bot.releases.live import Object, deployed, release_workloads
from bot.releases.overrides import Wish

if TYPE_CHECKING:
    from bot.context import Cluster, Ctx
    from bot.releases.targets import AppRef
    from bot.store.overrides import OverrideSet
    from integrations.helm.models import Revision
    from integrations.kubernetes.models import Table

_OURS = re.compile(r"[0-9a-z]{14} deploy (\S+) by ")


@dataclass(frozen=True, slots=True)
class Live:
    """A release as it is.

    Attributes:
        history: Its revisions, oldest first; empty without a release.
        values: The user values of the revision in force.
        workloads: Its workload objects.
        wishes: The overrides in force.
        good: Numbers of the revisions that once worked.
    """

    history: tuple[Revision, ...]
    values: Mapping[str, Any]
    workloads: tuple[Object, ...]
    wishes: tuple[Wish, ...]
    good: tuple[int, ...]

    @property
    def newest(self) -> int:
        """The newest revision's number, 0 without a release."""
        return self.history[-1].number if self.history else 0

    @property
    def current(self) -> Revision | None:
        """The revision in force."""
        return deployed(self.history)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release as a deploy would make it.

    Attributes:
        chart: The chart.
        values: The complete user values.
        wishes: The overrides that would hold afterwards.
        dropped: Overrides that `--reset` would drop.
    """

    chart: Chart
    values: Mapping[str, Any]
    wishes: tuple[Wish, ...]
    dropped: tuple[Wish, ...]

    @property
    def computed(self) -> dict[str, Any]:
        """The chart's defaults under the values."""
        return values.merge(self.chart.defaults, self.values)


async def look(ctx: Ctx, ref: AppRef) -> Live:
    """Reads what is live.

    Raises:
        Refused: If helm is at work on the release, or was killed at it.
    """
    cluster = ctx.clusters(ref.cluster)
    items, kept, (history, live) = await asyncio.gather(
        release_workloads(cluster.kube, ref.namespace, ref.release),
        ctx.desk.overrides(ref.target),
        _release(cluster, ref),
    )
    newest = history[-1] if history else None
    if newest is not None and newest.pending:
        raise Refused(
            f"Release {ref.release} is {newest.status}",
            why="helm is at work on it elsewhere, or was killed in the middle",
            hint=f"Wait for it, or go back with `rollback {ref.name}`",
        )
    good = await good_revisions(ctx, ref, history)
    return Live(tuple(history), live, tuple(items), wishes_of(kept), good)


async def revisions(cluster: Cluster, ref: AppRef) -> list[Revision]:
    """The release's revisions, oldest first; empty without a release."""
    return (await _release(cluster, ref))[0]


async def _release(cluster: Cluster, ref: AppRef) -> tuple[list[Revision], Mapping[str, Any]]:
    """History, and the user values in force."""
    from integrations.helm.stored import records

    found = await records(cluster.kube, ref.release, ref.namespace)
    history = [record.revision for record in found]
    current = deployed(history)
    values = next((record.values for record in found if record.revision is current), {})
    return history, values


def wishes_of(kept: OverrideSet) -> tuple[Wish, ...]:
    """Stored overrides as wishes."""
    return tuple(
        Wish(o.kind, o.path, o.value, o.actor, o.person, o.at, o.request_id) for o in kept.items
    )


async def good_revisions(ctx: Ctx, ref: AppRef, history: Iterable[Revision]) -> tuple[int, ...]:
    """Numbers of the revisions that worked.

    Helm calls a revision deployed as soon as its objects are written. Whether it came up is known
    from our own record, which is written after success; a revision that somebody made without the
    bot counts as good unless helm itself failed.
    """
    numbers = [r.number for r in history]
    recorded = await ctx.desk.recorded_revisions(ref.target, numbers)
    found: list[int] = []
    for revision in history:
        source = rolled_back_to(revision)
        if revision.status not in ("deployed", "superseded"):
            continue
        ours = bool(recorded) and ctx.desk.is_request_id(revision.description.split(" ")[0])
        if revision.number in recorded or (source in found if source else not ours):
            found.append(revision.number)
    return tuple(found)


def rolled_back_to(revision: Revision) -> int:
    """The revision that a rollback's revision is a copy of; 0 when it is none."""
    last = revision.description.removeprefix("Rollback to ")
    return int(last) if last != revision.description and last.isdigit() else 0


def default_target(history: Iterable[Revision], good: Iterable[int]) -> int:
    """Where a rollback goes unless told: the last revision that worked and is not the same.

    Behind a revision that is itself a rollback, the one before its source. 0 for nowhere.
    """
    by_number = {r.number: r for r in history}
    works = set(good)
    if not by_number:
        return 0
    below = max(by_number)
    if below in works:
        while below in by_number and (source := rolled_back_to(by_number[below])):
            below = source
    return max((number for number in works if number < below), default=0)


def versions(history: Iterable[Revision]) -> dict[int, str]:
    """Revision → the version that it runs.

    As our own description of it says, for a rollback that of its source, else the chart's.
    """
    found: dict[int, str] = {}
    for revision in history:
        ours = _OURS.match(revision.description)
        source = found.get(rolled_back_to(revision))
        found[revision.number] = ours[1] if ours else source or revision.app_version
    return found


async def want(ref: AppRef, live: Live, new: Iterable[Wish], *, reset: bool) -> Wanted:
    """Works out what a deploy would make.

    Chart defaults < the app's values < kept overrides < this call.
    """
    asked = tuple(new)
    old = () if reset else live.wishes
    wishes = overrides.combine(ref.config, old, asked)
    keys = {wish.key for wish in wishes}
    dropped = tuple(wish for wish in live.wishes if reset and wish.key not in keys)
    chart, base = await asyncio.gather(
        find_chart(ref.config, overrides.chart_version(wishes)), base_values(ref.config)
    )
    return Wanted(chart, overrides.applied(ref.config, base, wishes), wishes, dropped)


@dataclass(frozen=True, slots=True)
class Resize:
    """A workload whose size a deploy or a rollback would change."""

    path: str
    before: int
    after: int
    members: bool


def resizes(
    ref: AppRef, items: Iterable[Object], computed: Mapping[str, Any]
) -> tuple[Resize, ...]:
    """Aliased workloads whose live size is not the one in these values."""
    sizes = {
        f"{str(item['kind']).lower()}/{item['metadata']['name']}": item["spec"].get("replicas", 1)
        for item in items
    }
    found = []
    for alias in ref.config.aliases.values():
        now = sizes.get(alias.workload)
        after = values.get(computed, alias.replicas_value) if alias.replicas_value else None
        scaler = values.get(computed, alias.autoscaling_value or "", {})
        automatic = isinstance(scaler, Mapping) and scaler.get("enabled") is True
        if now is None or not isinstance(after, int) or automatic or now == after:
            continue
        found.append(Resize(alias.workload, int(now), after, alias.members is not None))
    return tuple(found)


def refuse_members(ref: AppRef, found: Iterable[Resize]) -> None:
    """Refuses to change the number of a replica set's members on the side.

    Raises:
        Refused: If a resize concerns members.
    """
    for resize in found:
        if resize.members:
            word = next(n for n, a in ref.config.aliases.items() if a.workload == resize.path)
            raise Refused(
                f"This would change {resize.path} from {resize.before} to {resize.after} members",
                why="members have to join or leave the replica set one by one",
                hint=f"Run `scale {ref.name}/{word} {resize.after}` first, then this again",
            )


def changes(ref: AppRef, live: Live, wanted: Wanted) -> tuple[list[Change], list[str]]:
    """Before and after for people, and what they should read first."""
    secret = ref.config.secret_values
    current = live.current
    rows: list[Change] = []
    before, after = _version(ref, live), _tag(ref, wanted)
    if before != after:
        rows.append(Change("version", before, after))
    chart = _chart_title(wanted.chart)
    if current is None or (wanted.chart.known and current.chart != chart):
        rows.append(Change("chart", current.chart if current else "", chart))
    found = resizes(ref, live.workloads, wanted.computed)
    rows += [Change(f"{r.path} replicas", str(r.before), str(r.after)) for r in found]
    warnings: list[str] = []
    if current is not None:
        delta = values.compare(live.values, wanted.values, secret)
        shown = {ref.config.version_value}
        rows += [change for change in delta.changed if change.what not in shown]
        warnings += [
            f"The live value {c.what} = {c.before} would be dropped." for c in delta.dropped
        ]
    warnings += [f"The override {w.words} (by {w.by}) would be dropped." for w in wanted.dropped]
    return rows, list(dict.fromkeys(warnings))


def _version(ref: AppRef, live: Live) -> str:
    current = live.current
    if current is None:
        return ""
    tag = values.get(live.values, ref.config.version_value)
    return str(tag or current.app_version)


def _tag(ref: AppRef, wanted: Wanted) -> str:
    tag = values.get(wanted.values, ref.config.version_value)
    return str(tag or wanted.chart.app_version or f"chart {wanted.chart.version}".strip())


def _chart_title(chart: Chart) -> str:
    return chart.title.replace(" ", "-") + (f" {chart.version}" if chart.version else "")


async def missing(ctx: Ctx, ref: AppRef) -> dict[str, str]:
    """What a first deploy has to make: `namespace` and `credentials`, each `create` or `keep`."""
    from integrations.kubernetes.errors import Forbidden
    from integrations.kubernetes.kinds import NAMESPACE

    kube = ctx.clusters(ref.cluster).kube
    name = {"metadata.name": ref.namespace}
    try:
        found = await kube.table(NAMESPACE, fields=name)
        there = bool(found.rows)
    except Forbidden:
        there = True  # who may not see namespaces may not make one either
    else:
        _refuse_ending(ref, found)
    needed = ref.config.credentials is not None and not (there and await secret_exists(kube, ref))
    return {
        "namespace": "keep" if there else "create",
        "credentials": "create" if needed else "keep",
    }


def _refuse_ending(ref: AppRef, namespaces: Table) -> None:
    """Refuses to deploy into a namespace that is being deleted.

    Raises:
        Refused: If it is.
    """
    from integrations.kubernetes.refusals import HOLDS

    for row in namespaces.rows:
        if "Terminating" in row.cells:
            raise Refused(
                f"Cluster {ref.cluster} is deleting namespace {ref.namespace}",
                why="it takes nothing new",
                hint=HOLDS.format(ref.namespace),
            )


def facts(ref: AppRef, live: Live, wanted: Wanted, made: Mapping[str, str]) -> dict[str, Any]:
    """What fixes the intended effect; JSON values."""
    current = live.current
    undo = max(live.good, default=0) if ref.config.rollback_on_failure and current else 0
    return {
        "app": ref.name,
        "release": ref.release,
        "namespace": ref.namespace,
        "chart": wanted.chart.digest,
        "values": values.digest(wanted.values),
        "revision": live.newest,
        "undo": undo,
        "wishes": [asdict(wish) for wish in wanted.wishes],
        "make": dict(made),
    }
