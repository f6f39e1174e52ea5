"""`changes`: what changed in a cluster, through the bot and outside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Note,
    Role,
    Scope,
    Table,
    Target,
    Title,
    command,
)
from bot.changes import AUTOSCALER, ChangeSeen, changes
from bot.graphs.window import SECOND, check_length, check_moment, window, zone_of
from bot.names import check_name
from bot.releases.targets import app_ref, check_cluster
from bot.releases.words import ago, count

USUAL = "24h"
MOST_ROWS = 50


@dataclass(frozen=True)
class ChangesParams:
    """What `changes` takes."""

    app: Annotated[
        str, Arg("App; everything on the cluster when left out", complete="apps", check=check_name)
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
    outside: Annotated[bool, Arg("Only what was not done through the bot", flag=True)] = False
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Changed:
    """What changed, newest first.

    Attributes:
        about: `parse on main`, or the cluster.
        app: The app that was asked about; may be empty.
        said: Which time, in words.
        since: Where the time begins, microseconds UTC.
        watched: Since when changes outside the bot are seen; None for not at all.
        zone: In which to tell times.
    """

    about: str
    cluster: str
    app: str
    said: str
    since: int
    seen: tuple[ChangeSeen, ...]
    watched: int | None
    zone: str


def changes_target(scope: Scope, p: ChangesParams) -> Target:
    """The app's, else the cluster."""
    if p.app:
        return app_ref(scope.config, p.app, p.cluster, scope.cluster).target
    return Target(check_cluster(scope.config, p.cluster or scope.cluster))


def view_changes(result: Changed, now: int) -> Document:
    """A line for each change; those from outside stand out."""
    shown = result.seen[:MOST_ROWS]
    rest = len(result.seen) - len(shown)
    table = Table(
        ("when", "what", "who", "where"),
        tuple((_when(one.at, now, result.zone), one.text, _who(one), _where(one)) for one in shown),
        tones=tuple("warn" if one.outside else "plain" for one in shown),
        empty="nothing changed in this time",
    )
    more = f"{count(rest, 'older change')} not shown; narrow the time with --from and --to."
    return Document.of(
        Title(_headline(result)),
        table,
        Note.of(more) if rest else None,
        _sight(result, now),
        _actions(result),
    )


def _headline(result: Changed) -> str:
    number = len(result.seen)
    outside = sum(one.outside for one in result.seen)
    what = count(number, "change") if number else "no changes"
    head = f"{what[0].upper()}{what[1:]}: {result.about}, {result.said}"
    return f"{head} ({outside} outside the bot)" if outside else head


def _when(at: int, now: int, zone: str) -> str:
    there = datetime.fromtimestamp(at / SECOND, zone_of(zone))
    return f"{there:%m-%d %H:%M:%S}, {ago(at, now)}"


def _who(one: ChangeSeen) -> str:
    if one.outside:
        return f"{one.by or 'unknown'} (outside the bot)"
    return one.by


def _where(one: ChangeSeen) -> str:
    return "/".join(part for part in (one.namespace, one.app) if part) or one.cluster


def _sight(result: Changed, now: int) -> Note | None:
    """Says what this list cannot know."""
    if result.watched is None:
        return Note.of(
            "Changes outside the bot were not seen: it watches while it runs, in the namespaces "
            "of configured apps, and has not been able to look there yet.",
            tone="warn",
        )
    if result.watched > result.since:
        since = _when(result.watched, now, result.zone)
        return Note.of(f"Changes outside the bot are known since {since}.")
    return None


def _actions(result: Changed) -> Actions | None:
    if not result.app:
        return None
    of = f"{result.app} --cluster {result.cluster}"
    return Actions(
        (
            Button("Status", "run", command=f"status {of}"),
            Button("History", "run", command=f"history {of}"),
        )
    )


@command(
    "changes",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=ChangesParams,
    target=changes_target,
    view=view_changes,
    examples=("changes", "changes parse --last 7d", "changes --outside --from 08:00"),
)
async def changes_(ctx: Ctx, p: ChangesParams) -> Changed:
    """List what changed: deploys, scalings, restarts, restores, drills, and changes by others.

    What others change in the namespaces of configured apps is seen by watch, with who did it as
    the cluster calls them (`kubectl`, `helm`), also what happened while the bot was away.
    """
    target = ctx.target
    time = window(
        last=p.last or ("" if p.from_ else USUAL),
        since=p.from_,
        until=p.to,
        now=ctx.clock(),
        zone=ctx.asker.timezone,
    )
    seen = await changes(
        ctx.desk,
        cluster=target.cluster,
        since=time.start,
        until=time.end + 1,
        namespace=target.namespace,
        app=target.app,
    )
    return Changed(
        about=f"{target.app} on {target.cluster}" if target.app else target.cluster,
        cluster=target.cluster,
        app=target.app,
        said=time.said,
        since=time.start,
        seen=tuple(one for one in seen if _wanted(one, p)),
        watched=await ctx.desk.watched_since(target.cluster, target.namespace),
        zone=ctx.asker.timezone,
    )


def _wanted(one: ChangeSeen, p: ChangesParams) -> bool:
    return not p.outside or one.outside or one.by == AUTOSCALER


COMMANDS = (changes_,)
