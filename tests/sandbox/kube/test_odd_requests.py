"""Odd requests: values that may not be, directives that nobody knows, bodies of another kind.

Each is refused with what it is about, and leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.kube.conftest import APPLY, MERGE, STRATEGIC, Api

Json = dict[str, Any]
Make = Callable[..., Json]

CORE = "/api/v1/namespaces/default"
MAP, POD, WEB = (
    f"{CORE}/configmaps/one",
    f"{CORE}/pods/one",
    "/apis/apps/v1/namespaces/default/deployments/web",
)


@pytest.fixture
async def things(api: Api, pod: Make, deployment: Make) -> Api:
    """A ConfigMap, a pod and a Deployment."""
    await api("POST", f"{CORE}/configmaps", {"metadata": {"name": "one"}}, expect=201)
    await api("POST", f"{CORE}/pods", pod("one"), expect=201)
    await api("POST", WEB.removesuffix("/web"), deployment(), expect=201)
    return api


async def refused(api: Api, method: str, path: str, body: Any, code: int, **how: Any) -> str:
    """A request that is refused; returns the sentence."""
    before = [await api("GET", path) for path in (MAP, POD, WEB)]
    said = await api(method, path, body, expect=code, **how)
    assert said["status"] == "Failure"
    assert [await api("GET", path) for path in (MAP, POD, WEB)] == before
    return str(said["message"])


@pytest.mark.parametrize(
    ("path", "code", "why"),
    [
        (f"{CORE}/pods?labelSelector=app%3D-web", 400, "a valid label must be an empty string"),
        (f"{CORE}/pods?labelSelector=app!%3D{'x' * 64}", 400, "no more than 63 characters"),
        (f"{MAP}?resourceVersion=999999999", 504, "Too large resource version: 999999999"),
        (f"{POD}/log?tailLines=-1", 422, "tailLines: Invalid value: -1: must be greater than or"),
        (f"{POD}/log?limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        (f"{POD}/log?sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater"),
        (
            f"{POD}/log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
            422,
            "at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ],
)
async def test_questions(things: Api, path: str, code: int, why: str) -> None:
    assert why in await refused(things, "GET", path, None, code)


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        (
            {"orphanDependents": True, "propagationPolicy": "Orphan"},
            422,
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        ({"propagationPolicy": "Odd"}, 422, 'propagationPolicy: Unsupported value: "Odd"'),
        ({"gracePeriodSeconds": "x"}, 400, "DeleteOptions.gracePeriodSeconds of type int64"),
        ({"preconditions": "x"}, 400, "DeleteOptions.preconditions of type"),
        ({"dryRun": "All"}, 400, "DeleteOptions.dryRun of type []string"),
        ({"kind": "ConfigMap"}, 400, "the body is no DeleteOptions, but of the kind 'ConfigMap'"),
    ],
)
async def test_deletions(things: Api, body: Json, code: int, why: str) -> None:
    assert why in await refused(things, "DELETE", MAP, body, code)


async def test_options_in_the_body_count_and_not_the_parameters(things: Api) -> None:
    await things("DELETE", f"{MAP}?dryRun=All", {"gracePeriodSeconds": 0})
    await things("GET", MAP, expect=404)


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        ({"kind": "ConfigMap"}, 400, "the body is no Eviction, but of kind 'ConfigMap'"),
        ({"deleteOptions": {"dryRun": ["Odd"]}}, 422, 'dryRun: Unsupported value: ["Odd"]'),
    ],
)
async def test_evictions(things: Api, body: Json, code: int, why: str) -> None:
    assert why in await refused(things, "POST", f"{POD}/eviction", body, code)


@pytest.mark.parametrize("kind", ["configmaps", "secrets"])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"data": {"a b": ""}}, "data[a b]: Invalid value: \"a b\": a valid config key must"),
        ({"data": {"..": ""}}, "data[..]: Invalid value: \"..\": must not be '..'"),
        ({"data": {"..a": ""}}, "data[..a]: Invalid value: \"..a\": must not start with '..'"),
    ],
)  # fmt: skip
async def test_keys(things: Api, kind: str, body: Json, why: str) -> None:
    body |= {"metadata": {"name": "two"}}
    assert why in await refused(things, "POST", f"{CORE}/{kind}", body, 422)


async def test_owners_without_an_identity(things: Api) -> None:
    body = {"metadata": {"name": "two", "ownerReferences": [{"name": "x"}]}}
    said = await refused(things, "POST", f"{CORE}/configmaps", body, 422)
    for field in ("apiVersion", "kind", "uid"):
        assert f"metadata.ownerReferences.{field}: Invalid value: " in said


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"restartPolicy": "Odd"}, 'spec.restartPolicy: Unsupported value: "Odd"'),
        ({"dnsPolicy": "Odd"}, 'spec.dnsPolicy: Unsupported value: "Odd"'),
        (
            {"containers": [{"name": "main", "image": "x", "imagePullPolicy": "Odd"}]},
            'spec.containers[0].imagePullPolicy: Unsupported value: "Odd"',
        ),
        (
            {"ephemeralContainers": [{"name": "debug", "image": "x"}]},
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
    ],
)
async def test_words_of_pods(things: Api, pod: Make, change: Json, why: str) -> None:
    body = pod("two")
    body["spec"] |= change
    assert why in await refused(things, "POST", f"{CORE}/pods", body, 422)


def containers(*items: Any, **more: Any) -> Json:
    return {"spec": {"template": {"spec": {"containers": list(items), **more}}}}


NEW = {"name": "new", "image": "x"}


@pytest.mark.parametrize(
    ("patch", "code", "why"),
    [
        ({"metadata": {"$patch": "odd"}}, 500, "unknown patch type: odd in map: map[$patch:odd]"),
        ({"metadata": {"$patch": "merge"}}, 500, "unknown patch type: merge in map: "),
        (containers(NEW | {"$patch": "odd"}), 500, "unknown patch type: odd in map: "),
        (containers(NEW | {"$patch": "merge"}), 500, "merging lists cannot yet be specified"),
        (containers({"image": "x"}), 500, "does not contain declared merge key: name"),
        (
            {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {"maxSurge": 1}}}},
            400,
            "invalid patch format of retainKeys",
        ),
        (
            containers(NEW, **{"$setElementOrder/containers": "new"}),
            500,
            "expected a []interface {}, but received a string",
        ),
        (
            containers(NEW, **{"$setElementOrder/containers": [{"name": "web"}]}),
            500,
            "The order in patch list:",
        ),
    ],
)
async def test_directives(things: Api, patch: Json, code: int, why: str) -> None:
    assert why in await refused(things, "PATCH", WEB, patch, code, content_type=STRATEGIC)


@pytest.mark.parametrize(
    ("manager", "why"),
    [
        ("y" * 129, "fieldManager: Too long: may not be more than 128 bytes"),
        ("a%01b", "invalid character U+0001 (at position 1)"),
    ],
    ids=["long", "unprintable"],
)
async def test_names_of_writers(things: Api, manager: str, why: str) -> None:
    path = f"{MAP}?fieldManager={manager}"
    assert why in await refused(things, "PATCH", path, {}, 422, content_type=MERGE)


@pytest.mark.parametrize("missing", ["apiVersion", "kind"])
async def test_applied_objects_that_do_not_say_what_they_are(things: Api, missing: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}}
    del body[missing]
    path = f"{MAP}?fieldManager=me"
    said = await refused(things, "PATCH", path, body, 400, content_type=APPLY)
    assert f"'{missing}' is missing" in said
