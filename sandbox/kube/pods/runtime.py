"""The pod runtime that the API server calls: logs, exec and eviction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

from sandbox.kube import errors
from sandbox.kube.clock import parse_timestamp
from sandbox.kube.controllers.behaviour import Behaviours
from sandbox.kube.controllers.disruption import evict
from sandbox.kube.pods import commands, environment, logs, network
from sandbox.kube.pods.disks import Disks
from sandbox.kube.pods.logs import Line
from sandbox.kube.pods.mongo import shell
from sandbox.kube.pods.mongo.recovery import Hooks
from sandbox.kube.pods.mongo.sets import Sets, is_mongo
from sandbox.kube.pods.mongo.syntax import ScriptError
from sandbox.kube.pods.programs import Known
from sandbox.kube.resources import PODS
from sandbox.kube.runtime import ExecResult
from sandbox.kube.store import Store

Json = dict[str, Any]
Written = Callable[[Json, str, bool], bytes | None]
"""(pod, container, previous run?) → what a known program wrote, None if it was none."""


class Runtime:
    """Answers for the processes inside the pods of one cluster."""

    def __init__(
        self,
        store: Store,
        behaviours: Behaviours,
        *,
        written: Written = lambda _pod, _name, _previous: None,
        sync: float = 0.0,
        patience: float = 60.0,
    ) -> None:
        """Play the inside of pods.

        Args:
            store: The cluster's objects.
            behaviours: Where the programs of Jobs are announced.
            written: Knows what ended programs wrote (the kubelet does).
            sync: Seconds a new database member copies data.
            patience: Seconds that a database's restore waits for the other members.
        """
        self._store, self._written = store, written
        self.sets = Sets(store, sync=sync)
        self.disks = Disks(store)
        self._hooks = Hooks(store, self.sets, self.disks, patience)
        behaviours.programs = Known(store, self.sets)

    def close(self) -> None:
        """Stop following the store."""
        self.sets.close()
        self.disks.close()

    # --- logs -------------------------------------------------------------

    async def logs(
        self,
        pod: Json,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: int | None,
        timestamps: bool,
        previous: bool,
    ) -> AsyncIterator[bytes]:
        """Yield a container's log; with `follow` until its container ends.

        Raises:
            ApiError: The container has not started, had no previous run, or its node is lost.
        """
        self._dial(pod)
        begin, end = self._span(pod, container, previous=previous)
        found = self._lines(pod, container, begin, end or self._store.clock(), previous=previous)
        if since_seconds is not None:
            oldest = self._store.clock() - timedelta(seconds=since_seconds)
            found = [line for line in found if line[0] >= oldest]
        if tail_lines is not None:
            found = found[-tail_lines:] if tail_lines else []
        if found:
            yield b"".join(_form(line, timestamps=timestamps) for line in found)
        if not follow or previous:
            return
        async for line in self._follow(pod, container, begin):
            yield _form(line, timestamps=timestamps)

    def _dial(self, pod: Json) -> None:
        """Reach the kubelet of the pod's node.

        Raises:
            ApiError: The node does not answer.
        """
        if pod["spec"].get("nodeName") and not network.reachable(self._store, pod):
            address = (pod.get("status") or {}).get("hostIP", pod["spec"]["nodeName"])
            text = f"error dialing backend: dial tcp {address}:10250: connect: no route to host"
            raise errors.ApiError(500, "InternalError", f"Internal error occurred: {text}")

    async def _follow(self, pod: Json, container: str, begin: datetime) -> AsyncIterator[Line]:
        said = self._store.clock()
        meta = pod["metadata"]
        while True:
            fresh = self._store.peek(PODS, meta["namespace"], meta["name"])
            status = _status(fresh, container) if fresh is not None else None
            if status is None or "running" not in status.get("state", {}):
                return
            spec = environment.container_of(pod, container)
            now = self._store.clock()
            for line in logs.lines(pod, spec or {}, begin, now):
                if line[0] > said:
                    yield line
            said = now
            await asyncio.sleep(1.0)

    def _span(
        self, pod: Json, container: str, *, previous: bool
    ) -> tuple[datetime, datetime | None]:
        """Return when the asked run began and, if it has, ended."""
        status = _status(pod, container)
        state = (status or {}).get("lastState" if previous else "state") or {}
        if not previous and "waiting" in state and (status or {}).get("lastState"):
            state = (status or {})["lastState"]  # between two runs the last one is shown
        meta = pod["metadata"]
        if "running" in state:
            return parse_timestamp(state["running"]["startedAt"]), None
        if "terminated" in state:
            ended = state["terminated"]
            return parse_timestamp(ended["startedAt"]), parse_timestamp(ended["finishedAt"])
        if previous:
            text = f'previous terminated container "{container}" in pod "{meta["name"]}" not found'
            raise errors.bad_request(text)
        waits = (state.get("waiting") or {}).get("reason", "")
        why = _WAITING.get(waits, "is waiting to start: " + (waits or "ContainerCreating"))
        text = f'container "{container}" in pod "{meta["name"]}" {why}'
        raise errors.bad_request(text)

    def _lines(
        self, pod: Json, container: str, begin: datetime, end: datetime, *, previous: bool
    ) -> list[Line]:
        wrote = self._written(pod, container, previous)
        if wrote:
            return [(end, text) for text in wrote.decode(errors="replace").splitlines()]
        spec = environment.container_of(pod, container) or {}
        found = list(logs.lines(pod, spec, begin, end))
        status = _status(pod, container) or {}
        state = status.get("lastState" if previous else "state") or {}
        if "waiting" in state:
            state = status.get("lastState") or {}
        if (state.get("terminated") or {}).get("exitCode"):
            found += logs.crash_lines(spec, end)
        return found

    # --- exec -------------------------------------------------------------

    async def exec(
        self, pod: Json, container: str, command: list[str], stdin: bytes | None
    ) -> ExecResult:
        """Run a command in a container.

        Raises:
            ApiError: The container does not run, or its node is lost.
        """
        self._dial(pod)
        status, spec = _status(pod, container), environment.container_of(pod, container)
        if spec is None or status is None or "running" not in (status.get("state") or {}):
            name = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}"
            raise errors.ApiError(
                500,
                "InternalError",
                f'unable to upgrade connection: container not found ("{container}") in {name}',
            )
        env = environment.environment(self._store, pod, spec)
        file = commands.script_file(command)
        if file and is_mongo(spec):
            ended = await self._hooks.run(pod, spec, file, env)
            if ended is not None:
                return ended
        argv = commands.unwrap(command)
        if argv and commands.base(argv[0]) in ("mongosh", "mongo") and is_mongo(spec):
            return self._mongosh(pod, argv[1:], env, stdin)
        if argv and commands.base(argv[0]) == "cat" and len(argv) == 2:
            text = environment.read_file(self._store, pod, spec, argv[1])
            if text is not None:
                return ExecResult(text.encode())
            if argv[1] != "/etc/hostname":
                text = f"cat: can't open '{argv[1]}': No such file or directory\n"
                return ExecResult(b"", text.encode(), 1)
        if argv == ["cat"]:
            return ExecResult(stdin or b"")
        return commands.run(self._store, pod, spec, env, command)

    def _mongosh(
        self, pod: Json, argv: list[str], env: dict[str, str], stdin: bytes | None
    ) -> ExecResult:
        try:
            asked = shell.arguments(argv)
        except ScriptError as error:
            return ExecResult(b"", shell.unknown(str(error)), 1)
        if asked.files:
            return ExecResult(b"", shell.unknown(f"the file {asked.files[0]} is not known"), 1)
        if not asked.scripts and stdin:
            asked.scripts.append(stdin.decode(errors="replace"))
        connection = self.sets.connection(pod)
        if connection is None:
            text = "MongoNetworkError: connect ECONNREFUSED 127.0.0.1:27017\n"
            return ExecResult(b"", text.encode(), 1)
        return shell.run(asked, connection, env)

    def evict(self, store: Store, pod: Json, options: Json) -> Json:
        """Evict a pod if every disruption budget over it allows that.

        Raises:
            ApiError: 429 when a budget forbids it now.
        """
        return evict(store, pod, options)


_WAITING = {
    "ImagePullBackOff": "is waiting to start: trying and failing to pull image",
    "ErrImagePull": "is waiting to start: image can't be pulled",
}


def _form(line: Line, *, timestamps: bool) -> bytes:
    at, text = line
    mark = at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z " if timestamps else ""
    return f"{mark}{text}\n".encode()


def _status(pod: Json, container: str) -> Json | None:
    status = pod.get("status") or {}
    for name in ("containerStatuses", "initContainerStatuses"):
        for item in status.get(name) or ():
            if item["name"] == container:
                return item  # type: ignore[no-any-return]
    return None
