"""Deployments and StatefulSets through the states that a watcher sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contract.client import MERGE, Api, Json, Objects

Make = Callable[..., Json]

DEPLOYMENTS = "apps/v1/deployments"
REPLICA_SETS = "apps/v1/replicasets"
STATEFUL_SETS = "apps/v1/statefulsets"
REVISION = "deployment.kubernetes.io/revision"


def image(name: str) -> Json:
    containers = [{"name": "main", "image": name}]
    return {"spec": {"template": {"spec": {"containers": containers}}}}


def conditions(item: Json) -> dict[str, tuple[str, str]]:
    found = item["status"].get("conditions", ())
    return {c["type"]: (c["status"], c["reason"]) for c in found}


def settled(item: Json, replicas: int) -> bool:
    """As ``kubectl rollout status`` sees it."""
    status = item.get("status", {})
    return bool(
        status.get("observedGeneration") == item["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == replicas
        and status.get("replicas", 0) == replicas
        and status.get("availableReplicas", 0) == replicas
    )


def wanted(replica_sets: Objects) -> list[int]:
    """The size that each is to have."""
    return [item["spec"]["replicas"] for item in replica_sets.values()]


@pytest.fixture
async def web(api: Api, workload: Make) -> list[Objects]:
    """A settled Deployment of three; returns every state seen on the way."""
    path = api.path(DEPLOYMENTS)
    await api("POST", path, workload("Deployment", replicas=3), expect=201)
    return await api.until(path, lambda found: settled(found["web"], 3), "a settled Deployment")


async def test_a_new_deployment(api: Api, web: list[Objects]) -> None:
    made = web[-1]["web"]
    assert conditions(made) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert made["metadata"]["annotations"] == {REVISION: "1"}
    assert "unavailableReplicas" not in made["status"]
    ready = [state["web"].get("status", {}).get("readyReplicas", 0) for state in web]
    assert ready == sorted(ready)
    (replica_set,) = (await api("GET", api.path(REPLICA_SETS)))["items"]
    hashed = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{hashed}"
    assert replica_set["metadata"]["annotations"] == {
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
        REVISION: "1",
    }
    for pod in (await api("GET", api.path("pods")))["items"]:
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": hashed}


async def test_an_update_rolls_over_and_keeps_enough(api: Api, web: list[Objects]) -> None:
    path = api.path(DEPLOYMENTS)
    await api(
        "PATCH",
        f"{path}/web",
        image("example.com/web:2"),
        kind="application/strategic-merge-patch+json",
    )
    seen, sets = await asyncio.gather(
        api.until(path, lambda found: settled(found["web"], 3), "the update settled"),
        api.until(api.path(REPLICA_SETS), lambda found: sorted(wanted(found)) == [0, 3], "sizes"),
    )
    for state in seen:
        # 25 % of 3, rounded down, may be away
        assert state["web"]["status"].get("availableReplicas", 0) >= 3
    for found in sets:
        # 25 % of 3, rounded up, may be more. A status adds up what was reported at different times.
        assert sum(wanted(found)) <= 4
    assert seen[-1]["web"]["metadata"]["annotations"][REVISION] == "2"
    sizes = {
        r["metadata"]["annotations"][REVISION]: r["spec"]["replicas"]
        for r in (await api("GET", api.path(REPLICA_SETS)))["items"]
    }
    assert sizes == {"1": 0, "2": 3}


async def test_an_image_that_never_comes_stops_the_roll_out(api: Api, web: list[Objects]) -> None:
    path = api.path(DEPLOYMENTS)
    await api("PATCH", f"{path}/web", {"spec": {"progressDeadlineSeconds": 2}}, kind=MERGE)
    await api(
        "PATCH",
        f"{path}/web",
        image("example.com/web:does-not-exist"),
        kind="application/strategic-merge-patch+json",
    )
    seen = await api.until(
        path,
        lambda found: (
            conditions(found["web"]).get("Progressing") == ("False", "ProgressDeadlineExceeded")
        ),
        "the deadline passed",
    )
    last = seen[-1]["web"]
    assert last["status"]["availableReplicas"] == 3
    assert last["status"]["updatedReplicas"] == 1
    assert last["status"]["unavailableReplicas"] == 1
    waiting = [
        p["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
        for p in (await api("GET", api.path("pods")))["items"]
        if p["spec"]["containers"][0]["image"].endswith("does-not-exist")
    ]
    assert waiting
    assert set(waiting) <= {"ErrImagePull", "ImagePullBackOff"}
    # Back to what was: the old ReplicaSet is taken again, under a new number.
    await api(
        "PATCH",
        f"{path}/web",
        image("example.com/web:1"),
        kind="application/strategic-merge-patch+json",
    )
    back = await api.until(path, lambda found: settled(found["web"], 3), "settled again")
    assert back[-1]["web"]["metadata"]["annotations"][REVISION] == "3"
    assert len((await api("GET", api.path(REPLICA_SETS)))["items"]) == 2


async def test_recreate_ends_all_before_it_begins(api: Api, workload: Make) -> None:
    path = api.path(DEPLOYMENTS)
    body = workload("Deployment", replicas=2, strategy={"type": "Recreate"})
    await api("POST", path, body, expect=201)
    await api.until(path, lambda found: settled(found["web"], 2))
    await api(
        "PATCH",
        f"{path}/web",
        image("example.com/web:2"),
        kind="application/strategic-merge-patch+json",
    )
    seen = await api.until(path, lambda found: settled(found["web"], 2))
    assert any(state["web"]["status"].get("availableReplicas", 0) == 0 for state in seen)
    assert all(state["web"]["status"].get("replicas", 0) <= 2 for state in seen)


async def test_a_pause_holds_and_a_restart_rolls(api: Api, web: list[Objects]) -> None:
    path = api.path(DEPLOYMENTS)
    await api("PATCH", f"{path}/web", {"spec": {"paused": True}}, kind=MERGE)
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-01-02T03:04:05Z"}
    restart = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    held = await api("PATCH", f"{path}/web", restart, kind=MERGE)
    await api.until(
        path,
        lambda found: (
            found["web"]["status"]["observedGeneration"] == held["metadata"]["generation"]
            and conditions(found["web"])["Progressing"] == ("Unknown", "DeploymentPaused")
        ),
    )
    assert len((await api("GET", api.path(REPLICA_SETS)))["items"]) == 1
    await api("PATCH", f"{path}/web", {"spec": {"paused": False}}, kind=MERGE)
    await api.until(path, lambda found: settled(found["web"], 3))
    for pod in (await api("GET", api.path("pods")))["items"]:
        if "deletionTimestamp" not in pod["metadata"]:
            assert pod["metadata"]["annotations"] == stamp


async def test_scaling_is_no_new_revision(api: Api, web: list[Objects]) -> None:
    path = api.path(DEPLOYMENTS)
    for replicas in (5, 1, 0):
        await api("PATCH", f"{path}/web", {"spec": {"replicas": replicas}}, kind=MERGE)
        seen = await api.until(
            path,
            lambda found, wanted=replicas: settled(found["web"], wanted),  # type: ignore[misc]
        )
        assert seen[-1]["web"]["metadata"]["annotations"][REVISION] == "1"


@pytest.fixture
async def db(api: Api, workload: Make) -> list[Objects]:
    """A settled StatefulSet of three; returns every state of its pods on the way."""
    body = workload("StatefulSet", "db", replicas=3, serviceName="db")
    await api("POST", api.path(STATEFUL_SETS), body, expect=201)
    seen = await api.until(
        api.path("pods"),
        lambda found: len(found) == 3 and all(map(ready, found.values())),
        "three pods, one after the other",
        labelSelector="app=db",
    )
    await api.until(api.path(STATEFUL_SETS), lambda found: settled(found["db"], 3))
    return seen


def ready(pod: Json) -> bool:
    found = pod["status"].get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in found)


async def test_a_new_statefulset_starts_in_order(api: Api, db: list[Objects]) -> None:
    for state in db:
        for number in (1, 2):
            if f"db-{number}" in state:
                assert ready(state[f"db-{number - 1}"])
    made = await api("GET", api.path(STATEFUL_SETS, "db"))
    status = made["status"]
    assert status["currentRevision"] == status["updateRevision"]
    assert (status["replicas"], status["currentReplicas"], status["updatedReplicas"]) == (3, 3, 3)
    assert status["collisionCount"] == 0
    for name, pod in sorted(db[-1].items()):
        labels = pod["metadata"]["labels"]
        assert labels["statefulset.kubernetes.io/pod-name"] == name
        assert labels["apps.kubernetes.io/pod-index"] == name[-1]
        assert labels["controller-revision-hash"] == status["updateRevision"]
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (name, "db")


async def test_a_statefulset_updates_from_the_last_to_the_first(
    api: Api, db: list[Objects]
) -> None:
    path = api.path(STATEFUL_SETS)
    old = (await api("GET", f"{path}/db"))["status"]["updateRevision"]
    await api(
        "PATCH",
        f"{path}/db",
        image("example.com/web:2"),
        kind="application/strategic-merge-patch+json",
    )

    def done(found: Objects) -> bool:
        status = found["db"]["status"]
        return settled(found["db"], 3) and status["currentRevision"] == status["updateRevision"]

    seen = await api.until(path, done, "the update settled")
    updated = [s["db"]["status"].get("updatedReplicas", 0) for s in seen[1:]]
    assert set(updated) >= {1, 2, 3}
    assert all(s["db"]["status"].get("readyReplicas", 0) >= 2 for s in seen)
    assert seen[-1]["db"]["status"]["updateRevision"] != old
    revisions = (await api("GET", api.path("apps/v1/controllerrevisions")))["items"]
    assert sorted(r["revision"] for r in revisions) == [1, 2]


async def test_a_partition_holds_the_first_ones(api: Api, db: list[Objects]) -> None:
    path = api.path(STATEFUL_SETS)
    hold = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
    await api("PATCH", f"{path}/db", {"spec": hold}, kind=MERGE)
    await api(
        "PATCH",
        f"{path}/db",
        image("example.com/web:2"),
        kind="application/strategic-merge-patch+json",
    )
    await api.until(
        path,
        lambda found: (
            found["db"]["status"].get("updatedReplicas") == 1
            and found["db"]["status"].get("readyReplicas") == 3
        ),
    )
    images = {
        p["metadata"]["name"]: p["spec"]["containers"][0]["image"][-1]
        for p in (await api("GET", api.path("pods")))["items"]
    }
    assert images == {"db-0": "1", "db-1": "1", "db-2": "2"}


async def test_a_bad_update_of_a_statefulset_stays_stuck(api: Api, db: list[Objects]) -> None:
    path = api.path(STATEFUL_SETS)
    strategic = "application/strategic-merge-patch+json"
    await api("PATCH", f"{path}/db", image("example.com/web:broken"), kind=strategic)

    def stuck(found: Objects) -> bool:
        states = found.get("db-2", {}).get("status", {}).get("containerStatuses", [{}])
        return bool(
            states[0].get("state", {}).get("waiting", {}).get("reason") == "ImagePullBackOff"
        )

    await api.until(api.path("pods"), stuck)
    await api("PATCH", f"{path}/db", image("example.com/web:1"), kind=strategic)
    # Taking the image back does not replace the pod: it must be deleted by hand.
    await api.until(
        path,
        lambda found: (
            found["db"]["status"]["observedGeneration"] == found["db"]["metadata"]["generation"]
        ),
    )
    assert stuck({"db-2": await api("GET", api.path("pods", "db-2"))})
    await api("DELETE", api.path("pods", "db-2"))
    await api.until(path, lambda found: settled(found["db"], 3), "settled again")


async def test_a_statefulset_shrinks_from_the_end_and_keeps_its_claims(
    api: Api, workload: Make
) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    body = workload("StatefulSet", "db", replicas=2, serviceName="db", volumeClaimTemplates=[claim])
    path = api.path(STATEFUL_SETS)
    await api("POST", path, body, expect=201)
    await api.until(path, lambda found: settled(found["db"], 2), "volumes were made and bound")
    claims = api.path("persistentvolumeclaims")
    bound = {
        c["metadata"]["name"]: c["status"]["phase"] for c in (await api("GET", claims))["items"]
    }
    assert bound == {"data-db-0": "Bound", "data-db-1": "Bound"}
    await api("PATCH", f"{path}/db", {"spec": {"replicas": 1}}, kind=MERGE)
    await api.until(api.path("pods"), lambda found: set(found) == {"db-0"})
    await api("DELETE", f"{path}/db")
    await api.until(api.path("pods"), lambda found: not found)
    assert len((await api("GET", claims))["items"]) == 2


async def ended(api: Api, tag: str) -> Json:
    """The status of a Job with one try, once it has ended."""
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": f"example.com/job:{tag}"}],
    }
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    path = api.path("batch/v1/jobs")
    await api("POST", path, {"metadata": {"name": "once"}, "spec": spec}, expect=201)
    over = {"Complete", "Failed"}
    seen = await api.until(path, lambda found: over & conditions(found["once"]).keys())
    status: Json = seen[-1]["once"]["status"]
    return status


async def test_a_job_runs_to_its_end(api: Api) -> None:
    status = await ended(api, "1")
    assert status["succeeded"] == 1
    assert "completionTime" in status


async def test_a_job_that_fails_says_why(api: Api) -> None:
    status = await ended(api, "crash")
    assert status["failed"] == 1
    assert "completionTime" not in status
    failed = next(c for c in status["conditions"] if c["type"] == "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert failed["message"] == "Job has reached the specified backoff limit"
    (pod,) = (await api("GET", api.path("pods")))["items"]
    assert pod["status"]["phase"] == "Failed"
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (1, "Error")
