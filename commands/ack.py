"""`ack`: take care of an alert, so that everybody sees who does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot import (
    Actions,
    Arg,
    Change,
    Ctx,
    Document,
    Effect,
    Failed,
    Op,
    Person,
    Plan,
    Role,
    Text,
    Title,
    command,
)
from bot.alerts import acting
from bot.alerts.condition import Act
from bot.alerts.finding import alert_target, check_id, episode_of, open_episode
from bot.alerts.showing import button
from bot.names import check_namespace
from bot.render.document import Inline


@dataclass(frozen=True)
class Ack:
    """What `ack` takes."""

    alert: Annotated[str, Arg("The alert's id", metavar="ID", check=check_id)]
    namespace: Annotated[
        str, Arg("Namespace that it is about", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Taken:
    """Who takes care of what.

    Attributes:
        before: Who did until now; empty when nobody.
        acts: What fits now.
    """

    id: str
    title: str
    actor: str
    person: str
    before: str
    acts: tuple[Act, ...]


def view_taken(result: Taken, now: int) -> Document:
    """Who has it now, and what may help."""
    who = Person(result.actor, result.person)
    does = f" takes it over from {result.before}" if result.before else " takes care of it"
    return Document.of(
        Title(f"Taken: {result.title}", "good"),
        Text.of(who, f"{does}. It is not escalated any more."),
        Actions(tuple(map(button, result.acts))) if result.acts else None,
    )


async def plan_ack(ctx: Ctx, p: Ack) -> Plan:
    """Says who has it until now."""
    episode = await open_episode(ctx, p.alert)
    facts = {"alert": episode.id, "before": episode.owner_person}
    if episode.owner and episode.owner_person == ctx.asker.person:
        return Plan(f"You take care of {episode.title} already", facts=facts, nothing=True)
    before = episode.owner_person or "nobody"
    return Plan(
        f"Take care of {episode.title}",
        facts=facts,
        changes=(Change("owner", before, ctx.asker.person),),
    )


@command(
    "ack",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Ack,
    target=alert_target,
    plan=plan_ack,
    view=view_taken,
    locks=False,
    examples=("ack k7m2", "ack k7m2 --cluster prod"),
    timeout=30,
)
async def ack(ctx: Ctx, p: Ack, op: Op) -> Taken:
    """Take care of an alert: everybody sees who does, and nobody else is called.

    Whoever acknowledges it later takes it over.
    """
    name, before = str(op.facts["alert"]), str(op.facts["before"])
    asker = ctx.asker
    by: tuple[Inline, ...] = (Person(asker.actor, asker.person),)

    async def take() -> str:
        reply = acting.taken(by, (before,) if before else ())
        if not await ctx.desk.take_alert(asker, name, op.id, reply):
            raise Failed(f"Alert {name} ended just now", hint="There is nothing left to take")
        return name

    async def taken() -> str | None:
        found = await ctx.desk.episode(name)
        return name if found is not None and found.owner == asker.actor else None

    await op.step("take it", take, done=taken)
    episode = await episode_of(ctx, name)
    silences = [s for s in await ctx.desk.silencings(episode.cluster) if s.episode == name]
    acts = (
        act
        for act in acting.acts(ctx.config, episode, silences)
        if act.button and not act.command.startswith("ack ")
    )
    return Taken(name, episode.title, asker.actor, asker.person, before, tuple(acts))


COMMANDS = (ack,)
