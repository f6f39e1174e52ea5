from __future__ import annotations

from typing import Any

from sandbox.kube.controllers import rollout
from sandbox.kube.resources import DEPLOYMENTS, PODS, REPLICASETS

from ..living import Cluster, Json, condition, deployment, ready, waiting


def change_image(cluster: Cluster, image: str) -> None:
    copy = cluster.store.get(DEPLOYMENTS, "default", "web")
    copy["spec"]["template"]["spec"]["containers"][0]["image"] = image
    cluster.store.update(DEPLOYMENTS, copy)


def done(cluster: Cluster, replicas: int, image: str = "") -> Any:
    def look() -> Json | None:
        d = cluster.get(DEPLOYMENTS, "web")
        if d is None or d["status"].get("observedGeneration") != d["metadata"]["generation"]:
            return None
        s = d["status"]
        images = {p["spec"]["containers"][0]["image"] for p in cluster.pods()}
        right = s.get("updatedReplicas", 0) == s.get("replicas", 0) == replicas
        settled = right and s.get("availableReplicas", 0) == replicas
        return d if settled and (not image or images == {image}) else None

    return look


async def test_a_new_deployment_gets_ready_pods(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=3))
    found = await cluster.until(done(cluster, 3))
    assert condition(found, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert condition(found, "Available")["reason"] == "MinimumReplicasAvailable"
    assert found["metadata"]["annotations"][rollout.REVISION] == "1"
    [rs] = cluster.store.list(REPLICASETS)
    tag = rs["metadata"]["labels"]["pod-template-hash"]
    assert rs["metadata"]["name"] == f"web-{tag}"
    for pod in cluster.pods():
        assert ready(pod)
        assert pod["metadata"]["labels"]["pod-template-hash"] == tag
        assert pod["metadata"]["name"].startswith(f"web-{tag}-")
    assert {p["spec"]["nodeName"] for p in cluster.pods()} == {"node-1", "node-2", "node-3"}
    assert cluster.reasons("Deployment", "web") == ["ScalingReplicaSet"]
    name = cluster.pods()[0]["metadata"]["name"]
    assert cluster.reasons("Pod", name) == ["Scheduled", "Pulling", "Pulled", "Created", "Started"]


async def test_rolling_update_never_falls_below_the_minimum(cluster: Cluster) -> None:
    rolling = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}, "type": "RollingUpdate"}
    cluster.store.create(DEPLOYMENTS, deployment(replicas=4, strategy=rolling))
    await cluster.until(done(cluster, 4))
    least, most = [], []
    cluster.store.subscribe(
        lambda e: (
            least.append(sum(ready(p) and not p["metadata"].get("deletionTimestamp")
                             for p in cluster.pods())),
            most.append(sum(r["spec"]["replicas"] for r in cluster.store.scan(REPLICASETS))),
        )[0]
        if e.resource in (PODS, REPLICASETS)
        else None
    )  # fmt: skip
    change_image(cluster, "nginx:2")
    found = await cluster.until(done(cluster, 4, "nginx:2"))
    assert min(least) >= 4
    assert max(most) == 5
    assert found["metadata"]["annotations"][rollout.REVISION] == "2"


async def test_rollback_reuses_the_old_replicaset_under_a_new_revision(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=2, image="nginx:1"))
    await cluster.until(done(cluster, 2))
    [first] = cluster.store.list(REPLICASETS)
    change_image(cluster, "nginx:2")
    await cluster.until(done(cluster, 2, "nginx:2"))
    change_image(cluster, "nginx:1")
    found = await cluster.until(done(cluster, 2, "nginx:1"))
    assert found["metadata"]["annotations"][rollout.REVISION] == "3"
    assert len(cluster.store.list(REPLICASETS)) == 2
    again = cluster.get(REPLICASETS, first["metadata"]["name"])
    assert again is not None
    assert again["spec"]["replicas"] == 2
    assert again["metadata"]["annotations"][rollout.REVISION_HISTORY] == "1"


async def test_recreate_ends_all_old_pods_before_it_makes_new_ones(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=3, strategy={"type": "Recreate"}))
    await cluster.until(done(cluster, 3))
    seen: list[set[str]] = []
    cluster.store.subscribe(
        lambda _e: seen.append({p["spec"]["containers"][0]["image"] for p in cluster.pods()})
    )
    change_image(cluster, "nginx:2")
    await cluster.until(done(cluster, 3, "nginx:2"))
    assert {"nginx:1.29", "nginx:2"} not in seen


async def test_a_bad_image_stops_the_rollout_and_passes_the_deadline(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=4, progressDeadlineSeconds=1))
    await cluster.until(done(cluster, 4))
    change_image(cluster, "nginx:broken")
    found = await cluster.until(
        lambda: (
            (d := cluster.get(DEPLOYMENTS, "web"))
            and condition(d, "Progressing")["reason"] == "ProgressDeadlineExceeded"
            and d
        )
    )
    assert condition(found, "Progressing")["status"] == "False"
    assert condition(found, "Available")["status"] == "True"
    assert found["status"]["availableReplicas"] == 3
    bad = [p for p in cluster.pods() if not ready(p)]
    assert bad
    assert all(waiting(p) in ("ErrImagePull", "ImagePullBackOff") for p in bad)


async def test_scaling_and_pausing(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=1))
    await cluster.until(done(cluster, 1))
    copy = cluster.store.get(DEPLOYMENTS, "default", "web")
    copy["spec"].update(paused=True, replicas=3)
    copy["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"
    cluster.store.update(DEPLOYMENTS, copy)
    await cluster.until(lambda: len([p for p in cluster.pods() if ready(p)]) == 3)
    found = cluster.store.get(DEPLOYMENTS, "default", "web")
    assert condition(found, "Progressing")["reason"] == "DeploymentPaused"
    assert {p["spec"]["containers"][0]["image"] for p in cluster.pods()} == {"nginx:1.29"}
    found["spec"]["paused"] = False
    cluster.store.update(DEPLOYMENTS, found)
    await cluster.until(done(cluster, 3, "nginx:2"))


async def test_old_replicasets_go_beyond_the_history_limit(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=1, revisionHistoryLimit=1))
    await cluster.until(done(cluster, 1))
    for number in (2, 3, 4):
        change_image(cluster, f"nginx:{number}")
        await cluster.until(done(cluster, 1, f"nginx:{number}"))
    await cluster.until(lambda: len(cluster.store.scan(REPLICASETS)) == 2)


async def test_a_deleted_pod_is_replaced(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=2))
    await cluster.until(done(cluster, 2))
    victim = cluster.pods()[0]["metadata"]["name"]
    cluster.store.delete(PODS, "default", victim)
    await cluster.until(
        lambda: (
            len(cluster.pods()) == 2
            and victim not in {p["metadata"]["name"] for p in cluster.pods()}
            and all(ready(p) for p in cluster.pods())
        )
    )
