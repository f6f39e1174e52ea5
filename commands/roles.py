"""`role …` and `rule …`: who may do what."""

from __future__ import annotations

import re
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
    Scope,
    Table,
    Target,
    Text,
    Title,
    UsageError,
    Weight,
    command,
)
from bot.releases.words import count, listed

if TYPE_CHECKING:
    from bot.store.roles import Rule

_BUILT_IN = ("viewer", "operator", "admin")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_MENTION = re.compile(r"<(@|!subteam\^)([A-Z0-9]+)(\|[^>]*)?>")


def check_role(value: Any) -> str | None:
    """Accepts the name of a role."""
    if _NAME.fullmatch(str(value)):
        return None
    return "a role is named with lower-case letters, digits and dashes"


def nowhere(scope: Scope, p: object) -> Target:
    """Roles and rules hold everywhere; changing them locks nothing."""
    return Target(scope.cluster)


def subject_of(ctx: Ctx, word: str) -> str:
    """Turns a mention, an actor or a person's name into a subject.

    Raises:
        UsageError: If the word is nobody.
    """
    if match := _MENTION.fullmatch(word):
        kind, ident = match[1], match[2]
        origin, _, rest = ctx.asker.actor.partition(":")
        team = rest.partition("/")[0]
        if origin == "slack" and team:
            return f"{'slack' if kind == '@' else 'slack-group'}:{team}/{ident}"
    if word in ctx.config.persons:
        return f"person:{word}"
    if re.fullmatch(r"(slack|slack-group|os):[^/\s]+/[^/\s]+|person:\S+", word):
        return word
    raise UsageError(
        f"{word} is nobody that I know",
        hint="Mention somebody or a user group, or write slack:TEAM/USER, slack-group:TEAM/ID, "
        "os:HOST/NAME, or a name from `persons` in the configuration",
    )


@dataclass(frozen=True)
class RoleCreate:
    """What `role create` takes."""

    name: Annotated[str, Arg("Name of the new role", check=check_role)]
    allow: Annotated[
        str, Arg("Commands it may run, with commas between them", flag=True, metavar="COMMANDS")
    ] = ""
    description: Annotated[str, Arg("What it is for", flag=True)] = ""


@dataclass(frozen=True)
class RoleGrant:
    """What `role grant` and `role revoke` take."""

    subject: Annotated[str, Arg("@somebody, @group, person or actor", metavar="WHO")]
    role: Annotated[str, Arg("The role", complete="roles", check=check_role)]


@dataclass(frozen=True)
class Nothing:
    """No parameters."""


@dataclass(frozen=True)
class Said:
    """What a change of roles or rules did: one line, and what to do next."""

    title: str
    note: str = ""
    next: str = ""


def view_said(result: Said, now: int) -> Document:
    """The line, a note, the next step."""
    return Document.of(
        Title(result.title, tone="good"),
        Note.of(result.note) if result.note else None,
        Actions((Button(result.next, "run", command=result.next),)) if result.next else None,
    )


async def plan_role_create(ctx: Ctx, p: RoleCreate) -> Plan:
    """Checks the name and every command."""
    allow = tuple(word.strip() for word in p.allow.split(",") if word.strip())
    for name in allow:
        ctx.desk.check_rule(_rule(p.name, None, name))
    if p.name in [role.name for role in await ctx.desk.roles()]:
        raise Refused(f"There is a role {p.name} already", hint="`rule add` gives it more")
    return Plan(
        f"Create role {p.name}",
        facts={"name": p.name, "allow": list(allow)},
        changes=(Change(f"role {p.name}", "", f"may run {listed(allow) or 'nothing yet'}"),),
    )


@command(
    "role create",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=RoleCreate,
    target=nowhere,
    plan=plan_role_create,
    view=view_said,
    locks=False,
    examples=("role create deployer --allow 'deploy,status'",),
    timeout=30,
)
async def role_create(ctx: Ctx, p: RoleCreate, op: Op) -> Said:
    """Create a role that may run certain commands."""
    allow = [str(name) for name in op.facts["allow"]]

    async def create() -> bool:
        if not await ctx.desk.create_role(ctx.asker, p.name, p.description, allow, op.id):
            raise Refused(f"There is a role {p.name} already")
        return True

    async def exists() -> bool | None:
        return True if p.name in [role.name for role in await ctx.desk.roles()] else None

    await op.step(f"create role {p.name}", create, done=exists)
    return Said(
        f"Role {p.name} may run {listed(allow) or 'nothing yet'}",
        f"Give it to somebody with `role grant WHO {p.name}`.",
        "role list",
    )


async def plan_role_grant(ctx: Ctx, p: RoleGrant) -> Plan:
    """Finds out who is meant, and what they have now."""
    subject = subject_of(ctx, p.subject)
    known = [role.name for role in await ctx.desk.roles()]
    if p.role not in known:
        raise UsageError(f"There is no role {p.role}", hint=f"There are {listed(known)}")
    has = [grant.role for grant in await ctx.desk.grants() if grant.subject == subject]
    return Plan(
        f"{subject} has role {p.role} already" if p.role in has else f"Give {p.role} to {subject}",
        facts={"subject": subject, "role": p.role},
        changes=(Change(subject, listed(has) or "no role", listed(sorted({*has, p.role}))),),
        weight=Weight.CONFIRM if p.role == "admin" else Weight.RUN,
        nothing=p.role in has,
    )


@command(
    "role grant",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=RoleGrant,
    target=nowhere,
    plan=plan_role_grant,
    view=view_said,
    locks=False,
    examples=("role grant @ann operator", "role grant os:bastion/ann deployer"),
    timeout=30,
)
async def role_grant(ctx: Ctx, p: RoleGrant, op: Op) -> Said:
    """Give somebody a role."""
    subject = str(op.facts["subject"])

    async def give() -> bool:
        if not await ctx.desk.grant(ctx.asker, subject, p.role, op.id):
            raise Refused(f"{subject} has role {p.role} already")
        return True

    async def has() -> bool | None:
        held = {(grant.subject, grant.role) for grant in await ctx.desk.grants()}
        return True if (subject, p.role) in held else None

    await op.step("give the role", give, done=has)
    return Said(
        f"{subject} has role {p.role} now", "It holds from the next command on.", "role list"
    )


async def plan_role_revoke(ctx: Ctx, p: RoleGrant) -> Plan:
    """Refuses to take the last administrator's own role by accident."""
    subject = subject_of(ctx, p.subject)
    has = [grant.role for grant in await ctx.desk.grants() if grant.subject == subject]
    if p.role not in has:
        return Plan(
            f"{subject} does not have role {p.role}",
            facts={"subject": subject, "role": p.role},
            nothing=True,
        )
    left = [role for role in has if role != p.role]
    own = subject in (ctx.asker.actor, f"person:{ctx.asker.person}")
    return Plan(
        f"Take {p.role} from {subject}",
        facts={"subject": subject, "role": p.role},
        changes=(Change(subject, listed(has), listed(left) or "no role"),),
        warnings=("This is your own role.",) if own else (),
        weight=Weight.CONFIRM if own else Weight.RUN,
    )


@command(
    "role revoke",
    effect=Effect.CHANGE,
    role=Role.ADMIN,
    params=RoleGrant,
    target=nowhere,
    plan=plan_role_revoke,
    view=view_said,
    locks=False,
    examples=("role revoke @ann operator",),
    timeout=30,
)
async def role_revoke(ctx: Ctx, p: RoleGrant, op: Op) -> Said:
    """Take a role away."""
    subject = str(op.facts["subject"])

    async def take() -> bool:
        if not await ctx.desk.revoke(ctx.asker, subject, p.role, op.id):
            raise Refused(f"{subject} does not have role {p.role}")
        return True

    async def gone() -> bool | None:
        held = {(grant.subject, grant.role) for grant in await ctx.desk.grants()}
        return None if (subject, p.role) in held else True

    await op.step("take the role away", take, done=gone)
    return Said(f"{subject} no longer has role {p.role}", next="role list")


@dataclass(frozen=True)
class Roles:
    """Role, what it is for, what its rules allow, and who has it."""

    roles: tuple[tuple[str, str, str, str], ...]


def view_roles(result: Roles, now: int) -> Document:
    """A table of roles."""
    return Document.of(
        Title(count(len(result.roles), "role")),
        Table(("role", "what it is for", "may run", "who has it"), result.roles),
        Note.of("Admins named in the configuration are not listed here; `whoami` shows them."),
    )


@command("role list", effect=Effect.READ, role=Role.VIEWER, params=Nothing, view=view_roles)
async def role_list(ctx: Ctx, p: Nothing) -> Roles:
    """List roles and who has them."""
    grants, rules = await ctx.desk.grants(), await ctx.desk.rules()
    rows = []
    for role in await ctx.desk.roles():
        own = [rule.command for rule in rules if rule.role == role.name]
        level = {1: "whatever only looks", 2: "changes to apps", 3: "everything"}
        may = [level[role.level]] if role.level else []
        who = [grant.subject for grant in grants if grant.role == role.name]
        rows.append((role.name, role.description, listed([*may, *own], 8), listed(who, 8)))
    return Roles(tuple(rows))


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


async def plan_rule_add(ctx: Ctx, p: RuleAdd) -> Plan:
    """Checks the pattern, the condition and whom it is for."""
    if bool(p.role) == bool(p.subject):
        raise UsageError("A rule is for a role or for a subject", hint="Give --role or --subject")
    subject = subject_of(ctx, p.subject) if p.subject else None
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
    target=nowhere,
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
    target=nowhere,
    plan=plan_rule_remove,
    view=view_said,
    locks=False,
    examples=("rule remove 3",),
    timeout=30,
)
async def rule_remove(ctx: Ctx, p: RuleRemove, op: Op) -> Said:
    """Remove a rule."""

    async def remove() -> bool:
        if not await ctx.desk.remove_rule(ctx.asker, p.id, op.id):
            raise Refused(f"There is no rule {p.id} any more")
        return True

    async def gone() -> bool | None:
        return None if p.id in [r.id for r in await ctx.desk.rules()] else True

    await op.step("remove the rule", remove, done=gone)
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


@command("rule list", effect=Effect.READ, role=Role.VIEWER, params=Nothing, view=view_rules)
async def rule_list(ctx: Ctx, p: Nothing) -> Rules:
    """List the rules."""
    return Rules(
        tuple((str(r.id), ctx.desk.describe_rule(r), r.person) for r in await ctx.desk.rules())
    )


COMMANDS = (role_create, role_grant, role_revoke, role_list, rule_add, rule_remove, rule_list)
