"""Places pods on nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from sandbox.kube.controllers import fit
from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    controller_of,
    deleting,
    is_true,
    key_of,
    with_condition,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import NODES, PERSISTENTVOLUMECLAIMS, PODS, STORAGECLASSES, Resource

NAME = "default-scheduler"
SELECTED_NODE = "volume.kubernetes.io/selected-node"


class Scheduler(Controller):
    """Binds each pod to the fitting node with the fewest pods, its siblings counting most."""

    name = "scheduler"
    level = 0

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._seen: dict[Key, float] = {}
        self._waiting: set[Key] = set()
        self._rooms: dict[str, fit.Room] = {}

    def watches(self) -> Mapping[Resource, Handler]:
        """New pods; and whatever may make room for those that wait."""
        return {
            PODS: self._pod_changed,
            NODES: self._node_changed,
            PERSISTENTVOLUMECLAIMS: self._retry_all,
        }

    def _pod_changed(self, event: Event) -> None:
        key = key_of(event.object)
        node = event.object["spec"].get("nodeName")
        if event.type == "DELETED":
            self._waiting.discard(key)
            if node:
                self._rooms.pop(node, None)
                self._retry_all(event)
        elif not node:
            if event.type == "ADDED":
                self.again(key, self.ctx.pace.schedule)
            elif event.previous and event.previous["spec"] != event.object["spec"]:
                self.again(key, 0)
        elif event.previous is None or _ended(event.object) != _ended(event.previous):
            self._rooms.pop(node, None)
            self._retry_all(event)

    def _node_changed(self, event: Event) -> None:
        self._rooms.pop(event.object["metadata"]["name"], None)
        before = event.previous
        if before is None or any(
            (before.get(part) or {}).get(k) != (event.object.get(part) or {}).get(k)
            for part, k in _MATTERS
        ) or _ready(before) != _ready(event.object):  # fmt: skip
            self._retry_all(event)

    def _retry_all(self, _event: Event) -> None:
        for key in self._waiting:
            self.again(key, 0)
        self._waiting.clear()

    def reconcile(self, key: Key) -> None:
        """Bind the pod, or say why it must wait."""
        pod = self.ctx.store.peek(PODS, *key)
        if pod is None or pod["spec"].get("nodeName") or deleting(pod):
            return
        if pod["spec"].get("schedulerName", NAME) != NAME:
            return
        missing = self._unbound(pod)
        if missing:
            self._refuse(key, pod, missing)
            return
        wants = fit.requests(pod["spec"])
        rooms = self._all_rooms()
        reasons: Counter[str] = Counter()
        fitting = []
        for room in rooms:
            why = fit.misfit(pod, wants, room)
            reasons.update(why)
            if not why:
                fitting.append(room)
        if not fitting:
            self._refuse(key, pod, _unavailable(len(rooms), reasons))
            return
        owner = (controller_of(pod) or {}).get("uid", "")
        best = min(fitting, key=lambda r: (r.owners[owner], len(r.pods), r.name))
        if self._claims_wait(key, pod, best.name):
            return
        self._bind(pod, best, wants)

    def _all_rooms(self) -> list[fit.Room]:
        found = []
        for node in self.ctx.store.scan(NODES):
            name = node["metadata"]["name"]
            if name not in self._rooms:
                self._rooms[name] = fit.room(node, self.ctx.index.on_node(name))
            found.append(self._rooms[name])
        return found

    def _bind(self, pod: Json, room: fit.Room, wants: dict[str, Decimal]) -> None:
        def place(copy: Json) -> None:
            copy["spec"]["nodeName"] = room.name

        self.ctx.edit(PODS, pod, place)
        room.take(pod, wants)
        ns, name = key_of(pod)
        self.ctx.events.normal(
            pod, "Scheduled", f"Successfully assigned {ns}/{name} to {room.name}", source=NAME
        )

    def _refuse(self, key: Key, pod: Json, message: str) -> None:
        self._waiting.add(key)
        status = dict(pod.get("status") or {})
        status["conditions"] = with_condition(
            status.get("conditions") or (),
            "PodScheduled",
            "False",
            self.ctx.stamp(),
            reason="Unschedulable",
            message=message,
        )
        if status != pod.get("status"):
            self.ctx.put_status(PODS, pod, status)
            self.ctx.events.warning(pod, "FailedScheduling", message, source=NAME)

    def _claims(self, pod: Json) -> list[str]:
        return [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["spec"].get("volumes") or ()
            if "persistentVolumeClaim" in volume
        ]

    def _unbound(self, pod: Json) -> str:
        """Say which claim cannot be used at all; empty if none."""
        for name in self._claims(pod):
            claim = self.ctx.store.peek(PERSISTENTVOLUMECLAIMS, pod["metadata"]["namespace"], name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if deleting(claim):
                return f'persistentvolumeclaim "{name}" is being deleted'
            if claim["status"].get("phase") == "Lost":
                return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim["spec"].get("volumeName")}"'  # noqa: E501
            if claim["status"].get("phase") != "Bound" and not self._waits_for_pod(claim):
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _waits_for_pod(self, claim: Json) -> bool:
        kind = self.ctx.store.peek(STORAGECLASSES, None, claim["spec"].get("storageClassName", ""))
        return kind is not None and kind.get("volumeBindingMode") == "WaitForFirstConsumer"

    def _claims_wait(self, key: Key, pod: Json, node: str) -> bool:
        """Ask for the volumes of claims that wait for their pod; True while they come."""
        waiting = False
        for name in self._claims(pod):
            claim = self.ctx.store.peek(PERSISTENTVOLUMECLAIMS, pod["metadata"]["namespace"], name)
            if claim is None or claim["status"].get("phase") == "Bound":
                continue
            waiting = True
            self._waiting.add(key)

            def select(copy: Json) -> None:
                copy["metadata"].setdefault("annotations", {})[SELECTED_NODE] = node

            self.ctx.edit(PERSISTENTVOLUMECLAIMS, claim, select)
        return waiting


_MATTERS = (
    ("spec", "unschedulable"),
    ("spec", "taints"),
    ("metadata", "labels"),
    ("status", "allocatable"),
)


def _ready(node: Json) -> bool:
    return is_true(node.get("status") or {}, "Ready")


def _ended(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _unavailable(count: int, reasons: Counter[str]) -> str:
    if not count:
        return "no nodes available to schedule pods"
    parts = sorted(f"{n} {why}" for why, n in reasons.items())
    helpless = sum(n for why, n in reasons.items() if not _preemptable(why))
    rest = count - helpless
    words = []
    if helpless:
        words.append(f"{helpless} Preemption is not helpful for scheduling")
    if rest > 0:
        words.append(f"{rest} No preemption victims found for incoming pod")
    return (
        f"0/{count} nodes are available: {', '.join(parts)}. preemption: 0/{count} nodes are "
        f"available: {', '.join(words)}."
    )


def _preemptable(why: str) -> bool:
    return why.startswith("Insufficient") or why == "Too many pods" or "anti-affinity" in why
