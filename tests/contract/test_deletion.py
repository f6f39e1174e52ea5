"""What goes with what: owners, orphans, finalizers, namespaces."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.client import MERGE, Api, Json, Objects

Make = Callable[..., Json]

DEPLOYMENTS, SETS = "apps/v1/deployments", "apps/v1/replicasets"


@pytest.fixture
async def web(api: Api, workload: Make) -> Json:
    """A Deployment with two running pods; returns its ReplicaSet."""
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=2), expect=201)
    await api.until(
        api.path(DEPLOYMENTS), lambda found: found["web"]["status"].get("readyReplicas") == 2
    )
    (made,) = (await api("GET", api.path(SETS)))["items"]
    return dict(made)


def empty(found: Objects) -> bool:
    return not found


def policy(name: str) -> Json:
    return {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": name}


async def test_in_the_background_all_follows(api: Api, web: Json) -> None:
    done = await api("DELETE", api.path(DEPLOYMENTS, "web"), policy("Background"))
    assert done["status"] == "Success"
    await api("GET", api.path(DEPLOYMENTS, "web"), expect=404)
    await api.until(api.path(SETS), empty)
    await api.until(api.path("pods"), empty)


async def test_in_the_foreground_the_owner_goes_last(api: Api, web: Json) -> None:
    shown = await api("DELETE", api.path(DEPLOYMENTS, "web"), policy("Foreground"))
    assert shown["kind"] == "Deployment"
    assert shown["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert shown["metadata"]["deletionTimestamp"]
    await api.until(api.path(DEPLOYMENTS), empty)
    assert (await api("GET", api.path(SETS)))["items"] == []


async def test_orphans_stay_without_owner(api: Api, web: Json) -> None:
    await api("DELETE", api.path(DEPLOYMENTS, "web"), policy("Orphan"))
    await api.until(api.path(DEPLOYMENTS), empty)
    left = await api("GET", api.path(SETS, web["metadata"]["name"]))
    assert "ownerReferences" not in left["metadata"]
    assert len((await api("GET", api.path("pods")))["items"]) == 2


async def test_the_chain_of_owners(api: Api, web: Json) -> None:
    owner = web["metadata"]["ownerReferences"]
    deployment = await api("GET", api.path(DEPLOYMENTS, "web"))
    assert owner == [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "uid": deployment["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    pods = (await api("GET", api.path("pods")))["items"]
    for pod in pods:
        assert pod["metadata"]["ownerReferences"][0]["uid"] == web["metadata"]["uid"]
        assert pod["metadata"]["generateName"] == f"{web['metadata']['name']}-"


async def test_an_owner_that_never_was(api: Api, config_map: Make) -> None:
    missing = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "never",
        "uid": "00000000-0000-4000-8000-000000000000",
    }
    body = config_map("child", ownerReferences=[missing])
    await api("POST", api.path("configmaps"), body, expect=201)
    await api.until(api.path("configmaps"), lambda found: "child" not in found)


async def test_a_finalizer_holds_until_it_is_taken_away(api: Api, config_map: Make) -> None:
    path = api.path("configmaps", "held")
    body = config_map("held", finalizers=["example.com/hold"])
    await api("POST", api.path("configmaps"), body, expect=201)
    shown = await api("DELETE", path)
    assert shown["kind"] == "ConfigMap"
    assert shown["metadata"]["deletionTimestamp"]
    assert shown["metadata"]["deletionGracePeriodSeconds"] == 0
    adding = {"metadata": {"finalizers": ["example.com/hold", "example.com/new"]}}
    said = await api.fails("PATCH", path, adding, kind=MERGE, expect=422)
    assert "no new finalizers can be added if the object is being deleted" in said["message"]
    await api("PATCH", path, {"metadata": {"finalizers": None}}, kind=MERGE)
    await api("GET", path, expect=404)


async def test_a_pod_gets_its_grace(api: Api, pod: Make) -> None:
    await api("POST", api.path("pods"), pod("one"), expect=201)
    await api.until(api.path("pods"), lambda found: found["one"]["status"]["phase"] == "Running")
    shown = await api("DELETE", api.path("pods", "one"))
    assert shown["kind"] == "Pod"
    assert shown["metadata"]["deletionGracePeriodSeconds"] == 1
    await api.until(api.path("pods"), empty)


async def test_a_pod_without_a_node_goes_at_once(api: Api, pod: Make) -> None:
    body = pod("one")
    body["spec"]["nodeSelector"] = {"no": "such"}
    await api("POST", api.path("pods"), body, expect=201)
    await api("DELETE", api.path("pods", "one"))
    await api("GET", api.path("pods", "one"), expect=404)


async def test_a_whole_selection(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "1"}), ("c", {"x": "2"})):
        await api("POST", path, config_map(name, labels=labels), expect=201)
    done = await api("DELETE", path, labelSelector="x=1")
    assert done["kind"] == "ConfigMapList"
    left = await api("GET", path, labelSelector="x")
    assert [item["metadata"]["name"] for item in left["items"]] == ["c"]


async def test_a_namespace_takes_everything_with_it(api: Api, config_map: Make) -> None:
    name = f"{api.namespace}-2"
    root = f"/api/v1/namespaces/{name}"
    await api("POST", "/api/v1/namespaces", {"metadata": {"name": name}}, expect=201)
    held = config_map("held", finalizers=["example.com/hold"])
    await api("POST", f"{root}/configmaps", held, expect=201)
    shown = await api("DELETE", root)
    assert shown["status"]["phase"] == "Terminating"
    said = await api.fails("POST", f"{root}/configmaps", config_map("late"), expect=403)
    assert said["reason"] == "Forbidden"
    assert "because it is being terminated" in said["message"]
    await api.until(
        "/api/v1/namespaces",
        lambda found: any(
            c["type"] == "NamespaceFinalizersRemaining" and c["status"] == "True"
            for c in found[name]["status"].get("conditions", ())
        ),
        fieldSelector=f"metadata.name={name}",
    )
    await api("PATCH", f"{root}/configmaps/held", {"metadata": {"finalizers": None}}, kind=MERGE)
    await api.until("/api/v1/namespaces", empty, fieldSelector=f"metadata.name={name}")
