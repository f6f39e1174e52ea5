"""Asking instead of trying: may I, may he, what may I, who am I."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.client import Api, Json
from tests.contract.people import GROUP, REVIEWS, WHOAMI, People, rule

SELF = f"{REVIEWS}/selfsubjectaccessreviews"
OTHERS = f"{REVIEWS}/subjectaccessreviews"
RULES = f"{REVIEWS}/selfsubjectrulesreviews"


def pods(api: Api, verb: str = "get") -> Json:
    attributes = {"verb": verb, "resource": "pods", "namespace": api.namespace}
    return {"resourceAttributes": attributes}


async def test_may_i(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow(rule("get", "pods"))
    said = await bot("POST", SELF, {"spec": pods(api)}, expect=201)
    assert said["kind"] == "SelfSubjectAccessReview"
    assert said["spec"] == pods(api)
    ns = api.namespace
    assert said["status"] == {
        "allowed": True,
        "reason": f'RBAC: allowed by RoleBinding "given/{ns}" of Role "given" to '
        f'ServiceAccount "bot/{ns}"',
    }
    said = await bot("POST", SELF, {"spec": pods(api, "delete")}, expect=201)
    assert said["status"] == {"allowed": False}


async def test_why_somebody_may_everywhere(api: Api, people: People) -> None:
    bot = await people.account()
    await people.allow_everywhere(rule("get", "pods"))
    name = people.unique("given")
    said = await bot("POST", SELF, {"spec": pods(api)}, expect=201)
    assert said["status"]["reason"] == (
        f'RBAC: allowed by ClusterRoleBinding "{name}" of ClusterRole "{name}" to '
        f'ServiceAccount "bot/{api.namespace}"'
    )
    path = {"nonResourceAttributes": {"verb": "get", "path": "/version"}}
    said = await bot("POST", SELF, {"spec": path}, expect=201)
    assert said["status"]["allowed"] is True
    assert said["status"]["reason"].endswith(' to Group "system:authenticated"')


async def test_an_administrator_may_without_a_reason(api: Api) -> None:
    said = await api("POST", SELF, {"spec": pods(api, "anything")}, expect=201)
    assert said["status"] == {"allowed": True}


async def test_may_he(api: Api, people: People) -> None:
    await people.account()
    await people.allow(rule("get", "pods"))
    for spec, allowed in (
        ({"user": people.name()}, True),
        ({"user": "somebody"}, False),
        ({"user": "somebody", "groups": ["system:masters"]}, True),
        ({"groups": ["system:serviceaccounts"]}, False),
    ):
        said = await api("POST", OTHERS, {"spec": {**pods(api), **spec}}, expect=201)
        assert said["status"]["allowed"] is allowed, spec


async def test_asking_about_others_is_a_right(api: Api, people: People) -> None:
    bot = await people.account()
    spec = {**pods(api), "user": "somebody"}
    said = await bot.fails("POST", OTHERS, {"spec": spec}, expect=403)
    assert said["message"].startswith("subjectaccessreviews.authorization.k8s.io is forbidden: ")
    await people.allow(rule("create", "localsubjectaccessreviews", "authorization.k8s.io"))
    here = api.path("authorization.k8s.io/v1/localsubjectaccessreviews")
    said = await bot("POST", here, {"spec": spec}, expect=201)
    assert said["metadata"]["namespace"] == api.namespace
    assert said["status"] == {"allowed": False}


LOCAL = "localsubjectaccessreviews"
RESOURCE = {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "other"}}
PATH = {"nonResourceAttributes": {"verb": "get", "path": "/x"}}
WHOM = {"user": "somebody"}


@pytest.mark.parametrize(
    ("kind", "spec", "why"),
    [
        (
            "selfsubjectaccessreviews",
            {},
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes "
            "or resourceAttributes must be specified",
        ),
        (
            "selfsubjectaccessreviews",
            {**RESOURCE, **PATH},
            'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be '
            "specified in combination with resourceAttributes",
        ),
        (
            "subjectaccessreviews",
            RESOURCE,
            'spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        (
            LOCAL,
            {**RESOURCE, **WHOM},
            'spec.resourceAttributes.namespace: Invalid value: "other": must match '
            "metadata.namespace",
        ),
        (
            LOCAL,
            {**PATH, **WHOM},
            'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: disallowed on '
            "this kind of request",
        ),
    ],
    ids=["nothing", "two things", "nobody", "elsewhere", "a path in a namespace"],
)
async def test_questions_that_make_no_sense(
    api: Api, same_words: Callable[[str, str], None], kind: str, spec: Json, why: str
) -> None:
    path = f"{REVIEWS}/{kind}"
    if kind == LOCAL:
        path = api.path(f"authorization.k8s.io/v1/{LOCAL}")
    said = await api.fails("POST", path, {"spec": spec}, expect=422)
    same_words(said["message"], f'.authorization.k8s.io "" is invalid: {why}')


async def test_what_may_i(api: Api, people: People) -> None:
    bot = await people.account()
    given = rule("get", "configmaps", "", "one"), rule("get list", "pods pods/log")
    await people.allow(*given)
    said = await bot("POST", RULES, {"spec": {"namespace": api.namespace}}, expect=201)
    status = said["status"]
    assert status["incomplete"] is False
    assert all(one in status["resourceRules"] for one in given)
    basic = rule("create", "selfsubjectreviews", "authentication.k8s.io")
    assert basic in status["resourceRules"]
    assert any("/apis/*" in one["nonResourceURLs"] for one in status["nonResourceRules"])
    said = await bot("POST", RULES, {"spec": {"namespace": "default"}}, expect=201)
    assert not any(one in said["status"]["resourceRules"] for one in given)


async def test_what_may_an_administrator(api: Api) -> None:
    said = await api("POST", RULES, {"spec": {"namespace": api.namespace}}, expect=201)
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert said["status"]["resourceRules"].count(everything) == 1
    assert {"verbs": ["*"], "nonResourceURLs": ["*"]} in said["status"]["nonResourceRules"]


async def test_rules_are_asked_for_a_namespace(api: Api) -> None:
    said = await api.fails("POST", RULES, {"spec": {}}, expect=400)
    assert said["message"] == "no namespace on request"


async def test_who_am_i(api: Api) -> None:
    said = await api("POST", WHOAMI, {}, expect=201)
    assert said["kind"] == "SelfSubjectReview"
    assert said["status"]["userInfo"]["groups"] == ["system:masters", "system:authenticated"]


async def test_roles_are_no_secret_to_who_may_read_them(api: Api, people: People) -> None:
    bot = await people.account()
    path = api.path(f"{GROUP}/v1/roles")
    await bot.fails("GET", path, expect=403)
    await people.allow(rule("list", "roles", GROUP))
    assert [item["metadata"]["name"] for item in (await bot("GET", path))["items"]] == ["given"]
