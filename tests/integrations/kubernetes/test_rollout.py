"""Roll-out status: each sentence of kubectl's, and what it must not be fooled by."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.kubernetes.rollout import rollout_status


def deployment(
    wanted: int | None = 2, /, *, generation: int = 2, observed: int = 2, **status: Any
) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {
        "kind": "Deployment",
        "metadata": {"generation": generation},
        "spec": spec,
        "status": {"observedGeneration": observed, **status},
    }


READY: dict[str, Any] = {
    "replicas": 2,
    "updatedReplicas": 2,
    "availableReplicas": 2,
    "readyReplicas": 2,
}
EXCEEDED: dict[str, Any] = {
    "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
}


@pytest.mark.parametrize(
    ("workload", "done", "failed"),
    [
        (deployment(**READY), True, False),
        (deployment(observed=1, **READY), False, False),
        (deployment(observed=1, **READY, **EXCEEDED), False, False),
        (deployment(**{**READY, "updatedReplicas": 1}), False, False),
        (deployment(**{**READY, "replicas": 3}), False, False),
        (deployment(**{**READY, "availableReplicas": 1}), False, False),
        (deployment(**{**READY, **EXCEEDED, "availableReplicas": 1}), False, True),
        (deployment(0), True, False),
        (deployment(None, replicas=1, updatedReplicas=1, availableReplicas=1), True, False),
        (deployment(None, replicas=0, updatedReplicas=0), False, False),
    ],
    ids=[
        "all up to date and available",
        "an old ready picture before the change is observed",
        "an old deadline before the change is observed",
        "not all updated",
        "old ones still there",
        "updated but not available",
        "deadline exceeded",
        "scaled to zero",
        "replicas default to one",
        "one wanted by default, none there",
    ],
)
def test_deployment(workload: dict[str, Any], done: bool, failed: bool) -> None:
    found = rollout_status(workload)
    assert (found.done, found.failed) == (done, failed)
    assert found.message


def stateful_set(
    wanted: int = 3,
    /,
    *,
    generation: int = 2,
    observed: int = 2,
    strategy: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    return {
        "kind": "StatefulSet",
        "metadata": {"generation": generation},
        "spec": {
            "replicas": wanted,
            "updateStrategy": strategy or {"type": "RollingUpdate"},
        },
        "status": {"observedGeneration": observed, "readyReplicas": 3, "replicas": 3, **status},
    }


SAME: dict[str, Any] = {"currentRevision": "a", "updateRevision": "a"}
OTHER: dict[str, Any] = {"currentRevision": "a", "updateRevision": "b"}


@pytest.mark.parametrize(
    ("workload", "done"),
    [
        (stateful_set(**SAME), True),
        (stateful_set(observed=1, **SAME), False),
        (stateful_set(generation=0, observed=0, **SAME), False),
        (stateful_set(readyReplicas=2, **SAME), False),
        (stateful_set(updatedReplicas=2, **OTHER), False),
        (stateful_set(strategy={"rollingUpdate": {"partition": 2}}, updatedReplicas=1), True),
        (stateful_set(strategy={"rollingUpdate": {"partition": 1}}, updatedReplicas=1), False),
        (stateful_set(strategy={"rollingUpdate": {"partition": 0}}, updatedReplicas=2), False),
        (stateful_set(strategy={"type": "OnDelete"}, **OTHER), True),
    ],
    ids=[
        "same revision, all ready",
        "not observed",
        "never observed",
        "one not ready",
        "newest revision not everywhere",
        "partition reached",
        "partition not reached",
        "no partition, one old left",
        "on delete",
    ],
)
def test_stateful_set(workload: dict[str, Any], done: bool) -> None:
    assert rollout_status(workload).done is done


def test_a_stateful_set_scaled_down_is_done_for_kubectl_but_has_a_surplus() -> None:
    found = rollout_status(stateful_set(2, **SAME))
    assert found.done
    assert found.extra == 1


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({"updatedNumberScheduled": 3, "numberAvailable": 3}, True),
        ({"updatedNumberScheduled": 2, "numberAvailable": 3}, False),
        ({"updatedNumberScheduled": 3, "numberAvailable": 2}, False),
        ({"updatedNumberScheduled": 3, "numberAvailable": 3, "observedGeneration": 1}, False),
    ],
)
def test_daemon_set(status: dict[str, Any], done: bool) -> None:
    workload = {
        "kind": "DaemonSet",
        "metadata": {"generation": 2},
        "spec": {},
        "status": {"observedGeneration": 2, "desiredNumberScheduled": 3, **status},
    }
    assert rollout_status(workload).done is done


def test_other_kinds_have_no_rollout() -> None:
    with pytest.raises(ValueError, match="Job"):
        rollout_status({"kind": "Job"})
