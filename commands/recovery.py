"""`recovery`: for every app, how well it is covered, and what a drill has proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Image,
    Note,
    Role,
    Scope,
    Table,
    Target,
    Text,
    Title,
    command,
    marked,
)
from bot.names import check_name
from bot.recovery.watch.overview import ORDER, Line, overview
from bot.recovery.words.times import length
from bot.releases.targets import AppRef, app_ref, apps_on, check_cluster
from bot.releases.words import SECOND, ago, lasted, listed, span
from bot.render.plot import Bar, Bars

if TYPE_CHECKING:
    from bot.render.document import Tone

_TONES: dict[str, Tone] = {
    "at risk": "bad",
    "unknown": "bad",
    "look at it": "warn",
    "protected": "good",
}


@dataclass(frozen=True)
class RecoveryParams:
    """What `recovery` takes."""

    app: Annotated[str, Arg("App; all when left out", complete="apps", check=check_name)] = ""
    cluster: Annotated[str, Arg("Cluster; all when left out", flag=True, complete="clusters")] = ""


@dataclass(frozen=True)
class Overview:
    """How well apps are covered, worst first.

    Attributes:
        picture: A PNG in hexadecimal digits; empty when nobody would see it.
    """

    lines: tuple[Line, ...]
    picture: str = ""


def recovery_target(scope: Scope, p: RecoveryParams) -> Target:
    """The app's where it is on one cluster, else the cluster."""
    refs = _refs(scope, p)
    if p.app and len(refs) == 1:
        return refs[0].target
    return Target(p.cluster or scope.cluster)


def _refs(scope: Scope, p: RecoveryParams) -> list[AppRef]:
    """The apps that are looked at, each on each of its clusters.

    Raises:
        UsageError: There is no such app or cluster.
    """
    config = scope.config
    if p.cluster:
        check_cluster(config, p.cluster)
    if p.app and (p.cluster or p.app not in config.apps):
        return [app_ref(config, p.app, p.cluster, scope.cluster)]
    names = [p.cluster] if p.cluster else sorted(config.clusters)
    found = [ref for name in names for ref in apps_on(config, name)]
    return [ref for ref in found if p.app in ("", ref.name)]


def view_recovery(result: Overview, now: int) -> Document:
    """Worst first: a word for each app, then what is wrong in sentences."""
    lines = result.lines
    rows = tuple(_row(line, now) for line in lines)
    wrong = [line for line in lines if line.why]
    picture = bytes.fromhex(result.picture)
    return Document.of(
        Title(headline(lines), tone=_TONES[lines[0].state] if lines else "plain"),
        Table(
            ("app", "state", "last good backup", "proved by a drill", "volumes", "next", "storage"),
            rows,
            tones=tuple(_TONES[line.state] for line in lines),
            empty="no app is configured; add one under `apps` in onprem.yaml",
        ),
        *(Text(marked(f"{_place(line)}: {' '.join(line.why)}")) for line in wrong),
        Image(picture, "recovery.png", alt(lines, now)) if picture else None,
        _hint(lines),
        _actions(lines),
    )


def headline(lines: tuple[Line, ...]) -> str:
    """`Recovery: 1 at risk, 1 to look at and 2 protected`."""
    counted = [(state, sum(line.state == state for line in lines)) for state in ORDER]
    said = [
        f"{number} {'to look at' if state == 'look at it' else state}"
        for state, number in counted
        if number
    ]
    return f"Recovery: {listed(said)}" if said else "Recovery: no apps"


def alt(lines: tuple[Line, ...], now: int) -> str:
    """What the picture shows, in words."""
    return "; ".join(f"{_place(x)}: {x.state}, {_text(x, now)}" for x in lines)


def _row(line: Line, now: int) -> tuple[str, ...]:
    volumes = "–"
    if line.unprotected is not None:
        number = len(line.unprotected)
        volumes = f"{number} unprotected" if number else "stored"
    following = ago(line.next_at, now) or "–"
    if line.next_at is not None and line.next_at < now:
        following = f"due {following}"
    return (
        _place(line),
        line.state,
        _age(line, now),
        _proved(line, now),
        volumes,
        following,
        line.storage or "–",
    )


def _place(line: Line) -> str:
    return f"{line.app} on {line.cluster}"


def _age(line: Line, now: int) -> str:
    if line.backup_at is None:
        return "none" if line.state != "unknown" else "–"
    return f"{ago(line.backup_at, now)} (wanted: {length(line.wanted)})"


def _proved(line: Line, now: int) -> str:
    if line.proved_at is None:
        return "never" if line.state != "unknown" else "–"
    ready = f", ready in {lasted(line.ready_after)}" if line.ready_after is not None else ""
    return f"{ago(line.proved_at, now)}{ready}"


def _text(line: Line, now: int) -> str:
    if line.state == "unknown":
        return "does not answer"
    backup = f"backup {span(now - line.backup_at)} old" if line.backup_at else "no good backup"
    return f"{backup}, proved {_proved(line, now)}"


def _hint(lines: tuple[Line, ...]) -> Note | None:
    unproved = [line for line in lines if line.backup and line.proved_at is None]
    if not unproved:
        return None
    return Note(marked("Only a drill proves that a backup can be restored: `restore drill APP`."))


def _actions(lines: tuple[Line, ...]) -> Actions | None:
    worst = next((x for x in lines if x.state in ("at risk", "look at it") and x.wanted), None)
    if worst is None:
        return None
    suffix = f"{worst.app} --cluster {worst.cluster}"
    buttons = [Button(f"Back up {worst.app}", "run", command=f"backup create {suffix}")]
    if worst.backup:
        drill = Button(f"Drill {worst.app}", "run", command=f"restore drill {suffix}")
        buttons.insert(0, drill)
    return Actions(tuple(buttons))


def picture(lines: tuple[Line, ...], now: int) -> Bars:
    """Each app's last good backup against the oldest that is wanted."""
    bars = tuple(
        Bar(
            _place(line),
            _share(line, now),
            f"{line.state}: {_text(line, now)}",
            _TONES[line.state],
            "unknown" if line.state == "unknown" else "none",
        )
        for line in lines
    )
    axis = "age of the last good backup"
    return Bars(headline(lines), axis, "the oldest that is wanted", bars)


def _share(line: Line, now: int) -> float | None:
    if line.backup_at is None or not line.wanted:
        return None
    return (now - line.backup_at) / (line.wanted * SECOND)


@command(
    "recovery",
    effect=Effect.READ,
    role=Role.VIEWER,
    params=RecoveryParams,
    target=recovery_target,
    view=view_recovery,
    examples=("recovery", "recovery parse"),
    timeout=60.0,
)
async def recovery(ctx: Ctx, p: RecoveryParams) -> Overview:
    """Show for every app how old its last good backup is, and what a drill has proved.

    Worst first. `protected` means: young enough, its volumes stored, the storage there, a
    schedule at work, and a drill that came up. In a channel a picture shows the same.
    """
    lines = await overview(ctx, _refs(ctx.scope, p))
    drawn = None
    if ctx.scope.channel and lines:
        drawn = await ctx.artist.draw(picture(lines, ctx.clock()))
    return Overview(lines, drawn.hex() if drawn else "")


COMMANDS = (recovery,)
