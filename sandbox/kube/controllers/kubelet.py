"""Every node's kubelet in one: brings bound pods to life and takes deleted ones down."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.kube.controllers import podstatus, references
from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.containers import NEVER, Container, Stage, Surroundings
from sandbox.kube.controllers.meta import Json, deleting, key_of
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import CONFIGMAPS, NODES, PODS, SECRETS, Resource

NAME = "kubelet"


@dataclass(slots=True)
class Run:
    """A pod on its node.

    Attributes:
        uid: The pod's uid.
        inits: Its init containers, in order.
        mains: Its other containers.
        mounted: Whether its volumes are there.
        leaving: When it ends after it was asked to.
    """

    uid: str
    inits: list[Container]
    mains: list[Container]
    mounted: bool = False
    leaving: float = NEVER

    @property
    def containers(self) -> list[Container]:
        """All of them."""
        return [*self.inits, *self.mains]


class Kubelet(Controller):
    """Runs the pods of all nodes that are up."""

    name = "kubelet"
    level = 0

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._runs: dict[Key, Run] = {}
        self._images: dict[str, set[str]] = {}
        self._stuck: dict[str, set[Key]] = {}
        self._next_address = 0
        ctx.behaviours.touched = self.rules_changed

    def watches(self) -> Mapping[Resource, Handler]:
        """Bound pods, and the Secrets and ConfigMaps that stuck ones wait for."""
        return {PODS: self._pod_changed, SECRETS: self._appeared, CONFIGMAPS: self._appeared}

    def run_of(self, pod: Json) -> Run | None:
        """Return the running form of a pod, if its node has begun with it."""
        run = self._runs.get(key_of(pod))
        return run if run is not None and run.uid == pod["metadata"]["uid"] else None

    def written(self, pod: Json, container: str, previous: bool) -> bytes | None:
        """Return what a known program wrote in its latest run or the one before."""
        run = self.run_of(pod)
        for item in run.containers if run else ():
            if item.name == container:
                return item.previous_output if previous else item.output
        return None

    def rules_changed(self) -> None:
        """Look at every pod again: a fault came or went."""
        now = asyncio.get_running_loop().time()
        for key, run in self._runs.items():
            pod = self.ctx.store.peek(PODS, *key)
            if pod is None:
                continue
            around = self._around(pod)
            for container in run.containers:
                container.retry(now)
                container.judge(now, around)
            self.again(key, 0)

    def node_changed(self, node: str) -> None:
        """Look at a node's pods again: it was switched on or off."""
        for pod in self.ctx.index.on_node(node):
            self.again(key_of(pod), 0)

    def _pod_changed(self, event: Event) -> None:
        key = key_of(event.object)
        if event.type == "DELETED":
            self._forget(key, event.object)
        elif event.object["spec"].get("nodeName"):
            before = event.previous
            if before is None or before["spec"] != event.object["spec"] or _left(before, event):
                self.again(key, 0)

    def _forget(self, key: Key, pod: Json) -> None:
        run = self._runs.get(key)
        if run is not None and run.uid == pod["metadata"]["uid"]:
            del self._runs[key]
        for keys in self._stuck.values():
            keys.discard(key)

    def _appeared(self, event: Event) -> None:
        if event.type == "DELETED":
            return
        now = asyncio.get_running_loop().time()
        for key in self._stuck.pop(event.object["metadata"]["namespace"], set()):
            run = self._runs.get(key)
            for container in run.containers if run else ():
                if container.stage is Stage.MISCONFIGURED:
                    container.retry(now)
            self.again(key, 0)

    # --- one pod ----------------------------------------------------------

    def reconcile(self, key: Key) -> None:
        """Move the pod's containers on and write its status."""
        pod = self.ctx.store.peek(PODS, *key)
        if pod is None or not pod["spec"].get("nodeName"):
            return
        if pod["spec"]["nodeName"] in self.ctx.down:
            return
        if self.ctx.store.peek(NODES, None, pod["spec"]["nodeName"]) is None:
            return
        now = asyncio.get_running_loop().time()
        if deleting(pod):
            self._leave(key, pod, now)
            return
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return
        run = self._runs.get(key)
        if run is None or run.uid != pod["metadata"]["uid"]:
            run = self._runs[key] = _new_run(pod)
        around = self._around(pod)
        if self._mount(key, pod, run):
            self._advance(run, now, around)
        self._write(pod, run)
        self._wake(key, run, now)

    def _around(self, pod: Json) -> Surroundings:
        namespace = pod["metadata"]["namespace"]
        return Surroundings(
            pod,
            self.ctx.pace,
            self.ctx.behaviours,
            self.ctx.stamp(),
            self._images.setdefault(pod["spec"].get("nodeName", ""), set()),
            lambda spec: references.missing_in_env(self.ctx.store, namespace, spec),
        )

    def _mount(self, key: Key, pod: Json, run: Run) -> bool:
        if run.mounted:
            return True
        lacking = references.missing_volumes(self.ctx.store, key[0], pod["spec"])
        if not lacking:
            run.mounted = True
            return True
        self._stuck.setdefault(key[0], set()).add(key)
        for sentence in lacking:
            self.ctx.events.warning(
                pod, "FailedMount", sentence, source=NAME, host=pod["spec"]["nodeName"]
            )
        return False

    def _advance(self, run: Run, now: float, around: Surroundings) -> None:
        for container in run.inits:
            if container.stage is Stage.WAITING:
                container.begin(now, around)
            container.advance(now, around)
            started = container.restart == "Always" and container.started_at
            if not (container.succeeded or started):
                return
        for container in run.mains:
            if container.stage is Stage.WAITING:
                container.begin(now, around)
            container.advance(now, around)

    def _write(self, pod: Json, run: Run) -> None:
        status = dict(pod.get("status") or {})
        node = self.ctx.store.peek(NODES, None, pod["spec"]["nodeName"])
        if node is not None and "hostIP" not in status:
            address = _address(node)
            status["hostIP"], status["hostIPs"] = address, [{"ip": address}]
        if run.mounted and "podIP" not in status:
            own = pod["spec"].get("hostNetwork")
            address = status.get("hostIP", "") if own else self._new_address()
            status["podIP"], status["podIPs"] = address, [{"ip": address}]
        built = podstatus.build(
            {**pod, "status": status}, run.inits, run.mains, self.ctx.stamp(), self.ctx.pace
        )
        self.ctx.put_status(PODS, pod, built)
        for container in run.containers:
            for note in container.notes:
                write = self.ctx.events.warning if note.warning else self.ctx.events.normal
                write(pod, note.reason, note.message, source=NAME, host=pod["spec"]["nodeName"])
            container.notes.clear()

    def _wake(self, key: Key, run: Run, now: float) -> None:
        if any(c.stage is Stage.MISCONFIGURED for c in run.containers):
            self._stuck.setdefault(key[0], set()).add(key)
        wake = min((c.wake for c in run.containers), default=NEVER)
        if wake < NEVER:
            self.again(key, wake - now)

    def _leave(self, key: Key, pod: Json, now: float) -> None:
        run = self._runs.get(key)
        if run is None or run.uid != pod["metadata"]["uid"]:
            run = self._runs[key] = _new_run(pod)
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        due = now + min(grace, self.ctx.pace.terminate)
        if run.leaving == NEVER:
            for container in run.containers:
                if container.stage is Stage.RUNNING:
                    self.ctx.events.normal(
                        pod,
                        "Killing",
                        f"Stopping container {container.name}",
                        source=NAME,
                        host=pod["spec"]["nodeName"],
                    )
        run.leaving = min(run.leaving, due)
        if now < run.leaving:
            self.again(key, run.leaving - now)
        elif grace or not pod["metadata"].get("finalizers"):
            self.ctx.remove(PODS, pod, grace=0)

    def _new_address(self) -> str:
        self._next_address = (self._next_address + 1) % (254 * 250)
        return f"10.244.{self._next_address // 250}.{self._next_address % 250 + 2}"


def _left(before: Json, event: Event) -> bool:
    now, then = event.object["metadata"], before["metadata"]
    names = ("deletionTimestamp", "deletionGracePeriodSeconds", "finalizers")
    return any(now.get(name) != then.get(name) for name in names)


def _new_run(pod: Json) -> Run:
    spec = pod["spec"]
    policy = spec.get("restartPolicy", "Always")
    inits = []
    for item in spec.get("initContainers") or ():
        sidecar = item.get("restartPolicy") == "Always"
        retry = "Always" if sidecar else ("Never" if policy == "Never" else "OnFailure")
        inits.append(Container(item, to_end=not sidecar, restart=retry))
    mains = [
        Container(item, to_end=policy != "Always", restart=policy) for item in spec["containers"]
    ]
    return Run(pod["metadata"]["uid"], inits, mains)


def _address(node: Json) -> str:
    for item in (node.get("status") or {}).get("addresses") or ():
        if item["type"] == "InternalIP":
            return str(item["address"])
    return "10.0.0.1"
