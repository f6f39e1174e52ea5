"""`silence`: Alertmanager holds alerts back for a while, in a person's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Document,
    Effect,
    Mono,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Text,
    Title,
    UsageError,
    Weight,
    When,
    command,
)
from bot.alerts import acting
from bot.alerts.finding import alert_target, check_id, open_episode, server_of
from bot.names import check_namespace, clip
from bot.releases.words import check_span, count, lasted, listed, span_of, stamp

if TYPE_CHECKING:
    from bot.store.alert_acts import Silencing
    from bot.store.alerts import Episode
    from integrations.alertmanager import Alert, Alertmanager, Matcher
    from integrations.alertmanager import Silence as Held

LONG = 86_400_000_000
"""Microseconds; a silence that lasts longer is asked about."""
MOST_NAMES = 4


def check_matcher(value: Any) -> str | None:
    """Accepts `label=value`; the value may be anything, also nothing."""
    name, sign, rest = str(value).partition("=")
    if not sign or not name.replace("_", "a").isascii() or not name.replace("_", "a").isalnum():
        return f"{clip(str(value))} is no matcher: write label=value"
    if rest.startswith("~") or name[0].isdigit():
        return f"{clip(str(value))} is no exact matcher: write label=value"
    return None


@dataclass(frozen=True)
class Silence:
    """What `silence` takes."""

    alert: Annotated[str, Arg("The alert's id", metavar="ID", check=check_id)] = ""
    matcher: Annotated[
        tuple[str, ...],
        Arg("Only alerts with this label, label=value", flag=True, check=check_matcher),
    ] = ()
    for_: Annotated[
        str, Arg("For how long: 30m, 4h, 2d", flag=True, check=check_span, ask=True)
    ] = "1h"
    comment: Annotated[str, Arg("Why, for whoever wonders", flag=True, ask=True)] = ""
    namespace: Annotated[
        str, Arg("Namespace that it is about", flag=True, short=("-n",), check=check_namespace)
    ] = ""
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Silenced:
    """A silence that was made.

    Attributes:
        what: What is silent, in words.
        matchers: As `label="value"`.
        ends_at: Microseconds UTC.
        undo: The command that ends it.
    """

    id: str
    what: str
    matchers: tuple[str, ...]
    ends_at: int
    comment: str
    undo: str


def view_silenced(result: Silenced, now: int) -> Document:
    """What is silent, until when, and the way back."""
    return Document.of(
        Title(f"Silenced: {result.what}", "good"),
        Text.of("Until ", When(result.ends_at), f": {result.comment}"),
        Note(tuple(part for m in result.matchers for part in (Mono(m), " "))),
        Actions((Button("Unsilence", "run", command=result.undo),)),
    )


async def plan_silence(ctx: Ctx, p: Silence) -> Plan:
    """Says what it holds back now, and asks first when that is more than it seems."""
    server = server_of(ctx)
    episode = await open_episode(ctx, p.alert) if p.alert else None
    labels = _labels(p, episode, ctx.target.namespace)
    from bot.alerts.silencing import exact, matching

    matchers = exact(labels)
    found = await matching(server, matchers)
    seconds = span_of(p.for_)
    ends = ctx.clock() + seconds
    same = await _same(server, matchers, ends)
    what = episode.title if episode else count(len(found), "alert")
    facts = {
        "alert": episode.id if episode else "",
        "what": what if episode else ", ".join(map(str, matchers)),
        "labels": labels,
        "micros": seconds,
        "comment": _comment(p, ctx),
    }
    if same is not None:
        until = f"until {stamp(same.ends_at)} by {same.created_by}"
        return Plan(f"{what} is silenced already, {until}", facts=facts, nothing=True)
    warnings = await _warnings(ctx, episode, found)
    ask = bool(warnings) or seconds > LONG or episode is None
    return Plan(
        f"Silence {what} for {lasted(seconds)}",
        facts=facts,
        changes=(
            Change(
                f"{count(len(found), 'alert')} with {', '.join(map(str, matchers))}",
                "notify",
                f"silent until {stamp(ends)}",
            ),
        ),
        warnings=warnings,
        weight=Weight.CONFIRM if ask else Weight.RUN,
    )


def _labels(p: Silence, episode: Episode | None, namespace: str) -> dict[str, str]:
    """The labels that must fit, all of them exactly.

    A right that counts for one namespace silences nothing elsewhere.
    """
    if not p.alert and not p.matcher:
        raise UsageError(
            "Say what to silence", hint="An alert's id, or --matcher label=value; see `alerts`"
        )
    given = [one.partition("=")[::2] for one in p.matcher]
    labels = dict(episode.labels) if episode else {}
    if not any((*labels.values(), *(value for _, value in given))):
        raise Refused(
            "This would silence everything",
            why="these alerts are grouped by no label" if episode else "no label has a value",
            hint="Say which alerts with --matcher label=value",
        )
    for name, value in (*given, *((("namespace", namespace),) if namespace else ())):
        if labels.get(name, value) != value:
            raise UsageError(
                f"The label {name} cannot be two things at once",
                why=f"{clip(labels[name])} and {clip(value)}",
            )
        labels[name] = value
    return labels


def _comment(p: Silence, ctx: Ctx) -> str:
    return " ".join(p.comment.split()) or f"by {ctx.config.command}"


async def _same(server: Alertmanager, matchers: Sequence[Matcher], ends: int) -> Held | None:
    """A silence of exactly these alerts that lasts as long anyway."""
    return next(
        (
            one
            for one in await server.silences()
            if one.state == "active" and set(one.matchers) == set(matchers) and one.ends_at >= ends
        ),
        None,
    )


async def _warnings(ctx: Ctx, episode: Episode | None, found: Sequence[Alert]) -> tuple[str, ...]:
    if not found:
        return ("No alert that fires now would be held back.",)
    if episode is None:
        names = sorted({alert.labels.get("alertname", "") or "unnamed" for alert in found})
        return (f"It holds back {listed(names, most=MOST_NAMES)}.",)
    members = await ctx.desk.episodes_by_alert(ctx.target.cluster)
    others = [a for a in found if episode.id not in members.get(a.fingerprint, ())]
    if not others:
        return ()
    names = sorted({alert.labels.get("alertname", "") or "unnamed" for alert in others})
    more = count(len(others), "alert")
    return (f"It also holds back {more} of other groups: {listed(names, most=MOST_NAMES)}.",)


@command(
    "silence",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Silence,
    target=alert_target,
    plan=plan_silence,
    view=view_silenced,
    locks=False,
    examples=(
        "silence k7m2 --for 4h",
        'silence k7m2 --for 90m --comment "new disks"',
        "silence --matcher alertname=NodeDown --matcher node=worker-3",
    ),
    timeout=60,
)
async def silence(ctx: Ctx, p: Silence, op: Op) -> Silenced:
    """Hold alerts back for a while, in Alertmanager, with your name on it.

    Only exact labels count: those of the alert's group, or those given.
    """
    from bot.alerts.silencing import creator, exact, made_by, marked

    server, matchers = server_of(ctx), exact(op.facts["labels"])
    comment = str(op.facts["comment"])

    async def write() -> dict[str, Any]:
        starts = ctx.clock() // 1000 * 1000  # its times have milliseconds
        ends = starts + int(op.facts["micros"])
        made = await server.silence(
            matchers,
            starts=starts,
            ends=ends,
            created_by=creator(ctx.asker),
            comment=marked(comment, op.id),
        )
        return {"id": made, "starts": starts, "ends": ends}

    async def written() -> dict[str, Any] | None:
        found = await made_by(server, op.id)
        if found is None:
            return None
        return {"id": found.id, "starts": found.starts_at, "ends": found.ends_at}

    made: Mapping[str, Any] = await op.step("write the silence", write, done=written)

    async def tell() -> int:
        held = await _held(ctx, op, matchers, made)
        firing = {one.id: one.firing for one in await ctx.desk.episodes(ctx.target.cluster)}
        await ctx.desk.note_silence(
            held, op.id, lambda one: acting.silence_began(one, firing.get(one.episode, 0))
        )
        return len(held)

    async def told() -> int | None:
        rows = await ctx.desk.silencings(ctx.target.cluster)
        return sum(row.silence == made["id"] for row in rows) or None

    await op.step("tell it", tell, done=told)
    name = str(op.facts["alert"]) or made["id"]
    flags = "".join(
        f" --{flag} {value}"
        for flag, value in (("namespace", p.namespace), ("cluster", p.cluster))
        if value
    )
    shown = tuple(map(str, matchers))
    undo = f"unsilence {name}{flags}"
    return Silenced(made["id"], str(op.facts["what"]), shown, made["ends"], comment, undo)


async def _held(
    ctx: Ctx, op: Op, matchers: Sequence[Matcher], made: Mapping[str, Any]
) -> list[Silencing]:
    """What the silence is to each episode that it holds back."""
    from bot.alerts.silencing import matching
    from bot.store.alert_acts import Silencing

    members = await ctx.desk.episodes_by_alert(ctx.target.cluster)
    covers: dict[str, int] = {}
    for alert in await matching(server_of(ctx), matchers):
        for episode in members.get(alert.fingerprint, ()):
            covers[episode] = covers.get(episode, 0) + 1
    return [
        Silencing(
            cluster=ctx.target.cluster,
            silence=made["id"],
            episode=episode,
            person=ctx.asker.person,
            actor=ctx.asker.actor,
            request_id=op.id,
            comment=str(op.facts["comment"]),
            covers=number,
            starts_at=made["starts"],
            ends_at=made["ends"],
            changed_at=ctx.clock(),
        )
        for episode, number in covers.items()
    ]


COMMANDS = (silence,)
