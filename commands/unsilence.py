"""`unsilence`: alerts that were held back notify again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Arg,
    Change,
    Ctx,
    Document,
    Effect,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Target,
    Title,
    Weight,
    command,
)
from bot.alerts import acting
from bot.alerts.finding import alert_target, check_id, open_episode, server_of
from bot.names import check_namespace
from bot.releases.words import count, stamp

if TYPE_CHECKING:
    from integrations.alertmanager import Alertmanager
    from integrations.alertmanager import Silence as Held


@dataclass(frozen=True)
class Unsilence:
    """What `unsilence` takes."""

    alert: Annotated[str, Arg("The alert's id, or a silence's", metavar="ID", check=check_id)]
    namespace: Annotated[
        str, Arg("Namespace that it is about", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Unsilenced:
    """Silences that were ended."""

    what: str
    silences: tuple[str, ...]


def view_unsilenced(result: Unsilenced, now: int) -> Document:
    """One line."""
    ended = count(len(result.silences), "silence")
    return Document.of(
        Title(f"Not silenced any more: {result.what}", "good"), Note.of(f"Ended {ended}.")
    )


async def plan_unsilence(ctx: Ctx, p: Unsilence) -> Plan:
    """Finds the silences, and asks first when they are others' or hold back more."""
    from bot.alerts.silencing import creator, unmarked

    server = server_of(ctx)
    what, found, own = await _silences(ctx, server, p.alert)
    facts = {"what": what, "silences": [one.id for one in found]}
    if not found:
        return Plan(f"{what} is not silenced", facts=facts, nothing=True)
    _check_right(ctx, p, found)
    me = creator(ctx.asker)
    warnings = [
        f"{one.created_by or 'Somebody'} made it, not you." for one in found if one.created_by != me
    ]
    ids = {one.id for one in found}
    held = [a for a in await server.alerts(active=False) if ids & set(a.silenced_by)]
    others = [a for a in held if a.fingerprint not in own]
    if own and others:
        warnings.append(f"{count(len(others), 'alert')} of other groups notify again, too.")
    return Plan(
        f"End the silence of {what}",
        facts=facts,
        changes=tuple(
            Change(
                ", ".join(map(str, one.matchers)),
                f"silent until {stamp(one.ends_at)} by {one.created_by}: "
                f"{unmarked(one.comment)[0]}",
                "notifies again",
            )
            for one in found
        ),
        warnings=tuple(warnings),
        weight=Weight.CONFIRM if warnings else Weight.RUN,
    )


async def _silences(ctx: Ctx, server: Alertmanager, name: str) -> tuple[str, list[Held], set[str]]:
    """What is meant in words, its silences, and the alerts of the episode if it is one."""
    known = {one.id: one for one in await server.silences() if one.state != "expired"}
    if "-" in name:
        return f"silence {name}", [known[name]] if name in known else [], set()
    episode = await open_episode(ctx, name)
    members = await ctx.desk.episodes_by_alert(episode.cluster)
    own = {alert for alert, episodes in members.items() if episode.id in episodes}
    told = [one for one in await ctx.desk.silencings(episode.cluster) if one.covers]
    ids = {one.silence for one in told if one.episode == episode.id}
    for alert in await server.alerts(active=False):
        if alert.fingerprint in own:
            ids |= set(alert.silenced_by)
    return episode.title, [known[one] for one in sorted(ids) if one in known], own


def _check_right(ctx: Ctx, p: Unsilence, found: Iterable[Held]) -> None:
    """Refuses to end what reaches farther than the namespace by which the right was decided."""
    namespace, own = ctx.target.namespace, ctx.desk.command("unsilence")
    wide = [one for one in found if not _only_about(one, namespace)] if namespace else []
    if not wide or own is None:
        return
    scope, everywhere = ctx.scope, Target(ctx.target.cluster)
    decision = ctx.desk.decide(scope.asker, own, p, everywhere, scope.channel)
    if not decision.allowed:
        raise Refused(
            f"Silence {wide[0].id} is not about the namespace {namespace} alone",
            why=f"you may not end it for all of {ctx.target.cluster}",
            hint="Ask whoever made it, or an administrator",
        )


def _only_about(held: Held, namespace: str) -> bool:
    return any(
        m.name == "namespace" and m.value == namespace and m.is_equal and not m.is_regex
        for m in held.matchers
    )


@command(
    "unsilence",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Unsilence,
    target=alert_target,
    plan=plan_unsilence,
    view=view_unsilenced,
    locks=False,
    examples=("unsilence k7m2",),
    timeout=60,
)
async def unsilence(ctx: Ctx, p: Unsilence, op: Op) -> Unsilenced:
    """End the silences that hold an alert back, whoever made them."""
    from integrations.alertmanager import SilenceNotFound

    server, ids = server_of(ctx), tuple(map(str, op.facts["silences"]))
    for one in ids:

        async def over(silence: str = one) -> str | None:
            active = {s.id for s in await server.silences() if s.state != "expired"}
            return None if silence in active else "over"

        async def end(silence: str = one) -> str:
            try:
                if await over(silence) is None:
                    await server.expire(silence)
            except SilenceNotFound:
                return "gone"
            return "over"

        await op.step(f"end silence {one}", end, done=over)

    async def tell() -> str:
        reply = acting.unsilenced(ctx.asker.actor, ctx.asker.person)
        await ctx.desk.note_unsilenced(ctx.target.cluster, ids, op.id, reply)
        return "told"

    async def told() -> str | None:
        rows = await ctx.desk.silencings(ctx.target.cluster)
        return None if any(row.silence in ids for row in rows) else "told"

    await op.step("tell it", tell, done=told)
    return Unsilenced(str(op.facts["what"]), ids)


COMMANDS = (unsilence,)
