"""HorizontalPodAutoscalers: replicas follow a load that can be steered, between min and max."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    deleting,
    key_of,
    labels,
    matches,
    pod_active,
    pod_ready,
    quantity,
    with_condition,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import HPAS, Resource

SOURCE = "horizontal-pod-autoscaler"
TOLERANCE = 0.1
"""A ratio this close to 1 changes nothing (the real controller's default)."""


class Autoscalers(Controller):
    """Looks at the load every few seconds and resizes its target."""

    name = "autoscalers"
    level = 3

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._looked: dict[Key, float] = {}

    def watches(self) -> Mapping[Resource, Handler]:
        """Autoscalers whose spec changed."""
        return {HPAS: self._changed}

    def _changed(self, event: Event) -> None:
        if event.previous is None or event.previous["spec"] != event.object["spec"]:
            self._looked.pop(key_of(event.object), None)
            self.enqueue(event)

    def look(self) -> None:
        """Look at every autoscaler now: the load was steered."""
        for hpa in self.ctx.store.scan(HPAS):
            self._looked.pop(key_of(hpa), None)
            self.ctx.work.add(self.name, key_of(hpa))

    def reconcile(self, key: Key) -> None:
        """Compute the wanted size and write it."""
        hpa = self.ctx.store.peek(HPAS, *key)
        if hpa is None or deleting(hpa):
            self._looked.pop(key, None)
            return
        now, every = self.ctx.now().timestamp(), max(self.ctx.pace.scale, 1.0)
        left = self._looked.get(key, 0.0) + every - now
        if left > 0.01:
            return
        self._looked[key] = now
        self.again(key, every)
        self._look_at(hpa)

    def _look_at(self, hpa: Json) -> None:
        ref, namespace = hpa["spec"]["scaleTargetRef"], hpa["metadata"]["namespace"]
        resource = self.ctx.store.registry.by_kind(ref["apiVersion"], ref["kind"])
        target = self.ctx.store.peek(resource, namespace, ref["name"]) if resource else None
        status = dict(hpa.get("status") or {})
        if resource is None or target is None:
            plural = resource.qualified if resource else ref["kind"]
            text = (
                "the HPA controller was unable to get the target's current scale: "
                f'{plural} "{ref["name"]}" not found'
            )
            self._say(status, "AbleToScale", "False", "FailedGetScale", text)
            self.ctx.put_status(HPAS, hpa, status)
            self.ctx.events.warning(hpa, "FailedGetScale", text, source=SOURCE)
            return
        current = int(target["spec"].get("replicas", 1))
        if current == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            self._say(status, "ScalingActive", "False", "ScalingDisabled", text)
            wanted = 0
        else:
            wanted = self._wanted(hpa, target, current, status)
        status |= {
            "currentReplicas": current,
            "desiredReplicas": wanted,
        }
        if wanted != current:
            status["lastScaleTime"] = self.ctx.stamp()
            self.ctx.edit(resource, target, lambda c: c["spec"].__setitem__("replicas", wanted))
            why = "above" if wanted > current else "below"
            self.ctx.events.normal(
                hpa,
                "SuccessfulRescale",
                f"New size: {wanted}; reason: cpu resource utilization (percentage of request) "
                f"{why} target",
                source=SOURCE,
            )
        self.ctx.put_status(HPAS, hpa, status)

    def _wanted(self, hpa: Json, target: Json, current: int, status: Json) -> int:
        spec, namespace = hpa["spec"], hpa["metadata"]["namespace"]
        pods = [
            pod
            for pod in self.ctx.index.pods_in(namespace)
            if pod_active(pod) and matches(target["spec"]["selector"], labels(pod))
        ]
        ready = sum(1 for pod in pods if pod_ready(pod))
        self._say(
            status,
            "AbleToScale",
            "True",
            "ReadyForNewScale",
            "recommended size matches current size",
        )
        proposals, shown, broken = [], [], ""
        for metric in spec.get("metrics") or ():
            if metric["type"] != "Resource" or not ready:
                continue
            name = metric["resource"]["name"]
            goal = metric["resource"]["target"].get("averageUtilization")
            asked = _request(pods[0], name)
            if goal is None or not asked:
                broken = (
                    f"missing request for {name} in container of Pod {pods[0]['metadata']['name']}"
                )
                continue
            percent = self.ctx.load.per_pod(namespace, target["metadata"]["name"], name, ready)
            ratio = percent / goal
            steady = abs(ratio - 1) <= TOLERANCE
            proposals.append(current if steady else math.ceil(ready * ratio))
            value = asked * percent / 100
            shown.append(
                {
                    "type": "Resource",
                    "resource": {
                        "name": name,
                        "current": {
                            "averageUtilization": round(percent),
                            "averageValue": f"{round(value * 1000)}m"
                            if name == "cpu"
                            else str(round(value)),
                        },
                    },
                }
            )
        status["currentMetrics"] = shown or None
        self._active(status, bool(proposals), broken)
        return self._clamp(spec, max(proposals, default=current), status)

    def _active(self, status: Json, known: bool, broken: str) -> None:
        if known:
            text = (
                "the HPA was able to successfully calculate a replica count from cpu resource "
                "utilization (percentage of request)"
            )
            self._say(status, "ScalingActive", "True", "ValidMetricFound", text)
        else:
            text = "the HPA was unable to compute the replica count: " + (
                broken or "no metrics returned from resource metrics API"
            )
            self._say(status, "ScalingActive", "False", "FailedGetResourceMetric", text)

    def _clamp(self, spec: Json, wanted: int, status: Json) -> int:
        low, high = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        if wanted > high:
            text = "the desired replica count is more than the maximum replica count"
            self._say(status, "ScalingLimited", "True", "TooManyReplicas", text)
        elif wanted < low:
            text = "the desired replica count is less than the minimum replica count"
            self._say(status, "ScalingLimited", "True", "TooFewReplicas", text)
        else:
            text = "the desired count is within the acceptable range"
            self._say(status, "ScalingLimited", "False", "DesiredWithinRange", text)
        return max(low, min(high, wanted))

    def _say(self, status: Json, kind: str, value: str, reason: str, message: str) -> None:
        status["conditions"] = with_condition(
            status.get("conditions") or (),
            kind,
            value,
            self.ctx.stamp(),
            reason=reason,
            message=message,
        )


def _request(pod: Json, name: str) -> float:
    total = 0.0
    for container in pod["spec"]["containers"]:
        asked = ((container.get("resources") or {}).get("requests") or {}).get(name)
        if asked is None:
            return 0.0
        total += float(quantity(asked))
    return total
