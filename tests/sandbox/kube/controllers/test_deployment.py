from __future__ import annotations

from typing import Any

from sandbox.kube.resources import DEPLOYMENTS, PODS, REPLICASETS

Json = dict[str, Any]
from .conftest import Cluster, deployment  # noqa: E402


def condition(obj: Json, kind: str) -> Json:
    return next(c for c in obj["status"]["conditions"] if c["type"] == kind)


async def test_new_deployment_gets_ready_pods(cluster: Cluster) -> None:
    cluster.store.create(DEPLOYMENTS, deployment(replicas=3))
    found = await cluster.until(
        lambda: (
            (d := cluster.get(DEPLOYMENTS, "web"))
            and d["status"].get("availableReplicas") == 3
            and d
        )
    )
    print(found["status"])
    for p in cluster.pods():
        print(p["status"])
    print(cluster.reasons("Pod", cluster.pods()[0]["metadata"]["name"]))
    print(cluster.reasons("Deployment", "web"))
    assert condition(found, "Progressing")["reason"] == "NewReplicaSetAvailable"
