"""`role …`: who has which role."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

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
    Table,
    Title,
    UsageError,
    Weight,
    command,
)
from bot.desk import subject_of
from bot.desk.settings import Said, everywhere, once, view_said
from bot.releases.words import count, listed

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def check_role(value: Any) -> str | None:
    """Accepts the name of a role."""
    if _NAME.fullmatch(str(value)):
        return None
    return "a role is named with lower-case letters, digits and dashes"


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


def called(ctx: Ctx, subject: str) -> str:
    """What people call a subject; its own name where the configuration knows no other."""
    return ctx.config.person_of(subject).removeprefix("person:")


async def _known(ctx: Ctx, name: str) -> bool:
    return name in [role.name for role in await ctx.desk.roles()]


async def _has(ctx: Ctx, subject: str, role: str) -> bool:
    return (subject, role) in {(grant.subject, grant.role) for grant in await ctx.desk.grants()}


async def plan_role_create(ctx: Ctx, p: RoleCreate) -> Plan:
    """Checks the name and every command."""
    allow = tuple(word.strip() for word in p.allow.split(",") if word.strip())
    for name in allow:
        ctx.desk.check_allowed(p.name, name)
    if await _known(ctx, p.name):
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
    target=everywhere,
    plan=plan_role_create,
    view=view_said,
    locks=False,
    examples=("role create deployer --allow 'deploy,status'",),
    timeout=30,
)
async def role_create(ctx: Ctx, p: RoleCreate, op: Op) -> Said:
    """Create a role that may run certain commands."""
    allow = [str(name) for name in op.facts["allow"]]

    create = partial(ctx.desk.create_role, ctx.asker, p.name, p.description, allow, op.id)
    known, late = partial(_known, ctx, p.name), f"There is a role {p.name} already"
    await once(op, f"create role {p.name}", create, known, refused=late)
    return Said(
        f"Role {p.name} may run {listed(allow) or 'nothing yet'}",
        f"Give it to somebody with `role grant WHO {p.name}`.",
        "role list",
    )


async def plan_role_grant(ctx: Ctx, p: RoleGrant) -> Plan:
    """Finds out who is meant, and what they have now."""
    subject = subject_of(ctx.scope, p.subject)
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
    target=everywhere,
    plan=plan_role_grant,
    view=view_said,
    locks=False,
    examples=("role grant @ann operator", "role grant os:bastion/ann deployer"),
    timeout=30,
)
async def role_grant(ctx: Ctx, p: RoleGrant, op: Op) -> Said:
    """Give somebody a role."""
    subject = str(op.facts["subject"])

    give = partial(ctx.desk.grant, ctx.asker, subject, p.role, op.id)
    has, late = partial(_has, ctx, subject, p.role), f"{subject} has role {p.role} already"
    await once(op, "give the role", give, has, refused=late)
    return Said(
        f"{called(ctx, subject)} has role {p.role} now",
        "It holds from the next command on.",
        "role list",
    )


async def plan_role_revoke(ctx: Ctx, p: RoleGrant) -> Plan:
    """Refuses to take the last administrator's own role by accident."""
    subject = subject_of(ctx.scope, p.subject)
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
    target=everywhere,
    plan=plan_role_revoke,
    view=view_said,
    locks=False,
    examples=("role revoke @ann operator",),
    timeout=30,
)
async def role_revoke(ctx: Ctx, p: RoleGrant, op: Op) -> Said:
    """Take a role away."""
    subject = str(op.facts["subject"])

    take = partial(ctx.desk.revoke, ctx.asker, subject, p.role, op.id)
    has, late = partial(_has, ctx, subject, p.role), f"{subject} does not have role {p.role}"
    await once(op, "take the role away", take, has, wanted=False, refused=late)
    return Said(f"{called(ctx, subject)} no longer has role {p.role}", next="role list")


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


COMMANDS = (role_create, role_grant, role_revoke, role_list)
