"""Nodes: what they offer, their heartbeat, and what happens to pods when one is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sandbox.kube.clock import micro_timestamp, parse_timestamp
from sandbox.kube.controllers import fit
from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.meta import Json, deleting, key_of, with_condition
from sandbox.kube.controllers.work import Key
from sandbox.kube.resources import LEASES, NAMESPACES, NODES, PODS, Resource

SOURCE = "node-controller"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
VERSION = "v1.35.4"

_CONDITIONS = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)  # fmt: skip
_UNREACHABLE = "node.kubernetes.io/unreachable"
_CORDONED = "node.kubernetes.io/unschedulable"


def node(
    name: str,
    number: int,
    now: str,
    *,
    cpu: str = "4",
    memory: str = "16Gi",
    pods: int = 110,
    labels: Mapping[str, str] | None = None,
) -> Json:
    """Return a Node object that is ready.

    Args:
        name: Its name.
        number: Gives its address, 10.0.0.number.
        now: The present as the API writes it.
        cpu: Allocatable CPU.
        memory: Allocatable memory.
        pods: How many pods it takes.
        labels: Further labels.
    """
    size = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi"}
    address = f"10.0.{number // 250}.{number % 250 + 1}"
    return {
        "metadata": {
            "name": name,
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                **(labels or {}),
            },
        },
        "spec": {"podCIDR": f"10.244.{number % 250}.0/24", "providerID": f"sandbox://{name}"},
        "status": {
            "capacity": dict(size),
            "allocatable": dict(size),
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "conditions": _healthy(now),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": _machine(name),
        },
    }


def _healthy(now: str) -> list[Json]:
    return [
        {
            "type": kind,
            "status": value,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, value, reason, message in _CONDITIONS
    ]


def _machine(name: str) -> Json:
    return {
        "architecture": "amd64",
        "bootID": f"boot-{name}",
        "containerRuntimeVersion": "containerd://2.1.4",
        "kernelVersion": "6.12.0-practice",
        "kubeProxyVersion": "",
        "kubeletVersion": VERSION,
        "machineID": f"machine-{name}",
        "operatingSystem": "linux",
        "osImage": "Practice Linux 1",
        "systemUUID": f"system-{name}",
    }


class Nodes(Controller):
    """Renews leases, marks lost nodes and evicts their pods."""

    name = "nodes"
    level = 3

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._beating: set[str] = set()

    def watches(self) -> Mapping[Resource, Handler]:
        """Nodes; pods are looked at when a node is lost."""
        return {NODES: self.enqueue}

    def reconcile(self, key: Key) -> None:
        """Beat, or count the silence."""
        name = key[1]
        node = self.ctx.store.peek(NODES, None, name)
        if node is None:
            self._gone(name)
            return
        if name in self.ctx.down:
            self._silent(key, node)
        else:
            self._alive(key, node)

    def _alive(self, key: Key, node: Json) -> None:
        now, name = self.ctx.now(), key[1]
        lease = self._lease(node)
        due = now
        if lease is not None:
            renewed = parse_timestamp(lease["spec"]["renewTime"])
            due = renewed + timedelta(seconds=self.ctx.pace.heartbeat)
        if now >= due or lease is None:
            self._renew(node, lease)
            self.again(key, self.ctx.pace.heartbeat)
            self._beating.add(name)
        elif name not in self._beating:
            self._beating.add(name)
            self.again(key, (due - now).total_seconds())
        self._show(node, "True", "KubeletReady", "kubelet is posting ready status")

    def _silent(self, key: Key, node: Json) -> None:
        self._beating.discard(key[1])
        lease = self._lease(node)
        last = parse_timestamp(lease["spec"]["renewTime"]) if lease else self.ctx.now()
        left = self.ctx.pace.node_grace - (self.ctx.now() - last).total_seconds()
        if left > 0:
            self.again(key, left)
            return
        self._show(node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        self._evict(key)

    def lose(self, name: str) -> None:
        """Treat a node that is down as lost at once, without waiting for its lease."""
        lease = self.ctx.store.find(LEASES, LEASE_NAMESPACE, name)
        if lease is not None:
            long_ago = self.ctx.now() - timedelta(seconds=self.ctx.pace.node_grace + 1)
            lease["spec"]["renewTime"] = micro_timestamp(long_ago)
            self.ctx.store.update(LEASES, lease)
        self.again(("", name), 0)

    def _lease(self, node: Json) -> Json | None:
        return self.ctx.store.peek(LEASES, LEASE_NAMESPACE, node["metadata"]["name"])

    def _renew(self, node: Json, lease: Json | None) -> None:
        if self.ctx.store.peek(NAMESPACES, None, LEASE_NAMESPACE) is None:
            self.ctx.store.create(NAMESPACES, {"metadata": {"name": LEASE_NAMESPACE}})
        meta = node["metadata"]
        spec = {
            "holderIdentity": meta["name"],
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": micro_timestamp(self.ctx.now()),
        }
        if lease is not None:
            self.ctx.store.update(LEASES, {"metadata": lease["metadata"], "spec": spec})
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": meta["name"], "uid": meta["uid"]}
        body = {
            "metadata": {
                "name": meta["name"],
                "namespace": LEASE_NAMESPACE,
                "ownerReferences": [owner],
            },
            "spec": spec,
        }
        self.ctx.store.create(LEASES, body)

    def _show(self, node: Json, value: str, reason: str, message: str) -> None:
        """Write the Ready condition and the taints that go with it."""
        status = dict(node.get("status") or {})
        had = list(status.get("conditions") or ())
        conditions = had
        kinds = ["Ready"] if value == "True" else [kind for kind, *_ in _CONDITIONS]
        words = {kind: (v, r, m) for kind, v, r, m in _CONDITIONS}
        for kind in kinds if value != "True" else words:
            v, r, m = words[kind] if value == "True" else (value, reason, message)
            conditions = with_condition(conditions, kind, v, self.ctx.stamp(), reason=r, message=m)
        if conditions != had:
            status["conditions"] = conditions
            self.ctx.put_status(NODES, node, status)
            word = "NodeReady" if value == "True" else "NodeNotReady"
            text = f"Node {node['metadata']['name']} status is now: {word}"
            self.ctx.events.normal(node, word, text, source=SOURCE)
        self._taint(node, lost=value != "True")

    def _taint(self, node: Json, *, lost: bool) -> None:
        taints = [t for t in node["spec"].get("taints") or () if t["key"] not in _OURS]
        if node["spec"].get("unschedulable"):
            taints.append({"key": _CORDONED, "effect": "NoSchedule"})
        if lost:
            taints.append({"key": _UNREACHABLE, "effect": "NoSchedule"})
            taints.append({"key": _UNREACHABLE, "effect": "NoExecute"})
        if _bare(taints) == _bare(node["spec"].get("taints") or []):
            return
        stamp = self.ctx.stamp()

        def change(copy: Json) -> None:
            copy["spec"]["taints"] = [
                {**t, "timeAdded": t.get("timeAdded", stamp)} if t["key"] in _OURS else t
                for t in taints
            ]
            if not taints:
                del copy["spec"]["taints"]

        self.ctx.edit(NODES, node, change)

    def _evict(self, key: Key) -> None:
        """Mark a lost node's pods not ready, and delete them once they bore it long enough."""
        now, taint = self.ctx.now(), {"key": _UNREACHABLE, "effect": "NoExecute"}
        node = self.ctx.store.peek(NODES, None, key[1])
        added = next(
            (t["timeAdded"] for t in (node or {"spec": {}})["spec"].get("taints") or ()
             if t["key"] == _UNREACHABLE and "timeAdded" in t),
            self.ctx.stamp(),
        )  # fmt: skip
        passed = (now - parse_timestamp(added)).total_seconds()
        for pod in self.ctx.index.on_node(key[1]):
            self._unready(pod)
            if deleting(pod):
                continue
            bears = fit.tolerated(pod["spec"], taint)
            if bears is not None and bears.get("tolerationSeconds") is None:
                continue
            seconds = self.ctx.pace.eviction if bears is None else bears["tolerationSeconds"]
            left = min(float(seconds), self.ctx.pace.eviction) - passed
            if left > 0:
                self.again(key, left)
                continue
            ns, name = key_of(pod)
            self.ctx.events.normal(
                pod, "TaintManagerEviction", f"Marking for deletion Pod {ns}/{name}", source=SOURCE
            )
            self.ctx.remove(PODS, pod)

    def _unready(self, pod: Json) -> None:
        status = dict(pod.get("status") or {})
        if status.get("phase") in ("Succeeded", "Failed"):
            return
        status["conditions"] = with_condition(
            status.get("conditions") or (), "Ready", "False", self.ctx.stamp()
        )
        self.ctx.put_status(PODS, pod, status)

    def _gone(self, name: str) -> None:
        """A deleted node's pods go with it."""
        self._beating.discard(name)
        for pod in self.ctx.index.on_node(name):
            self.ctx.remove(PODS, pod, grace=0)


_OURS = (_UNREACHABLE, _CORDONED)


def _bare(taints: list[Json]) -> list[tuple[str, str, str]]:
    return sorted((t["key"], t.get("value", ""), t["effect"]) for t in taints)
