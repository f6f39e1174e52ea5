"""The life of one container: pulled, started, ready, crashed, restarted, ended.

A `Container` moves on when its time has come and tells what happened; the kubelet turns that into
status and events. Times are seconds of the event loop, stamps are what the API shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from sandbox.kube.controllers import behaviour
from sandbox.kube.controllers.behaviour import Behaviours
from sandbox.kube.controllers.meta import Json
from sandbox.kube.controllers.pace import Pace
from sandbox.kube.runtime import ExecResult

NEVER = float("inf")
SHORTEST_WAIT = 0.05
"""Seconds before a retry, however fast the pace."""


class Stage(Enum):
    """Where a container stands."""

    WAITING = "waiting for its turn"
    PULLING = "its image is being fetched"
    PULL_FAILED = "its image did not come"
    PULL_BACKOFF = "waiting before the image is tried again"
    MISCONFIGURED = "something its environment names is missing"
    STARTING = "about to start"
    RUNNING = "running"
    ENDED = "ended"
    CRASH_BACKOFF = "waiting before it is started again"


@dataclass(slots=True)
class Note:
    """Something worth an event."""

    reason: str
    message: str
    warning: bool = False


@dataclass(slots=True)
class Surroundings:
    """What a container's life depends on besides itself.

    Attributes:
        pod: The pod as kept.
        pace: How long things take.
        behaviours: The rules for images.
        stamp: The present as the API writes it.
        present: Whether the node holds an image; fetching adds it.
        missing: Says what the container's environment names in vain; empty if nothing.
    """

    pod: Json
    pace: Pace
    behaviours: Behaviours
    stamp: str
    images: set[str]
    missing: Callable[[Json], str]


@dataclass(slots=True)
class Container:
    """One container of a pod on its node.

    Attributes:
        spec: The container as the pod's spec has it.
        to_end: Whether it is meant to end (init containers, Jobs).
        restart: ``Always``, ``OnFailure`` or ``Never``.
        stage: Where it stands.
        due: When it moves on by itself.
        restarts: How often it was started again.
        started_at: Stamp of the latest start.
        result: How the latest run ended.
        last: Terminated state of the run before.
        output: What the latest run wrote, if it was a known program.
        previous_output: The same of the run before.
        ready_due: When its probe passes.
    """

    spec: Json
    to_end: bool
    restart: str
    stage: Stage = Stage.WAITING
    due: float = NEVER
    restarts: int = 0
    started_at: str = ""
    terminated: Json | None = None
    last: Json | None = None
    output: bytes | None = None
    previous_output: bytes | None = None
    ready_due: float = NEVER
    ready: bool = False
    pulls: int = 0
    missing: str = ""
    notes: list[Note] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name within the pod."""
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """Its image as the pod names it."""
        return str(self.spec["image"])

    @property
    def succeeded(self) -> bool:
        """Ended for good, with exit code 0."""
        return self.stage is Stage.ENDED and (self.terminated or {}).get("exitCode") == 0

    @property
    def failed(self) -> bool:
        """Ended for good, with another exit code."""
        return self.stage is Stage.ENDED and (self.terminated or {}).get("exitCode") != 0

    @property
    def wake(self) -> float:
        """When to look at it again."""
        return min(self.due, self.ready_due)

    def identity(self, pod: Json) -> str:
        """Its containerID, new with every start."""
        seed = f"{pod['metadata']['uid']}/{self.name}/{self.restarts}"
        return f"containerd://{hashlib.sha256(seed.encode()).hexdigest()}"

    def begin(self, now: float, around: Surroundings) -> None:
        """Start its life, or try again what failed before it ran."""
        if around.behaviours.pull_fails(self.image):
            self._fail_pull(now, around)
        elif self.image in around.images and self.spec.get("imagePullPolicy") != "Always":
            self._note("Pulled", f'Container image "{self.image}" already present on machine')
            self._create(now, around)
        else:
            self._note("Pulling", f'Pulling image "{self.image}"')
            known = self.image in around.images
            self.stage, self.due = Stage.PULLING, now + (0 if known else around.pace.pull)

    def advance(self, now: float, around: Surroundings) -> None:
        """Move on if the time has come."""
        if self.stage is Stage.RUNNING and now >= self.ready_due:
            self.ready, self.ready_due = True, NEVER
        if now < self.due:
            return
        match self.stage:
            case Stage.PULLING:
                self._pulled(now, around)
            case Stage.PULL_FAILED:
                self._back_off_pull(now, around)
            case Stage.PULL_BACKOFF | Stage.MISCONFIGURED:
                self.begin(now, around)
            case Stage.STARTING | Stage.CRASH_BACKOFF:
                self._start(now, around)
            case Stage.RUNNING:
                self._end(now, around)
            case Stage.ENDED:
                self._after_end(now, around)
            case Stage.WAITING:
                pass

    def retry(self, now: float) -> None:
        """Do not wait any longer for an image, a reference or a readiness (a fault was healed)."""
        if self.stage in (Stage.PULL_BACKOFF, Stage.PULL_FAILED, Stage.MISCONFIGURED):
            self.stage, self.due, self.pulls = Stage.PULL_BACKOFF, now, 0
        elif self.stage is Stage.CRASH_BACKOFF:
            self.due = now

    def judge(self, now: float, around: Surroundings) -> None:
        """Apply rules that changed while it runs: crash now, lose or regain readiness."""
        if self.stage is not Stage.RUNNING:
            return
        if around.behaviours.crashes(self.image):
            self.due = min(self.due, now + around.pace.crash)
        elif not self.to_end:
            self.due = NEVER
        self._set_probe(now, around)

    # --- steps ------------------------------------------------------------

    def _note(self, reason: str, message: str, *, warning: bool = False) -> None:
        self.notes.append(Note(reason, message, warning))

    def _fail_pull(self, now: float, around: Surroundings) -> None:
        self.pulls += 1
        error = behaviour.pull_error(self.image)
        self._note("Pulling", f'Pulling image "{self.image}"')
        self._note(
            "Failed",
            f'Failed to pull image "{self.image}": rpc error: code = NotFound desc = {error}',
            warning=True,
        )
        self._note("Failed", "Error: ErrImagePull", warning=True)
        self.stage = Stage.PULL_FAILED
        self.due = now + max(min(around.pace.pull, 1.0), SHORTEST_WAIT)

    def _back_off_pull(self, now: float, around: Surroundings) -> None:
        self._note("BackOff", f'Back-off pulling image "{self.image}"')
        self._note("Failed", "Error: ImagePullBackOff", warning=True)
        self.stage = Stage.PULL_BACKOFF
        self.due = now + _wait(around.pace, self.pulls)

    def _pulled(self, now: float, around: Surroundings) -> None:
        if around.behaviours.pull_fails(self.image):
            self._fail_pull(now, around)
            return
        around.images.add(self.image)
        took = f"{around.pace.pull:.3g}s"
        self._note(
            "Pulled",
            f'Successfully pulled image "{self.image}" in {took} ({took} including waiting). '
            f"Image size: {behaviour.image_bytes(self.image)} bytes.",
        )
        self._create(now, around)

    def _create(self, now: float, around: Surroundings) -> None:
        self.missing = around.missing(self.spec)
        if self.missing:
            self._note("Failed", f"Error: {self.missing}", warning=True)
            self.stage = Stage.MISCONFIGURED
            self.due = now + max(around.pace.backoff, 1.0)
            return
        self.pulls = 0
        self.stage, self.due = Stage.STARTING, now + around.pace.start
        if around.pace.start <= 0:
            self._start(now, around)

    def _start(self, now: float, around: Surroundings) -> None:
        if self.terminated is not None:
            self.restarts += 1
            self.last, self.terminated = self.terminated, None
            self.previous_output, self.output = self.output, None
        self._note("Created", f"Created container: {self.name}")
        self._note("Started", f"Started container {self.name}")
        self.stage, self.started_at, self.ready = Stage.RUNNING, around.stamp, False
        if around.behaviours.crashes(self.image):
            self.due = now + around.pace.crash
        elif self.to_end:
            self.due = now + around.pace.complete
        else:
            self.due = NEVER
        self._set_probe(now, around)
        self.advance(now, around)

    def _set_probe(self, now: float, around: Surroundings) -> None:
        probed = "readinessProbe" in self.spec or "startupProbe" in self.spec
        delay = around.behaviours.ready_after(self.image, around.pace.ready if probed else 0.0)
        if delay is None:
            self.ready, self.ready_due = False, NEVER
        elif not self.ready:
            self.ready_due = now + delay

    def _end(self, now: float, around: Surroundings) -> None:
        result = self._run(around)
        if isinstance(result, behaviour.NotYet):
            self.due = now + max(around.pace.complete, SHORTEST_WAIT)
            return
        self.output = result.stdout + result.stderr
        self.ready, self.ready_due = False, NEVER
        self.terminated = {
            "exitCode": result.exit_code,
            "reason": "Completed" if result.exit_code == 0 else "Error",
            "startedAt": self.started_at,
            "finishedAt": around.stamp,
            "containerID": self.identity(around.pod),
        }
        self.stage, self.due = Stage.ENDED, NEVER
        if self.restart == "Always" or (self.restart == "OnFailure" and result.exit_code):
            self.due = now

    def _run(self, around: Surroundings) -> ExecResult | behaviour.NotYet:
        if around.behaviours.crashes(self.image):
            return ExecResult(exit_code=1)
        programs = around.behaviours.programs
        result = programs.run(around.pod, self.spec) if programs and self.to_end else None
        return result or ExecResult()

    def _after_end(self, now: float, around: Surroundings) -> None:
        if self.restarts == 0:
            self._start(now, around)
            return
        meta = around.pod["metadata"]
        named = f"{self.name} in pod {meta['name']}_{meta['namespace']}({meta['uid']})"
        self._note("BackOff", f"Back-off restarting failed container {named}", warning=True)
        self.stage = Stage.CRASH_BACKOFF
        self.due = now + _wait(around.pace, self.restarts)


def _wait(pace: Pace, times: int) -> float:
    """Seconds before the next try after `times` failed ones; never none, or it would spin."""
    first = max(pace.backoff, SHORTEST_WAIT)
    return min(first * 2.0 ** min(max(times - 1, 0), 30), max(pace.backoff_limit, 1.0))
