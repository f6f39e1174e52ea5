"""Which kinds there are, and how both worlds name them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.build import tools
from tests.cluster.lab import OLDER
from tests.contract.client import Api, Json
from tests.contract.conftest import Cluster

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

CASES = [
    ("/api/v1", "pods", "Pod", True, ["po"], "pod"),
    ("/api/v1", "services", "Service", True, ["svc"], "service"),
    ("/api/v1", "configmaps", "ConfigMap", True, ["cm"], "configmap"),
    ("/api/v1", "secrets", "Secret", True, None, "secret"),
    ("/api/v1", "namespaces", "Namespace", False, ["ns"], "namespace"),
    ("/api/v1", "nodes", "Node", False, ["no"], "node"),
    ("/api/v1", "events", "Event", True, ["ev"], "event"),
    ("/api/v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ["pvc"], None),
    ("/apis/apps/v1", "deployments", "Deployment", True, ["deploy"], "deployment"),
    ("/apis/apps/v1", "statefulsets", "StatefulSet", True, ["sts"], "statefulset"),
    ("/apis/apps/v1", "daemonsets", "DaemonSet", True, ["ds"], "daemonset"),
    ("/apis/apps/v1", "replicasets", "ReplicaSet", True, ["rs"], "replicaset"),
    ("/apis/batch/v1", "jobs", "Job", True, None, "job"),
    ("/apis/batch/v1", "cronjobs", "CronJob", True, ["cj"], "cronjob"),
    (
        "/apis/autoscaling/v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        True,
        ["hpa"],
        None,
    ),
    ("/apis/policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ["pdb"], None),
    ("/apis/networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", True, ["netpol"], None),
    ("/apis/networking.k8s.io/v1", "ingresses", "Ingress", True, ["ing"], "ingress"),
    ("/apis/storage.k8s.io/v1", "storageclasses", "StorageClass", False, ["sc"], None),
]


@pytest.mark.parametrize(
    ("group", "plural", "kind", "namespaced", "short", "singular"), CASES, ids=lambda v: str(v)
)
async def test_a_kind_is_listed_under_its_group(
    api: Api,
    group: str,
    plural: str,
    kind: str,
    namespaced: bool,
    short: list[str] | None,
    singular: str | None,
) -> None:
    listed = await api("GET", group)
    assert listed["kind"] == "APIResourceList"
    found = next(r for r in listed["resources"] if r["name"] == plural)
    assert (found["kind"], found["namespaced"]) == (kind, namespaced)
    assert found.get("shortNames") == short
    assert found["singularName"] == (singular or kind.lower())
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(found["verbs"])


async def test_the_groups_that_charts_use(api: Api) -> None:
    groups = {
        g["name"]: g["preferredVersion"]["version"] for g in (await api("GET", "/apis"))["groups"]
    }
    assert groups["apps"] == "v1"
    assert groups["batch"] == "v1"
    assert groups["policy"] == "v1"
    assert groups["autoscaling"] == "v2"
    assert groups["networking.k8s.io"] == "v1"


async def test_aggregated_discovery_tells_scopes_and_subresources(api: Api) -> None:
    answer = await api("GET", "/apis", accept=AGGREGATED)
    assert answer["kind"] == "APIGroupDiscoveryList"
    apps: Json = next(g for g in answer["items"] if g["metadata"]["name"] == "apps")
    resources: Any = next(v for v in apps["versions"] if v["version"] == "v1")["resources"]
    found = next(r for r in resources if r["resource"] == "statefulsets")
    assert found["scope"] == "Namespaced"
    assert found["responseKind"]["kind"] == "StatefulSet"
    assert {s["subresource"] for s in found["subresources"]} == {"scale", "status"}


async def test_version(api: Api, cluster: Cluster) -> None:
    version = await api("GET", "/version")
    release = f"-{OLDER}" if cluster.name.endswith(OLDER) else ""
    wanted = tools()[f"kube-apiserver{release}"].version
    assert version["gitVersion"] == f"v{wanted}"
    assert [version["major"], version["minor"]] == wanted.split(".")[:2]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
async def test_health(api: Api, path: str) -> None:
    assert await api("GET", path) == "ok"


async def test_an_unknown_path(api: Api) -> None:
    assert "404" in str(await api("GET", "/apis/nothing.example/v1/things", expect=404))


async def test_an_unknown_kind_of_a_known_group(api: Api) -> None:
    assert "404" in str(await api("GET", "/apis/apps/v1/namespaces/default/things", expect=404))
