"""Nobody gives away what he does not have; and what roles and bindings must look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import MERGE, Api, Json
from tests.contract.people import (
    BINDINGS,
    CLUSTER_BINDINGS,
    CLUSTER_ROLES,
    GROUP,
    ROLES,
    People,
    binding,
    role,
    rule,
    user,
)

WRITE_ROLES = rule("create update patch", "roles rolebindings", GROUP)


def escalation(people: People, ns: str, *lines: str) -> str:
    groups = f'["system:serviceaccounts" "system:serviceaccounts:{ns}" "system:authenticated"]'
    return (
        f'user "{people.name()}" (groups={groups}) is attempting to grant RBAC permissions not '
        "currently held:\n" + "\n".join(lines)
    )


async def test_a_role_within_ones_own_rights(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("get list", "pods secrets"), WRITE_ROLES)
    less = role("less", rule("list", "pods"), rule("get", "secrets", "", "one"))
    await bot("POST", api.path(ROLES), less, expect=201)


async def test_a_role_beyond_ones_own_rights(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("get list", "pods"), rule("get", "secrets", "", "one"), WRITE_ROLES)
    more = role(
        "more",
        rule("get delete update", "pods secrets"),
        rule("*", "deployments", "apps", "a", "b"),
        rule("get", "secrets", "", "one", "two"),
    )
    said = await bot.fails("POST", api.path(ROLES), more, expect=403)
    assert said["reason"] == "Forbidden"
    assert said["details"] == {"name": "more", "group": GROUP, "kind": "roles"}
    assert said["message"] == 'roles.rbac.authorization.k8s.io "more" is forbidden: ' + escalation(
        people,
        api.namespace,
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "update"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["two"], Verbs:["get"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete" "update"]}',
        '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["a"], Verbs:["*"]}',
        '{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["b"], Verbs:["*"]}',
    )


async def test_a_role_changed_beyond_ones_own_rights(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("get", "pods"), WRITE_ROLES)
    path = api.path(ROLES)
    await bot("POST", path, role("own", rule("get", "pods")), expect=201)
    body: Json = {"rules": [rule("delete", "pods")]}
    line = '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}'
    said = await bot.fails("PATCH", f"{path}/own", body, expect=403, kind=MERGE)
    assert said["message"].endswith(escalation(people, api.namespace, line))
    await bot("PATCH", f"{path}/own", {"metadata": {"labels": {"a": "b"}}}, kind=MERGE)
    await bot.fails("PATCH", f"{path}/own", body, expect=403, kind=MERGE, dryRun="All")


async def test_who_may_escalate(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(WRITE_ROLES, rule("escalate", "roles", GROUP))
    await bot("POST", api.path(ROLES), role("all", rule("*", "*", "*")), expect=201)


async def test_a_binding_needs_the_right_to_bind(api: Api, people: People) -> None:
    bot, path = await people.account(), api.path(BINDINGS)
    for name in ("one", "two"):
        await api("POST", api.path(ROLES), role(name, rule("delete", "nodes")), expect=201)
    await people.allow(WRITE_ROLES, rule("bind", "roles", GROUP, "one"))
    line = '{APIGroups:[""], Resources:["nodes"], Verbs:["delete"]}'
    two = binding("two", "two", people.subject(), kind="Role")
    said = await bot.fails("POST", path, two, expect=403)
    assert said["message"] == (
        'rolebindings.rbac.authorization.k8s.io "two" is forbidden: '
        + escalation(people, api.namespace, line)
    )
    await bot("POST", path, binding("one", "one", people.subject(), kind="Role"), expect=201)


async def test_a_binding_of_what_one_has(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("get", "pods"), WRITE_ROLES)
    await api("POST", api.path(ROLES), role("pods", rule("get", "pods")), expect=201)
    bound = binding("pods", "pods", user("jane"), kind="Role")
    await bot("POST", api.path(BINDINGS), bound, expect=201)


async def test_a_binding_of_a_role_that_is_not_there(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(WRITE_ROLES)
    said = await bot.fails("POST", api.path(BINDINGS), binding("none", "none"), expect=404)
    assert said["message"] == 'rolebindings.rbac.authorization.k8s.io "none" not found'


async def test_cluster_roles_need_rights_everywhere(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("get", "pods"))
    await people.allow_everywhere(rule("create", "clusterroles clusterrolebindings", GROUP))
    name = people.unique("pods")
    said = await bot.fails("POST", CLUSTER_ROLES, role(name, rule("get", "pods")), expect=403)
    line = '{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'
    assert said["message"].endswith(escalation(people, api.namespace, line))
    bound = binding(name, "cluster-admin", people.subject())
    said = await bot.fails("POST", CLUSTER_BINDINGS, bound, expect=403)
    assert said["message"].endswith(
        escalation(
            people,
            api.namespace,
            '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}',
            '{NonResourceURLs:["*"], Verbs:["*"]}',
        )
    )


async def test_only_who_may_everything_gathers_roles(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow_everywhere(rule("create", "clusterroles", GROUP))
    name = people.unique("all")
    selector = {"matchLabels": {"a": "b"}}
    body = {**role(name), "aggregationRule": {"clusterRoleSelectors": [selector]}}
    said = await bot.fails("POST", CLUSTER_ROLES, body, expect=403)
    assert said["message"] == (
        f'clusterroles.rbac.authorization.k8s.io "{name}" is forbidden: must have cluster-admin '
        "privileges to use the aggregationRule"
    )


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"kind": "ClusterRole"}], ids=["name", "kind"]
)
async def test_a_binding_keeps_its_role(
    api: Api, same_words: Callable[[str, str], None], change: dict[str, str]
) -> None:
    path = api.path(BINDINGS)
    made = await api("POST", path, binding("one", "one", user("jane"), kind="Role"), expect=201)
    said = await api.fails("PATCH", f"{path}/one", {"roleRef": change}, expect=422, kind=MERGE)
    shown = {"name": "one", "kind": "Role", **change}
    same_words(
        said["message"],
        'RoleBinding.rbac.authorization.k8s.io "one" is invalid: roleRef: Invalid value: '
        f'{{"APIGroup":"{GROUP}","Kind":"{shown["kind"]}","Name":"{shown["name"]}"}}: '
        "cannot change roleRef",
    )
    more = {"subjects": [*made["subjects"], user("dev", "Group")]}
    assert len((await api("PATCH", f"{path}/one", more, kind=MERGE))["subjects"]) == 2


async def test_rules_that_make_no_sense(api: Api, same_words: Callable[[str, str], None]) -> None:
    body = {
        "metadata": {"name": "bad"},
        "rules": [{"verbs": []}, {"verbs": ["get"], "nonResourceURLs": ["/x"]}],
    }
    said = await api.fails("POST", api.path(ROLES), body, expect=422)
    same_words(
        said["message"],
        'Role.rbac.authorization.k8s.io "bad" is invalid: ['
        "rules[0].verbs: Required value: verbs must contain at least one value, "
        "rules[0].apiGroups: Required value: resource rules must supply at least one api group, "
        "rules[0].resources: Required value: resource rules must supply at least one resource, "
        'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to '
        "non-resource URLs]",
    )


async def test_bindings_that_make_no_sense(api: Api) -> None:
    dog: Any = {"kind": "Dog", "name": ""}
    body = binding("bad", "one", dog, {**user("jane"), "apiGroup": "x"}, kind="Thing")
    said = await api.fails("POST", api.path(BINDINGS), body, expect=422)
    assert [cause["field"] for cause in said["details"]["causes"]] == [
        "roleRef.kind",
        "subjects[0].name",
        "subjects[0].kind",
        "subjects[1].apiGroup",
    ]
    assert (
        'roleRef.kind: Unsupported value: "Thing": supported values: "Role", "ClusterRole"'
        in (said["message"])
    )
    account: Json = {"kind": "ServiceAccount", "name": "bot"}
    body = binding("bad", "", account, kind="Role")
    said = await api.fails("POST", CLUSTER_BINDINGS, body, expect=422)
    assert [cause["field"] for cause in said["details"]["causes"]] == [
        "roleRef.kind",
        "roleRef.name",
        "subjects[0].namespace",
    ]
