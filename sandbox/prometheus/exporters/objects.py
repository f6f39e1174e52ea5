"""kube-state-metrics: what the API knows of pods, nodes, workloads, claims and autoscalers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.kube.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    HPAS,
    NODES,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    STATEFULSETS,
    Resource,
)
from sandbox.prometheus.facts import Claim, Container, Fact, Node, Pod, Scaler, Workload
from sandbox.prometheus.history import Life
from sandbox.prometheus.promql.values import Labels
from sandbox.prometheus.scene import Scene, labelled, track
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import Levels, without

JOB = "kube-state-metrics"
INSTANCE = "10.244.0.10:8080"
_TARGET = {
    "job": JOB,
    "instance": INSTANCE,
    "endpoint": "http",
    "service": f"practice-{JOB}",
    "container": JOB,
}
_PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_STATUSES = ("true", "false", "unknown")
_UNITS = {"cpu": "core", "memory": "byte", "storage": "byte", "ephemeral-storage": "byte"}
_WAITING = (
    "ContainerCreating",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "ErrImagePull",
    "ImagePullBackOff",
    "PodInitializing",
)

Row = tuple[dict[str, str], float]
Rows = Callable[[Life[Any], Any], Iterable[Row]]


def _family(name: str, resource: Resource, kind: type[Fact], rows: Rows) -> dict[str, Any]:
    """A metric whose series follow from each state of each object."""

    def tracks(scene: Scene) -> Iterator[Track]:
        silent = without(scene.always, scene.reached(scene.always, JOB))
        for life in scene.history.lives(resource, kind):
            found: dict[Labels, list[tuple[int, int, float]]] = defaultdict(list)
            for start, end, fact in life.phases():
                for labels, value in rows(life, fact):
                    found[labelled(name, **{**_TARGET, **labels})].append((start, end, value))
            for labels_, steps in found.items():
                levels = Levels(tuple(steps))
                yield track(labels_, without(levels.spans(), silent), levels.value)

    return {name: tracks}


# -- pods --------------------------------------------------------------------------------------


def _pod(life: Life[Pod]) -> dict[str, str]:
    return {"namespace": life.namespace, "pod": life.name, "uid": life.uid}


def _one_of(
    name: str, values: Iterable[str], actual: str
) -> Iterator[tuple[dict[str, str], float]]:
    for value in values:
        yield {name: value}, float(value == actual)


def _pods(name: str, rows: Rows) -> dict[str, Any]:
    return _family(name, PODS, Pod, rows)


def _pod_states(name: str, label: str, values: tuple[str, ...], of: Callable[[Pod], str]) -> Any:
    def rows(life: Life[Pod], pod: Pod) -> Iterator[Row]:
        for labels, value in _one_of(label, values, of(pod)):
            yield _pod(life) | labels, value

    return _pods(name, rows)


def _pod_info(life: Life[Pod], pod: Pod) -> Iterator[Row]:
    kind, owner = pod.owner
    more = {"node": pod.node, "pod_ip": pod.address, "created_by_kind": kind or "<none>"}
    yield _pod(life) | more | {"created_by_name": owner or "<none>"}, 1.0


def _pod_owner(life: Life[Pod], pod: Pod) -> Iterator[Row]:
    kind, owner = pod.owner
    more = {"owner_kind": kind or "<none>", "owner_name": owner or "<none>"}
    yield _pod(life) | more | {"owner_is_controller": "true" if kind else "<none>"}, 1.0


def _unschedulable(life: Life[Pod], pod: Pod) -> Iterator[Row]:
    if pod.unschedulable:
        yield _pod(life), 1.0


def _created(life: Life[Pod], _pod_fact: Pod) -> Iterator[Row]:
    yield _pod(life), life.born // 1000


def _containers(name: str, value: Callable[[Container], float]) -> dict[str, Any]:
    def rows(life: Life[Pod], pod: Pod) -> Iterator[Row]:
        for container in pod.containers:
            if container.state:
                yield _pod(life) | {"container": container.name}, value(container)

    return _pods(name, rows)


def _waiting_reasons(life: Life[Pod], pod: Pod) -> Iterator[Row]:
    for container in pod.containers:
        if container.state == "waiting" and container.reason in _WAITING:
            yield _pod(life) | {"container": container.name, "reason": container.reason}, 1.0


def _resources(name: str, kind: str) -> dict[str, Any]:
    def rows(life: Life[Pod], pod: Pod) -> Iterator[Row]:
        for container in pod.containers:
            for resource, amount in getattr(container, kind):
                labels = {"container": container.name, "resource": resource, "node": pod.node}
                yield _pod(life) | labels | {"unit": _UNITS.get(resource, "integer")}, amount

    return _pods(name, rows)


def _info(life: Life[Pod], pod: Pod) -> Iterator[Row]:
    for container in pod.containers:
        yield _pod(life) | {"container": container.name, "image": container.image}, 1.0


# -- nodes -------------------------------------------------------------------------------------


def _node_conditions(life: Life[Node], node: Node) -> Iterator[Row]:
    for kind, status in node.conditions:
        for labels, value in _one_of("status", _STATUSES, status):
            yield {"node": life.name, "condition": kind} | labels, value


def _node_amounts(kind: str) -> Rows:
    def rows(life: Life[Node], node: Node) -> Iterator[Row]:
        for resource, amount in getattr(node, kind):
            labels = {"resource": resource.replace("-", "_").replace(".", "_").replace("/", "_")}
            yield {"node": life.name, "unit": _UNITS.get(resource, "integer")} | labels, amount

    return rows


def _node_info(life: Life[Node], node: Node) -> Iterator[Row]:
    more = {
        "internal_ip": node.address,
        "kubelet_version": "v1.35.4",
        "os_image": "Practice Linux 1",
    }
    yield {"node": life.name, "kernel_version": "6.12.0-practice"} | more, 1.0


# -- workloads, claims, autoscalers ------------------------------------------------------------


def _numbers(prefix: str, label: str, resource: Resource, names: Iterable[str]) -> dict[str, Any]:
    def family(number: str) -> dict[str, Any]:
        def rows(life: Life[Workload], workload: Workload) -> Iterator[Row]:
            labels = {"namespace": life.namespace, label: life.name}
            yield labels, dict(workload.numbers)[number]

        return _family(f"{prefix}_{number}", resource, Workload, rows)

    return {name: made for number in names for name, made in family(number).items()}


def _deployment_conditions(life: Life[Workload], workload: Workload) -> Iterator[Row]:
    stuck = bool(dict(workload.numbers)["stuck"])
    labels = {"namespace": life.namespace, "deployment": life.name, "condition": "Progressing"}
    for more, value in _one_of("status", _STATUSES, "false" if stuck else "true"):
        yield labels | more, value


def _claims(name: str, rows: Callable[[Claim], Iterable[Row]]) -> dict[str, Any]:
    def labelled_rows(life: Life[Claim], claim: Claim) -> Iterator[Row]:
        for labels, value in rows(claim):
            yield {"namespace": life.namespace, "persistentvolumeclaim": life.name} | labels, value

    return _family(name, PERSISTENTVOLUMECLAIMS, Claim, labelled_rows)


def _scalers(name: str, value: Callable[[Scaler], float]) -> dict[str, Any]:
    def rows(life: Life[Scaler], scaler: Scaler) -> Iterator[Row]:
        labels = {"namespace": life.namespace, "horizontalpodautoscaler": life.name}
        yield labels, value(scaler)

    return _family(f"kube_horizontalpodautoscaler_{name}", HPAS, Scaler, rows)


_REPLICAS = (
    "metadata_generation",
    "status_observed_generation",
    "status_replicas",
    "status_replicas_ready",
    "status_replicas_available",
    "status_replicas_updated",
)
_DEPLOYMENT = (*_REPLICAS, "spec_replicas", "status_replicas_unavailable")
_STATEFUL_SET = (*_REPLICAS, "replicas", "status_replicas_current")
_DAEMON_SET = (
    "metadata_generation",
    "status_observed_generation",
    "status_desired_number_scheduled",
    "status_current_number_scheduled",
    "status_number_misscheduled",
    "status_number_ready",
    "status_number_available",
    "status_number_unavailable",
    "status_updated_number_scheduled",
)

METRICS: dict[str, Callable[[Scene], Iterable[Track]]] = {
    **_pods("kube_pod_info", _pod_info),
    **_pods("kube_pod_owner", _pod_owner),
    **_pods("kube_pod_created", _created),
    **_pods("kube_pod_status_unschedulable", _unschedulable),
    **_pod_states("kube_pod_status_phase", "phase", _PHASES, lambda pod: pod.phase),
    **_pod_states("kube_pod_status_ready", "condition", _STATUSES, lambda pod: pod.ready),
    **_pod_states("kube_pod_status_scheduled", "condition", _STATUSES, lambda pod: pod.scheduled),
    **_pods("kube_pod_container_info", _info),
    **_pods("kube_pod_container_status_waiting_reason", _waiting_reasons),
    **_resources("kube_pod_container_resource_requests", "requests"),
    **_resources("kube_pod_container_resource_limits", "limits"),
    **_containers("kube_pod_container_status_restarts_total", lambda c: c.restarts),
    **_containers("kube_pod_container_status_ready", lambda c: c.ready),
    **_containers("kube_pod_container_status_running", lambda c: c.state == "running"),
    **_containers("kube_pod_container_status_waiting", lambda c: c.state == "waiting"),
    **_containers("kube_pod_container_status_terminated", lambda c: c.state == "terminated"),
    **_family("kube_node_info", NODES, Node, _node_info),
    **_family("kube_node_status_condition", NODES, Node, _node_conditions),
    **_family("kube_node_status_allocatable", NODES, Node, _node_amounts("allocatable")),
    **_family("kube_node_status_capacity", NODES, Node, _node_amounts("capacity")),
    **_family(
        "kube_node_spec_unschedulable",
        NODES,
        Node,
        lambda life, node: [({"node": life.name}, float(node.cordoned))],
    ),
    **_numbers("kube_deployment", "deployment", DEPLOYMENTS, _DEPLOYMENT),
    **_family("kube_deployment_status_condition", DEPLOYMENTS, Workload, _deployment_conditions),
    **_numbers("kube_statefulset", "statefulset", STATEFULSETS, _STATEFUL_SET),
    **_numbers("kube_daemonset", "daemonset", DAEMONSETS, _DAEMON_SET),
    **_claims(
        "kube_persistentvolumeclaim_status_phase",
        lambda c: _one_of("phase", ("Lost", "Bound", "Pending"), c.phase),
    ),
    **_claims(
        "kube_persistentvolumeclaim_info",
        lambda c: [({"storageclass": c.storage_class, "volumename": c.volume}, 1.0)],
    ),
    **_claims(
        "kube_persistentvolumeclaim_resource_requests_storage_bytes", lambda c: [({}, c.size)]
    ),
    **_scalers("spec_max_replicas", lambda s: s.high),
    **_scalers("spec_min_replicas", lambda s: s.low),
    **_scalers("status_current_replicas", lambda s: s.current),
    **_scalers("status_desired_replicas", lambda s: s.desired),
    **_family(
        "kube_horizontalpodautoscaler_status_condition",
        HPAS,
        Scaler,
        lambda life, scaler: [
            ({"namespace": life.namespace, "horizontalpodautoscaler": life.name,
              "condition": kind} | labels, value)
            for kind, status in scaler.conditions
            for labels, value in _one_of("status", _STATUSES, status)
        ],
    ),
}  # fmt: skip
