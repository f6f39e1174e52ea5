"""Odd requests: values that may not be, directives that nobody knows, bodies of another kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import APPLY, MERGE, STRATEGIC, Api, Json
from tests.contract.conftest import Cluster

Make = Callable[..., Json]

RESOURCES = "apps/v1/deployments"


@pytest.fixture
async def one(api: Api, config_map: Make) -> str:
    await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    return api.path("configmaps", "one")


# -- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "at", "why"),
    [
        ("app=-web", 0, "a valid label must be an empty string or consist of alphanumeric"),
        ("app in (a,b-)", 1, "a valid label must be an empty string or consist of alphanumeric"),
        (f"app!={'x' * 64}", 0, "must be no more than 63 "),
    ],
    ids=["begin", "end", "long"],
)
async def test_a_selector_with_what_no_label_can_be(
    api: Api, selector: str, at: int, why: str
) -> None:
    said = await api.fails("GET", api.path("pods"), expect=400, labelSelector=selector)
    assert why in said["message"]
    assert f"values[{at}][app]: Invalid value: " in said["message"]


async def test_one_object_at_a_version_from_the_future(api: Api, one: str) -> None:
    said = await api.fails("GET", one, expect=504, resourceVersion="999999999")
    assert "Too large resource version" in said["message"]


async def test_a_writer_with_a_name_that_may_not_be(api: Api, one: str) -> None:
    for name, why in (
        ("y" * 129, "fieldManager: Too long: may not be more than 128 bytes"),
        ("a\x01b", "invalid character U+0001 (at position 1)"),
    ):
        said = await api.fails("PATCH", one, {}, expect=422, kind=MERGE, fieldManager=name)
        assert why in said["message"]


@pytest.mark.parametrize(
    ("query", "field", "why"),
    [
        ({"tailLines": "-1"}, "tailLines", "must be greater than or equal to 0"),
        ({"limitBytes": "0"}, "limitBytes", "must be greater than 0"),
        ({"sinceSeconds": "0"}, "sinceSeconds", "must be greater than 0"),
        (
            {"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"},
            "[]",
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ],
    ids=["tail", "bytes", "seconds", "both"],
)
async def test_a_log_by_numbers_that_make_no_sense(
    api: Api, pod: Make, query: dict[str, str], field: str, why: str
) -> None:
    await api("POST", api.path("pods"), pod("one"), expect=201)
    said = await api.fails("GET", api.path("pods", "one", "log"), expect=422, **query)
    (cause,) = said["details"]["causes"]
    assert cause["field"] == field
    assert why in cause["message"]
    assert said["message"].startswith('PodLogOptions "one" is invalid: ')


# -- deletions -----------------------------------------------------------------------------------


async def test_two_words_on_the_dependents(api: Api, one: str) -> None:
    body = {"orphanDependents": True, "propagationPolicy": "Orphan"}
    said = await api.fails("DELETE", one, body, expect=422)
    assert "orphanDependents and deletionPropagation cannot be both set" in said["message"]
    await api("GET", one)


@pytest.mark.parametrize(
    "body",
    [
        {"gracePeriodSeconds": "x"},
        {"preconditions": "x"},
        {"dryRun": "All"},
        {"kind": "ConfigMap", "apiVersion": "v1"},
    ],
    ids=["grace", "preconditions", "dry run", "kind"],
)
async def test_what_are_no_options_of_a_deletion(api: Api, one: str, body: Json) -> None:
    said = await api("DELETE", one, body, expect=(400, 500))
    assert said["status"] == "Failure"
    await api("GET", one)


async def test_options_in_the_body_count_and_not_the_parameters(api: Api, one: str) -> None:
    await api("DELETE", one, {"gracePeriodSeconds": 0}, dryRun="All")
    await api("GET", one, expect=404)


# -- objects -------------------------------------------------------------------------------------


async def test_an_owner_without_an_identity(
    api: Api, config_map: Make, cluster: Cluster, differs: Callable[[str], None]
) -> None:
    body = config_map("owned", ownerReferences=[{"name": "x"}])
    said = await api.fails("POST", api.path("configmaps"), body, expect=422)
    found = {cause["field"]: cause["message"] for cause in said["details"]["causes"]}
    words = {"apiVersion": "version must", "kind": "must", "uid": "must"}
    if cluster.minor < 34:
        differs("before 1.34 the sentence names the field")
        words |= {"kind": "kind must", "uid": "uid must"}
    assert found == {
        f"metadata.ownerReferences.{field}": f'Invalid value: "": {begin} not be empty'
        for field, begin in words.items()
    }


@pytest.mark.parametrize("resource", ["configmaps", "secrets"])
@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("a b", "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"),
        ("..", "must not be '..'"),
        ("..a", "must not start with '..'"),
    ],
    ids=["space", "dots", "begin"],
)
async def test_a_key_that_is_no_file_name(api: Api, resource: str, key: str, why: str) -> None:
    body = {"metadata": {"name": "one"}, "data": {key: ""}}
    said = await api.fails("POST", api.path(resource), body, expect=422)
    (cause,) = said["details"]["causes"]
    assert cause["field"] == f"data[{key}]"
    assert why in cause["message"]


@pytest.mark.parametrize(
    ("field", "reason", "change"),
    [
        ("spec.restartPolicy", "FieldValueNotSupported", {"restartPolicy": "Odd"}),
        ("spec.dnsPolicy", "FieldValueNotSupported", {"dnsPolicy": "Odd"}),
        (
            "spec.containers[0].imagePullPolicy",
            "FieldValueNotSupported",
            {"containers": [{"name": "main", "image": "x", "imagePullPolicy": "Odd"}]},
        ),
        (
            "spec.ephemeralContainers",
            "FieldValueForbidden",
            {"ephemeralContainers": [{"name": "debug", "image": "x"}]},
        ),
    ],
    ids=["restart", "dns", "pull", "ephemeral"],
)
async def test_a_pod_with_words_that_nobody_knows(
    api: Api, pod: Make, field: str, reason: str, change: Json
) -> None:
    body = pod("one")
    body["spec"] |= change
    said = await api.fails("POST", api.path("pods"), body, expect=422)
    assert (field, reason) in [(c["field"], c["reason"]) for c in said["details"]["causes"]]


async def test_a_key_in_both_parts(api: Api, config_map: Make) -> None:
    body = config_map("one", {"a": "1"}) | {"binaryData": {"a": "AA=="}}
    said = await api.fails("POST", api.path("configmaps"), body, expect=422)
    assert "duplicate of key present in binaryData" in said["message"]


# -- patches -------------------------------------------------------------------------------------


def containers(*items: Any, **more: Any) -> Json:
    return {"spec": {"template": {"spec": {"containers": list(items), **more}}}}


@pytest.mark.parametrize(
    ("patch", "code", "why"),
    [
        ({"metadata": {"$patch": "odd"}}, 500, "unknown patch type: odd in map: "),
        ({"metadata": {"$patch": "merge"}}, 500, "unknown patch type: merge in map: "),
        (
            containers({"name": "new", "image": "x", "$patch": "odd"}),
            500,
            "unknown patch type: odd in map: ",
        ),
        (
            containers({"name": "main", "$patch": "merge"}),
            500,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            containers({"image": "x"}),
            500,
            "map: map[image:x] does not contain declared merge key: name",
        ),
        (
            {
                "spec": {
                    "strategy": {"$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": {}}
                }
            },
            400,
            "invalid patch format of retainKeys",
        ),
        (
            containers({"name": "n", "image": "x"}, **{"$setElementOrder/containers": "n"}),
            500,
            "expected a []interface {}, but received a string",
        ),
        (
            containers(
                {"name": "n", "image": "x"}, **{"$setElementOrder/containers": [{"name": "main"}]}
            ),
            500,
            "The order in patch list:",
        ),
    ],
    ids=["map", "map-merge", "item", "item-merge", "no key", "retain", "no order", "other order"],
)
async def test_directives_that_make_no_sense(
    api: Api, workload: Make, patch: Json, code: int, why: str
) -> None:
    await api("POST", api.path(RESOURCES), workload("Deployment", replicas=0), expect=201)
    path = api.path(RESOURCES, "web")
    before = await api("GET", path)
    said = await api.fails("PATCH", path, patch, expect=code, kind=STRATEGIC)
    assert why in said["message"]
    after = await api("GET", path)
    assert after["spec"] == before["spec"]


async def test_applying_what_does_not_say_what_it_is(api: Api, one: str) -> None:
    body = {"metadata": {"name": "one"}, "data": {"a": "1"}}
    await api("PATCH", one, body, expect=(400, 500), kind=APPLY, fieldManager="me")
    said = await api.fails(
        "PATCH", one, body | {"apiVersion": "v9", "kind": "ConfigMap"}, expect=400, kind=APPLY,
        fieldManager="me",
    )  # fmt: skip
    assert said["reason"] == "BadRequest"


async def test_an_eviction_that_is_none(api: Api, pod: Make) -> None:
    await api("POST", api.path("pods"), pod("one"), expect=201)
    path = api.path("pods", "one", "eviction")
    await api("POST", path, {"kind": "ConfigMap", "apiVersion": "v1"}, expect=(400, 500))
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "one"},
        "deleteOptions": {"dryRun": ["Odd"]},
    }
    await api("POST", path, body, expect=422)
    await api("GET", api.path("pods", "one"))


async def test_a_form_of_an_answer_that_there_is_not(api: Api, one: str) -> None:
    for form in ("as=Odd;g=meta.k8s.io;v=v1", "as=Table;g=odd;v=v1", "as=Table;v=v1"):
        said = await api("GET", one, expect=406, accept=f"application/json;{form}")
        assert "application/json" in str(said)
