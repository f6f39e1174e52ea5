"""The moment in which a planned change becomes a running one, or is told what is in its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.context import Plan
from bot.engine.parts import Parts, asker_of, event_of, plan_json
from bot.errors import Busy, Drifted, OnpremError, Refused
from bot.locks import Endings, LockPath
from bot.store import locks, requests, sticky_locks
from bot.store.audit import Kind
from bot.store.requests import Request, State

if TYPE_CHECKING:
    from sqlite_utils import Database

UNDECIDED = frozenset({State.ACKED, State.PLANNING})
"""Where a request may stand that can still begin to run.

A plan only reads, so its beginning needs no mark; `planning` is a question that was answered,
marked with the use of its button.
"""


def claim(
    db: Database,
    parts: Parts,
    endings: Endings,
    request: Request,
    plan: Plan,
    holds: bool,
    began: int,
    confirmed_by: str,
) -> OnpremError | None:
    """Locks the target and marks the request as running, in the caller's transaction.

    Args:
        db: Inside a transaction.
        parts: The engine's collaborators.
        endings: Where operations have ended since this process began.
        request: What was asked.
        plan: What it will do.
        holds: Whether it locks its target.
        began: When the plan was begun, microseconds: what ended there since may have changed it.
        confirmed_by: Actor.

    Returns:
        Why it must not run.
    """
    now = parts.clock()
    if holds and (refusal := _lock(db, endings, request, plan, began, now)):
        return refusal
    moved = requests.transition(
        db,
        request.id,
        State.RUNNING,
        expect=UNDECIDED,
        started_at=now,
        confirmed_by=confirmed_by,
        plan=plan_json(plan),
        fingerprint=plan.fingerprint(request.command, request.params),
    )
    if not moved:
        locks.release(db, request.id)
        return Refused("It is no longer waiting", hint="See `jobs` for what became of it")
    body = {"confirmed_by": confirmed_by, **plan_json(plan)}
    parts.note(db, event_of(Kind.PLAN, request, asker_of(request), body))
    return None


def busy(db: Database, request: Request, now: int) -> Busy | None:
    """Says who holds the target of a request, since when and for what; None when nobody does."""
    held = locks.holder(db, LockPath.of(request.cluster, request.namespace, request.app).text)
    return _held(db, held, now) if held else None


def _lock(
    db: Database, endings: Endings, request: Request, plan: Plan, began: int, now: int
) -> OnpremError | None:
    place = LockPath.of(request.cluster, request.namespace, request.app)
    path = place.text
    sticky = sticky_locks.blocking(db, path, now, request.person)
    if sticky:
        holder = requests.called(db, sticky.actor, sticky.person)
        return Busy(
            f"{sticky.path} is locked by {holder}",
            why=sticky.reason,
            hint=f"Ask them, or an administrator can `unlock {sticky.path}`",
        )
    by, what = (request.actor, request.person), plan.summary
    lock = locks.OperationLock(path, request.id, request.cluster, *by, what, now)
    if held := locks.acquire(db, lock):
        return _held(db, held, now)
    if endings.after(place, began):
        locks.release(db, request.id)
        return Drifted(
            "Not run",
            why=f"another operation on {path} ended while this one was planned",
            hint="Nothing was changed; ask again",
        )
    return None


def _held(db: Database, held: locks.OperationLock, now: int) -> Busy:
    who, seconds = requests.called(db, held.actor, held.person), (now - held.since) / 1e6
    return Busy(
        f"{held.path} is busy",
        why=f"{who} has been at it for {seconds:.0f} s: {held.what} (job {held.request_id})",
        hint=f"Wait for it, or stop it with `cancel {held.request_id}`",
    )
