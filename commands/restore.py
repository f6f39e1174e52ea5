"""`restore`: bring an app back from a backup, and say what came back and whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from bot import (
    Actions,
    Arg,
    Button,
    Ctx,
    Document,
    Effect,
    Fields,
    Note,
    Op,
    Plan,
    Role,
    Table,
    Title,
    UsageError,
    command,
    marked,
)
from bot.names import check_name, check_namespace, check_object
from bot.recovery.restores import previewing
from bot.recovery.restores.ending import skipped_words
from bot.recovery.restores.performing import HOURS, Performed, Performing
from bot.recovery.restores.preparing import prepare
from bot.recovery.which.intent import intent, restore_target
from bot.recovery.words.translating import MOST, shortened
from bot.releases.words import ago, count, listed, span
from bot.render.document import Tone

SECONDS = 3 * HOURS
"""For a safety backup, a restore, and pods that come up."""


@dataclass(frozen=True)
class Restore:
    """What `restore` takes."""

    backup: Annotated[
        str,
        Arg("A backup, a series (its newest good one), or an app", complete="apps",
            check=check_object),
    ]  # fmt: skip
    to: Annotated[
        str, Arg("Another namespace to restore into", flag=True, check=check_namespace)
    ] = ""
    cluster: Annotated[
        str,
        Arg("Cluster to restore into", flag=True, complete="clusters", check=check_name),
    ] = ""
    only: Annotated[
        str, Arg("Kinds to restore, as in secrets,configmaps", flag=True, metavar="KINDS")
    ] = ""
    update: Annotated[bool, Arg("Patch objects that exist and differ; never data", flag=True)] = (
        False
    )
    replace: Annotated[
        bool, Arg("Delete the app's workloads and volumes first, so that data goes back", flag=True)
    ] = False
    skip_safety: Annotated[bool, Arg("With --replace: make no safety backup first", flag=True)] = (
        False
    )


@dataclass(frozen=True)
class RestoreResult:
    """What a restore came to.

    Attributes:
        app: The app; empty when the backup is of no configured one.
        made: When the backup was made, microseconds UTC.
        places: Namespaces that were restored into.
        untouched: Volume claims whose data stayed as it was.
        describe: There is a command that describes backups.
        expected: How many workloads the backup holds of what was asked for.
        blind: What the backup holds could not be read beforehand.
    """

    app: str
    cluster: str
    backup: str
    made: int | None
    places: tuple[str, ...]
    done: Performed
    untouched: tuple[str, ...]
    describe: bool
    expected: int = 0
    blind: bool = False

    @property
    def ok(self) -> bool:
        """Everything came back and works."""
        return self.done.restored.ok and self.done.health.ok

    @property
    def unseen(self) -> bool:
        """There should be workloads, and none was found: nothing is known of their health."""
        health = self.done.health
        none = not health.workloads and not health.why
        return none and (self.blind or self.expected > 0)


def view_restored(result: RestoreResult, now: int) -> Document:
    """First whether it works, then what came back, what was left alone and why."""
    done, restored = result.done, result.done.restored
    pairs = {"backup": f"{result.backup}, made {ago(result.made, now)}"}
    pairs["into"] = f"{listed(result.places, 4)} on {result.cluster}"
    if not restored.unread:
        pairs["objects"] = _counts(result)
    if restored.took is not None:
        pairs["Velero took"] = span(restored.took) if restored.took else "less than a second"
    if done.safety:
        pairs["safety backup"] = done.safety
    return Document.of(
        Title(_headline(result), tone=_tone(result)),
        Fields(tuple((name, (value,)) for name, value in pairs.items())),
        Table(("workload", "ready", "image"), done.health.workloads)
        if done.health.workloads
        else None,
        _probes(result),
        *_notes(result),
        Actions(_buttons(result)),
    )


def _probes(result: RestoreResult) -> Table | None:
    told = result.done.health.probes
    if not told:
        return None
    rows = tuple((name, "well" if ok else "FAILED", said) for name, ok, said in told)
    tones: tuple[Tone, ...] = tuple("plain" if ok else "bad" for _, ok, _ in told)
    return Table(("probe", "", "what it was told"), rows, tones=tones)


def _tone(result: RestoreResult) -> Tone:
    if not result.ok:
        return "bad"
    return "warn" if result.untouched or result.unseen else "good"


def _headline(result: RestoreResult) -> str:
    what = result.app or listed(result.places, 3)
    restored, health = result.done.restored, result.done.health
    if not restored.ok:
        return f"{what} was not restored completely on {result.cluster}: {restored.why}"
    if not health.ok:
        wrong = f"is not ready: {health.why}" if health.why else f"does not work: {health.failing}"
        return f"{what} was restored on {result.cluster}, but {wrong}"
    if not (restored.created or restored.updated or restored.unread):
        return f"Nothing of {what} was missing on {result.cluster}, so nothing was restored"
    ready = " and ready" if health.workloads else ""
    return f"{what} is restored{ready} on {result.cluster}"


def _counts(result: RestoreResult) -> str:
    done = result.done.restored
    parts = [f"{done.created} made"]
    parts += [f"{done.updated} patched"] if done.updated else []
    parts += [f"{done.same} there as saved"] if done.same else []
    parts += [f"{len(done.left)} left as they are"] if done.left else []
    parts += [f"{len(done.failed)} NOT restored"] if done.failed else []
    return ", ".join(parts)


def _notes(result: RestoreResult) -> tuple[Note, ...]:
    restored, done = result.done.restored, result.done
    bad = [f"Not restored: {listed(restored.failed, MOST)}."] if restored.failed else []
    bad += shortened(restored.errors)
    if restored.hooks_failed and not any("hook" in text for text in restored.errors):
        bad.append(
            f"{count(restored.hooks_failed, 'restore hook')} in pods did not do its work: the "
            "data is not loaded. See the pods' log."
        )
    bad += [f"{done.closed}."] if done.closed else []
    warn = [text for text in (skipped_words(restored),) if text]
    if result.untouched:
        warn.insert(0, f"The data of {listed(result.untouched, MOST)} was NOT rolled back.")
    if result.unseen:
        held = "What the backup holds was not read, and no workload"
        if not result.blind:
            held = f"The backup holds {count(result.expected, 'workload')}, but none"
        warn.append(
            f"{held} was found in {listed(result.places, 4)}, so it is not known whether anything "
            "works."
        )
    warn += shortened(restored.warnings)
    if restored.unread:
        warn.append(f"What became of each object could not be read: {restored.unread}")
    if done.revision == 0:
        warn.append("Helm does not know the release: the backup lacks its record.")
    plain = [f"Helm knows it as revision {done.revision}."] if done.revision else []
    if done.safety:
        back = f"restore {done.safety} --replace --cluster {result.cluster}"
        plain.append(f"`{back}` goes back to how it was before.")
    return (
        *(Note(marked(text), "bad") for text in bad),
        *(Note(marked(text), "warn") for text in warn),
        *(Note(marked(text)) for text in plain),
    )


def _buttons(result: RestoreResult) -> tuple[Button, ...]:
    where = f" --cluster {result.cluster}"
    buttons = []
    if result.app and result.done.revision is not None:
        buttons.append(Button("Status", "run", command=f"status {result.app}{where}"))
    if not result.done.restored.ok and result.done.restored.name:
        line = f"backup logs {result.done.restored.name}{where}"
        buttons.append(Button("Velero's log", "run", command=line))
    if result.describe:
        buttons.append(
            Button("The backup", "run", command=f"backup describe {result.backup}{where}")
        )
    return tuple(buttons)


async def plan_restore(ctx: Ctx, p: Restore) -> Plan:
    """Finds the backup and shows what the restore would meet."""
    if p.replace and p.only:
        raise UsageError("--replace and --only do not go together", hint="Leave one of them out")
    if p.skip_safety and not p.replace:
        raise UsageError("--skip-safety goes with --replace")
    found = await prepare(ctx, p)
    return previewing.plan(found, update=p.update, safety=not p.skip_safety, now=ctx.clock())


@command(
    "restore",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Restore,
    target=restore_target,
    plan=plan_restore,
    view=view_restored,
    examples=(
        "restore parseserver-backup",
        "restore parse --to parse-copy",
        "restore parse --replace",
        "restore parseserver-backup --cluster spare",
    ),
    timeout=SECONDS,
)
async def restore(ctx: Ctx, p: Restore, op: Op) -> RestoreResult:
    """Restore an app, or what a backup holds.

    What exists stays as it is, above all the data on volumes: --update patches objects, --replace
    deletes the app's workloads and volumes first, after a safety backup.
    """
    wanted, facts = intent(ctx.scope, p), op.facts
    cluster = ctx.clusters(wanted.cluster)
    done = await Performing(ctx, op, p.backup, cluster, wanted.app).run()
    return RestoreResult(
        app=wanted.app.name if wanted.app else "",
        cluster=wanted.cluster,
        backup=str(facts["backup"]),
        made=_moment(facts["made"]),
        places=tuple(sorted(facts["mapping"].values())),
        done=done,
        untouched=tuple(facts["untouched"]),
        describe=ctx.desk.command("backup describe") is not None,
        expected=int(facts.get("workloads_held", 0)),
        blind=bool(facts.get("unseen")),
    )


def _moment(value: Any) -> int | None:
    return None if value is None else int(value)


COMMANDS = (restore,)
