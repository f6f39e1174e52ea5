"""What is wrong with a pod, and whether waiting helps."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.kubernetes.diagnosis import diagnose
from integrations.kubernetes.revision import current_pods, outdated_pods, selects


def pod(
    name: str = "p-0", labels: dict[str, str] | None = None, ready: bool = False, **status: Any
) -> dict[str, Any]:
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False"},
        *status.pop("conditions", []),
    ]
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "status": {"phase": "Pending", "conditions": conditions, **status},
    }


def waiting(reason: str, restarts: int = 0, last: dict[str, Any] | None = None) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "example/app:broken",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": "because of this."}},
        "lastState": {"terminated": last} if last else {},
    }
    return {"containerStatuses": [container]}


@pytest.mark.parametrize(
    ("reason", "restarts", "fatal"),
    [
        ("ErrImagePull", 0, False),
        ("ImagePullBackOff", 0, True),
        ("InvalidImageName", 0, True),
        ("CreateContainerConfigError", 0, True),
        ("CrashLoopBackOff", 1, False),
        ("CrashLoopBackOff", 2, False),
        ("CrashLoopBackOff", 3, True),
    ],
)
def test_containers_that_wait(reason: str, restarts: int, fatal: bool) -> None:
    (problem,) = diagnose([pod(**waiting(reason, restarts, {"exitCode": 7}))])
    assert problem.reason == reason
    assert problem.fatal is fatal
    assert problem.pod == "p-0"
    assert "p-0 (main)" in problem.message


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_ordinary_waiting_is_no_problem(reason: str) -> None:
    assert diagnose([pod(**waiting(reason))]) == []


def test_the_image_and_the_exit_code_are_named() -> None:
    (pull,) = diagnose([pod(**waiting("ImagePullBackOff"))])
    assert "example/app:broken" in pull.message
    (crash,) = diagnose([pod(**waiting("CrashLoopBackOff", 4, {"exitCode": 7}))])
    assert "4 times" in crash.message
    assert "exit code 7" in crash.message


def test_too_little_memory_is_said_in_words() -> None:
    (problem,) = diagnose([pod(**waiting("CrashLoopBackOff", 1, {"reason": "OOMKilled"}))])
    assert problem.reason == "OOMKilled"
    assert "memory" in problem.message


def test_init_containers_count() -> None:
    status = {"initContainerStatuses": waiting("ImagePullBackOff")["containerStatuses"]}
    assert diagnose([pod(**status)])[0].fatal


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("0/3 nodes are available: 3 Insufficient memory.", "Unschedulable"),
        ("pod has unbound immediate PersistentVolumeClaims", "VolumePending"),
    ],
)
def test_pods_without_a_node(message: str, reason: str) -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
    }
    (problem,) = diagnose([pod(conditions=[condition])])
    assert problem.reason == reason
    assert not problem.fatal
    assert message.rstrip(".") in problem.message


def event(name: str, reason: str, message: str, at: str) -> dict[str, Any]:
    return {
        "involvedObject": {"kind": "Pod", "name": name},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def test_a_running_pod_that_is_not_ready_quotes_its_last_probe() -> None:
    running = [{"name": "main", "ready": False, "state": {"running": {}}}]
    unready = pod(phase="Running", containerStatuses=running)
    events = [
        event("p-0", "Unhealthy", "Readiness probe failed: 503", "2026-01-01T00:00:02Z"),
        event("p-0", "Unhealthy", "Readiness probe failed: refused", "2026-01-01T00:00:01Z"),
        event("other", "Unhealthy", "not ours", "2026-01-01T00:00:03Z"),
    ]
    (problem,) = diagnose([unready], events)
    assert problem.reason == "NotReady"
    assert "503" in problem.message
    assert not problem.fatal


def test_a_volume_that_does_not_mount_is_named() -> None:
    events = [event("p-0", "FailedMount", 'secret "keys" not found', "2026-01-01T00:00:01Z")]
    (problem,) = diagnose([pod(**waiting("ContainerCreating"))], events)
    assert problem.reason == "FailedMount"
    assert 'secret "keys" not found' in problem.message


def test_ending_and_finished_pods_have_no_problem() -> None:
    ending = pod(**waiting("ImagePullBackOff"))
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert diagnose([ending, pod(phase="Succeeded")]) == []


def test_fatal_problems_come_first() -> None:
    soft = pod("a", **waiting("ErrImagePull"))
    hard = pod("b", **waiting("InvalidImageName"))
    assert [p.pod for p in diagnose([soft, hard])] == ["b", "a"]


def _deployment(revision: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {
            "uid": "d",
            "annotations": {"deployment.kubernetes.io/revision": revision},
        },
        "spec": {"selector": {"matchLabels": {"app": "x"}}},
    }


def _replica_set(revision: str, hash_: str, owner: str = "d") -> dict[str, Any]:
    return {
        "metadata": {
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "labels": {"pod-template-hash": hash_},
            "ownerReferences": [{"uid": owner}],
        }
    }


def test_only_pods_of_the_newest_revision_count() -> None:
    old = pod("old", {"app": "x", "pod-template-hash": "h1"})
    new = pod("new", {"app": "x", "pod-template-hash": "h2"})
    sets = [_replica_set("1", "h1"), _replica_set("2", "hX", "other"), _replica_set("2", "h2")]
    assert current_pods(_deployment("2"), [old, new], sets) == [new]
    assert current_pods(_deployment("3"), [old, new], sets) == []


def test_a_stateful_sets_broken_old_pods_are_found() -> None:
    workload = {
        "kind": "StatefulSet",
        "metadata": {},
        "spec": {"selector": {"matchLabels": {"app": "db"}}},
        "status": {"updateRevision": "good"},
    }
    bad = {"app": "db", "controller-revision-hash": "bad"}
    good = {"app": "db", "controller-revision-hash": "good"}
    pods = [
        pod("db-2", bad),
        pod("db-1", bad, ready=True),
        pod("db-0", good),
        pod("alien-0", {"controller-revision-hash": "bad"}),
    ]
    assert outdated_pods(workload, pods) == ["db-2"]


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({}, False),
    ],
)
def test_selectors(selector: dict[str, Any], matches: bool) -> None:
    assert selects({"spec": {"selector": selector}}, pod(labels={"a": "1"})) is matches


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ('rpc error: code = NotFound desc = failed to resolve reference "x:1"', "no such image"),
        ("pull access denied for x, repository does not exist", "wants credentials"),
        ("failed to do request: dial tcp 10.0.0.1:443: i/o timeout", "cannot be reached"),
        ("toomanyrequests: You have reached your pull rate limit", "limits how often"),
        ("tls: failed to verify certificate: x509: unknown authority", "not trusted"),
        ("something never seen before", "something never seen before"),
    ],
)
def test_a_failed_pull_is_told_in_words(message: str, cause: str) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": message}
    status = {"name": "web", "image": "x:1", "state": {"waiting": waiting}}
    pod = {"metadata": {"name": "web-1"}, "status": {"containerStatuses": [status]}}
    (problem,) = diagnose([pod])
    assert problem.fatal
    assert cause in problem.message
