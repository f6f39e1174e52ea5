"""One running change: the `Op` that commands see.

A step is *look, then do*. Its result, or its failure, is on record before the next one begins, so
a process that is killed continues at the step that was cut. Only that one step can have been begun
without a record, so only it looks first; while the cluster is away, as after a power cut that ended
both, it looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from bot import errors
from bot.context import Look
from bot.durable import Journal
from bot.engine.ports import Observer
from bot.errors import Cancelled, Failed, OnpremError
from bot.releases.patience import patiently
from bot.render.document import Step, StepState

Translate = Callable[[Exception], OnpremError]


class Record(Protocol):
    """Keeps steps and child processes for other eyes; never waits for the disk."""

    def step(self, name: str, state: StepState, detail: str) -> None:
        """Notes a step's state."""

    async def process(self, step: str, pid: int, start_time: int) -> None:
        """Stores a child process durably."""


class Operation:
    """Runs the steps of one request.

    Args:
        request_id: Also the workflow's id.
        facts: The plan's facts, as confirmed.
        journal: Where finished steps are on record.
        resumed: An earlier process ran this operation.
        changed: Called whenever a step's state or detail changes.
    """

    def __init__(
        self,
        request_id: str,
        facts: Mapping[str, Any],
        journal: Journal,
        *,
        resumed: bool,
        changed: Callable[[], None],
        record: Record,
        observer: Observer,
        translate: Translate,
    ) -> None:
        self._id, self._facts, self._journal = request_id, facts, journal
        self._may_have_begun = resumed
        self._changed, self._record, self._observer = changed, record, observer
        self._translate = translate
        self._steps: dict[str, Step] = {}
        self._cancelled_by = ""
        self._inner: asyncio.Task[Any] | None = None
        self._interruptible = False

    @property
    def id(self) -> str:
        """The request's id."""
        return self._id

    @property
    def facts(self) -> Mapping[str, Any]:
        """The plan's facts, as they were confirmed."""
        return self._facts

    @property
    def steps(self) -> tuple[Step, ...]:
        """Steps begun so far, in order."""
        return tuple(self._steps.values())

    @property
    def cancelled_by(self) -> str:
        """Who asked to stop; empty when nobody did."""
        return self._cancelled_by

    def cancel(self, by: str) -> None:
        """Stops before the next step; ends a running helm or a mere waiting now."""
        self._cancelled_by = by
        if self._interruptible and self._inner is not None:
            self._inner.cancel()
        self._changed()

    async def step(
        self,
        name: str,
        do: Look,
        *,
        done: Look,
        interruptible: bool = False,
        always: bool = False,
    ) -> Any:
        """See `bot.context.Op.step`."""
        if self._cancelled_by and not always:
            raise Cancelled("Stopped", why=f"{self._cancelled_by} cancelled it")
        if name in self._steps:
            raise ValueError(f"step {name!r} is not unique in its operation")
        self._show(name, "running")
        self._interruptible = interruptible
        result = await self._journal.once(name, lambda: self._attempt(name, do, done))
        self._interruptible = False
        self._observer.boundary(self._id, name, "after")
        if "error" in result:
            error = revive(result["error"])
            self._show(name, "failed", str(error))
            raise error
        value = result["value"]
        bad = isinstance(value, Mapping) and value.get("ok") is False
        self._show(name, "failed" if bad else "skipped" if result.get("seen") else "done")
        return value

    async def say(self, detail: str) -> None:
        """See `bot.context.Op.say`."""
        current = next((s for s in reversed(self.steps) if s.state == "running"), None)
        if current is not None and current.detail != detail:
            self._steps[current.name] = Step(current.name, "running", detail)
            self._changed()

    async def helm_started(self, pid: int, start_time: int) -> None:
        """See `bot.context.Op.helm_started`."""
        self._interruptible = True
        running = next((s.name for s in reversed(self.steps) if s.state == "running"), "")
        await self._record.process(running, pid, start_time)
        if self._cancelled_by and self._inner is not None:
            self._inner.cancel()

    async def _attempt(self, name: str, do: Look, done: Look) -> dict[str, Any]:
        try:
            if self._may_have_begun:
                self._may_have_begun = False
                seen = await patiently(self, done)
                if seen is not None:
                    return {"value": seen, "seen": True}
            self._observer.boundary(self._id, name, "before")
            value = await self._perform(do)
            self._observer.boundary(self._id, name, "acted")
        except Exception as error:  # every failure is a result: the path after it must be the same
            return {"error": preserve(self._translate(error))}
        return {"value": value}

    async def _perform(self, do: Look) -> Any:
        self._inner = asyncio.ensure_future(do())
        try:
            return await self._inner
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._cancelled_by and not (current and current.cancelling()):
                why = f"{self._cancelled_by} cancelled it"
                raise Cancelled("Stopped in the middle of the step", why=why) from None
            self._inner.cancel()
            raise
        finally:
            self._inner = None

    def _show(self, name: str, state: StepState, detail: str = "") -> None:
        self._steps[name] = Step(name, state, detail)
        self._record.step(name, state, detail)
        self._changed()


def preserve(error: OnpremError) -> dict[str, str]:
    """A failure as JSON values."""
    return {
        "kind": type(error).__name__,
        "what": error.what,
        "why": error.why,
        "hint": error.hint,
        "detail": error.detail,
    }


def revive(body: Mapping[str, str]) -> OnpremError:
    """The failure that `preserve` wrote; `Failed` when this version lacks its class."""
    kind = getattr(errors, body["kind"], Failed)
    if not (isinstance(kind, type) and issubclass(kind, OnpremError)) or kind is errors.ConfigError:
        kind = Failed
    return kind(body["what"], why=body["why"], hint=body["hint"], detail=body["detail"])
