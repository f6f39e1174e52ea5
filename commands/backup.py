"""`backup create`: an app's objects and volumes into the store, and what of it really is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from bot import (
    Actions,
    Arg,
    Button,
    Change,
    Ctx,
    Document,
    Effect,
    Failed,
    Fields,
    Note,
    Op,
    Plan,
    Refused,
    Role,
    Table,
    Title,
    UsageError,
    command,
    marked,
)
from bot.names import check_name, check_object
from bot.recovery.backups.backing import check_ready, take_backup
from bot.recovery.backups.checking import Checked
from bot.recovery.which.apps import (
    backup_spec,
    base_name,
    check_configured,
    elsewhere,
    owner_of,
    velero_of,
)
from bot.recovery.which.matching import Match, survey
from bot.recovery.words.times import check_length, length, length_of
from bot.recovery.words.wording import size
from bot.releases.targets import AppRef, app_ref, app_target, apps_on
from bot.releases.words import ago, count, listed, span

if TYPE_CHECKING:
    from bot.render.document import Tone
    from integrations.velero.models import BackupSpec

NAMES = 8
"""So many names of objects one sentence shows."""
BACKUP_SECONDS = 5 * 3600.0
"""A little more than Velero itself waits for what runs in the background."""


@dataclass(frozen=True)
class Create:
    """What `backup create` takes."""

    app: Annotated[str, Arg("App to back up", complete="apps", check=check_name)]
    ttl: Annotated[str, Arg("How long it is kept: 12h, 30d, 8w", flag=True, check=check_length)] = (
        ""
    )
    name: Annotated[
        str, Arg("What it is called, before the time, instead of the usual", flag=True,
                 check=check_object)
    ] = ""  # fmt: skip
    cluster: Annotated[
        str, Arg("Cluster, when not the usual one", flag=True, complete="clusters")
    ] = ""


@dataclass(frozen=True)
class Created:
    """A backup that was made.

    Attributes:
        missed: A sentence about objects that are not in it; empty when there are none.
        drill: There is a command that proves it by restoring.
        where: The flag for another cluster, or empty.
    """

    app: str
    checked: Checked
    missed: str
    drill: bool
    where: str


def view_created(result: Created, now: int) -> Document:
    """What is stored, and first of all what is not."""
    done, proof = result.checked, result.checked.proof
    whole = not proof.unprotected
    title = f"{done.name} of {result.app} is complete"
    if not whole:
        without = count(len(proof.unprotected), "volume")
        title = f"{done.name} of {result.app} lacks the data of {without}"
    pairs = {
        "objects": str(done.items),
        "volumes": _volumes(done),
        "took": span(done.took) if done.took else "less than a second",
        "expires": ago(done.expires_at, now),
    }
    return Document.of(
        Title(title, tone="good" if whole else "warn"),
        Fields.of(**pairs),
        unprotected_table(done),
        *_notes(done),
        Note(marked(result.missed), "warn") if result.missed else None,
        Actions(_buttons(result)),
    )


def _volumes(done: Checked) -> str:
    proof = done.proof
    if not proof.protected and not proof.unprotected:
        return "none"
    total = len(proof.protected) + len(proof.unprotected)
    stored = f"{len(proof.protected)} of {total}"
    return f"{stored}, {size(proof.size)}" if proof.size is not None else stored


def unprotected_table(done: Checked) -> Table | None:
    """Each volume whose data is not in the backup: why, and what mends it."""
    rows = tuple((u.claim, u.cause, u.mend.replace("`", "")) for u in done.proof.unprotected)
    tones: tuple[Tone, ...] = tuple("bad" for _ in rows)
    if not rows:
        return None
    return Table(
        ("claim", "why its data is not stored", "what to do"),
        rows,
        title="Unprotected volumes",
        tones=tones,
    )


def _notes(done: Checked) -> tuple[Note | None, ...]:
    """Dumps that stand for volumes, the first warning, and what could not be checked."""
    dumps = [p for p in done.proof.protected if p.dumped]
    claims = listed((p.claim for p in dumps), 4)
    first = f": {done.remarks[0]}" if done.remarks else ""
    return (
        Note.of(f"{claims}: saved by a hook as a {dumps[0].how}.") if dumps else None,
        Note.of(f"{count(done.warnings, 'warning')}{first}.", tone="warn")
        if done.warnings
        else None,
        unchecked(done),
    )


def unchecked(done: Checked) -> Note | None:
    """Why the store's own list of volumes is not part of the judgement."""
    if not done.unchecked:
        return None
    text = f"The list of volumes could not be read from the store: {done.unchecked}."
    return Note.of(text, tone="warn")


def _buttons(result: Created) -> tuple[Button, ...]:
    where = result.where
    prove = Button(
        "Prove it by a drill", "run", command=f"restore drill {result.app}{where}", style="primary"
    )
    return (
        *((prove,) if result.drill else ()),
        Button("Describe", "run", command=f"backup describe {result.checked.name}{where}"),
        Button("All backups", "run", command=f"backup list {result.app}{where}"),
    )


async def plan_create(ctx: Ctx, p: Create) -> Plan:
    """Lists what matches and what does not; Velero and its store must be there."""
    ref = app_ref(ctx.config, p.app, p.cluster, ctx.scope.cluster)
    check_configured(ref)
    base = p.name or base_name(ref)
    check_base(ctx, ref, base)
    spec = wanted(ref, p.ttl)
    cluster = ctx.clusters(ref.cluster)
    others = tuple(r for r in apps_on(ctx.config, ref.cluster) if r.name != ref.name)
    location = await check_ready(velero_of(cluster), spec.location)
    found = await survey(cluster.kube, ref, others)
    if not found.total:
        raise Refused(
            f"Nothing of {ref.name} is in namespace {ref.namespace} on {ref.cluster}",
            why=f"no object there carries {labels_of(spec)}",
            hint=f"`status {ref.name}` shows what there is",
        )
    kinds = tuple(Change(kind, str(number), "saved") for kind, number in found.kinds.items())
    return Plan(
        f"Back up {ref.name} on {ref.cluster} as {base}-… into {location.name}, "
        f"kept {length(spec.ttl or 0)}",
        facts={
            "base": base,
            "selectors": [dict(one) for one in spec.selectors],
            "ttl": spec.ttl,
            "location": location.name,
        },
        changes=(*kinds, *(Change(f"volume of {c}", "in use", "saved") for c in found.claims)),
        warnings=warnings_of(found, spec),
    )


def wanted(ref: AppRef, ttl: str) -> BackupSpec:
    """What to ask Velero for."""
    return backup_spec(ref, ttl=length_of(ttl) if ttl else None)


def check_base(ctx: Ctx, ref: AppRef, base: str) -> None:
    """Makes sure that no other app's backups are called so, and that it is no app's name.

    Raises:
        UsageError: They are: the backup would pass for one of theirs; or the app's word would
            mean this series alone from now on.
    """
    if base == ref.name != base_name(ref):
        raise UsageError(
            f"{base} is the name of the app",
            why=f"`restore {base}` would pass over all backups that are called otherwise",
            hint="Choose another name",
        )
    for other in apps_on(ctx.config, ref.cluster):
        if other.name != ref.name and (base in (other.name, base_name(other))):
            raise UsageError(
                f"{base} is what backups of {other.name} are called", hint="Choose another name"
            )
    owner = owner_of(ctx.config, base, ref.cluster)
    if owner is not None and owner.name != ref.name:
        raise UsageError(f"{base} reads like a backup of {owner.name}", hint="Choose another name")


def labels_of(spec: BackupSpec) -> str:
    """The app's own label, `app=parseserver`; Helm's record goes without saying."""
    return ",".join(f"{key}={value}" for key, value in spec.selectors[0].items())


def warnings_of(found: Match, spec: BackupSpec) -> tuple[str, ...]:
    """What the backup will not hold."""
    said = []
    if missed := missed_sentence(found, labels_of(spec)):
        said.append(missed)
    if found.unseen:
        said.append(
            f"The bot may not list {listed(found.unseen, NAMES)}, so it cannot tell which of "
            "them match; Velero takes them all the same."
        )
    if found.claims and not spec.fs_backup and not spec.snapshot_volumes:
        said.append("The configuration saves no volumes (`backup.volumes: none`).")
    return tuple(said)


def missed_sentence(found: Match, label: str) -> str:
    """Objects that stay out of the backup; empty when there are none."""
    parts = []
    if found.missed:
        names = listed(found.missed, NAMES)
        verb = "is" if len(found.missed) == 1 else "are"
        parts.append(f"Without the label {label}, and so not in it, {verb} {names}.")
    if found.excluded:
        names = listed(found.excluded, NAMES)
        parts.append(f"Marked to be left out: {names}.")
    return " ".join(parts)


@command(
    "backup create",
    effect=Effect.CHANGE,
    role=Role.OPERATOR,
    params=Create,
    target=app_target,
    plan=plan_create,
    view=view_created,
    examples=("backup create parse", "backup create parse --ttl 90d --name before-upgrade"),
    timeout=BACKUP_SECONDS,
)
async def create(ctx: Ctx, p: Create, op: Op) -> Created:
    """Back up an app: its objects, Helm's record of it, and the data of its volumes.

    Afterwards each volume is checked: a backup can be complete and yet hold no data of a volume.
    """
    ref = app_ref(ctx.config, p.app, ctx.target.cluster, ctx.target.cluster)
    cluster, spec = ctx.cluster, wanted(ref, p.ttl)
    done = await take_backup(ctx, op, cluster, str(op.facts["base"]), spec)
    if not done.complete:
        raise _failure(done, elsewhere(ctx.scope, ref.cluster))
    others = tuple(r for r in apps_on(ctx.config, ref.cluster) if r.name != ref.name)
    missed = missed_sentence(await survey(cluster.kube, ref, others), labels_of(spec))
    drill = ctx.desk.command("restore drill") is not None
    return Created(ref.name, done, missed, drill, elsewhere(ctx.scope, ref.cluster))


def _failure(done: Checked, where: str) -> Failed:
    """What went wrong, why, and what to do next."""
    lost = len(done.proof.unprotected)
    why = done.failure or "; ".join(done.remarks[:2])
    if lost and done.phase == "PartiallyFailed":
        why += f"; {count(lost, 'volume holds', 'volumes hold')} no data"
    if done.phase == "PartiallyFailed":
        return Failed(
            f"Backup {done.name} is incomplete: {count(done.errors, 'error')}",
            why=why,
            hint=f"`backup describe {done.name}{where}` tells what is in it, "
            f"`backup logs {done.name}{where}` all errors. Mend them and back up again",
            detail="\n".join(done.remarks),
        )
    return Failed(
        f"Backup {done.name} {'was refused' if done.phase == 'FailedValidation' else 'failed'}",
        why=why,
        hint=f"Nothing was saved. Mend the cause and back up again; `backup describe "
        f"{done.name}{where}` tells more",
        detail="\n".join(done.remarks),
    )


COMMANDS = (create,)
