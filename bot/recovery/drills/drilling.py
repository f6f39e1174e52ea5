"""A drill as durable steps: a backup is restored beside the live app, looked at, and removed.

What was made is removed whatever happened, also after a cancellation or a kill; only then the
drill ends, and its result is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Cancelled, OnpremError
from bot.recovery.drills import isolation
from bot.recovery.drills.clearing import Leftover, clear
from bot.recovery.drills.proving import Found, Proving
from bot.recovery.restores.restoring import restore_name

if TYPE_CHECKING:
    from bot.context import Ctx, Op
    from bot.releases.targets import AppRef
    from integrations.velero.client import Velero


@dataclass(frozen=True, slots=True)
class Drilled:
    """How a drill ended.

    Attributes:
        ok: The backup is proved: its copy came up and passed everything.
        why: What failed, a sentence; empty when proved.
        backup_at: When the backup was made, microseconds UTC.
        ready_after: Microseconds from the restore's request until the copy was ready.
        workloads: Path and `ready/wanted` of each workload of the copy.
        probes: Name, whether it passed, what it was told.
        counts: Collection, documents in the copy, documents in the live database.
        left_out: What of the backup was not restored on purpose.
        left_behind: Why the copy is not gone; empty when it is.
    """

    app: str
    cluster: str
    backup: str
    backup_at: int | None
    scratch: str
    ok: bool
    why: str = ""
    ready_after: int | None = None
    workloads: tuple[tuple[str, str], ...] = ()
    probes: tuple[tuple[str, bool, str], ...] = ()
    counts: tuple[tuple[str, int | None, int | None], ...] = ()
    left_out: tuple[str, ...] = ()
    left_behind: str = ""


async def drill(ctx: Ctx, ref: AppRef, op: Op, velero: Velero) -> Drilled:
    """Runs a drill to its end; `op.facts` name the backup and the namespace of the copy.

    Raises:
        Cancelled: A person stopped it; the copy is gone all the same.
    """
    found, why = Found(), ""
    stopped: Exception | None = None
    try:
        await Proving(ctx, ref, op, velero, found).run()
    except Cancelled as error:
        stopped = error
    except OnpremError as error:
        why = str(error)
    except Exception as error:  # a fault of ours must not leave a copy behind either
        stopped = error
    scratch = str(op.facts["scratch"])
    remnant = leftover(op.facts, op.id)
    left = await clear(op, ctx.clusters(ref.cluster), velero, remnant)
    if stopped is not None:
        raise _with_remnant(stopped, left) from None
    result = _result(ref, op.facts, scratch, found, why, left)
    await _keep(ctx, op, ref, result, found)
    return result


def leftover(facts: Mapping[str, Any], job: str) -> Leftover:
    """What a drill may have made, by the facts of its plan."""
    return Leftover(
        namespace=str(facts["scratch"]),
        restore=restore_name(str(facts["backup"]), job),
        modifier=isolation.modifier_name(job),
        job=job,
    )


def _with_remnant(error: Exception, left: str) -> Exception:
    """The error, and what of the copy is still there, if anything."""
    if not left or not isinstance(error, OnpremError):
        return error
    error.hint = f"{error.hint} Its copy is still there: {left}".strip()
    return error


def _result(
    ref: AppRef, facts: Mapping[str, Any], scratch: str, found: Found, why: str, left: str
) -> Drilled:
    took = found.ready - found.asked if found.ready and found.asked else None
    return Drilled(
        app=ref.name,
        cluster=ref.cluster,
        backup=str(facts["backup"]),
        backup_at=facts["backup_at"],
        scratch=scratch,
        ok=not why,
        why=why,
        ready_after=took,
        workloads=tuple((path, ready) for path, ready in found.workloads),
        probes=tuple((p["name"], p["ok"], p["said"]) for p in found.probes),
        counts=tuple((c["collection"], c["copy"], c["live"]) for c in found.counts),
        left_out=tuple(found.left_out),
        left_behind=left,
    )


async def _keep(ctx: Ctx, op: Op, ref: AppRef, result: Drilled, found: Found) -> None:
    """Records the drill, as a step; what is known counts even if somebody cancels now."""
    from bot.store.drills import Drill

    async def keep() -> bool:
        now = ctx.clock()
        await ctx.desk.record_drill(
            Drill(
                request_id=op.id,
                cluster=ref.cluster,
                app=ref.name,
                backup=result.backup,
                backup_at=result.backup_at,
                actor=ctx.asker.actor,
                person=ctx.asker.person,
                started_at=found.started or now,
                finished_at=now,
                ready_after=result.ready_after,
                proved=result.ok,
                why=result.why,
                findings={
                    "probes": found.probes,
                    "counts": found.counts,
                    "left_out": found.left_out,
                    "left_behind": result.left_behind,
                },
            )
        )
        return True

    async def kept() -> bool | None:
        done = await ctx.desk.drills(ref.target)
        return True if any(one.request_id == op.id for one in done) else None

    await op.step("keep the result", keep, done=kept, always=True)
