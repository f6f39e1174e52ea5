"""Every type of patch, its refusals, and conflicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.client import JSON_PATCH, MERGE, STRATEGIC, Api, Json

Make = Callable[..., Json]


@pytest.fixture
async def one(api: Api, config_map: Make) -> str:
    body = config_map("one", {"a": "1", "b": "2"}, labels={"x": "y"})
    await api("POST", api.path("configmaps"), body, expect=201)
    return api.path("configmaps", "one")


@pytest.fixture
async def web(api: Api, workload: Make) -> str:
    path = api.path("apps/v1/deployments")
    await api("POST", path, workload("Deployment", replicas=0), expect=201)
    return f"{path}/web"


async def test_merge_replaces_lists_and_null_removes(api: Api, one: str) -> None:
    patch = {"data": {"a": None, "c": "3"}, "metadata": {"labels": None}}
    made = await api("PATCH", one, patch, kind=MERGE)
    assert made["data"] == {"b": "2", "c": "3"}
    assert "labels" not in made["metadata"]


async def test_merge_of_containers_replaces_them_all(api: Api, web: str) -> None:
    containers = [{"name": "other", "image": "example.com/other:1"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    made = await api("PATCH", web, patch, kind=MERGE)
    assert [c["name"] for c in made["spec"]["template"]["spec"]["containers"]] == ["other"]


async def test_strategic_merges_containers_by_name(api: Api, web: str) -> None:
    containers = [
        {"name": "side", "image": "example.com/side:1"},
        {"name": "main", "env": [{"name": "A", "value": "1"}]},
    ]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    made = await api("PATCH", web, patch, kind=STRATEGIC)
    found = {c["name"]: c for c in made["spec"]["template"]["spec"]["containers"]}
    assert set(found) == {"main", "side"}
    assert found["main"]["image"] == "example.com/web:1"
    assert found["main"]["env"] == [{"name": "A", "value": "1"}]


async def test_strategic_deletes_one_of_a_list(api: Api, web: str) -> None:
    add = {"containers": [{"name": "side", "image": "example.com/side:1"}]}
    await api("PATCH", web, {"spec": {"template": {"spec": add}}}, kind=STRATEGIC)
    drop = {"containers": [{"name": "side", "$patch": "delete"}]}
    made = await api("PATCH", web, {"spec": {"template": {"spec": drop}}}, kind=STRATEGIC)
    assert [c["name"] for c in made["spec"]["template"]["spec"]["containers"]] == ["main"]


async def test_strategic_replaces_a_map_when_told(api: Api, web: str) -> None:
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    made = await api("PATCH", web, patch, kind=STRATEGIC)
    assert made["spec"]["strategy"] == {"type": "Recreate"}


async def test_json_patch(api: Api, one: str) -> None:
    patch = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "9"},
        {"op": "add", "path": "/data/new", "value": "x"},
        {"op": "move", "from": "/data/b", "path": "/data/moved"},
        {"op": "copy", "from": "/data/a", "path": "/data/copied"},
        {"op": "remove", "path": "/metadata/labels"},
        {"op": "add", "path": "/metadata/annotations", "value": {"example.com/c": "1"}},
        {"op": "replace", "path": "/metadata/annotations/example.com~1c", "value": "2"},
    ]
    made = await api("PATCH", one, patch, kind=JSON_PATCH)
    assert made["data"] == {"a": "9", "new": "x", "moved": "2", "copied": "9"}
    assert "labels" not in made["metadata"]
    assert made["metadata"]["annotations"] == {"example.com/c": "2"}


async def test_a_failed_test_of_a_json_patch_changes_nothing(api: Api, one: str) -> None:
    before = await api("GET", one)
    patch = [
        {"op": "replace", "path": "/data/b", "value": "9"},
        {"op": "test", "path": "/data/a", "value": "other"},
    ]
    said = await api.fails("PATCH", one, patch, kind=JSON_PATCH, expect=422)
    assert said["reason"] == "Invalid"
    assert await api("GET", one) == before


async def test_a_json_patch_of_a_missing_path(api: Api, one: str) -> None:
    patch = [{"op": "remove", "path": "/data/nothing"}]
    said = await api.fails("PATCH", one, patch, kind=JSON_PATCH, expect=422)
    assert said["reason"] == "Invalid"


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC])
async def test_a_patch_of_an_old_version_conflicts(api: Api, one: str, kind: str) -> None:
    old = (await api("GET", one))["metadata"]["resourceVersion"]
    await api("PATCH", one, {"data": {"a": "2"}}, kind=kind)
    patch = {"metadata": {"resourceVersion": old}, "data": {"a": "3"}}
    said = await api.fails("PATCH", one, patch, kind=kind, expect=409)
    assert said["reason"] == "Conflict"
    assert "the object has been modified" in said["message"]


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC])
async def test_a_patch_that_changes_nothing_keeps_the_version(
    api: Api, one: str, kind: str
) -> None:
    before = await api("GET", one)
    assert await api("PATCH", one, {"data": {"a": "1"}}, kind=kind) == before


async def test_a_patch_of_a_wrong_type(api: Api, web: str) -> None:
    said = await api.fails("PATCH", web, {"spec": {"replicas": "x"}}, kind=MERGE, expect=422)
    assert said["reason"] == "Invalid"
    assert said["details"]["causes"][0]["field"] == "patch"


async def test_a_patch_to_an_invalid_object(api: Api, web: str) -> None:
    said = await api.fails("PATCH", web, {"spec": {"replicas": -1}}, kind=MERGE, expect=422)
    (cause,) = said["details"]["causes"]
    assert cause["field"] == "spec.replicas"
    assert "must be greater than or equal to 0" in said["message"]


async def test_an_unknown_type_of_patch(api: Api, one: str) -> None:
    said = await api.fails("PATCH", one, {}, kind="text/plain", expect=415)
    assert said["reason"] == "UnsupportedMediaType"


async def test_patches_do_not_make_objects(api: Api) -> None:
    said = await api.fails("PATCH", api.path("configmaps", "no"), {}, kind=MERGE, expect=404)
    assert said["reason"] == "NotFound"


async def test_a_dry_run_patch_is_answered_and_not_kept(api: Api, one: str) -> None:
    before = await api("GET", one)
    shown = await api("PATCH", one, {"data": {"a": "9"}}, kind=MERGE, dryRun="All")
    assert shown["data"]["a"] == "9"
    assert await api("GET", one) == before


async def test_identity_cannot_be_patched(api: Api, one: str) -> None:
    said = await api.fails("PATCH", one, {"metadata": {"uid": "x"}}, kind=MERGE, expect=422)
    assert 'metadata.uid: Invalid value: "x": field is immutable' in said["message"]
