"""StatefulSets: numbered pods with their own volumes, made, updated and ended in order.

Follows ``pkg/controller/statefulset/stateful_set_control.go``, down to its best-known trap: with
the ordered policy a pod that does not get ready blocks every later step, a better template
included, until somebody deletes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers import claims, revisions
from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    controller_of,
    deleting,
    key_of,
    labels,
    matches,
    owner_ref,
    pod_available,
    pod_ready,
    uid,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import PODS, STATEFULSETS, Resource

SOURCE = "statefulset-controller"


class StatefulSets(Controller):
    """Takes one step per look, as far as the order allows."""

    name = "statefulsets"
    level = 1

    def watches(self) -> Mapping[Resource, Handler]:
        """StatefulSets, their pods, and pods without an owner."""
        return {STATEFULSETS: self.enqueue, PODS: self._pod_changed}

    def _pod_changed(self, event: Event) -> None:
        self.enqueue_owner("StatefulSet")(event)
        if event.type != "DELETED" and controller_of(event.object) is None:
            namespace = event.object["metadata"]["namespace"]
            for candidate in self.ctx.store.scan(STATEFULSETS, namespace):
                if _belongs(candidate, event.object):
                    self.ctx.work.add(self.name, key_of(candidate))

    def reconcile(self, key: Key) -> None:
        """Take a step, then write the status."""
        sts = self.ctx.store.peek(STATEFULSETS, *key)
        if sts is None:
            return
        if not deleting(sts):
            self._adopt(sts)
        update = revisions.ensure(self.ctx, sts)
        current = (sts.get("status") or {}).get("currentRevision")
        if not current or not any(
            r["metadata"]["name"] == current for r in revisions.all_of(self.ctx, sts)
        ):
            current = update["metadata"]["name"]
        if not deleting(sts):
            _Step(self, sts, current, update).take()
        self._write_status(sts, current, update["metadata"]["name"])

    def _adopt(self, sts: Json) -> None:
        """Take the set's pods and revisions that nobody owns, as a restore leaves them."""
        revisions.adopt(self.ctx, sts)
        for pod in self.ctx.index.orphans(PODS, sts["metadata"]["namespace"]):
            if _belongs(sts, pod) and not deleting(pod):
                self.ctx.edit(
                    PODS,
                    pod,
                    lambda copy: copy["metadata"].__setitem__("ownerReferences", [owner_ref(sts)]),
                )

    def pods_of(self, sts: Json) -> dict[int, Json]:
        """Return the set's pods by ordinal."""
        found = {}
        for pod in self.ctx.index.owned(uid(sts), PODS):
            number = pod["metadata"]["name"].rpartition("-")[2]
            if number.isdigit():
                found[int(number)] = pod
        return found

    def _write_status(self, sts: Json, current: str, update: str) -> None:
        pods = list(self.pods_of(sts).values())
        now = self.ctx.now()
        least = sts["spec"].get("minReadySeconds", 0)
        waits = [pod_available(pod, least, now) for pod in pods if _running(pod)]
        live = [pod for pod in pods if not deleting(pod)]
        counts = {
            "currentReplicas": sum(1 for pod in live if _revision(pod) == current),
            "updatedReplicas": sum(1 for pod in live if _revision(pod) == update),
            "readyReplicas": sum(1 for wait in waits if wait is not None),
        }
        total = sts["spec"].get("replicas", 1)
        done = counts["updatedReplicas"] == total == len(pods) == counts["readyReplicas"]
        rolling = (sts["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
        if done and rolling == "RollingUpdate":
            current, counts["currentReplicas"] = update, counts["updatedReplicas"]
        status: Json = {
            "observedGeneration": sts["metadata"].get("generation", 1),
            "replicas": len(pods),
            **{name: n for name, n in counts.items() if n},
            "availableReplicas": sum(1 for wait in waits if wait == 0),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        self.ctx.put_status(STATEFULSETS, sts, status)
        soon = [wait for wait in waits if wait]
        if soon:
            self.again(key_of(sts), min(soon))
        used = {current, update, *(f"{sts['metadata']['name']}-{_tag(pod)}" for pod in pods)}
        revisions.clean(self.ctx, sts, used)


def _belongs(sts: Json, pod: Json) -> bool:
    """Whether a pod has the labels of a set and a name that it would give."""
    parent, _, number = pod["metadata"]["name"].rpartition("-")
    named = parent == sts["metadata"]["name"] and number.isdigit()
    return named and matches(sts["spec"]["selector"], labels(pod))


class _Step:
    """One look at one StatefulSet."""

    def __init__(self, home: StatefulSets, sts: Json, current: str, update: Json) -> None:
        self._home, self._ctx, self._sts = home, home.ctx, sts
        self._current, self._update = current, update
        spec = sts["spec"]
        self._ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        self._first = int((spec.get("ordinals") or {}).get("start", 0))
        self._end = self._first + int(spec.get("replicas", 1))
        self._pods = home.pods_of(sts)

    def take(self) -> None:
        """Create, then end, then update; the order may stop it anywhere."""
        claims.own(self._ctx, self._sts)
        if self._create() and self._end_surplus():
            self._roll()

    def _create(self) -> bool:
        for number in range(self._first, self._end):
            pod = self._pods.get(number)
            if pod is not None and not deleting(pod) and _ended(pod):
                phase = pod["status"]["phase"]
                reason = "RecreatingFailedPod" if phase == "Failed" else "RecreatingTerminatedPod"
                self._note(
                    reason,
                    f"StatefulSet {self._named()} is recreating {phase.lower()} Pod "
                    f"{pod['metadata']['name']}",
                )
                self._ctx.remove(PODS, pod)
                return False
            if pod is None:
                self._make(number)
                if self._ordered:
                    return False
            elif self._ordered and (deleting(pod) or not self._healthy(pod)):
                return False
        return True

    def _end_surplus(self) -> bool:
        outside = sorted(n for n in self._pods if not self._first <= n < self._end)
        for number in reversed(outside):
            pod = self._pods[number]
            if deleting(pod):
                if self._ordered:
                    return False
                continue
            claims.release(self._ctx, self._sts, pod)
            self._delete(pod)
            if self._ordered:
                return False
        return True

    def _roll(self) -> None:
        strategy = self._sts["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
        goal = self._update["metadata"]["name"]
        for number in reversed(range(max(self._first, partition), self._end)):
            pod = self._pods.get(number)
            if pod is None or deleting(pod):
                return
            if _revision(pod) != goal:
                self._delete(pod)
                return
            if not self._healthy(pod):
                return

    def _healthy(self, pod: Json) -> bool:
        least = self._sts["spec"].get("minReadySeconds", 0)
        return _running(pod) and pod_available(pod, least, self._ctx.now()) == 0

    def _delete(self, pod: Json) -> None:
        self._ctx.remove(PODS, pod)
        self._note("SuccessfulDelete",
                   f"delete Pod {pod['metadata']['name']} in StatefulSet "
                   f"{self._sts['metadata']['name']} successful")  # fmt: skip

    def _make(self, number: int) -> None:
        meta = self._sts["metadata"]
        revision = self._revision_for(number)
        template = revisions.template_of(revision)
        name = f"{meta['name']}-{number}"
        spec = {**template["spec"], "hostname": name}
        if self._sts["spec"].get("serviceName"):
            spec["subdomain"] = self._sts["spec"]["serviceName"]
        mounts = claims.ensure(self._ctx, self._sts, number)
        replaced = {volume["name"] for volume in mounts}
        kept = [v for v in spec.get("volumes") or () if v["name"] not in replaced]
        spec["volumes"] = [*mounts, *kept]
        self._ctx.store.create(
            PODS,
            {
                "metadata": {
                    "name": name,
                    "generateName": f"{meta['name']}-",
                    "namespace": meta["namespace"],
                    "labels": {
                        **labels(template),
                        "apps.kubernetes.io/pod-index": str(number),
                        revisions.HASH_LABEL: revision["metadata"]["name"],
                        "statefulset.kubernetes.io/pod-name": name,
                    },
                    "annotations": (template.get("metadata") or {}).get("annotations") or {},
                    "ownerReferences": [owner_ref(self._sts)],
                },
                "spec": spec,
            },
        )
        self._note(
            "SuccessfulCreate", f"create Pod {name} in StatefulSet {meta['name']} successful"
        )

    def _revision_for(self, number: int) -> Json:
        """Below the partition, a new pod gets the current revision, else the update's."""
        strategy = self._sts["spec"].get("updateStrategy") or {}
        partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
        if strategy.get("type", "RollingUpdate") == "RollingUpdate" and number < partition:
            for revision in revisions.all_of(self._ctx, self._sts):
                if revision["metadata"]["name"] == self._current:
                    return revision
        return self._update

    def _named(self) -> str:
        return f"{self._sts['metadata']['namespace']}/{self._sts['metadata']['name']}"

    def _note(self, reason: str, message: str) -> None:
        self._ctx.events.normal(self._sts, reason, message, source=SOURCE)


def _revision(pod: Json) -> str:
    return labels(pod).get(revisions.HASH_LABEL, "")


def _tag(pod: Json) -> str:
    return _revision(pod).rpartition("-")[2]


def _running(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running" and pod_ready(pod)


def _ended(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")
