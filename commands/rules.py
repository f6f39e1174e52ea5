"""`rule …`: what a role or somebody may do, within limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from bot import (
    Arg,
    Change,
    Ctx,
    Document,
    Effect,
    Mono,
    Op,
    Plan,
    Role,
    Table,
    Text,
    Title,
    UsageError,
    Weight,
    command,
)
from bot.desk import subject_of
from bot.desk.settings import Said, everywhere, once, view_said
from bot.releases.words import count

if TYPE_CHECKING:
    from bot.store.roles import Rule


@dataclass(frozen=True)
class RuleAdd:
    """What `rule add` takes."""

    command: Annotated[
        str, Arg("Command, or a pattern such as 'audit *'", flag=True, complete="commands")
    ]
    role: Annotated[str, Arg("Who has this role", flag=True, complete="roles")] = ""
    subject: Annotated[str, Arg("@somebody or @group instead of a role", flag=True)] = ""
    cluster: Annotated[str, Arg("Only there", flag=True, complete="clusters")] = "*"
    namespace: Annotated[str, Arg("Only there", flag=True, short=("-n",))] = "*"
    app: Annotated[str, Arg("Only for this app", flag=True, complete="apps")] = "*"
    channel: Annotated[str, Arg("Only when asked in this channel", flag=True)] = "*"
    when: Annotated[str, Arg("Only if, such as 'replicas <= 10'", flag=True)] = ""


@dataclass(frozen=True)
class RuleRemove:
    """What `rule remove` takes."""

    id: Annotated[int, Arg("Number of the rule, from `rule list`", minimum=1)]


def _rule(role: str | None, subject: str | None, name: str, p: RuleAdd | None = None) -> Rule:
    from bot.store.roles import Rule

    if p is None:
        return Rule(role, subject, name)
    return Rule(role, subject, name, p.cluster, p.namespace, p.app, _channel(p.channel), p.when)


def _channel(word: str) -> str:
    """The id in Slack's `<#C123|name>`; any other text as it is."""
    match = re.fullmatch(r"<#([A-Z0-9]+)(\|[^>]*)?>", word)
    return match[1] if match else word


@dataclass(frozen=True)
class RuleList:
    """`rule list` takes nothing."""


async def plan_rule_add(ctx: Ctx, p: RuleAdd) -> Plan:
    """Checks the pattern, the condition and whom it is for."""
    if bool(p.role) == bool(p.subject):
        raise UsageError("A rule is for a role or for a subject", hint="Give --role or --subject")
    subject = subject_of(ctx.scope, p.subject) if p.subject else None
    rule = _rule(p.role or None, subject, p.command, p)
    useless = ctx.desk.check_rule(rule)
    if p.role and p.role not in [role.name for role in await ctx.desk.roles()]:
        raise UsageError(f"There is no role {p.role}", hint="`role create` makes one")
    words = ctx.desk.describe_rule(rule)
    same = [r.id for r in await ctx.desk.rules() if ctx.desk.describe_rule(r) == words]
    return Plan(
        f"Rule {same[0]} says so already" if same else f"Allow: {words}",
        facts={"subject": subject or "", "words": words},
        changes=(Change("allowed", "", words),),
        warnings=(useless,) if useless else (),
        weight=Weight.CONFIRM if useless else Weight.RUN,
        nothing=bool(same),
    )


@command(
    "rule add",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=RuleAdd,
    target=everywhere,
    plan=plan_rule_add,
    view=view_said,
    locks=False,
    examples=("rule add --role deployer --command scale --when 'replicas <= 10'",),
    timeout=30,
)
async def rule_add(ctx: Ctx, p: RuleAdd, op: Op) -> Said:
    """Allow a role or somebody to run a command, within limits.

    Rules only ever allow, so their order does not matter.
    """
    subject, words = str(op.facts["subject"]) or None, str(op.facts["words"])

    async def add() -> int:
        rule = _rule(p.role or None, subject, p.command, p)
        return (await ctx.desk.add_rule(ctx.asker, rule, op.id)).id

    async def added() -> int | None:
        found = [r.id for r in await ctx.desk.rules() if ctx.desk.describe_rule(r) == words]
        return found[-1] if found else None

    number = await op.step("add the rule", add, done=added)
    return Said(f"Rule {number}: {words}", f"`rule remove {number}` takes it back.", "rule list")


async def plan_rule_remove(ctx: Ctx, p: RuleRemove) -> Plan:
    """Shows what the rule allowed."""
    rule = next((r for r in await ctx.desk.rules() if r.id == p.id), None)
    if rule is None:
        raise UsageError(f"There is no rule {p.id}", hint="`rule list` shows them")
    words = ctx.desk.describe_rule(rule)
    return Plan(
        f"Remove rule {p.id}",
        facts={"id": p.id, "words": words},
        changes=(Change(f"rule {p.id}", words, "gone"),),
    )


@command(
    "rule remove",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=RuleRemove,
    target=everywhere,
    plan=plan_rule_remove,
    view=view_said,
    locks=False,
    examples=("rule remove 3",),
    timeout=30,
)
async def rule_remove(ctx: Ctx, p: RuleRemove, op: Op) -> Said:
    """Remove a rule."""

    async def stands() -> bool:
        return p.id in [r.id for r in await ctx.desk.rules()]

    remove, late = partial(ctx.desk.remove_rule, ctx.asker, p.id, op.id), f"There is no rule {p.id}"
    await once(op, "remove the rule", remove, stands, wanted=False, refused=late)
    return Said(f"Rule {p.id} is gone: {op.facts['words']}", next="rule list")


@dataclass(frozen=True)
class Rules:
    """Number and words of each rule, and who made it."""

    rules: tuple[tuple[str, str, str], ...]


def view_rules(result: Rules, now: int) -> Document:
    """A table of rules."""
    return Document.of(
        Title(count(len(result.rules), "rule")),
        Table(("rule", "allows", "made by"), result.rules, empty="no rules; roles alone decide"),
        Text.of("Add one with ", Mono("rule add --role ROLE --command COMMAND"), "."),
    )


@command("rule list", effect=Effect.READ, role=Role.VIEWER, params=RuleList, view=view_rules)
async def rule_list(ctx: Ctx, p: RuleList) -> Rules:
    """List the rules."""
    return Rules(
        tuple((str(r.id), ctx.desk.describe_rule(r), r.person) for r in await ctx.desk.rules())
    )


COMMANDS = (rule_add, rule_remove, rule_list)
