"""Roles and bindings: what each form of a rule grants, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import APPLY, MERGE, Api, Json
from tests.contract.conftest import Cluster
from tests.contract.people import (
    BINDINGS,
    CLUSTER_BINDINGS,
    CLUSTER_ROLES,
    ROLES,
    People,
    binding,
    role,
    rule,
    user,
)

Make = Callable[..., Json]


async def refused(api: Api, method: str, path: str, body: Any = None, **rest: Any) -> str:
    said = await api.fails(method, path, body, expect=403, **rest)
    assert said["reason"] == "Forbidden"
    message: str = said["message"]
    return message


async def test_a_role_holds_in_its_namespace_only(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("list", "pods"))
    assert (await bot("GET", api.path("pods")))["items"] == []
    assert "at the cluster scope" in await refused(bot, "GET", "/api/v1/pods")
    await refused(bot, "GET", "/api/v1/namespaces/default/pods")


async def test_each_verb_is_a_right_of_its_own(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("list", "configmaps"))
    path = api.path("configmaps")
    version = (await bot("GET", path))["metadata"]["resourceVersion"]
    assert "cannot watch" in await refused(bot, "GET", path, watch="true", resourceVersion=version)
    assert "cannot get" in await refused(bot, "GET", f"{path}/one")
    assert "cannot deletecollection" in await refused(bot, "DELETE", path)


async def test_a_watch_needs_watch(api: Api, people: People, config_map: Make) -> None:
    bot = await people.account()
    await people.allow(rule("watch", "configmaps"))
    path = api.path("configmaps")
    await refused(bot, "GET", path)
    async with bot.watching(path, resourceVersion="0") as events:
        await api("POST", path, config_map("one"), expect=201)
        async for event in events:
            if event["object"]["metadata"]["name"] == "one":
                break


async def test_deleting_one_is_not_deleting_all(api: Api, people: People, config_map: Make) -> None:
    bot = await people.account()
    await people.allow(rule("delete", "configmaps"))
    path = api.path("configmaps")
    await api("POST", path, config_map("one"), expect=201)
    await refused(bot, "DELETE", path)
    await bot("DELETE", f"{path}/one")


async def test_a_dry_run_needs_the_same_right(api: Api, people: People, config_map: Make) -> None:
    bot = await people.account()
    await people.allow(rule("get", "configmaps"))
    path = api.path("configmaps")
    await api("POST", path, config_map("one"), expect=201)
    await refused(bot, "DELETE", f"{path}/one", dryRun="All")
    await refused(bot, "PATCH", f"{path}/one", {}, kind=MERGE, dryRun="All")
    await people.allow(rule("delete", "configmaps"), name="more")
    await bot("DELETE", f"{path}/one", dryRun="All")


async def test_an_apply_that_creates_needs_create_too(
    api: Api, people: People, config_map: Make
) -> None:
    bot = await people.account()
    await people.allow(rule("patch", "configmaps"))
    path, query = api.path("configmaps", "one"), {"kind": APPLY, "fieldManager": "bot"}
    said = await refused(bot, "PATCH", path, config_map("one"), **query)
    assert said.startswith('configmaps "one" is forbidden: ')
    assert 'cannot create resource "configmaps"' in said
    await people.allow(rule("create", "configmaps"), name="more")
    await bot("PATCH", path, config_map("one"), expect=201, **query)
    await bot("PATCH", path, config_map("one"), **query)


async def test_a_subresource_is_a_resource_of_its_own(
    api: Api, people: People, workload: Make
) -> None:
    bot = await people.account()
    await api("POST", api.path("apps/v1/deployments"), workload("Deployment"), expect=201)
    await people.allow(rule("patch", "deployments/scale", "apps"))
    scale = api.path("apps/v1/deployments", "web", "scale")
    said = await bot("PATCH", scale, {"spec": {"replicas": 0}}, kind=MERGE)
    assert said["spec"].get("replicas", 0) == 0
    await refused(bot, "GET", scale)
    path = api.path("apps/v1/deployments", "web")
    await refused(bot, "PATCH", path, {"spec": {"replicas": 1}}, kind=MERGE)
    await people.allow(rule("patch", "deployments", "apps"), name="more")
    await bot("PATCH", path, {"spec": {"replicas": 1}}, kind=MERGE)
    await refused(bot, "PATCH", f"{path}/status", {}, kind=MERGE)


async def test_names_in_a_rule(api: Api, people: People, config_map: Make) -> None:
    bot = await people.account()
    path = api.path("configmaps")
    for name in ("one", "two"):
        await api("POST", path, config_map(name), expect=201)
    await people.allow(rule("get list watch create", "configmaps", "", "one"))
    assert (await bot("GET", f"{path}/one"))["metadata"]["name"] == "one"
    assert (await refused(bot, "GET", f"{path}/two")).startswith('configmaps "two" is forbidden')
    await refused(bot, "GET", path)
    found = await bot("GET", path, fieldSelector="metadata.name=one")
    assert [item["metadata"]["name"] for item in found["items"]] == ["one"]
    await refused(bot, "GET", path, fieldSelector="metadata.name!=one")
    await refused(bot, "POST", path, config_map("one"))  # a new object has no name yet


@pytest.mark.parametrize(
    ("given", "allowed", "denied"),
    [
        (rule("*", "pods"), rule("deletecollection", "pods"), rule("get", "services")),
        (rule("get", "*"), rule("get", "pods/log"), rule("get", "deployments", "apps")),
        (rule("get", "pods", "*"), rule("get", "pods", "metrics.k8s.io"), rule("get", "nodes")),
        (rule("get", "*/scale", "*"), rule("get", "a/scale", "apps"), rule("get", "a", "apps")),
        (rule("get", "pods/*"), rule("get", "pods/*"), rule("get", "pods/log")),
        (rule("*", "*", "*"), rule("impersonate", "users"), None),
    ],
    ids=["verbs", "resources", "groups", "a subresource of all", "no such star", "everything"],
)  # fmt: skip
async def test_stars(
    api: Api, people: People, given: Json, allowed: Json, denied: Json | None
) -> None:
    await people.account()
    await people.allow(given)
    assert await people.may(people.name(), allowed, namespace=api.namespace)
    if denied:
        assert not await people.may(people.name(), denied, namespace=api.namespace)


async def test_a_cluster_role_bound_in_a_namespace(api: Api, people: People) -> None:
    bot = await people.account()
    name, allowed = people.unique("reader"), rule("list", "services")
    await people.everywhere(CLUSTER_ROLES, role(name, allowed))
    bound = binding("reader", name, people.subject())
    await api("POST", api.path(BINDINGS), bound, expect=201)
    await people.knows(True, people.name(), allowed)
    await bot("GET", api.path("services"))
    await refused(bot, "GET", "/api/v1/services")


async def test_a_cluster_role_bound_everywhere(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow_everywhere(rule("get list", "nodes"), rule("list", "services"))
    await bot("GET", "/api/v1/services")
    await bot("GET", "/api/v1/namespaces/default/services")
    assert (await bot("GET", "/api/v1/nodes"))["kind"] == "NodeList"
    await refused(bot, "PATCH", "/api/v1/nodes/node-1", {}, kind=MERGE)


async def test_an_account_named_without_its_namespace(api: Api, people: People) -> None:
    bot = await people.account()
    allowed = rule("list", "pods")
    await api("POST", api.path(ROLES), role("given", allowed), expect=201)
    here = {"kind": "ServiceAccount", "name": "bot"}
    bound = binding("given", "given", here, kind="Role")
    assert (await api("POST", api.path(BINDINGS), bound, expect=201))["subjects"] == [here]
    await people.knows(True, people.name(), allowed)
    await bot("GET", api.path("pods"))


@pytest.mark.parametrize(
    "group", ["system:serviceaccounts", "system:serviceaccounts:{ns}", "system:authenticated"]
)
async def test_groups_of_an_account(api: Api, people: People, group: str) -> None:
    bot, allowed = await people.account(), rule("list", "pods")
    name = group.format(ns=api.namespace)
    await api("POST", api.path(ROLES), role("given", allowed), expect=201)
    bound = binding("given", "given", user(name, "Group"), kind="Role")
    await api("POST", api.path(BINDINGS), bound, expect=201)
    await people.knows(True, "somebody", allowed, name)
    await bot("GET", api.path("pods"))


async def test_an_account_elsewhere_has_another_name(api: Api, people: People) -> None:
    bot, allowed = await people.account(), rule("list", "pods")
    await api("POST", api.path(ROLES), role("given", allowed), expect=201)
    other = {"kind": "ServiceAccount", "name": "bot", "namespace": "default"}
    bound = binding("given", "given", other, user("bot"), kind="Role")
    await api("POST", api.path(BINDINGS), bound, expect=201)
    await people.knows(True, "system:serviceaccount:default:bot", allowed)
    await refused(bot, "GET", api.path("pods"))


async def test_rights_end_with_their_binding(api: Api, people: People) -> None:
    bot, allowed = await people.account(), rule("list", "pods")
    await people.allow(allowed)
    await bot("GET", api.path("pods"))
    await api("DELETE", api.path(BINDINGS, "given"))
    await people.knows(False, people.name(), allowed)
    await refused(bot, "GET", api.path("pods"))


async def test_rights_change_with_their_role(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("list", "pods"))
    changed = {"rules": [rule("list", "services")]}
    await api("PATCH", api.path(ROLES, "given"), changed, kind=MERGE)
    await people.knows(True, people.name(), rule("list", "services"))
    await refused(bot, "GET", api.path("pods"))


async def test_a_role_that_is_not_there(api: Api, people: People) -> None:
    bot = await people.account()
    gone = (("a", "Role"), ("b", "ClusterRole"))
    for name, kind in gone:
        bound = binding(name, f"none-{name}", people.subject(), kind=kind)
        await api("POST", api.path(BINDINGS), bound, expect=201)
    await people.allow(rule("list", "services"))
    said = await refused(bot, "GET", api.path("pods"))
    begin, _, reason = said.partition(": RBAC: ")
    assert begin.endswith(
        f'cannot list resource "pods" in API group "" in the namespace "{api.namespace}"'
    )
    # In the order of the server's cache, which is none.
    assert sorted(reason.strip("[]").split(", ")) == [
        'clusterrole.rbac.authorization.k8s.io "none-b" not found',
        'role.rbac.authorization.k8s.io "none-a" not found',
    ]
    await bot("GET", api.path("services"))


async def test_a_stream_needs_create_however_it_begins(
    api: Api, cluster: Cluster, people: People, differs: Callable[[str], None]
) -> None:
    bot = await people.account()
    await people.allow(rule("get", "pods/exec"))
    path = api.path("pods", "web", "exec")
    if cluster.minor < 35:
        differs("before 1.35 `get` is enough for a stream that begins with GET")
        await bot.fails("GET", path, expect=404, command="ls")
        return
    assert await refused(bot, "GET", path, command="ls") == 'pods "web" is forbidden: '


async def test_paths_that_are_no_resources(people: People) -> None:
    bot = await people.account()
    given = {"verbs": ["get"], "nonResourceURLs": ["/practice/*", "/logs"]}
    await people.allow_everywhere(given, rule("list", "nodes"))
    for path, allowed in (("/practice/one", True), ("/logs", True), ("/logs/", False)):
        spec = {"nonResourceAttributes": {"verb": "get", "path": path}}
        review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        said = await bot("POST", review, {"spec": spec}, expect=201)
        assert said["status"]["allowed"] is allowed, path


async def test_a_binding_for_a_user_and_one_for_a_group(api: Api, people: People) -> None:
    name = people.unique("reader")
    await people.everywhere(CLUSTER_ROLES, role(name, rule("list", "nodes")))
    subjects = user("jane"), user("dev", "Group")
    await people.everywhere(CLUSTER_BINDINGS, binding(name, name, *subjects))
    await people.knows(True, "jane", rule("list", "nodes"), namespace="")
    await api.acting("jane")("GET", "/api/v1/nodes")
    await api.acting("joe", "dev")("GET", "/api/v1/nodes")
    await refused(api.acting("joe"), "GET", "/api/v1/nodes")
