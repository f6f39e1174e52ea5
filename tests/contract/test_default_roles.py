"""The roles that a cluster has from the start, and roles that gather others."""

from __future__ import annotations

import pytest

from tests.contract.client import MERGE, Api, Json
from tests.contract.people import BINDINGS, CLUSTER_ROLES, GROUP, People, binding, role, rule

VIEW = [
    rule("list", "pods"),
    rule("get", "pods/log"),
    rule("watch", "deployments", "apps"),
    rule("get", "deployments/scale", "apps"),
    rule("list", "events"),
    rule("get", "namespaces"),
]
EDIT = [
    rule("get", "secrets"),
    rule("create", "pods/exec"),
    rule("create", "pods/eviction"),
    rule("patch", "statefulsets/scale", "apps"),
    rule("deletecollection", "jobs", "batch"),
    rule("create", "serviceaccounts/token"),
    rule("impersonate", "serviceaccounts"),
    rule("update", "leases", "coordination.k8s.io"),
]
ADMIN = [
    rule("create", "rolebindings", GROUP),
    rule("create", "localsubjectaccessreviews", "authorization.k8s.io"),
]
NOBODY = [
    rule("update", "resourcequotas"),
    rule("update", "deployments/status", "apps"),
    rule("delete", "namespaces"),
    rule("list", "nodes"),
    rule("escalate", "roles", GROUP),
]
RIGHTS = {"view": VIEW, "edit": [*VIEW, *EDIT], "admin": [*VIEW, *EDIT, *ADMIN]}
ALL = [*VIEW, *EDIT, *ADMIN, *NOBODY]


@pytest.mark.parametrize("name", RIGHTS)
async def test_what_people_in_a_namespace_may(api: Api, people: People, name: str) -> None:
    await people.account()
    await api("POST", api.path(BINDINGS), binding("given", name, people.subject()), expect=201)
    await people.knows(True, people.name(), RIGHTS[name][-1])
    who, here = people.name(), api.namespace
    assert [what for what in ALL if await people.may(who, what, namespace=here)] == RIGHTS[name]
    assert not await people.may(who, VIEW[0], namespace="default")


async def test_what_a_cluster_admin_may(api: Api, people: People) -> None:
    bot = await people.account()
    await api(
        "POST", api.path(BINDINGS), binding("given", "cluster-admin", people.subject()), expect=201
    )
    await people.knows(True, people.name(), NOBODY[1])
    for what in ALL:
        assert await people.may(people.name(), what, namespace=api.namespace)
    assert (await bot("GET", api.path("secrets")))["items"] == []
    await bot.fails("GET", "/api/v1/secrets", expect=403)


@pytest.mark.parametrize(
    "name",
    [
        "cluster-admin",
        "system:discovery",
        "system:basic-user",
        "system:public-info-viewer",
        "system:aggregate-to-view",
        "system:aggregate-to-edit",
        "system:aggregate-to-admin",
        "view",
        "edit",
        "admin",
    ],
)
async def test_default_roles_say_that_they_are(api: Api, name: str) -> None:
    found = await api("GET", f"{CLUSTER_ROLES}/{name}")
    meta = found["metadata"]
    assert meta["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults"
    assert meta["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] == "true"
    assert found["rules"]


async def test_view_edit_and_admin_gather_their_rules(api: Api) -> None:
    found = {}
    for name in ("view", "edit", "admin"):
        found[name] = await api("GET", f"{CLUSTER_ROLES}/{name}")
        label = {f"{GROUP}/aggregate-to-{name}": "true"}
        selectors = [{"matchLabels": label}]
        assert found[name]["aggregationRule"] == {"clusterRoleSelectors": selectors}
        own = await api("GET", f"{CLUSTER_ROLES}/system:aggregate-to-{name}")
        assert own["metadata"]["labels"][f"{GROUP}/aggregate-to-{name}"] == "true"
        assert all(one in found[name]["rules"] for one in own["rules"])
    for less, more in (("view", "edit"), ("edit", "admin")):
        assert all(one in found[more]["rules"] for one in found[less]["rules"])


async def gathers(api: Api, name: str, rules: list[Json]) -> None:
    def right(found: dict[str, Json]) -> bool:
        return (found[name].get("rules") or []) == rules

    await api.until(CLUSTER_ROLES, right, "gathered", fieldSelector=f"metadata.name={name}")


async def test_a_role_that_gathers_others(api: Api, people: People) -> None:
    name, one, two = (people.unique(word) for word in ("all", "one", "two"))
    mark = {"practice": people.unique("mark")}
    pods, services = rule("get", "pods"), rule("get", "services")
    selectors = [{"matchLabels": mark}]
    body = {**role(name, rule("lost", "x")), "aggregationRule": {"clusterRoleSelectors": selectors}}
    await people.everywhere(CLUSTER_ROLES, body)
    await people.everywhere(CLUSTER_ROLES, role(two, pods, **mark))
    await gathers(api, name, [pods])
    await people.everywhere(CLUSTER_ROLES, role(one, services, pods, **mark))
    await gathers(api, name, [services, pods])
    await api(
        "PATCH",
        f"{CLUSTER_ROLES}/{one}",
        {"metadata": {"labels": None}},
        kind=MERGE,
    )
    await gathers(api, name, [pods])
