"""`jobs`, `cancel`: what runs, what ran, and stopping it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Denied,
    Document,
    Effect,
    Fields,
    Mono,
    Note,
    Op,
    Person,
    Plan,
    Refused,
    Role,
    Scope,
    Table,
    Target,
    Text,
    Title,
    UsageError,
    When,
    command,
)
from bot.releases.words import ago, count, span
from bot.render.document import from_json

if TYPE_CHECKING:
    from bot.store.requests import Request

_RUNNING = ("acked", "planning", "waiting", "running")
_TONES: dict[str, Any] = {"failed": "bad", "stuck": "bad", "running": "warn", "waiting": "warn"}


@dataclass(frozen=True)
class Jobs:
    """What `jobs` takes."""

    id: Annotated[str, Arg("Show this one in full", metavar="ID", complete="jobs")] = ""
    all: Annotated[bool, Arg("Ended ones too, not only those of the last day", flag=True)] = False


@dataclass(frozen=True)
class Job:
    """One operation.

    Attributes:
        steps: Name, state and detail of each step begun.
        error: What failed, in one sentence.
    """

    id: str
    command: str
    target: str
    state: str
    actor: str
    person: str
    created_at: int
    started_at: int | None
    finished_at: int | None
    confirmed_by: str = ""
    steps: tuple[tuple[str, str, str], ...] = ()
    error: str = ""


@dataclass(frozen=True)
class JobList:
    """The operations, newest first.

    Attributes:
        one: A single one was asked for.
        names: Actor → what people call them, of those who asked and confirmed.
    """

    jobs: tuple[Job, ...]
    one: bool
    all: bool
    names: Mapping[str, str]


def view_jobs(result: JobList, now: int) -> Document:
    """A table, or one operation with its steps."""
    if result.one:
        return _one(result.jobs[0], result.names, now)
    running = [job for job in result.jobs if job.state in _RUNNING]
    title = f"{count(len(running), 'operation')} under way" if running else "Nothing is under way"
    names = result.names
    rows = tuple(
        (job.id, job.state, job.command, job.target, names[job.actor], ago(job.created_at, now))
        for job in result.jobs
    )
    stoppable = [
        Button(f"Cancel {job.id}", "run", command=f"cancel {job.id}") for job in running[:3]
    ]
    return Document.of(
        Title(title),
        Table(
            ("job", "state", "command", "target", "who", "since"),
            rows,
            tones=tuple(_TONES.get(job.state, "plain") for job in result.jobs),
            empty="no operations in the last day" if not result.all else "no operations yet",
        ),
        Actions(tuple(stoppable)) if stoppable else None,
    )


def _one(job: Job, names: Mapping[str, str], now: int) -> Document:
    end = job.finished_at or now
    took = span(end - job.started_at) if job.started_at else "not started"
    tone = _TONES.get(job.state, "good" if job.state == "done" else "plain")
    pairs: tuple[tuple[str, Any], ...] = (
        ("job", Mono(job.id)),
        ("state", job.state),
        ("target", job.target or "none"),
        ("asked by", Person(job.actor, names[job.actor])),
        ("asked", When(job.created_at)),
        ("took" if job.finished_at else "running for", took),
    )
    if job.confirmed_by:
        pairs += (("confirmed by", Person(job.confirmed_by, names[job.confirmed_by])),)
    steps = Table(("step", "state", "detail"), job.steps, empty="no step has begun")
    more = [Button("Cancel it", "run", command=f"cancel {job.id}")]
    return Document.of(
        Title(f"{job.command}: {job.state}", tone=tone),
        Fields(tuple((name, (value,)) for name, value in pairs)),
        steps,
        Note.of(job.error, tone="bad") if job.error else None,
        Actions(tuple(more)) if job.state in _RUNNING else None,
    )


@command(
    "jobs",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=Jobs,
    view=view_jobs,
    examples=("jobs", "jobs --all"),
)
async def jobs(ctx: Ctx, p: Jobs) -> JobList:
    """Show running and recent operations.

    With an id, one operation with every step it took.
    """
    if p.id:
        found = await ctx.desk.job(p.id)
        if found is None:
            raise UsageError(f"There is no job {p.id}", hint="`jobs --all` lists them")
        steps = tuple((s.name, s.state, s.detail) for s in await ctx.desk.steps(p.id))
        return JobList((_job(found, steps),), True, True, await _names(ctx, found))
    since = None if p.all else ctx.clock() - 86_400_000_000
    rows = await ctx.desk.jobs(since)
    return JobList(tuple(_job(row) for row in rows), False, p.all, await _names(ctx, *rows))


async def _names(ctx: Ctx, *rows: Request) -> Mapping[str, str]:
    return await ctx.desk.called({a for r in rows for a in (r.actor, r.confirmed_by) if a})


def _trouble(row: Request) -> str:
    """What its last message said, unless it went well."""
    told = (row.outcome or {}).get("document")
    if told is None or str(row.state) == "done":
        return ""
    document: Document = from_json(told)
    reasons = [e for e in document.elements if isinstance(e, Text)]
    words = "".join(p for e in reasons[:1] for p in e.parts if isinstance(p, str))
    return f"{document.headline}. {words}".strip()


def _job(row: Request, steps: tuple[tuple[str, str, str], ...] = ()) -> Job:
    target = "/".join(part for part in (row.cluster, row.namespace, row.app) if part)
    return Job(
        id=row.id,
        command=row.text or row.command,
        target=target,
        state=str(row.state),
        actor=row.actor,
        person=row.person,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        confirmed_by=row.confirmed_by,
        steps=steps,
        error=_trouble(row),
    )


@dataclass(frozen=True)
class Cancel:
    """What `cancel` takes."""

    id: Annotated[str, Arg("Job to stop; jobs lists them", metavar="ID", complete="jobs")]


@dataclass(frozen=True)
class CancelAsked:
    """What became of a request to stop."""

    id: str
    command: str
    asked: bool


def cancel_target(scope: Scope, p: Cancel) -> Target:
    """Stopping touches no lock: it must work while its job holds one."""
    return Target(scope.cluster)


async def plan_cancel(ctx: Ctx, p: Cancel) -> Plan:
    """Refuses a job that is over."""
    row = await ctx.desk.job(p.id)
    if row is None:
        raise UsageError(f"There is no job {p.id}", hint="`jobs` lists those under way")
    if row.person != ctx.asker.person:
        _may_stop(ctx, row)
    if str(row.state) not in _RUNNING:
        raise Refused(f"Job {p.id} cannot be stopped", why=f"it is {row.state}")
    text = row.text or row.command
    return Plan(
        f"Stop {text}",
        facts={"job": p.id, "command": text},
        changes=(Change("job", str(row.state), "stopped before its next step"),),
    )


def _may_stop(ctx: Ctx, row: Request) -> None:
    """Another person's job may be stopped by whoever could have started it."""
    decision = ctx.desk.decide_stored(ctx.scope, row)
    if decision is None or not decision.allowed:
        why = decision.reason if decision else f"`{row.command}` is no command any more"
        raise Denied(f"You may not stop job {row.id}", why=why)


def view_cancel(result: CancelAsked, now: int) -> Document:
    """Says that the job itself will tell what was done and what not."""
    if not result.asked:
        return Document.of(Title(f"{result.command} had ended, or was told to stop already"))
    return Document.of(
        Title(f"Told {result.command} to stop"),
        Note.of("It stops before its next step and then says what was done and what was not."),
        Actions((Button("See the job", "run", command=f"jobs {result.id}"),)),
    )


@command(
    "cancel",
    effect=Effect.CHANGE,
    role=Role.ANYONE,
    params=Cancel,
    target=cancel_target,
    plan=plan_cancel,
    view=view_cancel,
    locks=False,
    examples=("cancel 01hq3v9k2f",),
    timeout=30,
)
async def cancel(ctx: Ctx, p: Cancel, op: Op) -> CancelAsked:
    """Stop a running operation before its next step.

    Everybody may stop what he asked for; a job of somebody else, whoever could have started it.
    A running helm is ended within its grace. What was done stays done; the job's message says
    what that is.
    """

    async def ask() -> bool:
        return await ctx.desk.cancel(p.id, ctx.asker)

    async def asked() -> bool | None:
        row = await ctx.desk.job(p.id)
        return True if row is not None and row.cancel_by else None

    told = await op.step(f"tell {p.id} to stop", ask, done=asked)
    return CancelAsked(p.id, str(op.facts["command"]), bool(told))


COMMANDS = (jobs, cancel)
