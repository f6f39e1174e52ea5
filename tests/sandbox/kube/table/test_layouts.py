"""The cells of each kind, in the states people meet."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.table import objects, workloads
from sandbox.kube.table.cells import Since

Json = dict[str, Any]
LAYOUTS = {**workloads.LAYOUTS, **objects.LAYOUTS}
MADE = "2026-01-02T03:04:05Z"


def _cells(key: str, **parts: Any) -> dict[str, Any]:
    meta = {"name": "x", "creationTimestamp": MADE, **parts.pop("metadata", {})}
    layout = LAYOUTS[key]
    row = layout.row({"metadata": meta, **parts})
    return dict(zip([c.name for c in layout.columns], row, strict=True))


def _pod(*states: Json, init: tuple[Json, ...] = (), **status: Any) -> dict[str, Any]:
    def listed(given: tuple[Json, ...]) -> list[Json]:
        return [{"name": f"c{i}", "restartCount": 0, **state} for i, state in enumerate(given)]

    spec = {"containers": [{}] * max(len(states), 1), "initContainers": [{}] * len(init)}
    whole = {"containerStatuses": listed(states), "initContainerStatuses": listed(init), **status}
    return _cells("pods", spec=spec, status=whole, metadata=status.pop("metadata", {}))


RUNNING: Json = {"ready": True, "state": {"running": {}}}
WAITING: Json = {"state": {"waiting": {"reason": "ImagePullBackOff"}}}
CRASHED: Json = {
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"finishedAt": MADE}},
}
DONE: Json = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
FAILED: Json = {"state": {"terminated": {"exitCode": 3}}}


@pytest.mark.parametrize(
    ("states", "init", "phase", "ready", "word"),
    [
        ((RUNNING,), (), "Running", "1/1", "Running"),
        ((RUNNING, WAITING), (), "Pending", "1/2", "ImagePullBackOff"),
        ((DONE,), (), "Succeeded", "0/1", "Completed"),
        ((FAILED,), (), "Failed", "0/1", "ExitCode:3"),
        ((), (RUNNING, WAITING), "Pending", "0/1", "Init:0/2"),
        ((), (DONE, WAITING), "Pending", "0/1", "Init:ImagePullBackOff"),
        ((), (FAILED,), "Pending", "0/1", "Init:ExitCode:3"),
        ((RUNNING,), (DONE,), "Running", "1/1", "Running"),
    ],
)
def test_pod_states(
    states: tuple[Json, ...], init: tuple[Json, ...], phase: str, ready: str, word: str
) -> None:
    cells = _pod(*states, init=init, phase=phase)
    assert (cells["Ready"], cells["Status"]) == (ready, word)


def test_restarts_tell_when_the_last_one_was() -> None:
    assert _pod(CRASHED, phase="Running")["Restarts"] == Since(MADE, "3 ({} ago)")
    assert _pod(RUNNING, phase="Running")["Restarts"] == "0"


def test_pod_that_ends() -> None:
    spec = {"containers": [{}]}
    meta = {"deletionTimestamp": MADE}
    cells = _cells("pods", spec=spec, status={"phase": "Running"}, metadata=meta)
    assert cells["Status"] == "Terminating"


def test_deployment_and_statefulset() -> None:
    spec = {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}}
    status = {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}
    cells = _cells("deployments.apps", spec=spec, status=status)
    shown = [cells[name] for name in ("Ready", "Up-to-date", "Available", "Selector")]
    assert shown == ["1/3", 2, 1, "a=b"]
    assert _cells("statefulsets.apps", spec=spec, status={})["Ready"] == "0/3"


@pytest.mark.parametrize(
    ("spec", "ingress", "address"),
    [
        ({"type": "ClusterIP", "clusterIP": "10.96.0.7"}, [], "<none>"),
        ({"type": "LoadBalancer"}, [], "<pending>"),
        ({"type": "LoadBalancer"}, [{"ip": "1.2.3.4"}], "1.2.3.4"),
        ({"type": "ExternalName", "externalName": "a.b"}, [], "a.b"),
    ],
)
def test_services(spec: Json, ingress: list[Json], address: str) -> None:
    spec = {**spec, "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]}
    status = {"loadBalancer": {"ingress": ingress}}
    cells = _cells("services", spec=spec, status=status)
    assert cells["External-IP"] == address
    assert cells["Port(s)"] == "80:30080/TCP,53/UDP"


def test_node_words() -> None:
    status = {"conditions": [{"type": "Ready", "status": "False"}], "nodeInfo": {}}
    labels = {"node-role.kubernetes.io/control-plane": ""}
    cells = _cells(
        "nodes", spec={"unschedulable": True}, status=status, metadata={"labels": labels}
    )
    assert cells["Status"] == "NotReady,SchedulingDisabled"
    assert cells["Roles"] == "control-plane"


def test_autoscaler_targets() -> None:
    def metric(name: str, **target: Any) -> Json:
        return {"type": "Resource", "resource": {"name": name, "target": target}}

    current = {"type": "Resource", "resource": {"current": {"averageUtilization": 12}}}
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "metrics": [metric("cpu", averageUtilization=80), metric("memory", averageValue="1Gi")],
        "minReplicas": 2,
        "maxReplicas": 5,
    }
    status = {"currentMetrics": [current], "currentReplicas": 2}
    cells = _cells("horizontalpodautoscalers.autoscaling", spec=spec, status=status)
    assert cells["Targets"] == "cpu: 12%/80%, memory: <unknown>/1Gi"
    assert cells["Reference"] == "Deployment/web"


@pytest.mark.parametrize(
    ("conditions", "word"),
    [
        ([], "Running"),
        (["Complete"], "Complete"),
        (["Failed"], "Failed"),
        (["Suspended"], "Suspended"),
    ],
)
def test_job_status(conditions: list[str], word: str) -> None:
    listed = [{"type": name, "status": "True"} for name in conditions]
    status = {"conditions": listed, "succeeded": 1, "startTime": MADE}
    cells = _cells("jobs.batch", spec={"completions": 2}, status=status)
    assert (cells["Status"], cells["Completions"]) == (word, "1/2")
    assert cells["Duration"] == Since(MADE)


def test_claim_and_event_and_secret() -> None:
    spec = {"volumeName": "pv", "storageClassName": "fast"}
    status = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    cells = _cells("persistentvolumeclaims", spec=spec, status=status)
    assert [cells[n] for n in ("Status", "Capacity", "Access Modes")] == ["Bound", "1Gi", "RWO"]
    event = _cells(
        "events",
        involvedObject={"kind": "Pod", "name": "p"},
        lastTimestamp=MADE,
        reason="Pulled",
        message=" ok ",
    )
    assert [event["Object"], event["Message"], event["Count"]] == ["pod/p", "ok", "1"]
    assert _cells("secrets", type="Opaque", data={"a": "", "b": ""})["Data"] == "2"


@pytest.mark.parametrize("key", sorted(LAYOUTS))
def test_every_layout_survives_an_empty_object(key: str) -> None:
    assert _cells(key)
