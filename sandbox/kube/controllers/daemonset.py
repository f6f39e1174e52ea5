"""DaemonSets: one pod on every node that fits."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers import fit, revisions
from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    deleting,
    key_of,
    labels,
    owner_ref,
    pod_active,
    pod_available,
    pod_ready,
    share,
    uid,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import DAEMONSETS, NODES, PODS, Resource

SOURCE = "daemonset-controller"
_TOLERATIONS = [
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
]


class DaemonSets(Controller):
    """Places and updates one pod per fitting node."""

    name = "daemonsets"
    level = 1

    def watches(self) -> Mapping[Resource, Handler]:
        """DaemonSets, their pods, and nodes whose labels or taints change."""
        return {
            DAEMONSETS: self.enqueue,
            PODS: self.enqueue_owner("DaemonSet"),
            NODES: self._node_changed,
        }

    def _node_changed(self, event: Event) -> None:
        before = event.previous
        if (
            before is not None
            and event.type != "DELETED"
            and before["spec"] == event.object["spec"]
            and labels(before) == labels(event.object)
        ):
            return
        for daemon in self.ctx.store.scan(DAEMONSETS):
            self.ctx.work.add(self.name, key_of(daemon))

    def reconcile(self, key: Key) -> None:
        """Create missing pods, remove misplaced ones, update, and write the status."""
        daemon = self.ctx.store.peek(DAEMONSETS, *key)
        if daemon is None:
            return
        revision = revisions.ensure(self.ctx, daemon)
        tag = revision["metadata"]["name"].rpartition("-")[2]
        wanted = [node["metadata"]["name"] for node in self._fitting(daemon)]
        pods = self._by_node(daemon)
        if not deleting(daemon):
            for name in wanted:
                if not any(pod_active(pod) or deleting(pod) for pod in pods.get(name, ())):
                    self._make(daemon, name, tag)
            for name, there in pods.items():
                surplus = there if name not in wanted else there[1:]
                for pod in (*surplus, *(p for p in there if _failed(p))):
                    self._delete(daemon, pod)
            self._roll(daemon, wanted, tag)
        self._write_status(daemon, wanted, tag)
        revisions.clean(self.ctx, daemon, {revision["metadata"]["name"]})

    def _fitting(self, daemon: Json) -> list[Json]:
        template = daemon["spec"]["template"]
        spec = {**template["spec"]}
        spec["tolerations"] = [*(spec.get("tolerations") or ()), *_TOLERATIONS]
        probe = {"metadata": {"namespace": "", "labels": labels(template)}, "spec": spec}
        return [
            node
            for node in self.ctx.store.scan(NODES)
            if not [
                why
                for why in fit.misfit(probe, {}, fit.Room(node, []))
                if why != "node(s) were not ready"
            ]
        ]

    def _by_node(self, daemon: Json) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        for pod in self.ctx.index.owned(uid(daemon), PODS):
            found.setdefault(_target(pod), []).append(pod)
        return found

    def _make(self, daemon: Json, node: str, tag: str) -> None:
        meta, template = daemon["metadata"], daemon["spec"]["template"]
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        affinity = dict(template["spec"].get("affinity") or {})
        affinity["nodeAffinity"] = {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchFields": [field]}]
            }
        }
        tolerations = [*(template["spec"].get("tolerations") or ()), *_TOLERATIONS]
        pod = self.ctx.store.create(
            PODS,
            {
                "metadata": {
                    "generateName": f"{meta['name']}-",
                    "namespace": meta["namespace"],
                    "labels": {
                        **labels(template),
                        revisions.HASH_LABEL: tag,
                        "pod-template-generation": str(meta.get("generation", 1)),
                    },
                    "annotations": (template.get("metadata") or {}).get("annotations") or {},
                    "ownerReferences": [owner_ref(daemon)],
                },
                "spec": {**template["spec"], "affinity": affinity, "tolerations": tolerations},
            },
        )
        self.ctx.events.normal(
            daemon, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", source=SOURCE
        )

    def _delete(self, daemon: Json, pod: Json) -> None:
        if deleting(pod):
            return
        self.ctx.remove(PODS, pod)
        self.ctx.events.normal(
            daemon, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", source=SOURCE
        )

    def _roll(self, daemon: Json, wanted: list[str], tag: str) -> None:
        strategy = daemon["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        most = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        pods = [pod for there in self._by_node(daemon).values() for pod in there]
        ready = sum(1 for pod in pods if pod_active(pod) and pod_ready(pod))
        spare = max(1, share(most, len(wanted), up=True)) - (len(wanted) - ready)
        for pod in sorted(pods, key=pod_ready):
            if labels(pod).get(revisions.HASH_LABEL) == tag or deleting(pod):
                continue
            if pod_ready(pod):
                if spare <= 0:
                    continue
                spare -= 1
            self._delete(daemon, pod)

    def _write_status(self, daemon: Json, wanted: list[str], tag: str) -> None:
        least, now = daemon["spec"].get("minReadySeconds", 0), self.ctx.now()
        placed = {n: [p for p in ps if pod_active(p)] for n, ps in self._by_node(daemon).items()}
        current = [placed[name][0] for name in wanted if placed.get(name)]
        waits = [pod_available(pod, least, now) for pod in current]
        available = sum(1 for wait in waits if wait == 0)
        status: Json = {
            "currentNumberScheduled": len(current),
            "numberMisscheduled": sum(1 for n, ps in placed.items() if ps and n not in wanted),
            "desiredNumberScheduled": len(wanted),
            "numberReady": sum(1 for wait in waits if wait is not None),
            "observedGeneration": daemon["metadata"].get("generation", 1),
        }
        updated = sum(1 for pod in current if labels(pod).get(revisions.HASH_LABEL) == tag)
        missing = len(wanted) - available
        status |= {"updatedNumberScheduled": updated} if updated else {}
        status |= {"numberAvailable": available} if available else {}
        status |= {"numberUnavailable": missing} if missing else {}
        self.ctx.put_status(DAEMONSETS, daemon, status)
        soon = [wait for wait in waits if wait]
        if soon:
            self.again(key_of(daemon), min(soon))


def _target(pod: Json) -> str:
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    terms = pod["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    return str(terms[0]["matchFields"][0]["values"][0])


def _failed(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") == "Failed"
