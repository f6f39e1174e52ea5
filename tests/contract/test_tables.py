"""The server's own tables: columns as kubectl shows them, cells that tell the state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import DEPLOYMENT
from tests.contract.client import TABLE, Api, Json
from tests.contract.conftest import Cluster

Make = Callable[..., Json]

COLUMNS = {
    "pods": "Name Ready Status Restarts Age IP Node Nominated-Node Readiness-Gates",
    "services": "Name Type Cluster-IP External-IP Port(s) Age Selector",
    "configmaps": "Name Data Age",
    "secrets": "Name Type Data Age",
    "serviceaccounts": "Name Age",
    "persistentvolumeclaims": (
        "Name Status Volume Capacity Access-Modes StorageClass VolumeAttributesClass Age VolumeMode"
    ),
    "events": "Last-Seen Type Reason Object Subobject Source Message First-Seen Count Name",
    "apps/v1/deployments": ("Name Ready Up-to-date Available Age Containers Images Selector"),
    "apps/v1/statefulsets": "Name Ready Age Containers Images",
    "apps/v1/daemonsets": (
        "Name Desired Current Ready Up-to-date Available Node-Selector Age "
        "Containers Images Selector"
    ),
    "apps/v1/replicasets": "Name Desired Current Ready Age Containers Images Selector",
    "apps/v1/controllerrevisions": "Name Controller Revision Age",
    "batch/v1/jobs": "Name Status Completions Duration Age Containers Images Selector",
    "batch/v1/cronjobs": (
        "Name Schedule Timezone Suspend Active Last-Schedule Age Containers Images Selector"
    ),
    "autoscaling/v2/horizontalpodautoscalers": (
        "Name Reference Targets MinPods MaxPods Replicas Age"
    ),
    "policy/v1/poddisruptionbudgets": (
        "Name Min-Available Max-Unavailable Allowed-Disruptions Age"
    ),
    "networking.k8s.io/v1/networkpolicies": "Name Pod-Selector Age",
    "networking.k8s.io/v1/ingresses": "Name Class Hosts Address Ports Age",
}


def columns(table: Json) -> list[str]:
    return [column["name"].replace(" ", "-") for column in table["columnDefinitions"]]


@pytest.mark.parametrize("resource", COLUMNS)
async def test_columns(
    api: Api, cluster: Cluster, differs: Callable[[str], None], resource: str
) -> None:
    wanted = COLUMNS[resource].split(" ")
    if resource == "serviceaccounts" and cluster.minor < 34:
        differs("it still counts secrets that nobody makes any more")
        wanted.insert(1, "Secrets")
    table = await api("GET", api.path(resource), accept=TABLE)
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert columns(table) == wanted


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/namespaces", "Name Status Age"),
        (
            "/api/v1/nodes",
            "Name Status Roles Age Version Internal-IP External-IP OS-Image Kernel-Version "
            "Container-Runtime",
        ),
        (
            "/api/v1/persistentvolumes",
            "Name Capacity Access-Modes Reclaim-Policy Status Claim StorageClass "
            "VolumeAttributesClass Reason Age VolumeMode",
        ),
        (
            "/apis/storage.k8s.io/v1/storageclasses",
            "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age",
        ),
    ],
)
async def test_columns_of_what_has_no_namespace(api: Api, path: str, expected: str) -> None:
    assert columns(await api("GET", path, accept=TABLE)) == expected.split(" ")


async def cells(api: Api, path: str) -> dict[str, Json]:
    table = await api("GET", path, accept=TABLE)
    return {
        row["cells"][0]: dict(zip(columns(table), row["cells"], strict=True))
        for row in table["rows"]
    }


async def test_a_running_deployment_and_its_pods(api: Api, workload: Make) -> None:
    path = api.path("apps/v1/deployments")
    await api("POST", path, workload("Deployment", replicas=2), expect=201)
    await api.until(path, lambda found: found["web"]["status"].get("availableReplicas") == 2)
    row = (await cells(api, path))["web"]
    assert (row["Ready"], row["Up-to-date"], row["Available"]) == ("2/2", 2, 2)
    assert (row["Containers"], row["Images"]) == ("main", "example.com/web:1")
    assert row["Selector"] == "app=web"
    for pod in (await cells(api, api.path("pods"))).values():
        assert (pod["Ready"], pod["Status"], pod["Restarts"]) == ("1/1", "Running", "0")
        assert pod["Nominated-Node"] == "<none>"
        assert pod["Readiness-Gates"] == "<none>"


@pytest.mark.parametrize(
    ("tag", "status"), [("broken", "ImagePullBackOff"), ("crash", "CrashLoopBackOff")]
)
async def test_a_pod_in_trouble_says_so(api: Api, pod: Make, tag: str, status: str) -> None:
    await api("POST", api.path("pods"), pod("one", image=f"example.com/web:{tag}"), expect=201)

    def waits(found: dict[str, Json]) -> bool:
        state = found["one"]["status"].get("containerStatuses", [{}])[0].get("state", {})
        return bool(state.get("waiting", {}).get("reason") == status)

    await api.until(api.path("pods"), waits)
    row = (await cells(api, api.path("pods")))["one"]
    assert (row["Ready"], row["Status"]) == ("0/1", status)


@pytest.mark.parametrize(
    ("tag", "status"), [("broken", "ImagePullBackOff"), ("crash", "CrashLoopBackOff")]
)
async def test_an_init_container_in_trouble_says_so(
    api: Api, pod: Make, tag: str, status: str
) -> None:
    body = pod("one")
    body["spec"]["initContainers"] = [
        {"name": name, "image": f"example.com/init:{tag}"}
        for name, tag in (("first", "1"), ("second", tag), ("third", "1"))
    ]
    await api("POST", api.path("pods"), body, expect=201)

    def states(found: dict[str, Json]) -> list[str]:
        told = found["one"]["status"].get("initContainerStatuses", ())
        states = [c["state"].get("waiting") or c["state"].get("terminated") or {} for c in told]
        return [str(state.get("reason")) for state in states]

    wanted = ["Completed", status, "PodInitializing"]
    await api.until(api.path("pods"), lambda found: states(found) == wanted)
    row = (await cells(api, api.path("pods")))["one"]
    assert (row["Ready"], row["Status"]) == ("0/1", f"Init:{status}")


async def test_a_pod_nobody_placed(api: Api, pod: Make) -> None:
    body = pod("one")
    body["spec"]["nodeSelector"] = {"no": "such"}
    await api("POST", api.path("pods"), body, expect=201)
    row = (await cells(api, api.path("pods")))["one"]
    assert (row["Status"], row["Node"], row["IP"]) == ("Pending", "<none>", "<none>")


async def test_a_budget(api: Api) -> None:
    body = {
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    path = api.path("policy/v1/poddisruptionbudgets")
    await api("POST", path, body, expect=201)
    row = (await cells(api, path))["web"]
    assert (row["Min-Available"], row["Max-Unavailable"]) == ("1", "N/A")
    assert row["Allowed-Disruptions"] == 0


async def test_how_much_of_the_object_comes_along(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    await api("POST", path, config_map("one"), expect=201)
    only = {"fieldSelector": "metadata.name=one"}
    for include, kind in (("Object", "ConfigMap"), ("Metadata", "PartialObjectMetadata")):
        table = await api("GET", path, accept=TABLE, includeObject=include, **only)
        (row,) = table["rows"]
        assert row["object"]["kind"] == kind
        assert row["object"]["metadata"]["name"] == "one"
        assert ("data" in row["object"]) is (include == "Object")
    (row,) = (await api("GET", path, accept=TABLE, includeObject="None", **only))["rows"]
    assert row["object"] is None


async def test_one_object_as_a_table(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    await api("POST", path, config_map("one"), expect=201)
    table = await api("GET", f"{path}/one", accept=TABLE)
    assert [row["cells"][:2] for row in table["rows"]] == [["one", 1]]


async def test_what_the_bot_reads(api: Api, client: KubeClient, workload: Make) -> None:
    body = workload("Deployment", replicas=0)
    await api("POST", api.path("apps/v1/deployments"), body, expect=201)
    table = await client.table(DEPLOYMENT, api.namespace, metadata=True)
    assert table.columns[:5] == ("Name", "Ready", "Up-to-date", "Available", "Age")
    (row,) = table.rows
    assert (row.name, row.namespace) == ("web", api.namespace)


async def test_a_sidecar_counts_as_a_container(api: Api, pod: Make) -> None:
    body = pod("one")
    body["spec"]["initContainers"] = [
        {"name": "side", "image": "example.com/side:1", "restartPolicy": "Always"}
    ]
    path = api.path("pods")
    await api("POST", path, body, expect=201)

    def ready(pods: dict[str, Json]) -> bool:
        conditions = pods["one"]["status"].get("conditions") or ()
        return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)

    await api.until(path, ready)
    row = (await api("GET", path, accept=TABLE))["rows"][0]["cells"]
    assert row[:4] == ["one", "2/2", "Running", "0"]
