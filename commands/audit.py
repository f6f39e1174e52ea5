"""`audit search`, `audit verify`, `audit export`: what was done, and that the record is whole."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Code,
    Ctx,
    Document,
    Effect,
    Fields,
    Mono,
    Note,
    Role,
    Table,
    Text,
    Title,
    UsageError,
    command,
)
from bot.releases.words import count, moment, stamp

if TYPE_CHECKING:
    from bot.store.audit import AuditRow

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def check_moment(value: Any) -> str | None:
    """Accepts `2h`, `7d` (that long ago), a date, or an RFC 3339 moment."""
    if re.fullmatch(r"[0-9]{1,5}[mhdw]", str(value)) or moment(str(value)) is not None:
        return None
    return "write a time as 30m, 2h, 7d, 4w, 2026-11-22 or 2026-11-22T14:00:00+01:00"


def moment_of(text: str, now: int) -> int | None:
    """Microseconds UTC of a `--since` or `--until`; None when empty."""
    if not text:
        return None
    if match := re.fullmatch(r"([0-9]+)([mhdw])", text):
        return now - int(match[1]) * _UNITS[match[2]] * 1_000_000
    return moment(text)


@dataclass(frozen=True)
class Search:
    """What `audit search` takes."""

    text: Annotated[
        tuple[str, ...], Arg("Words to find in command, target or details", rest=True)
    ] = ()
    person: Annotated[str, Arg("Only what this person did", flag=True)] = ""
    kind: Annotated[str, Arg("intent, denied, plan, outcome, cancel …", flag=True)] = ""
    target: Annotated[str, Arg("Namespace, app or part of it", flag=True)] = ""
    cluster: Annotated[str, Arg("Only this cluster", flag=True, complete="clusters")] = ""
    job: Annotated[str, Arg("All rows of one job", flag=True, metavar="ID")] = ""
    since: Annotated[str, Arg("From then on: 2h, 7d, a date", flag=True, check=check_moment)] = ""
    until: Annotated[str, Arg("Up to then", flag=True, check=check_moment)] = ""
    limit: Annotated[int, Arg("At most so many rows", flag=True, minimum=1, maximum=500)] = 25


@dataclass(frozen=True)
class Entry:
    """One row of the audit log, in words."""

    seq: int
    at: int
    kind: str
    person: str
    actor: str
    action: str
    target: str
    request_id: str
    detail: str


@dataclass(frozen=True)
class Found:
    """Rows, newest first; `more` when the limit cut the answer."""

    entries: tuple[Entry, ...]
    more: bool


def view_found(result: Found, now: int) -> Document:
    """A table of who did what, and when."""
    rows = tuple(
        (str(e.seq), stamp(e.at), e.person, e.kind, e.action, e.target, e.detail)
        for e in result.entries
    )
    tail = Note.of("Older rows match too; narrow the search or raise --limit.")
    return Document.of(
        Title(f"{count(len(rows), 'audit row')} found"),
        Table(
            ("row", "when", "who", "what", "command", "target", "detail"),
            rows,
            tones=tuple(
                "bad" if e.kind in ("denied", "break") else "plain" for e in result.entries
            ),
            empty="no row matches",
        ),
        tail if result.more else None,
        Actions((Button("Verify the log", "run", command="audit verify"),)),
    )


@command(
    "audit search",
    effect=Effect.READ,
    role=Role.ADMIN,
    params=Search,
    view=view_found,
    examples=("audit search deploy --since 7d", "audit search --person ann --kind denied"),
)
async def search(ctx: Ctx, p: Search) -> Found:
    """Find who did what.

    The newest rows come first. Secrets were removed before a row was written.
    """
    now = ctx.clock()
    rows = await ctx.desk.audit_search(
        text=" ".join(p.text) or None,
        person=p.person or None,
        kind=p.kind or None,
        target=p.target or None,
        cluster=p.cluster or None,
        request_id=p.job or None,
        since=moment_of(p.since, now),
        until=moment_of(p.until, now),
        limit=p.limit + 1,
    )
    return Found(tuple(_entry(row) for row in rows[: p.limit]), more=len(rows) > p.limit)


def _entry(row: AuditRow) -> Entry:
    body = row.body
    words = ("summary", "why", "reason", "state", "text", "error")
    said = next((str(body[name]) for name in words if body.get(name)), "")
    if not said and body:
        said = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    target = "/".join(part for part in (row.cluster, row.target) if part)
    return Entry(
        row.seq,
        row.at,
        row.kind,
        row.person,
        row.actor,
        row.action,
        target,
        row.request_id,
        said if len(said) <= 120 else said[:119] + "…",
    )


@dataclass(frozen=True)
class Verify:
    """`audit verify` takes nothing."""


@dataclass(frozen=True)
class Verdict:
    """Whether the log is whole.

    Attributes:
        first_broken: Number of the first row that is not proved.
        head: The newest row's hash, to be compared with what was posted elsewhere.
    """

    ok: bool
    rows: int
    first_broken: int | None
    why: str
    head: str


def view_verdict(result: Verdict, now: int) -> Document:
    """One line: whole, or where it breaks."""
    if result.ok:
        return Document.of(
            Title(f"The audit log is whole: {count(result.rows, 'row')} verified", tone="good"),
            Fields.of(newest_row=Mono(result.head[:16])) if result.head else None,
        )
    return Document.of(
        Title(f"The audit log is broken at row {result.first_broken}", tone="bad"),
        Text.of(result.why),
        Note.of(
            "Rows before it are proved. Compare with the head posted in the ops channel and with "
            "the nightly copies of the state; work goes on, and later rows are marked.",
            tone="warn",
        ),
    )


@command(
    "audit verify",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=Verify,
    view=view_verdict,
    timeout=300,
)
async def verify(ctx: Ctx, p: Verify) -> Verdict:
    """Check that nobody changed, removed or inserted an audit row.

    Names the first broken row.
    """
    found = await ctx.desk.audit_verify()
    head = found.head.hash if found.head else ""
    return Verdict(found.ok, found.rows, found.first_broken, found.why, head)


@dataclass(frozen=True)
class Export:
    """What `audit export` takes."""

    format: Annotated[str, Arg("How to write it", flag=True, choices=("csv", "jsonl"))] = "csv"
    since: Annotated[str, Arg("From then on: 2h, 7d, a date", flag=True, check=check_moment)] = ""
    until: Annotated[str, Arg("Up to then", flag=True, check=check_moment)] = ""


@dataclass(frozen=True)
class Exported:
    """The rows as one text."""

    name: str
    text: str
    rows: int


def view_exported(result: Exported, now: int) -> Document:
    """The file."""
    return Document.of(
        Title(f"{count(result.rows, 'audit row')} exported"),
        Code(result.text, result.name),
    )


@command(
    "audit export",
    effect=Effect.READ,
    role=Role.ADMIN,
    params=Export,
    view=view_exported,
    examples=("audit export --since 30d", "audit export --format jsonl"),
    timeout=300,
)
async def export(ctx: Ctx, p: Export) -> Exported:
    """Write audit rows as a CSV or JSON Lines file."""
    now = ctx.clock()
    since, until = moment_of(p.since, now), moment_of(p.until, now)
    if since is not None and until is not None and since >= until:
        raise UsageError("--since is not before --until")
    text, rows = await ctx.desk.audit_export(p.format, since, until)
    day = stamp(now)[:10]
    return Exported(f"audit-{day}.{p.format}", text, rows)


COMMANDS = (search, verify, export)
