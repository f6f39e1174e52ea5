from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.resources import (
    CONTROLLERREVISIONS,
    PERSISTENTVOLUMECLAIMS,
    PERSISTENTVOLUMES,
    PODS,
    STATEFULSETS,
)

from ..living import Cluster, Json, ready, statefulset, waiting

TEMPLATES = [
    {
        "metadata": {"name": "data", "labels": {"app": "db"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
]


def names(cluster: Cluster) -> list[str]:
    return [p["metadata"]["name"] for p in cluster.pods()]


def change(cluster: Cluster, image: str = "", **spec: Any) -> None:
    copy = cluster.store.get(STATEFULSETS, "default", "db")
    copy["spec"].update(spec)
    if image:
        copy["spec"]["template"]["spec"]["containers"][0]["image"] = image
    cluster.store.update(STATEFULSETS, copy)


def done(cluster: Cluster, replicas: int) -> Any:
    def look() -> Json | None:
        s = cluster.get(STATEFULSETS, "db")
        assert s is not None
        t = s["status"]
        settled = (
            t.get("observedGeneration") == s["metadata"]["generation"]
            and t.get("replicas") == t.get("readyReplicas", 0) == replicas
            and t["currentRevision"] == t["updateRevision"]
            and t.get("updatedReplicas", 0) == replicas
        )
        return s if settled else None

    return look


async def test_pods_are_made_in_order_and_ended_in_reverse(cluster: Cluster) -> None:
    made: list[str] = []
    gone: list[str] = []

    def note(event: Any) -> None:
        if event.resource is PODS and event.type == "ADDED":
            assert all(ready(p) for p in cluster.pods() if p["metadata"]["name"] in made)
            made.append(event.object["metadata"]["name"])
        if event.resource is PODS and event.type == "DELETED":
            gone.append(event.object["metadata"]["name"])

    cluster.store.subscribe(note)
    cluster.store.create(STATEFULSETS, statefulset(replicas=3))
    await cluster.until(done(cluster, 3))
    assert made == ["db-0", "db-1", "db-2"]
    change(cluster, replicas=1)
    await cluster.until(done(cluster, 1))
    assert gone == ["db-2", "db-1"]


async def test_update_goes_in_reverse_and_respects_the_partition(cluster: Cluster) -> None:
    cluster.store.create(STATEFULSETS, statefulset(replicas=3))
    before = await cluster.until(done(cluster, 3))
    gone: list[str] = []
    cluster.store.subscribe(
        lambda e: (
            gone.append(e.object["metadata"]["name"])
            if e.resource is PODS and e.type == "DELETED"
            else None
        )
    )
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    change(cluster, "nginx:2", updateStrategy=strategy)
    await cluster.until(
        lambda: (
            (p := cluster.get(PODS, "db-2"))
            and p["spec"]["containers"][0]["image"] == "nginx:2"
            and ready(p)
        )
    )
    assert gone == ["db-2"]
    strategy["rollingUpdate"] = {"partition": 0}
    change(cluster, updateStrategy=strategy)
    after = await cluster.until(done(cluster, 3))
    assert gone == ["db-2", "db-1", "db-0"]
    assert after["status"]["currentRevision"] != before["status"]["currentRevision"]
    assert [r["revision"] for r in cluster.store.list(CONTROLLERREVISIONS)].count(2) == 1


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
async def test_a_bad_revision_blocks_until_its_pod_is_deleted(
    cluster: Cluster, policy: str
) -> None:
    cluster.store.create(STATEFULSETS, statefulset(replicas=2, podManagementPolicy=policy))
    await cluster.until(done(cluster, 2))
    change(cluster, "nginx:broken")
    await cluster.until(
        lambda: (p := cluster.get(PODS, "db-1")) and waiting(p) == "ImagePullBackOff"
    )
    change(cluster, "nginx:1")
    if policy == "OrderedReady":
        for _ in range(20):  # give the controller every chance to do it by itself
            cluster.controllers.ctx.work.add("statefulsets", ("default", "db"))
            await cluster.until(lambda: cluster.controllers.ctx.work.idle or True)
        stuck = cluster.store.get(PODS, "default", "db-1")
        assert stuck["spec"]["containers"][0]["image"] == "nginx:broken"
        cluster.store.delete(PODS, "default", "db-1")
    await cluster.until(done(cluster, 2))


async def test_claims_are_bound_kept_and_used_again(cluster: Cluster) -> None:
    cluster.store.create(STATEFULSETS, statefulset(replicas=2, volumeClaimTemplates=TEMPLATES))
    await cluster.until(done(cluster, 2))
    claim = cluster.store.get(PERSISTENTVOLUMECLAIMS, "default", "data-db-1")
    assert claim["status"]["phase"] == "Bound"
    assert claim["spec"]["storageClassName"] == "standard"
    assert claim["metadata"]["labels"]["app"] == "db"
    assert cluster.store.get(PERSISTENTVOLUMES, None, claim["spec"]["volumeName"])
    change(cluster, replicas=1)
    await cluster.until(done(cluster, 1))
    change(cluster, replicas=2)
    await cluster.until(done(cluster, 2))
    again = cluster.store.get(PERSISTENTVOLUMECLAIMS, "default", "data-db-1")
    assert again["metadata"]["uid"] == claim["metadata"]["uid"]


async def test_retention_policy_removes_claims(cluster: Cluster) -> None:
    cluster.store.create(
        STATEFULSETS,
        statefulset(
            replicas=2,
            volumeClaimTemplates=TEMPLATES,
            persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete", "whenDeleted": "Delete"},
        ),
    )
    await cluster.until(done(cluster, 2))
    change(cluster, replicas=1)
    await cluster.until(lambda: cluster.get(PERSISTENTVOLUMECLAIMS, "data-db-1") is None)
    assert cluster.get(PERSISTENTVOLUMECLAIMS, "data-db-0") is not None
    cluster.store.delete(STATEFULSETS, "default", "db", propagation="Background")
    await cluster.until(lambda: not cluster.store.scan(PERSISTENTVOLUMECLAIMS))
    await cluster.until(lambda: not cluster.store.scan(PERSISTENTVOLUMES))


@pytest.mark.parametrize("first", ["pods", "owner"])
async def test_pods_that_nobody_owns_are_taken_as_they_are(cluster: Cluster, first: str) -> None:
    cluster.store.create(STATEFULSETS, statefulset())
    await cluster.until(done(cluster, 3))
    pods = [without_owner(pod) for pod in cluster.pods()]
    [revision] = cluster.store.list(CONTROLLERREVISIONS, "default")
    cluster.store.delete(STATEFULSETS, "default", "db", propagation="Foreground")
    await cluster.until(lambda: not cluster.pods() and not cluster.get(STATEFULSETS, "db"))

    stranger = without_owner(pods[0]) | {"metadata": {**pods[0]["metadata"], "name": "db-x"}}
    cluster.store.create(PODS, stranger)
    cluster.store.create(CONTROLLERREVISIONS, without_owner(revision))
    if first == "owner":
        cluster.store.create(STATEFULSETS, statefulset(replicas=0))
        await cluster.until(lambda: done(cluster, 0)())
        change(cluster, replicas=3)
    made = {
        pod["metadata"]["name"]: cluster.store.create(PODS, pod)["metadata"]["uid"] for pod in pods
    }
    if first == "pods":
        cluster.store.create(STATEFULSETS, statefulset())

    def taken() -> bool:
        return all(
            (pod := cluster.get(PODS, name)) and ready(pod) and pod["metadata"]["ownerReferences"]
            for name in made
        )

    await cluster.until(taken)
    assert {
        p["metadata"]["name"]: p["metadata"]["uid"] for p in cluster.pods()
    }.items() > made.items()
    assert "ownerReferences" not in cluster.store.get(PODS, "default", "db-x")["metadata"]
    [kept] = cluster.store.list(CONTROLLERREVISIONS, "default")
    assert kept["metadata"]["name"] == revision["metadata"]["name"]
    assert kept["metadata"]["ownerReferences"][0]["name"] == "db"


def without_owner(obj: Json) -> Json:
    """An object as Velero brings it back: no owner, no uid, no status, nothing bound."""
    meta = {k: obj["metadata"][k] for k in ("name", "namespace", "labels")}
    rest = {k: v for k, v in obj.items() if k not in ("metadata", "status", "spec")}
    spec = {k: v for k, v in (obj.get("spec") or {}).items() if k != "nodeName"}
    return {**rest, "metadata": meta, **({"spec": spec} if spec else {})}
