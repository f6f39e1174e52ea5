"""Columns and cells of pods and of what makes pods. Source: ``pkg/printers/internalversion``."""

from __future__ import annotations

from typing import Any

from sandbox.kube.jsonutil import Json, dig
from sandbox.kube.table.cells import (
    NONE,
    Layout,
    Since,
    age,
    columns,
    containers,
    duration_between,
    selector,
)

_WIDE = ("Containers", "Images", "Selector")


def _name(obj: Json) -> str:
    return str(obj["metadata"]["name"])


def _pod(pod: Json) -> list[Any]:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    ready, total, reason, restarts = _containers_summary(pod)
    addresses = status.get("podIPs") or ()
    return [
        _name(pod),
        f"{ready}/{total}",
        reason,
        restarts,
        age(pod),
        addresses[0].get("ip", NONE) if addresses else NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(pod),
    ]


def _gates(pod: Json) -> str:
    gates = dig(pod, "spec", "readinessGates", default=[])
    if not gates:
        return NONE
    true = _true_conditions(pod)
    return f"{sum(g.get('conditionType') in true for g in gates)}/{len(gates)}"


def _true_conditions(obj: Json) -> set[str]:
    conditions = dig(obj, "status", "conditions", default=[])
    return {str(c.get("type")) for c in conditions if c.get("status") == "True"}


def _containers_summary(pod: Json) -> tuple[int, int, str, str | Since]:
    """Return ready and all containers, the status word, and the restarts cell."""
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    phase = str(status.get("phase", ""))
    reason = str(status.get("reason") or phase)
    for condition in status.get("conditions") or ():
        if (condition.get("type"), condition.get("reason")) == ("PodScheduled", "SchedulingGated"):
            reason = "SchedulingGated"
    first = status.get("initContainerStatuses") or []
    sidecars = _sidecars(spec)
    total = len(spec.get("containers") or ()) + len(sidecars)
    waiting_for, ready = _initializing(spec, first, sidecars)
    counted = list(first)
    if waiting_for:
        reason = waiting_for
    if not waiting_for or "Initialized" in _true_conditions(pod):
        main = status.get("containerStatuses") or []
        counted = [c for c in first if c.get("name") in sidecars] + main
        more, reason = _running(pod, main, reason)
        ready += more
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return ready, total, reason, _restarts(counted)


def _restarts(statuses: list[Json]) -> str | Since:
    count = sum(int(c.get("restartCount") or 0) for c in statuses)
    ends = [dig(c, "lastState", "terminated", "finishedAt", default="") for c in statuses]
    last = max(ends, default="")
    return Since(last, f"{count} ({{}} ago)") if count and last else str(count)


def _sidecars(spec: Json) -> set[str]:
    """Name the init containers that run beside the others."""
    first = spec.get("initContainers") or ()
    return {str(c.get("name")) for c in first if c.get("restartPolicy") == "Always"}


def _initializing(spec: Json, statuses: list[Json], sidecars: set[str]) -> tuple[str, int]:
    """Return the status word while init containers run, and how many sidecars are ready.

    The word is empty when all that must end have ended, and all sidecars have started.
    """
    ready = 0
    for index, container in enumerate(statuses):
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended is not None:
            if ended.get("exitCode") == 0:
                continue
        elif container.get("name") in sidecars and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if ended is not None:
            return "Init:" + _ended(ended), ready
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}", ready
        return f"Init:{index}/{len(spec.get('initContainers') or ())}", ready
    return "", ready


def _ended(state: Json) -> str:
    if state.get("reason"):
        return str(state["reason"])
    if state.get("signal"):
        return f"Signal:{state['signal']}"
    return f"ExitCode:{state.get('exitCode', 0)}"


def _running(pod: Json, statuses: list[Json], reason: str) -> tuple[int, str]:
    ready, running, failure = 0, False, ""
    for container in reversed(statuses):
        state = container.get("state") or {}
        if dig(state, "waiting", "reason"):
            reason = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            reason = _ended(state["terminated"])
            if state["terminated"].get("exitCode"):
                failure = reason
        elif container.get("ready") and state.get("running") is not None:
            running, ready = True, ready + 1
    if reason == "Completed":
        if running and "Ready" in _true_conditions(pod):
            reason = "Running"
        elif failure:
            reason = failure
        elif running:
            reason = "NotReady"
    return ready, reason


def _deployment(obj: Json) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    wide = [*containers(spec.get("template")), selector(spec.get("selector"))]
    return [_name(obj), ready, *counts, age(obj), *wide]


def _replica_set(obj: Json) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    wide = [*containers(spec.get("template")), selector(spec.get("selector"))]
    return [_name(obj), *counts, age(obj), *wide]


def _stateful_set(obj: Json) -> list[Any]:
    spec = obj.get("spec") or {}
    ready = f"{dig(obj, 'status', 'readyReplicas', default=0)}/{spec.get('replicas', 0)}"
    return [_name(obj), ready, age(obj), *containers(spec.get("template"))]


def _daemon_set(obj: Json) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    nodes = selector(dig(spec, "template", "spec", "nodeSelector"))
    wide = [*containers(spec.get("template")), selector(spec.get("selector"))]
    return [_name(obj), *(status.get(n, 0) for n in names), nodes, age(obj), *wide]


def _job(obj: Json) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    done = status.get("succeeded", 0)
    if spec.get("completions") is not None:
        completions = f"{done}/{spec['completions']}"
    elif spec.get("parallelism", 0) > 1:
        completions = f"{done}/1 of {spec['parallelism']}"
    else:
        completions = f"{done}/1"
    start, end = status.get("startTime"), status.get("completionTime")
    took: str | Since = ""
    if start:
        took = duration_between(start, end) if end else Since(start)
    wide = [*containers(spec.get("template")), selector(spec.get("selector"))]
    return [_name(obj), _job_status(obj), completions, took, age(obj), *wide]


def _job_status(obj: Json) -> str:
    true = _true_conditions(obj)
    if "Complete" in true:
        return "Complete"
    if "Failed" in true:
        return "Failed"
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for name in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if name in true:
            return name
    return "Running"


def _cron_job(obj: Json) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    template = dig(spec, "jobTemplate", "spec", "template")
    last = status.get("lastScheduleTime")
    return [
        _name(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        bool(spec.get("suspend")),
        len(status.get("active") or ()),
        Since(last) if last else NONE,
        age(obj),
        *containers(template),
        selector(dig(spec, "jobTemplate", "spec", "selector")),
    ]


def _autoscaler(obj: Json) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    return [
        _name(obj),
        f"{target.get('kind')}/{target.get('name')}",
        _metrics(spec.get("metrics") or [], status.get("currentMetrics") or []),
        str(spec.get("minReplicas") or "<unset>"),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(obj),
    ]


def _metrics(wanted: list[Json], current: list[Json]) -> str:
    shown = []
    for index, metric in enumerate(wanted):
        kind = str(metric.get("type", ""))
        source = metric.get(kind[:1].lower() + kind[1:]) or {}
        now = current[index] if index < len(current) else {}
        value = (now.get(kind[:1].lower() + kind[1:]) or {}).get("current") or {}
        target = source.get("target") or {}
        if "averageUtilization" in target:
            used = value.get("averageUtilization")
            text = f"{'<unknown>' if used is None else f'{used}%'}/{target['averageUtilization']}%"
        else:
            name = "averageValue" if "averageValue" in target else "value"
            text = f"{value.get(name, '<unknown>')}/{target.get(name)}"
        shown.append(f"{source['name']}: {text}" if "name" in source else text)
    if not shown:
        return NONE
    more = f" + {len(shown) - 2} more..." if len(shown) > 2 else ""
    return ", ".join(shown[:2]) + more


def _controller_revision(obj: Json) -> list[Any]:
    owners = [o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")]
    group = owners[0]["apiVersion"].partition("/")[0] if owners else ""
    owner = f"{owners[0]['kind'].lower()}.{group}/{owners[0]['name']}" if owners else NONE
    return [_name(obj), owner, str(obj.get("revision", 0)), age(obj)]


_REPLICAS = ("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age")
_DAEMONS = (
    "Name",
    "Desired:integer",
    "Current:integer",
    "Ready:integer",
    "Up-to-date:integer",
    "Available:integer",
    "Node Selector",
    "Age",
)
_PODS = ("Name", "Ready", "Status", "Restarts", "Age")
_DEPLOYMENTS = ("Name", "Ready", "Up-to-date", "Available", "Age")
_CRON = (
    "Name",
    "Schedule",
    "Timezone",
    "Suspend:boolean",
    "Active:integer",
    "Last Schedule",
    "Age",
)
_HPA = ("Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age")

LAYOUTS = {
    "pods": Layout(columns(*_PODS, wide=("IP", "Node", "Nominated Node", "Readiness Gates")), _pod),
    "deployments.apps": Layout(columns(*_DEPLOYMENTS, wide=_WIDE), _deployment),
    "replicasets.apps": Layout(columns(*_REPLICAS, wide=_WIDE), _replica_set),
    "replicationcontrollers": Layout(columns(*_REPLICAS, wide=_WIDE), _replica_set),
    "statefulsets.apps": Layout(columns("Name", "Ready", "Age", wide=_WIDE[:2]), _stateful_set),
    "daemonsets.apps": Layout(columns(*_DAEMONS, wide=_WIDE), _daemon_set),
    "jobs.batch": Layout(
        columns("Name", "Status", "Completions", "Duration", "Age", wide=_WIDE), _job
    ),
    "cronjobs.batch": Layout(columns(*_CRON, wide=_WIDE), _cron_job),
    "horizontalpodautoscalers.autoscaling": Layout(columns(*_HPA), _autoscaler),
    "controllerrevisions.apps": Layout(
        columns("Name", "Controller", "Revision", "Age"), _controller_revision
    ),
}
"""Layouts by the key of the resource."""
