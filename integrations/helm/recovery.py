"""What to do with a release after the bot was killed while its helm was at work.

Helm marks a release pending before it acts; a killed helm leaves it so for ever, and every
later upgrade is refused. Only a pending revision that is provably ours is cleared: it has the
number that we were about to make, carries our operation's label (or says what our rollback
says), and no helm of ours lives any more. Everything else is for a person.

A cut install or upgrade is cleared by deleting its record, and run again: helm takes over the
objects that it had made already, as they carry the release's marks. Going back first would not
do: `helm rollback` refuses objects that exist but are not in the revision it comes from ("no Job
with the name … found"), such as those that a cut upgrade had not come to delete. A rollback, on
the other hand, may simply be run again on top of its own pending revision: helm asks for no
permission there, and compares with that revision, which is the same as its target.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from integrations.helm import orphan
from integrations.helm.client import HALF_APPLIED
from integrations.helm.models import Revision
from integrations.helm.names import OPERATION_LABEL, checked_operation, checked_release
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import Conflict, NotFound
from integrations.kubernetes.kinds import SECRET

_SECRET_NAME = re.compile(r"sh\.helm\.release\.v1\.(?P<release>.+)\.v(?P<number>\d+)\Z")


@dataclass(frozen=True, slots=True)
class Intent:
    """What our helm was started for.

    Attributes:
        operation: The operation's id.
        verb: What helm does.
        base_revision: The newest revision before; 0 when there was no release.
        rollback_to: The revision that a rollback goes back to.
    """

    operation: str
    verb: Literal["upgrade", "rollback", "uninstall"]
    base_revision: int
    rollback_to: int | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Helm had finished: this is its revision (its status may be failed; None: uninstalled)."""

    revision: Revision | None


@dataclass(frozen=True, slots=True)
class RunAgain:
    """Nothing of ours is in the way: start helm, with this as the new base revision."""

    base_revision: int


@dataclass(frozen=True, slots=True)
class WaitForOrphan:
    """Our helm still runs: wait for it (or end it), then decide again."""

    process: orphan.Process


@dataclass(frozen=True, slots=True)
class DropPending:
    """A pending revision of ours, left by a killed install or upgrade: delete its record."""

    revision: int


@dataclass(frozen=True, slots=True)
class StopForPerson:
    """Somebody else's work is involved, or it cannot be told whose."""

    reason: str
    hint: str


Decision = Adopt | RunAgain | WaitForOrphan | DropPending | StopForPerson


def decide(
    intent: Intent,
    history: Sequence[Revision],
    *,
    labelled: Collection[int],
    running: Sequence[orphan.Process] = (),
) -> Decision:
    """Decide from what can be seen; does nothing.

    Args:
        intent: Stored before helm was started.
        history: The release's revisions now, oldest first.
        labelled: From ``revisions_labelled``. A foreign upgrade inherits our label, so the
            label alone proves nothing beyond the first revision after the base.
        running: From ``orphan.find_by_operation``, and the stored process if it is alive.
    """
    if running:
        return WaitForOrphan(running[0])
    newest = history[-1] if history else None
    if intent.verb == "uninstall":
        return _uninstalled(intent, newest)
    if newest is None or newest.number <= intent.base_revision:
        return _nothing_made(intent, newest)
    if intent.verb == "rollback":
        return _rolled_back(intent, [r for r in history if r.number > intent.base_revision])
    if _told_by_us(intent, newest):
        return Adopt(newest)
    if newest.number == intent.base_revision + 1 and newest.number in labelled:
        return DropPending(newest.number) if newest.pending else Adopt(newest)
    return _foreign(newest)


async def revisions_labelled(
    client: KubeClient, release: str, namespace: str, operation: str
) -> set[int]:
    """Numbers of the release's revisions that carry the operation's label.

    Reads names only (a Table with metadata), never the Secrets' content.
    """
    labels = {
        "owner": "helm",
        "name": checked_release(release),
        OPERATION_LABEL: checked_operation(operation),
    }
    table = await client.table(SECRET, namespace, labels=labels, metadata=True)
    found = (_SECRET_NAME.match(row.name) for row in table.rows)
    return {int(m["number"]) for m in found if m and m["release"] == release}


async def clear_pending(
    client: KubeClient, release: str, namespace: str, decision: DropPending
) -> None:
    """Carry out the decision; a record that is gone or pending no more stays as it is."""
    name = f"sh.helm.release.v1.{checked_release(release)}.v{decision.revision}"
    try:
        found = (await client.get(SECRET, namespace, name))["metadata"]
        if found["labels"].get("status", "").startswith("pending-"):
            await client.delete(SECRET, namespace, name, uid=found["uid"])
    except (NotFound, Conflict):
        return


def _uninstalled(intent: Intent, newest: Revision | None) -> Decision:
    if newest is None or newest.status == "uninstalled":
        return Adopt(newest)
    if newest.number > intent.base_revision or newest.status.startswith("pending-"):
        return _foreign(newest)
    return RunAgain(newest.number)


def _nothing_made(intent: Intent, newest: Revision | None) -> Decision:
    if newest is None:
        if intent.base_revision and intent.verb == "rollback":
            return StopForPerson(
                "The release was uninstalled meanwhile.", "Deploy it anew if it is wanted."
            )
        return RunAgain(0)
    return _foreign(newest) if newest.pending else RunAgain(newest.number)


def _told_by_us(intent: Intent, revision: Revision) -> bool:
    words = revision.description.split()
    return not revision.pending and bool(words) and words[0] == intent.operation


def _rolled_back(intent: Intent, made: Sequence[Revision]) -> Decision:
    """A rollback may have been cut and begun again several times, each time as a new revision."""
    newest = made[-1]
    if not all(_says_rollback(intent, revision) for revision in made):
        return _foreign(newest)
    again = newest.pending or HALF_APPLIED.search(newest.description)
    return RunAgain(newest.number) if again else Adopt(newest)


def _says_rollback(intent: Intent, revision: Revision) -> bool:
    return revision.description == f"Rollback to {intent.rollback_to}" or (
        revision.status in ("failed", "superseded")
        and revision.description.startswith("Rollback ")
        and "failed" in revision.description
    )


def _foreign(newest: Revision) -> StopForPerson:
    state = newest.status if newest.pending else f"in status {newest.status}"
    return StopForPerson(
        f"The newest revision {newest.number} is {state} and not of this operation "
        f"(“{newest.description}”).",
        "See who works on the release; then deploy or roll back as wanted.",
    )
