"""Watches: what happened since, bookmarks, streamed lists, and versions that are too old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.contract.client import MERGE, PATIENCE, Api, Json
from tests.contract.conftest import Cluster

Make = Callable[..., Json]


async def version(api: Api, path: str) -> str:
    found: str = (await api("GET", path))["metadata"]["resourceVersion"]
    return found


async def test_everything_since_a_version_in_order(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    since = await version(api, path)
    made = await api("POST", path, config_map("one"), expect=201)
    new = await api("PATCH", f"{path}/one", {"data": {"a": "2"}}, kind=MERGE)
    await api("DELETE", f"{path}/one")
    only = {"fieldSelector": "metadata.name=one", "resourceVersion": since}
    async with asyncio.timeout(PATIENCE), api.watching(path, **only) as events:
        seen = [await anext(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert seen[0]["object"] == made
    assert seen[1]["object"] == new
    last = seen[2]["object"]["metadata"]["resourceVersion"]
    assert int(last) > int(new["metadata"]["resourceVersion"])


async def test_without_a_version_the_state_comes_first(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    for name in ("one", "two"):
        await api("POST", path, config_map(name, labels={"mine": "yes"}), expect=201)
    async with asyncio.timeout(PATIENCE), api.watching(path, labelSelector="mine") as events:
        seen = [await anext(events) for _ in range(2)]
        assert {event["object"]["metadata"]["name"] for event in seen} == {"one", "two"}
        assert {event["type"] for event in seen} == {"ADDED"}
        await api("DELETE", f"{path}/one")
        assert (await anext(events))["type"] == "DELETED"


async def test_an_object_enters_and_leaves_a_selection(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    await api("POST", path, config_map("one"), expect=201)
    since = await version(api, path)
    for labels in ({"shown": "yes"}, {"shown": "yes", "more": "1"}, {"shown": None}):
        await api("PATCH", f"{path}/one", {"metadata": {"labels": labels}}, kind=MERGE)
    query = {"labelSelector": "shown=yes", "resourceVersion": since}
    async with asyncio.timeout(PATIENCE), api.watching(path, **query) as events:
        seen = [await anext(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    # What leaves is shown as it last was inside.
    assert seen[2]["object"]["metadata"]["labels"] == {"shown": "yes", "more": "1"}


async def test_a_streamed_list_ends_with_a_marked_bookmark(
    api: Api, cluster: Cluster, config_map: Make, differs: Callable[[str], None]
) -> None:
    path = api.path("configmaps")
    await api("POST", path, config_map("one", labels={"mine": "yes"}), expect=201)
    query = {
        "sendInitialEvents": "true",
        "allowWatchBookmarks": "true",
        "resourceVersionMatch": "NotOlderThan",
        "labelSelector": "mine",
    }
    if cluster.minor < 34:
        differs("streamed lists are switched on since 1.34 only")
        said = await api.fails("GET", path, expect=422, watch="true", **query)
        assert said["details"]["causes"][0]["field"] == "sendInitialEvents"
        return
    async with asyncio.timeout(PATIENCE), api.watching(path, **query) as events:
        first, mark = await anext(events), await anext(events)
        assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "one")
        assert mark["type"] == "BOOKMARK"
        meta = mark["object"]["metadata"]
        assert mark["object"]["kind"] == "ConfigMap"
        assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert int(meta["resourceVersion"]) >= int(first["object"]["metadata"]["resourceVersion"])
        await api("DELETE", f"{path}/one")
        assert (await anext(events))["type"] == "DELETED"


async def test_a_streamed_list_must_say_how_fresh(api: Api) -> None:
    said = await api.fails(
        "GET", api.path("configmaps"), expect=422, watch="true", sendInitialEvents="true"
    )
    assert "resourceVersionMatch" in said["message"]


async def test_a_version_that_was_forgotten(api: Api, cluster: Cluster) -> None:
    await cluster.forget()
    path = api.path("configmaps")
    async with asyncio.timeout(PATIENCE), api.watching(path, resourceVersion="1") as events:
        event = await anext(events)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith("too old resource version: 1 (")


async def test_a_watch_ends_when_its_time_is_over(api: Api) -> None:
    path = api.path("configmaps")
    since = await version(api, path)
    query = {"timeoutSeconds": "1", "resourceVersion": since, "labelSelector": "never"}
    async with asyncio.timeout(PATIENCE), api.watching(path, **query) as events:
        assert [event async for event in events if event["type"] != "BOOKMARK"] == []


async def test_bookmarks_come_only_when_asked_for(
    api: Api, cluster: Cluster, config_map: Make, differs: Callable[[str], None]
) -> None:
    path = api.path("configmaps")
    await api("POST", path, config_map("one"), expect=201)
    query = {"timeoutSeconds": "1", "fieldSelector": "metadata.name=one"}
    if cluster.minor < 34:
        differs("only that none comes unasked: it sends its first after a minute or so")
        marks = [query | {"resourceVersion": await version(api, path)}]
    else:
        # The end of a streamed list is told by a bookmark, or not at all.
        streamed = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        marks = [query | streamed, query | streamed | {"allowWatchBookmarks": "false"}]
        assert "BOOKMARK" in await kinds(api, path, **query, **streamed, allowWatchBookmarks="true")
    for asked in marks:
        assert await kinds(api, path, **asked) == (["ADDED"] if cluster.minor >= 34 else [])


async def kinds(api: Api, path: str, **query: str) -> list[str]:
    """The types of all events of a watch that the server ends."""
    async with asyncio.timeout(PATIENCE), api.watching(path, **query) as events:
        return [event["type"] async for event in events]


async def test_one_object_by_name(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    since = await version(api, path)
    for name in ("one", "two"):
        await api("POST", path, config_map(name), expect=201)
    query = {"resourceVersion": since, "fieldSelector": "metadata.name=two"}
    async with asyncio.timeout(PATIENCE), api.watching(path, **query) as events:
        assert (await anext(events))["object"]["metadata"]["name"] == "two"
