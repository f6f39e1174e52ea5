"""Watches: what is sent, from where on, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from sandbox.kube.resources import CONFIGMAPS
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store
from tests.sandbox.kube.conftest import Api

Json = dict[str, Any]

MAPS = "/api/v1/namespaces/default/configmaps"
WATCH_LIST = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


class Stream:
    """The lines of one watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> Json:
        async with asyncio.timeout(5):
            line = await self.response.content.readline()
        if not line:
            raise EOFError
        event: Json = json.loads(line)
        return event

    async def names(self, count: int) -> list[str]:
        events = [await self.next() for _ in range(count)]
        return [f"{e['type']} {e['object']['metadata']['name']}" for e in events]


@asynccontextmanager
async def watch(api: Api, query: str = "", accept: str = "*/*") -> AsyncIterator[Stream]:
    url = f"{api.url}{MAPS}?watch=1&{query}"
    async with api.session.get(url, headers={"Accept": accept}) as response:
        assert response.status == 200
        yield Stream(response)


def _map(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels}}


async def test_begins_with_what_is_there(api: Api, store: Store) -> None:
    store.create(CONFIGMAPS, _map("a"))
    async with watch(api) as stream:
        assert await stream.names(1) == ["ADDED a"]
        made = store.create(CONFIGMAPS, _map("b"))
        store.update(CONFIGMAPS, {**made, "data": {"x": "1"}})
        store.delete(CONFIGMAPS, "default", "b")
        assert await stream.names(3) == ["ADDED b", "MODIFIED b", "DELETED b"]


async def test_continues_after_a_version(api: Api, store: Store) -> None:
    store.create(CONFIGMAPS, _map("a"))
    version = store.version
    store.create(CONFIGMAPS, _map("b"))
    async with watch(api, f"resourceVersion={version}") as stream:
        assert await stream.names(1) == ["ADDED b"]


async def test_version_that_is_gone_ends_in_an_error_event(api: Api, store: Store) -> None:
    store.create(CONFIGMAPS, _map("a"))
    store.log.compact(store.version)
    async with watch(api, "resourceVersion=1") as stream:
        event = await stream.next()
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        with pytest.raises(EOFError):
            await stream.next()


async def test_watch_list_marks_the_end_of_the_initial_events(api: Api, store: Store) -> None:
    store.create(CONFIGMAPS, _map("a"))
    async with watch(api, WATCH_LIST) as stream:
        assert await stream.names(1) == ["ADDED a"]
        mark = await stream.next()
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert mark["object"]["metadata"]["resourceVersion"] == str(store.version)


async def test_watch_list_needs_its_match(api: Api) -> None:
    answer = await api("GET", f"{MAPS}?watch=1&sendInitialEvents=true", expect=422)
    assert "sendInitialEvents requires setting resourceVersionMatch" in answer["message"]


async def test_objects_enter_and_leave_a_selection(api: Api, store: Store) -> None:
    made = store.create(CONFIGMAPS, _map("a", on="no"))
    async with watch(api, "labelSelector=on%3Dyes") as stream:
        made["metadata"]["labels"] = {"on": "yes"}
        made = store.update(CONFIGMAPS, made)
        made["metadata"]["labels"] = {"on": "no"}
        store.update(CONFIGMAPS, made)
        assert await stream.names(2) == ["ADDED a", "DELETED a"]


async def test_one_name_only(api: Api, store: Store) -> None:
    async with watch(api, "fieldSelector=metadata.name%3Db") as stream:
        store.create(CONFIGMAPS, _map("a"))
        store.create(CONFIGMAPS, _map("b"))
        assert await stream.names(1) == ["ADDED b"]


async def test_ends_in_time_with_a_bookmark(api: Api, store: Store) -> None:
    async with watch(api, "timeoutSeconds=1&allowWatchBookmarks=true") as stream:
        last = await stream.next()
        assert last["type"] == "BOOKMARK"
        assert last["object"]["metadata"]["resourceVersion"] == str(store.version)
        with pytest.raises(EOFError):
            await stream.next()


async def test_bookmarks_come_regularly(store: Store, runtime: Any) -> None:
    server = KubeServer(store, runtime, bookmark_seconds=0.01)
    await server.start()
    async with (
        aiohttp.ClientSession() as session,
        watch(Api(session, server.url), "allowWatchBookmarks=true") as stream,
    ):
        assert [(await stream.next())["type"] for _ in range(3)] == ["BOOKMARK"] * 3
    await server.close()


async def test_rows_of_a_table(api: Api, store: Store) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    async with watch(api, accept=accept) as stream:
        store.create(CONFIGMAPS, _map("a"))
        event = await stream.next()
        assert event["object"]["kind"] == "Table"
        assert event["object"]["rows"][0]["cells"] == ["a", 0, "0s"]


async def test_dropped_watches_break_off(api: Api, server: KubeServer, store: Store) -> None:
    store.create(CONFIGMAPS, _map("a"))
    async with watch(api) as stream:
        await stream.next()
        assert server.drop_watches() == 1
        with pytest.raises(aiohttp.ClientError):
            await stream.next()


async def test_close_ends_watches(api: Api, server: KubeServer, store: Store) -> None:
    store.create(CONFIGMAPS, _map("a"))
    async with watch(api) as stream:
        await stream.next()
        await server.close()
        with pytest.raises(EOFError):
            await stream.next()
