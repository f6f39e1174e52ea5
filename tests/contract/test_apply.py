"""Server-side apply: who owns which field, and who is in the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import Conflict
from integrations.kubernetes.kinds import DEPLOYMENT
from tests.contract.client import APPLY, MERGE, Api, Json

Make = Callable[..., Json]


def managers(made: Json) -> dict[tuple[str, str], Json]:
    return {(m["manager"], m["operation"]): m for m in made["metadata"]["managedFields"]}


async def test_apply_makes_and_changes(api: Api, config_map: Make) -> None:
    path, body = api.path("configmaps", "one"), config_map("one", {"a": "1", "b": "2"})
    made = await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="me")
    fields = managers(made)["me", "Apply"]["fieldsV1"]
    assert fields == {"f:data": {"f:a": {}, "f:b": {}}}
    del body["data"]["b"]
    changed = await api("PATCH", path, body, kind=APPLY, fieldManager="me")
    assert changed["data"] == {"a": "1"}


async def test_apply_needs_a_manager(api: Api, config_map: Make) -> None:
    body = config_map("one")
    said = await api.fails("PATCH", api.path("configmaps", "one"), body, kind=APPLY, expect=422)
    assert said["details"]["causes"][0]["field"] == "fieldManager"


async def test_a_conflict_names_the_manager_and_the_field(api: Api, config_map: Make) -> None:
    path, body = api.path("configmaps", "one"), config_map("one", {"a": "1"})
    await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="first")
    other = config_map("one", {"a": "2"})
    said = await api.fails("PATCH", path, other, kind=APPLY, expect=409, fieldManager="second")
    assert said["reason"] == "Conflict"
    assert said["message"] == 'Apply failed with 1 conflict: conflict with "first": .data.a'
    assert said["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "first"', "field": ".data.a"}
    ]


async def test_a_conflict_with_one_who_updated(api: Api, workload: Make) -> None:
    path = api.path("apps/v1/deployments", "web")
    body = workload("Deployment", replicas=1)
    await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="helm")
    await api("PATCH", path, {"spec": {"replicas": 0}}, kind=MERGE, fieldManager="kubectl-edit")
    said = await api.fails("PATCH", path, body, kind=APPLY, expect=409, fieldManager="helm")
    assert said["message"].startswith(
        'Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1'
    )
    assert said["details"]["causes"][0]["field"] == ".spec.replicas"


async def test_a_conflict_with_a_subresource_names_it(
    api: Api, client: KubeClient, workload: Make
) -> None:
    path = api.path("apps/v1/deployments", "web")
    body = workload("Deployment", replicas=1)
    await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="helm")
    await client.set_scale(DEPLOYMENT, api.namespace, "web", 2)
    said = await api.fails("PATCH", path, body, kind=APPLY, expect=409, fieldManager="helm")
    assert 'with subresource "scale"' in said["message"]
    with pytest.raises(Conflict) as refused:
        await client.patch(DEPLOYMENT, api.namespace, "web", body, type="apply")
    assert refused.value.manager


async def test_scaling_to_zero_leaves_the_number_to_nobody(
    api: Api, client: KubeClient, workload: Make
) -> None:
    path = api.path("apps/v1/deployments", "web")
    body = workload("Deployment", replicas=1)
    await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="helm")
    for replicas, expected in ((2, [("onprem", "scale")]), (0, []), (2, [])):
        await client.set_scale(DEPLOYMENT, api.namespace, "web", replicas)
        owners = [
            (m["manager"], m.get("subresource"))
            for m in (await api("GET", path))["metadata"]["managedFields"]
            if "f:replicas" in m["fieldsV1"].get("f:spec", {})
        ]
        # Zero is not in a Scale's JSON; and a field that nobody owns is not owned by a change.
        assert owners == expected
    await api("PATCH", path, body, kind=APPLY, fieldManager="helm")


async def test_force_takes_the_field_over(api: Api, config_map: Make) -> None:
    path = api.path("configmaps", "one")
    await api(
        "PATCH", path, config_map("one", {"a": "1"}), kind=APPLY, expect=201, fieldManager="x"
    )
    made = await api(
        "PATCH", path, config_map("one", {"a": "2"}), kind=APPLY, fieldManager="y", force="true"
    )
    assert made["data"] == {"a": "2"}
    assert ("x", "Apply") not in managers(made)
    assert managers(made)["y", "Apply"]["fieldsV1"] == {"f:data": {"f:a": {}}}


async def test_two_who_want_the_same_share_it(api: Api, config_map: Make) -> None:
    path, body = api.path("configmaps", "one"), config_map("one", {"a": "1"})
    await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="x")
    made = await api("PATCH", path, body, kind=APPLY, fieldManager="y")
    assert set(managers(made)) == {("x", "Apply"), ("y", "Apply")}
    left = await api("PATCH", path, config_map("one", {"b": "2"}), kind=APPLY, fieldManager="y")
    assert left["data"] == {"a": "1", "b": "2"}


async def test_applying_the_same_again_changes_nothing(api: Api, workload: Make) -> None:
    path, body = api.path("apps/v1/deployments", "web"), workload("Deployment", replicas=0)
    await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="me")
    await api.until(
        api.path("apps/v1/deployments"),
        lambda found: found["web"]["status"].get("observedGeneration") == 1,
    )
    before = await api("GET", path)
    again = await api("PATCH", path, body, kind=APPLY, fieldManager="me")
    assert again["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_containers_are_owned_by_name(api: Api, workload: Make) -> None:
    path, body = api.path("apps/v1/deployments", "web"), workload("Deployment", replicas=0)
    made = await api("PATCH", path, body, kind=APPLY, expect=201, fieldManager="me")
    fields = managers(made)["me", "Apply"]["fieldsV1"]
    containers = fields["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert containers == {'k:{"name":"main"}': {".": {}, "f:image": {}, "f:name": {}}}


async def test_apply_as_yaml(api: Api) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: '1'}\n"
    made = await api(
        "PATCH", api.path("configmaps", "one"), body, kind=APPLY, expect=201, fieldManager="me"
    )
    assert made["data"] == {"a": "1"}


async def test_a_dry_run_shows_the_conflict_too(api: Api, config_map: Make) -> None:
    path = api.path("configmaps", "one")
    await api(
        "PATCH", path, config_map("one", {"a": "1"}), kind=APPLY, expect=201, fieldManager="x"
    )
    other = config_map("one", {"a": "2"})
    await api.fails("PATCH", path, other, kind=APPLY, expect=409, fieldManager="y", dryRun="All")
    shown = await api(
        "PATCH", path, other, kind=APPLY, fieldManager="y", dryRun="All", force="true"
    )
    assert shown["data"] == {"a": "2"}
    assert (await api("GET", path))["data"] == {"a": "1"}
