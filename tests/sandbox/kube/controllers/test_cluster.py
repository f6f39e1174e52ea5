"""Services, budgets, autoscalers, DaemonSets, deletion, and nodes that fail."""

from __future__ import annotations

import pytest

from sandbox.kube.controllers.disruption import evict
from sandbox.kube.errors import ApiError
from sandbox.kube.resources import (
    CONFIGMAPS,
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTS,
    ENDPOINTSLICES,
    HPAS,
    LEASES,
    NAMESPACES,
    NODES,
    PDBS,
    PODS,
    REPLICASETS,
    SERVICEACCOUNTS,
    SERVICES,
    STATEFULSETS,
)

from ..living import Cluster, Json, condition, deployment, ready, statefulset


def all_ready(cluster: Cluster, count: int) -> bool:
    return len([p for p in cluster.pods() if ready(p)]) == count == len(cluster.pods())


async def test_endpoints_follow_ready_pods(cluster: Cluster) -> None:
    service = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    cluster.store.create(SERVICES, service)
    cluster.store.create(DEPLOYMENTS, deployment(replicas=2))

    def addresses() -> list[str]:
        found = cluster.get(ENDPOINTS, "web") or {}
        return [a["ip"] for s in found.get("subsets") or () for a in s.get("addresses") or ()]

    await cluster.until(lambda: len(addresses()) == 2)
    assert set(addresses()) == {p["status"]["podIP"] for p in cluster.pods()}
    [part] = cluster.store.list(ENDPOINTSLICES)
    assert part["ports"][0]["port"] == 8080
    assert [e["conditions"]["ready"] for e in part["endpoints"]] == [True, True]
    cluster.world.never_ready("nginx:*")
    cluster.world.crash("nginx:*")
    await cluster.until(lambda: not addresses())
    cluster.store.delete(SERVICES, "default", "web")
    await cluster.until(lambda: not cluster.store.scan(ENDPOINTSLICES))
    assert cluster.get(ENDPOINTS, "web") is None


def budget(**spec: object) -> Json:
    return {
        "metadata": {"name": "keep", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


async def test_a_budget_allows_as_many_evictions_as_it_says(cluster: Cluster) -> None:
    cluster.store.create(PDBS, budget(maxUnavailable=1))
    cluster.store.create(DEPLOYMENTS, deployment(replicas=3))
    await cluster.until(
        lambda: (b := cluster.get(PDBS, "keep")) and b["status"]["disruptionsAllowed"] == 1
    )
    first, second, _ = cluster.pods()
    assert evict(cluster.store, first, {"dryRun": ["All"]})["status"] == "Success"
    assert evict(cluster.store, first, {})["status"] == "Success"
    with pytest.raises(ApiError) as refused:
        evict(cluster.store, second, {})
    body = refused.value.status()
    assert body["code"] == 429
    assert body["message"] == ("Cannot evict pod as it would violate the pod's disruption budget.")
    assert body["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget keep needs 2 healthy pods and has 3 currently",
        }
    ]
    await cluster.until(
        lambda: (
            all_ready(cluster, 3) and cluster.get(PDBS, "keep")["status"]["disruptionsAllowed"] == 1  # type: ignore[index]
        )
    )
    evict(cluster.store, second, {})


async def test_an_autoscaler_follows_the_load_within_its_bounds(cluster: Cluster) -> None:
    web = deployment(replicas=1)
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    cluster.store.create(DEPLOYMENTS, web)
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    hpa = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": ref,
            "minReplicas": 2,
            "maxReplicas": 5,
            "metrics": [metric],
        },
    }
    await cluster.until(lambda: all_ready(cluster, 1))
    cluster.store.create(HPAS, hpa)
    await cluster.until(lambda: all_ready(cluster, 2))
    cluster.world.load("default", "web", 175)
    await cluster.until(lambda: all_ready(cluster, 4))
    cluster.world.load("default", "web", 5000)
    await cluster.until(lambda: all_ready(cluster, 5))
    found = cluster.get(HPAS, "web") or {}
    assert condition(found, "ScalingLimited")["reason"] == "TooManyReplicas"
    assert found["status"]["desiredReplicas"] == 5
    cluster.world.idle("default", "web")
    await cluster.until(lambda: all_ready(cluster, 2))


async def test_a_daemonset_runs_on_every_node_and_updates(cluster: Cluster) -> None:
    daemon = deployment("agent", image="agent:1")
    del daemon["spec"]["replicas"]
    cluster.store.create(DAEMONSETS, daemon)
    await cluster.until(lambda: all_ready(cluster, 3))
    assert len({p["spec"]["nodeName"] for p in cluster.pods()}) == 3
    cluster.world.add_node("node-4")
    await cluster.until(lambda: all_ready(cluster, 4))
    copy = cluster.store.get(DAEMONSETS, "default", "agent")
    copy["spec"]["template"]["spec"]["containers"][0]["image"] = "agent:2"
    cluster.store.update(DAEMONSETS, copy)
    await cluster.until(
        lambda: (
            all_ready(cluster, 4)
            and {p["spec"]["containers"][0]["image"] for p in cluster.pods()} == {"agent:2"}
        )
    )
    await cluster.until(
        lambda: cluster.get(DAEMONSETS, "agent")["status"].get("updatedNumberScheduled") == 4  # type: ignore[index]
    )


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_dependents_go_with_their_owner(cluster: Cluster, propagation: str) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=2))
    await cluster.until(lambda: all_ready(cluster, 2))
    gone: list[str] = []
    cluster.store.subscribe(lambda e: gone.append(e.resource.kind) if e.type == "DELETED" else None)
    cluster.store.delete(DEPLOYMENTS, "default", "web", propagation=propagation)
    await cluster.until(
        lambda: (
            not cluster.pods()
            and not cluster.store.scan(REPLICASETS)
            and cluster.get(DEPLOYMENTS, "web") is None
        )
    )
    order = ["Deployment", "ReplicaSet", "Pod", "Pod"]
    kinds = [kind for kind in gone if kind != "Event"]
    assert kinds == (order if propagation == "Background" else order[::-1])


async def test_orphans_stay_and_are_adopted(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=2))
    await cluster.until(lambda: all_ready(cluster, 2))
    before = {p["metadata"]["uid"] for p in cluster.pods()}
    cluster.store.delete(DEPLOYMENTS, "default", "web", propagation="Orphan")
    await cluster.until(lambda: cluster.get(DEPLOYMENTS, "web") is None)
    assert cluster.store.scan(REPLICASETS)
    cluster.store.create(DEPLOYMENTS, deployment(replicas=2))
    await cluster.until(
        lambda: (d := cluster.get(DEPLOYMENTS, "web")) and d["status"].get("availableReplicas") == 2
    )
    assert {p["metadata"]["uid"] for p in cluster.pods()} == before


async def test_what_names_an_owner_that_never_was_is_removed(cluster: Cluster) -> None:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "ghost", "uid": "no-such"}
    orphan = {"metadata": {"name": "left", "namespace": "default", "ownerReferences": [ref]}}
    cluster.store.create(CONFIGMAPS, orphan)
    await cluster.until(lambda: cluster.get(CONFIGMAPS, "left") is None)


async def test_a_namespace_is_filled_and_emptied(cluster: Cluster) -> None:
    cluster.store.create(NAMESPACES, {"metadata": {"name": "shop"}})
    await cluster.until(lambda: cluster.get(SERVICEACCOUNTS, "default", "shop"))
    web = deployment(replicas=2)
    web["metadata"]["namespace"] = "shop"
    cluster.store.create(DEPLOYMENTS, web)
    await cluster.until(lambda: len(cluster.pods("shop")) == 2)
    held = {"metadata": {"name": "held", "namespace": "shop", "finalizers": ["x.io/keep"]}}
    cluster.store.create(CONFIGMAPS, held)
    cluster.store.delete(NAMESPACES, None, "shop")
    await cluster.until(lambda: not cluster.pods("shop"))
    await cluster.until(
        lambda: (
            "x.io/keep in 1 resource instances"
            in condition(
                cluster.store.get(NAMESPACES, None, "shop"), "NamespaceFinalizersRemaining"
            ).get("message", "")
        )
    )
    copy = cluster.store.get(CONFIGMAPS, "shop", "held")
    copy["metadata"]["finalizers"] = []
    cluster.store.update(CONFIGMAPS, copy)
    await cluster.until(lambda: cluster.store.find(NAMESPACES, None, "shop") is None)


async def test_a_lost_node_is_marked_and_its_pods_replaced(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=3))
    await cluster.until(lambda: all_ready(cluster, 3))
    cluster.world.node_down("node-2")
    node = await cluster.until(
        lambda: (n := cluster.store.get(NODES, None, "node-2")) and n["spec"].get("taints") and n
    )
    assert condition(node, "Ready")["status"] == "Unknown"
    assert {t["key"] for t in node["spec"]["taints"]} == {"node.kubernetes.io/unreachable"}
    await cluster.until(lambda: len([p for p in cluster.pods() if ready(p)]) == 3)
    [lost] = [p for p in cluster.pods() if p["spec"]["nodeName"] == "node-2"]
    assert "deletionTimestamp" in lost["metadata"]
    assert not ready(lost)
    cluster.world.node_up("node-2")
    await cluster.until(lambda: all_ready(cluster, 3))
    await cluster.until(
        lambda: condition(cluster.store.get(NODES, None, "node-2"), "Ready")["status"] == "True"
    )
    assert "taints" not in cluster.store.get(NODES, None, "node-2")["spec"]


async def test_a_statefulset_does_not_replace_a_pod_on_a_lost_node(cluster: Cluster) -> None:
    cluster.store.create(STATEFULSETS, statefulset(replicas=2))
    await cluster.until(lambda: all_ready(cluster, 2))
    lost = cluster.store.get(PODS, "default", "db-0")
    cluster.world.node_down(lost["spec"]["nodeName"])
    await cluster.until(
        lambda: "deletionTimestamp" in cluster.store.get(PODS, "default", "db-0")["metadata"]
    )
    again = cluster.store.get(PODS, "default", "db-0")
    assert again["metadata"]["uid"] == lost["metadata"]["uid"]


async def test_nodes_renew_their_leases(cluster: Cluster) -> None:
    await cluster.until(lambda: len(cluster.store.scan(LEASES)) == 3)
    with pytest.raises(ValueError, match="there is no node 'nope'; the cluster has node-1"):
        cluster.world.node_down("nope")


async def test_five_hundred_pods_at_once(cluster: Cluster) -> None:
    for number in range(3):
        cluster.world.add_node(f"big-{number}", cpu="64", memory="256Gi", pods=500)
    cluster.store.create(DEPLOYMENTS, deployment(replicas=500))
    await cluster.until(
        lambda: cluster.get(DEPLOYMENTS, "web")["status"].get("availableReplicas") == 500,  # type: ignore[index]
        seconds=20,
    )
