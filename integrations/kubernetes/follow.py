"""Following workloads until they are rolled out, have failed, or time is up.

Used by everything that changes a workload. Success is told by the same event that made the
last pod ready; nothing is polled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.diagnosis import Problem, diagnose
from integrations.kubernetes.errors import KubernetesError
from integrations.kubernetes.kinds import POD, REPLICA_SET, WORKLOADS, Kind
from integrations.kubernetes.models import Object
from integrations.kubernetes.revision import current_pods, selects
from integrations.kubernetes.rollout import Rollout, observed, rollout_status
from integrations.kubernetes.watch import Change, Event, OnLost, Watch, watch

WATCH_SECONDS = 30
"""Short watches: a silently dead connection costs a follower at most this and ten seconds."""

REST = 4
"""How many times as long as a judgement took nothing is judged after it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A workload to follow.

    Attributes:
        kind: ``Deployment``, ``StatefulSet`` or ``DaemonSet``.
        name: Its name.
        generation: The generation that the change produced (from the patch's answer), so that
            an older picture cannot pass for the result; 0 when unknown.
    """

    kind: str
    name: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """One workload at a moment; ``rollout`` is None before it was seen."""

    target: Target
    rollout: Rollout | None
    problems: tuple[Problem, ...] = ()

    @property
    def settled(self) -> bool:
        """Rolled out, and no pod beyond the wanted number is left."""
        return self.rollout is not None and self.rollout.done and self.rollout.extra == 0


@dataclass(frozen=True, slots=True)
class FollowResult:
    """How it ended.

    Attributes:
        ok: Every workload is rolled out.
        timed_out: Time was up before a decision.
        message: One sentence for the failure; empty when ok.
        workloads: The last state of each.
    """

    ok: bool
    timed_out: bool
    message: str
    workloads: tuple[WorkloadState, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All pods' problems."""
        return tuple(p for w in self.workloads for p in w.problems)


OnChange = Callable[[tuple[WorkloadState, ...]], None]
"""Told every different picture; must not block."""


def workload_targets(objects: Iterable[Mapping[str, Any]]) -> list[Target]:
    """The workloads among rendered objects (such as a release's manifest)."""
    return [
        Target(str(o["kind"]), str(o["metadata"]["name"]))
        for o in objects
        if o.get("kind") in WORKLOADS and str(o.get("apiVersion")) == "apps/v1"
    ]


async def follow_workloads(
    client: KubeClient,
    namespace: str,
    targets: Sequence[Target],
    *,
    timeout: float,
    on_change: OnChange | None = None,
    on_lost: OnLost | None = None,
) -> FollowResult:
    """Watch workloads and their pods until the outcome is clear.

    Args:
        client: The cluster.
        namespace: Where all of them are.
        targets: What to follow; none is a success at once.
        timeout: Seconds until giving up (a result, not an error).
        on_change: See ``OnChange``.
        on_lost: See ``OnLost``; each of several watches tells for itself.

    Raises:
        StatusError: Watching itself is refused (missing right).
        ClusterConfigError: The cluster's access is unusable.
    """
    follower = _Follower(client, namespace, tuple(targets), on_change, on_lost)
    return await follower.run(timeout)


class _Follower:
    """The picture of one namespace, and the decision drawn from it after every event."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        targets: tuple[Target, ...],
        on_change: OnChange | None,
        on_lost: OnLost | None,
    ) -> None:
        self._targets = targets
        self._on_change = on_change
        self._objects: dict[str, dict[str, Object]] = {}
        self._states: tuple[WorkloadState, ...] = tuple(WorkloadState(t, None) for t in targets)
        self._unsynced: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._result: asyncio.Future[FollowResult] = self._loop.create_future()
        self._judgement: asyncio.TimerHandle | None = None
        self._rested = 0.0
        kinds: list[Kind] = [WORKLOADS[k] for k in dict.fromkeys(t.kind for t in targets)]
        kinds.append(POD)
        if any(t.kind == "Deployment" for t in targets):
            kinds.append(REPLICA_SET)
        self._watches = [
            (
                kind.kind,
                watch(
                    client,
                    kind,
                    namespace=namespace,
                    fields=self._only(kind),
                    timeout_seconds=WATCH_SECONDS,
                    on_lost=on_lost,
                ),
            )
            for kind in kinds
        ]

    def _only(self, kind: Kind) -> dict[str, str] | None:
        names = [t.name for t in self._targets if t.kind == kind.kind]
        return {"metadata.name": names[0]} if len(names) == 1 else None

    async def run(self, timeout: float) -> FollowResult:
        if not self._targets:
            return FollowResult(True, False, "", ())
        self._unsynced = {kind for kind, _ in self._watches}
        pumps = [asyncio.create_task(self._pump(kind, w)) for kind, w in self._watches]
        try:
            waited: list[asyncio.Future[Any]] = [self._result, *pumps]
            await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if self._result.done():
                return self._result.result()
            for pump in pumps:
                if pump.done():
                    pump.result()  # only an error ends a pump before the result is there
            if self._judgement is not None:
                self._judge_together()  # on what came while it rested
            return self._result.result() if self._result.done() else self._out_of_time(timeout)
        finally:
            if self._judgement is not None:
                self._judgement.cancel()
            for pump in pumps:
                pump.cancel()
            for pump in pumps:
                with contextlib.suppress(asyncio.CancelledError, KubernetesError):
                    await pump

    async def _pump(self, kind: str, source: Watch) -> None:
        async with aclosing(source.events()) as events:
            async for event in events:
                self._take(kind, event)

    def _take(self, kind: str, event: Event) -> None:
        if event.type is Change.SYNCED:
            self._unsynced.discard(kind)
        else:
            name = str(event.object["metadata"]["name"])
            known = self._objects.setdefault(kind, {})
            if event.type is Change.DELETED:
                known.pop(name, None)
            else:
                known[name] = event.object
        if not self._unsynced and self._judgement is None and not self._result.done():
            self._judgement = self._loop.call_at(self._rested, self._judge_together)

    def _judge_together(self) -> None:
        """Judge once for all events that came meanwhile, and rest in proportion to the effort.

        A judgement looks at every pod, and thousands of pods send thousands of events.
        """
        self._judgement = None
        start = self._loop.time()
        try:
            self._judge()
        except Exception as exc:
            self._result.set_exception(exc)
        now = self._loop.time()
        self._rested = now + REST * (now - start)

    def _judge(self) -> None:
        states = tuple(self._state(target) for target in self._targets)
        if states != self._states:
            self._states = states
            if self._on_change is not None:
                self._on_change(states)
        if all(state.settled for state in states):
            self._result.set_result(FollowResult(True, False, "", states))
            return
        trouble = next(filter(None, map(_hopeless, states)), None)
        if trouble is not None:
            self._result.set_result(FollowResult(False, False, trouble, states))

    def _state(self, target: Target) -> WorkloadState:
        workload = self._objects.get(target.kind, {}).get(target.name)
        if workload is None:
            gone = Rollout(False, True, "It does not exist.", 0, 0, 0)
            return WorkloadState(target, gone)
        rollout = rollout_status(workload)
        meta = workload["metadata"]
        if int(meta.get("generation") or 0) < target.generation or not observed(workload):
            return WorkloadState(target, _pending(rollout))
        if rollout.done and rollout.extra == 0:
            return WorkloadState(target, rollout)
        pods = [p for p in self._objects.get(POD.kind, {}).values() if selects(workload, p)]
        sets = self._objects.get(REPLICA_SET.kind, {}).values()
        problems = diagnose(current_pods(workload, pods, sets))
        return WorkloadState(target, rollout, tuple(problems))

    def _out_of_time(self, timeout: float) -> FollowResult:
        lost = next((w.last_error for _, w in self._watches if w.last_error is not None), None)
        if lost is not None:
            message = f"After {timeout:.0f} s the outcome is unknown: {lost.message}"
            return FollowResult(False, True, message, self._states)
        late = [s for s in self._states if not s.settled]
        words = "; ".join(f"{s.target.kind} {s.target.name}: {_words(s)}" for s in late)
        return FollowResult(False, True, f"Not ready after {timeout:.0f} s. {words}", self._states)


def _pending(rollout: Rollout) -> Rollout:
    return Rollout(
        False,
        False,
        "Waiting for the change to be noticed.",
        rollout.ready,
        rollout.wanted,
        rollout.updated,
    )


def _hopeless(state: WorkloadState) -> str | None:
    """Why waiting for this workload makes no sense; None when it may."""
    name = f"{state.target.kind} {state.target.name}"
    if state.rollout is not None and state.rollout.failed:
        return f"{name}: {state.rollout.message}"
    fatal = next((p for p in state.problems if p.fatal), None)
    return f"{name}: {fatal.message}" if fatal else None


def _words(state: WorkloadState) -> str:
    if state.problems:
        return state.problems[0].message
    if state.rollout is None:
        return "it was not seen."
    if state.rollout.done:
        return f"{state.rollout.extra} surplus pods are still ending."
    return state.rollout.message
