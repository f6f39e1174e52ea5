"""ReplicaSets: as many pods as wanted."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    controller_of,
    deleting,
    key_of,
    labels,
    matches,
    owner_ref,
    pod_active,
    pod_available,
    pod_ready,
    uid,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import PODS, REPLICASETS, Resource

SOURCE = "replicaset-controller"
BURST = 250
"""Pods made or removed in one go, so that other tasks get their turn."""


class ReplicaSets(Controller):
    """Creates and deletes the pods of ReplicaSets and counts them."""

    name = "replicasets"
    level = 1

    def watches(self) -> Mapping[Resource, Handler]:
        """ReplicaSets, their pods, and pods without an owner."""
        return {REPLICASETS: self.enqueue, PODS: self._pod_changed}

    def _pod_changed(self, event: Event) -> None:
        self.enqueue_owner("ReplicaSet")(event)
        if event.type != "DELETED" and controller_of(event.object) is None:
            namespace = event.object["metadata"]["namespace"]
            for candidate in self.ctx.store.scan(REPLICASETS, namespace):
                if matches(candidate["spec"]["selector"], labels(event.object)):
                    self.ctx.work.add(self.name, key_of(candidate))

    def reconcile(self, key: Key) -> None:
        """Create or delete pods up to a burst, then write the status."""
        rs = self.ctx.store.peek(REPLICASETS, *key)
        if rs is None:
            return
        pods = [pod for pod in self.ctx.index.owned(uid(rs), PODS) if pod_active(pod)]
        if not deleting(rs):
            pods += self._adopt(rs)
            wanted = rs["spec"].get("replicas", 1)
            if len(pods) < wanted:
                self._grow(rs, min(wanted - len(pods), BURST))
            elif len(pods) > wanted:
                self._shrink(rs, pods, min(len(pods) - wanted, BURST))
            if abs(len(pods) - wanted) > BURST:
                self.again(key, 0)
        current = [pod for pod in self.ctx.index.owned(uid(rs), PODS) if pod_active(pod)]
        self._write_status(rs, current)

    def _adopt(self, rs: Json) -> list[Json]:
        """Take matching pods that nobody owns."""
        taken = []
        for pod in self.ctx.index.orphans(PODS, rs["metadata"]["namespace"]):
            if pod_active(pod) and matches(rs["spec"]["selector"], labels(pod)):
                self.ctx.edit(
                    PODS,
                    pod,
                    lambda copy: copy["metadata"].__setitem__("ownerReferences", [owner_ref(rs)]),
                )
                taken.append(pod)
        return taken

    def _grow(self, rs: Json, count: int) -> None:
        template = rs["spec"]["template"]
        meta = template.get("metadata") or {}
        fresh = {
            "metadata": {
                "generateName": rs["metadata"]["name"] + "-",
                "namespace": rs["metadata"]["namespace"],
                "labels": meta.get("labels") or {},
                "annotations": meta.get("annotations") or {},
                "finalizers": meta.get("finalizers") or [],
                "ownerReferences": [owner_ref(rs)],
            },
            "spec": template["spec"],
        }
        for _ in range(count):
            pod = self.ctx.store.create(PODS, fresh)
            self.ctx.events.normal(
                rs, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", source=SOURCE
            )

    def _shrink(self, rs: Json, pods: list[Json], count: int) -> None:
        for pod in sorted(pods, key=_worth)[:count]:
            self.ctx.remove(PODS, pod)
            self.ctx.events.normal(
                rs, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", source=SOURCE
            )

    def _write_status(self, rs: Json, pods: list[Json]) -> None:
        min_ready = rs["spec"].get("minReadySeconds", 0)
        want = ((rs["spec"]["template"].get("metadata") or {}).get("labels") or {}).items()
        now = self.ctx.now()
        waits = [pod_available(pod, min_ready, now) for pod in pods]
        status: Json = {"replicas": len(pods)}
        counts = {
            "fullyLabeledReplicas": sum(1 for p in pods if want <= labels(p).items()),
            "readyReplicas": sum(1 for wait in waits if wait is not None),
            "availableReplicas": sum(1 for wait in waits if wait == 0),
        }
        status |= {name: n for name, n in counts.items() if n}
        status["observedGeneration"] = rs["metadata"].get("generation", 1)
        if (rs.get("status") or {}).get("conditions"):
            status["conditions"] = rs["status"]["conditions"]
        self.ctx.put_status(REPLICASETS, rs, status)
        soon = [wait for wait in waits if wait]
        if soon:
            self.again(key_of(rs), min(soon))


def _worth(pod: Json) -> tuple[bool, bool, bool, int, int, float]:
    """Sort key: the pods that are missed least come first (client-go's ``ActivePods``)."""
    status = pod.get("status") or {}
    cost = int((pod["metadata"].get("annotations") or {}).get(_COST, 0))
    restarts = sum(c.get("restartCount", 0) for c in status.get("containerStatuses") or ())
    age = pod["metadata"]["creationTimestamp"]
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        pod_ready(pod),
        cost,
        -restarts,
        -float("".join(filter(str.isdigit, age))),
    )


_COST = "controller.kubernetes.io/pod-deletion-cost"
