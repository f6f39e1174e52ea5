"""HorizontalPodAutoscalers: replicas follow a load that can be steered, between min and max.

Follows ``pkg/controller/podautoscaler/horizontal.go`` of Kubernetes v1.35, without its patience:
stabilization windows and the rates of ``behavior`` are kept, not obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    deleting,
    key_of,
    labels,
    matches,
    pod_active,
    with_condition,
)
from sandbox.kube.controllers.metrics import Metrics, NoMetric, Reading
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import HPAS, Resource
from sandbox.kube.scaling import scale_of

SOURCE = "horizontal-pod-autoscaler"


class _Unreachable(Exception):
    """The target's scale cannot be read; the message says why."""


class _Undecided(Exception):
    """No size can be computed; conditions and first events are written."""


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
        status = {k: v for k, v in (hpa.get("status") or {}).items() if k != "currentMetrics"}
        status["currentMetrics"] = (hpa.get("status") or {}).get("currentMetrics")
        try:
            resource, target = self._target(hpa)
        except _Unreachable as error:
            text = f"the HPA controller was unable to get the target's current scale: {error}"
            self._say(status, "AbleToScale", "False", "FailedGetScale", text)
            self.ctx.events.warning(hpa, "FailedGetScale", str(error), source=SOURCE)
        else:
            text = "the HPA controller was able to get the target's current scale"
            self._say(status, "AbleToScale", "True", "SucceededGetScale", text)
            self._decide(hpa, resource, target, status)
        self.ctx.put_status(HPAS, hpa, status)

    def _target(self, hpa: Json) -> tuple[Resource, Json]:
        """Find what an autoscaler scales.

        Raises:
            _Unreachable: It is not there, or has no scale.
        """
        ref = hpa["spec"]["scaleTargetRef"]
        group = ref["apiVersion"].rpartition("/")[0]
        found = (r for r in self.ctx.store.registry if (r.group, r.kind) == (group, ref["kind"]))
        resource = next(found, None)
        if resource is None:
            raise _Unreachable(f'no matches for kind "{ref["kind"]}" in group "{group}"')
        if "scale" not in resource.subresources:
            raise _Unreachable("the server could not find the requested resource")
        target = self.ctx.store.peek(resource, hpa["metadata"]["namespace"], ref["name"])
        if target is None:
            raise _Unreachable(f'{resource.qualified} "{ref["name"]}" not found')
        return resource, target

    def _decide(self, hpa: Json, resource: Resource, target: Json, status: Json) -> None:
        spec = hpa["spec"]
        low, high = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        current = int(scale_of(target)["spec"].get("replicas", 0))
        readings: list[Json] | None = None
        why, wanted = "", current
        if current == 0 and low != 0:
            text = "scaling is disabled since the replica count of the target is zero"
            self._say(status, "ScalingActive", "False", "ScalingDisabled", text)
        elif current > high:
            why, wanted = "Current number of replicas above Spec.MaxReplicas", high
        elif current < low:
            why, wanted = "Current number of replicas below Spec.MinReplicas", low
        else:
            readings = []
            try:
                best = self._measure(hpa, target, current, status, readings)
            except _Undecided as error:
                text = str(error)
                self.ctx.events.warning(hpa, "FailedComputeMetricsReplicas", text, source=SOURCE)
                self._put_sizes(status, current, status.get("desiredReplicas", 0), readings)
                return
            above = best.replicas > current
            why = f"{best.name} above target" if above else "All metrics below target"
            text = "recommended size matches current size"
            self._say(status, "AbleToScale", "True", "ReadyForNewScale", text)
            wanted = self._clamp(low, high, best.replicas, status)
        if wanted != current:
            self._resize(hpa, resource, target, wanted, why, status)
        self._put_sizes(status, current, wanted, readings)

    def _resize(
        self, hpa: Json, resource: Resource, target: Json, wanted: int, why: str, status: Json
    ) -> None:
        self.ctx.edit(resource, target, lambda c: c["spec"].__setitem__("replicas", wanted))
        text = f"the HPA controller was able to update the target scale to {wanted}"
        self._say(status, "AbleToScale", "True", "SucceededRescale", text)
        status["lastScaleTime"] = self.ctx.stamp()
        text = f"New size: {wanted}; reason: {why}"
        self.ctx.events.normal(hpa, "SuccessfulRescale", text, source=SOURCE)

    def _put_sizes(
        self, status: Json, current: int, wanted: int, readings: list[Json] | None
    ) -> None:
        status.pop("currentReplicas", None)
        if current:
            status["currentReplicas"] = current
        status["desiredReplicas"], status["currentMetrics"] = wanted, readings or None

    def _measure(
        self, hpa: Json, target: Json, current: int, status: Json, readings: list[Json]
    ) -> Reading:
        """Read all metrics and return the one that asks for most; fills ``readings``.

        Raises:
            _Undecided: Too few could be read.
        """
        namespace = hpa["metadata"]["namespace"]
        pods = [
            pod
            for pod in self.ctx.index.pods_in(namespace)
            if pod_active(pod) and matches(target["spec"]["selector"], labels(pod))
        ]
        self._check_alone(hpa, target, pods, status)
        name = target["metadata"]["name"]
        metrics = Metrics(self.ctx.load, namespace, name, pods, current)
        best, failed = None, list[NoMetric]()
        for metric in hpa["spec"]["metrics"]:
            try:
                reading = metrics.read(metric)
            except NoMetric as error:
                self.ctx.events.warning(hpa, error.reason, str(error), source=SOURCE)
                failed.append(error)
                readings.append({"type": ""})
                continue
            readings.append(reading.status)
            if best is None or reading.replicas > best.replicas:
                best = reading
        if best is None or (failed and best.replicas < current):
            first = failed[0]
            text = f"the HPA was unable to compute the replica count: {first}"
            self._say(status, "ScalingActive", "False", first.reason, text)
            count = f"{len(failed)} invalid out of {len(readings)}"
            raise _Undecided(f"invalid metrics ({count}), first error is: {first.within}{first}")
        text = f"the HPA was able to successfully calculate a replica count from {best.name}"
        self._say(status, "ScalingActive", "True", "ValidMetricFound", text)
        return best

    def _check_alone(self, hpa: Json, target: Json, pods: list[Json], status: Json) -> None:
        """Look for other autoscalers over the same pods.

        Raises:
            _Undecided: There are some.
        """
        namespace, names = hpa["metadata"]["namespace"], list[str]()
        for other in self.ctx.store.scan(HPAS, namespace):
            try:
                selector = self._target(other)[1]["spec"]["selector"]
            except _Unreachable:
                continue
            if any(matches(selector, labels(pod)) for pod in pods):
                names.append(f"{namespace}/{other['metadata']['name']}")
        if len(names) > 1:
            selector = scale_of(target)["status"]["selector"]
            shown = f"[{' '.join(names)}]"
            text = f"pods by selector {selector} are controlled by multiple HPAs: {shown}"
            self._say(status, "ScalingActive", "False", "AmbiguousSelector", text)
            self.ctx.events.warning(hpa, "AmbiguousSelector", text, source=SOURCE)
            raise _Undecided(text)

    def _clamp(self, low: int, high: int, wanted: int, status: Json) -> int:
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
