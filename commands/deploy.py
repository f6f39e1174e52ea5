"""`deploy`, `diff`: bring an app to a version, or see what that would change."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Diff,
    Document,
    Effect,
    Failed,
    Mono,
    Note,
    Op,
    Plan,
    Role,
    Table,
    Title,
    Weight,
    command,
)
from bot.names import check_name, check_set, check_tag
from bot.releases import deployment, overrides, values
from bot.releases.applying import prepare, rendered_difference, upgrade
from bot.releases.charts import base_values, find_chart
from bot.releases.deployment import Wanted
from bot.releases.live import final_picture
from bot.releases.overrides import CHART_VERSION, VERSION, Wish
from bot.releases.patience import patiently
from bot.releases.recording import remember
from bot.releases.rollout import wait_for_release
from bot.releases.targets import AppRef, app_ref, app_target
from bot.releases.undoing import roll_back
from bot.releases.words import count


@dataclass(frozen=True)
class Deploy:
    """What `deploy` and `diff` take."""

    app: Annotated[str, Arg("App to deploy", complete="apps", check=check_name)]
    version: Annotated[str, Arg("Image tag to run", flag=True, metavar="TAG", check=check_tag)] = ""
    chart_version: Annotated[
        str, Arg("Version of the chart", flag=True, metavar="V", check=check_tag)
    ] = ""
    set: Annotated[
        tuple[str, ...],
        Arg(
            "A chart value, kept for later deploys",
            flag=True,
            metavar="PATH=VALUE",
            check=check_set,
        ),
    ] = ()
    reset: Annotated[
        bool, Arg("Drop what scale, --version and --set have left behind", flag=True)
    ] = False
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Deployed:
    """What a deploy did.

    Attributes:
        previous: The revision before, 0 at the first deploy.
        workloads: Path, `ready/wanted` and image of each.
        wishes: The overrides in force, in words.
        made: What was made for a first deploy: `namespace`, `credentials`.
    """

    app: str
    cluster: str
    namespace: str
    release: str
    revision: int
    previous: int
    version: str
    workloads: tuple[tuple[str, str, str], ...]
    wishes: tuple[str, ...]
    made: tuple[str, ...]
    secret: str


def view_deployed(result: Deployed, now: int) -> Document:
    """The one line, the workloads, and what is likely next."""
    where = f" on {result.cluster}" if result.cluster else ""
    buttons = [Button("Status", "run", command=f"status {result.app}")]
    if result.previous:
        buttons.append(Button("Roll back", "run", command=f"rollback {result.app}"))
    buttons.append(Button("History", "run", command=f"history {result.app}"))
    notes = []
    if "credentials" in result.made:
        notes.append(
            Note.of(
                "Made Secret ",
                Mono(f"{result.namespace}/{result.secret}"),
                " with fresh credentials; it stays over upgrades and uninstalls.",
            )
        )
    if result.wishes:
        notes.append(Note.of(f"Overrides in force: {', '.join(result.wishes)}."))
    return Document.of(
        Title(
            f"{result.app} {result.version} is running{where}, revision {result.revision}",
            tone="good",
        ),
        Table(("workload", "ready", "image"), result.workloads, empty="no workloads"),
        *notes,
        Actions(tuple(buttons)),
    )


def _wishes(ref: AppRef, p: Deploy) -> tuple[Wish, ...]:
    """What this call asks for."""
    assigned = values.parse_set(p.set, ref.config.secret_values)
    found = overrides.from_assignments(ref.config, assigned)
    if p.version:
        found = overrides.combine(ref.config, found, (Wish(VERSION, "", p.version),))
    if p.chart_version:
        found += (Wish(CHART_VERSION, "", p.chart_version),)
    return found


async def plan_deploy(ctx: Ctx, p: Deploy) -> Plan:
    """Works out what would change; nothing is rendered and nothing is touched."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    new = _wishes(ref, p)
    live, made = await asyncio.gather(deployment.look(ctx, ref), deployment.missing(ctx, ref))
    wanted = await deployment.want(ref, live, new, reset=p.reset)
    deployment.refuse_members(ref, deployment.resizes(ref, live.workloads, wanted.computed))
    rows, warnings = deployment.changes(ref, live, wanted)
    verb = "Deploy" if live.current else "Install"
    version = next((row.after for row in rows if row.what == "version"), "")
    drift = any(w.startswith("The live value") for w in warnings) and not p.reset
    return Plan(
        f"{verb} {p.app}{f' {version}' if version else ''} on {ref.cluster}",
        facts=deployment.facts(ref, live, wanted, made),
        changes=tuple(rows),
        warnings=tuple(warnings),
        weight=Weight.CONFIRM if drift else Weight.RUN,
    )


@command(
    "deploy",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Deploy,
    target=app_target,
    plan=plan_deploy,
    view=view_deployed,
    examples=("deploy parse", "deploy parse --version 8.2.0", "deploy parse --reset"),
)
async def deploy(ctx: Ctx, p: Deploy, op: Op) -> Deployed:
    """Install an app or bring it to another version.

    Follows the roll-out and tells when every pod is ready. A failed upgrade goes back to the last
    revision that worked; a failed first install stays, with what is wrong. What --version, --set
    and scale changed is kept for later deploys, until --reset.
    """
    facts = op.facts
    ref = app_ref(ctx.config, p.app, ctx.target.cluster, ctx.target.cluster)
    wishes = tuple(Wish(**wish) for wish in facts["wishes"])
    wanted = await _again(ref, wishes)
    await prepare(ctx, ref, op, wanted)
    base = int(facts["revision"])
    upgraded = await upgrade(ctx, ref, op, wanted)
    revision, why = int(upgraded["revision"]), str(upgraded["failed"])
    if not why:
        cluster = ctx.clusters(ref.cluster)
        name = f"wait for revision {revision}"
        timeout = ref.config.timeout
        ended = await wait_for_release(op, cluster, ref.namespace, ref.release, name, timeout)
        why = "" if ended["ok"] else str(ended["why"])
    if why:
        await _give_up(ctx, ref, op, revision, why)
    await remember(ctx, op, ref.target, revision, wishes)
    made = tuple(what for what, act in facts["make"].items() if act == "create")
    return await patiently(op, lambda: _deployed(ctx, ref, revision, base, wanted, made))


async def _again(ref: AppRef, wishes: tuple[Wish, ...]) -> Wanted:
    """The same as was planned; after a restart too."""
    chart, base = await asyncio.gather(
        find_chart(ref.config, overrides.chart_version(wishes)), base_values(ref.config)
    )
    return Wanted(chart, overrides.applied(ref.config, base, wishes), wishes, ())


async def _give_up(ctx: Ctx, ref: AppRef, op: Op, revision: int, why: str) -> None:
    """Goes back to the last revision that worked, then says what failed.

    Raises:
        Failed: Always.
    """
    undo = int(op.facts["undo"])
    what = f"Deploy of {ref.name} failed"
    if not undo:
        kept = (
            "It stays as it is" if not ref.config.rollback_on_failure else "Nothing to go back to"
        )
        raise Failed(
            what,
            why=why,
            hint=f"{kept}; `status {ref.name}` shows its pods, `deploy {ref.name}` tries again",
        )
    back = await roll_back(ctx, ref, op, base=revision, to=undo)
    if back.why:
        raise Failed(
            f"{what}, and so did going back to revision {undo}",
            why=f"{why} Going back: {back.why}",
            hint=f"`status {ref.name}` shows its pods, `history {ref.name}` its revisions",
        )
    raise Failed(
        f"{what}; it was rolled back to revision {undo}",
        why=why,
        hint=f"Revision {undo} is running; `history {ref.name}` shows what was tried",
    )


async def _deployed(
    ctx: Ctx, ref: AppRef, revision: int, base: int, wanted: Wanted, made: tuple[str, ...]
) -> Deployed:
    kube = ctx.clusters(ref.cluster).kube
    version = values.get(wanted.values, ref.config.version_value) or wanted.chart.app_version
    credentials = ref.config.credentials
    return Deployed(
        app=ref.name,
        cluster=ref.cluster,
        namespace=ref.namespace,
        release=ref.release,
        revision=revision,
        previous=base,
        version=str(version or ""),
        workloads=await final_picture(kube, ref.namespace, ref.release),
        wishes=tuple(wish.words for wish in wanted.wishes),
        made=made,
        secret=credentials.secret if credentials else "",
    )


@dataclass(frozen=True)
class Difference:
    """What a deploy would change.

    Attributes:
        objects: Title, what happens to it, and a unified diff for each object that differs.
        warnings: What would be dropped.
    """

    app: str
    cluster: str
    installed: bool
    objects: tuple[tuple[str, str, str], ...]
    changes: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...]
    flags: str


def view_difference(result: Difference, now: int) -> Document:
    """The changes in words, then object by object."""
    if not result.objects and not result.warnings:
        title = Title(f"A deploy would change nothing in {result.app}", tone="good")
        return Document.of(title)
    words = f"{count(len(result.objects), 'object')}"
    verb = "change" if result.installed else "create"
    text = "\n\n".join(f"# {title} ({act})\n{body}" for title, act, body in result.objects)
    go = f"deploy {result.app}{result.flags}"
    return Document.of(
        Title(f"A deploy would {verb} {words} of {result.app} on {result.cluster}"),
        Table(("what", "now", "then"), result.changes) if result.changes else None,
        *(Note.of(warning, tone="warn") for warning in result.warnings),
        Diff(text, f"{result.app}.diff") if text else None,
        Actions((Button("Deploy", "run", command=go),)),
    )


@command(
    "diff",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=Deploy,
    target=app_target,
    view=view_difference,
    examples=("diff parse", "diff parse --version 8.2.0"),
    timeout=60,
)
async def diff(ctx: Ctx, p: Deploy) -> Difference:
    """Show what a deploy would change, object by object and without secrets."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    live = await deployment.look(ctx, ref)
    wanted = await deployment.want(ref, live, _wishes(ref, p), reset=p.reset)
    found, current = await rendered_difference(ctx, ref, live, wanted), live.current
    rows, warnings = deployment.changes(ref, live, wanted)
    return Difference(
        app=p.app,
        cluster=ref.cluster,
        installed=current is not None,
        objects=found,
        changes=tuple((c.what, c.before or "–", c.after or "–") for c in rows),
        warnings=tuple(warnings),
        flags=_flags(p),
    )


def _flags(p: Deploy) -> str:
    """The flags of a `diff`, for the deploy that it previews."""
    from bot.grammar import Parsed, line

    whole = line(Parsed(command=deploy, params=p, words=()))
    return whole.removeprefix(f"deploy {p.app}")


COMMANDS = (deploy, diff)
