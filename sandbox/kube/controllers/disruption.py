"""PodDisruptionBudgets: how many pods may go, and evictions that ask for one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sandbox.kube import errors
from sandbox.kube.clock import timestamp
from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    controller_of,
    deleting,
    key_of,
    labels,
    matches,
    pod_ready,
    share,
    with_condition,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import PDBS, PODS, Resource
from sandbox.kube.store import Store

SOURCE = "controllermanager"
RETRY_AFTER = 10
"""Seconds a refused eviction is told to wait (``pkg/registry/core/pod/storage/eviction.go``)."""


class Budgets(Controller):
    """Counts the pods under each budget."""

    name = "budgets"
    level = 3

    def watches(self) -> Mapping[Resource, Handler]:
        """Budgets, and pods whose health changed."""
        return {PDBS: self.enqueue, PODS: self._pod_changed}

    def _pod_changed(self, event: Event) -> None:
        pod, before = event.object, event.previous
        if before is not None and event.type != "DELETED" and _healthy(pod) == _healthy(before):
            return
        for budget in self.ctx.store.scan(PDBS, pod["metadata"]["namespace"]):
            if matches(budget["spec"].get("selector"), labels(pod)):
                self.ctx.work.add(self.name, key_of(budget))

    def reconcile(self, key: Key) -> None:
        """Write the budget's status."""
        budget = self.ctx.store.peek(PDBS, *key)
        if budget is None or deleting(budget):
            return
        pods = [
            pod
            for pod in self.ctx.index.pods_in(key[0])
            if matches(budget["spec"].get("selector"), labels(pod))
        ]
        if not pods:
            text = "No matching pods found"
            self.ctx.events.normal(budget, "NoPods", text, source=SOURCE)
        try:
            status = _status(budget, pods, self.ctx.store, self.ctx.now())
        except _Uncountable as error:
            text = f"Failed to calculate the number of expected pods: {error}"
            failed = "CalculateExpectedPodCountFailed"
            self.ctx.events.warning(budget, failed, text, source=SOURCE)
            status = {**(budget.get("status") or {}), "disruptionsAllowed": 0}
            _say(status, "False", "SyncFailed", self.ctx.now(), str(error))
        self.ctx.put_status(PDBS, budget, status)


class _Uncountable(Exception):
    """How many pods there should be cannot be known; the message says why."""


def _healthy(pod: Json) -> bool:
    return not deleting(pod) and pod_ready(pod)


def _scale(store: Store, pods: list[Json]) -> int:
    """How many pods the workloads behind these pods want together; bare pods have none.

    Raises:
        _Uncountable: What stands behind a pod has no scale.
    """
    total, seen = 0, set()
    for pod in pods:
        ref = controller_of(pod)
        if ref is None or ref["uid"] in seen:
            continue
        seen.add(ref["uid"])
        resource = store.registry.by_kind(ref["apiVersion"], ref["kind"])
        namespace = pod["metadata"]["namespace"]
        owner = store.peek(resource, namespace, ref["name"]) if resource else None
        above = controller_of(owner) if owner is not None else None
        if above is not None and above["uid"] not in seen:
            seen.add(above["uid"])
            resource = store.registry.by_kind(above["apiVersion"], above["kind"])
            owner = store.peek(resource, namespace, above["name"]) if resource else owner
        elif above is not None:
            continue
        if resource is not None and "scale" not in resource.subresources:
            raise _Uncountable(f"{resource.qualified} does not implement the scale subresource")
        if owner is None:
            raise _Uncountable(f'found no controllers for pod "{pod["metadata"]["name"]}"')
        total += int(owner["spec"].get("replicas", 1))
    return total


def _status(budget: Json, pods: list[Json], store: Store, now: datetime) -> Json:
    spec, old = budget["spec"], dict(budget.get("status") or {})
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    expected = wanted = 0
    if most is not None:
        expected = _scale(store, pods)
        wanted = max(0, expected - share(most, expected, up=True))
    elif isinstance(least, str):
        expected = _scale(store, pods)
        wanted = share(least, expected, up=True)
    elif least is not None:
        expected, wanted = len(pods), int(least)
    healthy = sum(1 for pod in pods if _healthy(pod))
    allowed = max(0, healthy - wanted) if expected > 0 else 0
    status = {
        **old,
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "expectedPods": expected,
        "disruptionsAllowed": allowed,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    words = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    _say(status, *words, now)
    return status


def _say(status: Json, value: str, reason: str, now: datetime, message: str = "") -> None:
    """Set the only condition that a budget has; it has all its fields."""
    (told,) = with_condition(
        [{k: v for k, v in item.items() if v} for item in status.get("conditions") or ()],
        "DisruptionAllowed",
        value,
        timestamp(now),
        reason=reason,
        message=message,
    )
    generation = status.get("observedGeneration", 0)
    told = {"message": "", **told} | ({"observedGeneration": generation} if generation else {})
    status["conditions"] = [told]


def evict(store: Store, pod: Json, options: Json) -> Json:
    """Delete a pod as an eviction does, if every budget over it allows that.

    Args:
        store: The cluster's objects.
        pod: The pod to evict.
        options: The Eviction's ``deleteOptions``.

    Returns:
        The ``metav1.Status`` of success.

    Raises:
        ApiError: 429 when a budget forbids it now, 500 when several cover the pod.
    """
    meta, dry_run = pod["metadata"], bool(options.get("dryRun"))
    phase = (pod.get("status") or {}).get("phase")
    budgets = [
        budget
        for budget in store.scan(PDBS, meta["namespace"])
        if matches(budget["spec"].get("selector"), labels(pod))
    ]
    if phase not in ("Succeeded", "Failed", "Pending") and not deleting(pod) and budgets:
        if len(budgets) > 1:
            text = (
                "This pod has more than one PodDisruptionBudget, which the eviction subresource "
                "does not support."
            )
            raise errors.ApiError(500, "InternalError", text)
        _charge(store, budgets[0], pod, dry_run=dry_run)
    store.delete(
        PODS,
        meta["namespace"],
        meta["name"],
        uid=(options.get("preconditions") or {}).get("uid"),
        grace=options.get("gracePeriodSeconds"),
        dry_run=dry_run,
    )
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _charge(store: Store, budget: Json, pod: Json, *, dry_run: bool) -> None:
    """Take one disruption from the budget.

    Raises:
        ApiError: None is left.
    """
    name, status = budget["metadata"]["name"], budget.get("status") or {}
    current, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
    if not pod_ready(pod) and (always or (current >= desired and desired > 0)):
        return
    refusal = "Cannot evict pod as it would violate the pod's disruption budget."
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
        cause = f"The disruption budget {name} is still being processed by the server."
        raise errors.too_many_requests(
            refusal, RETRY_AFTER, [errors.Cause("DisruptionBudget", cause)]
        )
    if status.get("disruptionsAllowed", 0) <= 0:
        cause = (
            f"The disruption budget {name} needs {desired} healthy pods and has {current} currently"
        )
        raise errors.too_many_requests(refusal, 0, [errors.Cause("DisruptionBudget", cause)])
    if dry_run:
        return
    fresh = store.get(PDBS, budget["metadata"]["namespace"], name)
    fresh["status"]["disruptionsAllowed"] -= 1
    disrupted = fresh["status"].setdefault("disruptedPods", {})
    disrupted[pod["metadata"]["name"]] = timestamp(store.clock())
    store.update(PDBS, fresh, subresource="status")
