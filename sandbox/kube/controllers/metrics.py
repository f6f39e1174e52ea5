"""What an autoscaler gets to know about load, and what it is told where there is no metrics API.

Words: ``pkg/controller/podautoscaler`` of Kubernetes v1.35.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.kube.autoscaling import source_field
from sandbox.kube.controllers.load import Load
from sandbox.kube.controllers.meta import Json, pod_ready, quantity
from sandbox.kube.jsonutil import dig

TOLERANCE = 0.1
"""A ratio this close to 1 changes nothing (the real controller's default)."""

_NONE = "the server could not find the requested resource"
_NO_CUSTOM = (
    "unable to fetch metrics from custom metrics API: no custom metrics API "
    "(custom.metrics.k8s.io) registered"
)


class NoMetric(Exception):
    """A metric cannot be read.

    Attributes:
        reason: Of the condition and the event: ``FailedGetResourceMetric``.
        within: What the summary of all metrics puts before the message.
    """

    def __init__(self, reason: str, message: str, within: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.within = within


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric that could be read.

    Attributes:
        replicas: The size that it asks for.
        name: What events call it.
        status: For ``status.currentMetrics``.
    """

    replicas: int
    name: str
    status: Json


@dataclass(frozen=True, slots=True)
class Metrics:
    """Reads metrics of one workload.

    Attributes:
        load: How busy it is.
        namespace: Where it is.
        workload: Its name.
        pods: Those that count for it.
        replicas: Its size now.
    """

    load: Load
    namespace: str
    workload: str
    pods: Sequence[Json]
    replicas: int

    def read(self, metric: Json) -> Reading:
        """Return what a metric of an autoscaler's spec says now.

        Raises:
            NoMetric: It cannot be read.
        """
        kind = metric["type"]
        source = metric[source_field(kind)]
        name = source.get("name") or dig(source, "metric", "name", default="")
        target = source.get("target") or {}
        if kind in ("Resource", "ContainerResource"):
            percent = target.get("averageUtilization") is not None
            within = f"failed to get {name} {'utilization' if percent else 'usage'}: "
            what = f"{source.get('container')} container" if "container" in source else name
            middle = "" if "container" in source else " resource"
            try:
                return self._resource(kind, name, target)
            except LookupError as error:
                around = f"failed to get {what}{middle} metric value: "
                raise NoMetric(f"FailedGet{kind}Metric", within + error.args[0], around) from None
        if kind == "External":
            text = (
                f"unable to get external metric {self.namespace}/{name}/nil: unable to fetch "
                f"metrics from external metrics API: {_NONE} (get {name}.external.metrics.k8s.io)"
            )
            what = f"{name} external"
        elif kind == "Pods":
            text, what = f"unable to get metric {name}: {_NO_CUSTOM}", "pods"
        else:
            about = source.get("describedObject") or {}
            where = f"{about.get('kind')} on {self.namespace} {about.get('name')}"
            text, what = f"unable to get metric {name}: {where}/{_NO_CUSTOM}", "object"
        raise NoMetric(f"FailedGet{kind}Metric", text, f"failed to get {what} metric value: ")

    def _resource(self, kind: str, name: str, target: Json) -> Reading:
        """Read the load of a resource.

        Raises:
            LookupError: It is not known; the argument says why.
        """
        about = f"unable to get metrics for resource {name}: "
        if not self.load.measured:
            text = f"unable to fetch metrics from resource metrics API: {_NONE}"
            raise LookupError(f"{about}{text} (get pods.metrics.k8s.io)")
        ready = [pod for pod in self.pods if pod_ready(pod)]
        if kind != "Resource" or not ready:
            raise LookupError(f"{about}no metrics returned from resource metrics API")
        asked = _request(ready[0], name)
        percent = self.load.per_pod(self.namespace, self.workload, name, len(ready))
        used = asked * percent / 100
        current: Json = {
            "averageValue": f"{round(used * 1000)}m" if name == "cpu" else str(round(used))
        }
        shown = f"{name} resource"
        if target.get("averageUtilization") is not None:
            ratio = percent / target["averageUtilization"]
            current = {"averageUtilization": round(percent), **current}
            shown += " utilization (percentage of request)"
        else:
            ratio = used / float(quantity(target["averageValue"]))
        steady = abs(ratio - 1) <= TOLERANCE
        wanted = self.replicas if steady else math.ceil(len(ready) * ratio)
        status = {"type": kind, "resource": {"name": name, "current": current}}
        return Reading(wanted, shown, status)


def _request(pod: Json, name: str) -> float:
    """What a pod requests of a resource; the simulated load is a share of that.

    Raises:
        LookupError: A container requests none.
    """
    total = 0.0
    for container in pod["spec"]["containers"]:
        asked = dig(container, "resources", "requests", name)
        if asked is None:
            where = f"container {container['name']} of Pod {pod['metadata']['name']}"
            raise LookupError(f"missing request for {name} in {where}")
        total += float(quantity(asked))
    return total
