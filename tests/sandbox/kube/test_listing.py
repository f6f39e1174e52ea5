"""Lists: selection, pages, expiry, forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.kube.resources import CONFIGMAPS
from sandbox.kube.store import Store
from tests.sandbox.kube.conftest import Api

Json = dict[str, Any]

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def ten(store: Store, api: Api) -> Api:
    for number in range(10):
        meta = {"name": f"m{number}", "labels": {"even": str(number % 2 == 0).lower()}}
        store.create(CONFIGMAPS, {"metadata": meta})
    return api


def _names(body: Json) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


async def test_list_has_kind_version_and_bare_items(ten: Api, store: Store) -> None:
    body = await ten("GET", MAPS)
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert body["metadata"]["resourceVersion"] == str(store.version)
    assert "kind" not in body["items"][0]


async def test_selectors(ten: Api) -> None:
    assert len(_names(await ten("GET", f"{MAPS}?labelSelector=even%3Dtrue"))) == 5
    assert _names(await ten("GET", f"{MAPS}?fieldSelector=metadata.name%3Dm3")) == ["m3"]
    assert len(_names(await ten("GET", "/api/v1/configmaps"))) == 10


async def test_pages_are_one_consistent_list(ten: Api, store: Store) -> None:
    first = await ten("GET", f"{MAPS}?limit=4")
    assert first["metadata"]["remainingItemCount"] == 6
    store.delete(CONFIGMAPS, "default", "m7")
    store.create(CONFIGMAPS, {"metadata": {"name": "a-new-one"}})
    seen, token = _names(first), first["metadata"]["continue"]
    while token:
        page = await ten("GET", f"{MAPS}?limit=4&continue={token}")
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        seen += _names(page)
        token = page["metadata"].get("continue")
    assert seen == [f"m{number}" for number in range(10)]


async def test_expired_token(ten: Api, store: Store) -> None:
    first = await ten("GET", f"{MAPS}?limit=4")
    store.create(CONFIGMAPS, {"metadata": {"name": "later"}})
    store.log.compact(store.version)
    answer = await ten(
        "GET", f"{MAPS}?limit=4&continue={first['metadata']['continue']}", expect=410
    )
    assert answer["reason"] == "Expired"
    assert "The provided continue parameter is too old" in answer["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("continue=rubbish", 400),
        ("limit=x", 400),
        ("resourceVersion=x", 400),
        ("resourceVersion=999999", 504),
        ("resourceVersion=1&resourceVersionMatch=Exact", 410),
        ("resourceVersionMatch=Exact", 422),
        ("labelSelector=a%20b", 400),
        ("fieldSelector=spec.x%3D1", 400),
        ("colour=blue", 501),
    ],
)
async def test_parameters_that_make_no_sense(ten: Api, query: str, code: int) -> None:
    answer = await ten("GET", f"{MAPS}?{query}", expect=code)
    assert answer["kind"] == "Status"


async def test_metadata_only(ten: Api) -> None:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    body = await ten("GET", MAPS, accept=accept)
    assert body["kind"] == "PartialObjectMetadataList"
    assert set(body["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_long_lists_arrive_whole(store: Store, api: Api) -> None:
    for number in range(700):
        store.create(CONFIGMAPS, {"metadata": {"name": f"m{number:04}"}})
    assert _names(await api("GET", MAPS)) == [f"m{number:04}" for number in range(700)]


async def test_table_of_pods(api: Api, pod: Callable[..., Json], hands: Any) -> None:
    await api("POST", "/api/v1/namespaces/default/pods", pod("p"), expect=201)
    hands.pass_seconds(200)
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = await api("GET", "/api/v1/pods?includeObject=None", accept=accept)
    assert [c["name"] for c in table["columnDefinitions"]][:5] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    row = table["rows"][0]
    assert row["cells"] == [
        "p",
        "0/1",
        "Pending",
        "0",
        "3m20s",
        "<none>",
        "<none>",
        "<none>",
        "<none>",
    ]
    assert row["object"] is None
    hands.pass_seconds(100)
    again = await api("GET", "/api/v1/namespaces/default/pods/p", accept=accept)
    assert again["rows"][0]["cells"][4] == "5m"
    assert again["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_rows_follow_their_objects(store: Store, api: Api) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    made = store.create(CONFIGMAPS, {"metadata": {"name": "m"}})
    assert (await api("GET", MAPS, accept=accept))["rows"][0]["cells"][1] == 0
    store.update(CONFIGMAPS, {**made, "data": {"a": "1"}})
    assert (await api("GET", MAPS, accept=accept))["rows"][0]["cells"][1] == 1
