"""List and watch over expiries, cuts and errors."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from aiohttp import web

from integrations.kubernetes import errors
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import POD
from integrations.kubernetes.watch import Watch, watch
from tests.integrations.kubernetes.conftest import Api, cut, fails, says, streams


def pod(name: str, version: int, uid: str = "") -> dict[str, Any]:
    meta = {"namespace": "parse", "name": name, "uid": uid or f"uid-{name}"}
    return {"kind": "Pod", "metadata": {**meta, "resourceVersion": str(version)}}


def pods(version: int, *items: dict[str, Any]) -> Any:
    return says({"metadata": {"resourceVersion": str(version)}, "items": list(items)})


def event(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": item}


async def hold(_: web.Request) -> None:
    """Keep the watch open until the client goes (the test server then cancels the handler)."""
    await asyncio.Event().wait()


async def take(source: Watch, count: int) -> list[str]:
    """The next events as ``TYPE name``."""
    found = []
    async with asyncio.timeout(10), aclosing(source.events()) as events:
        async for item in events:
            name = item.object.get("metadata", {}).get("name", "")
            found.append(f"{item.type} {name}".strip())
            if len(found) == count:
                break
    return found


async def test_the_list_comes_first_then_changes(api: Api, client: KubeClient) -> None:
    api.will(
        pods(5, pod("a", 4)),
        streams(
            event("ADDED", pod("b", 6)),
            event("MODIFIED", pod("a", 7)),
            event("DELETED", pod("b", 8)),
            then=hold,
        ),
    )
    source = watch(client, POD, namespace="parse", labels={"app": "x"})
    assert await take(source, 5) == ["ADDED a", "SYNCED", "ADDED b", "MODIFIED a", "DELETED b"]
    asked = api.queries[1]
    assert asked["resourceVersion"] == "5"
    assert asked["allowWatchBookmarks"] == "true"
    assert asked["labelSelector"] == "app=x"
    assert 270 <= int(asked["timeoutSeconds"]) <= 330
    assert source.staleness() < 5
    assert source.last_error is None


async def test_an_ended_watch_goes_on_from_the_last_bookmark(api: Api, client: KubeClient) -> None:
    bookmark = {"kind": "Pod", "metadata": {"resourceVersion": "42"}}
    api.will(
        pods(5),
        streams(event("BOOKMARK", bookmark)),
        streams(event("ADDED", pod("a", 43)), then=hold),
    )
    assert await take(watch(client, POD, namespace="parse"), 2) == ["SYNCED", "ADDED a"]
    assert [q.get("resourceVersion") for q in api.queries] == [None, "5", "42"]


async def test_an_expired_version_in_mid_watch_lists_again(api: Api, client: KubeClient) -> None:
    expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    api.will(
        pods(5, pod("a", 1), pod("b", 2), pod("c", 3)),
        streams(event("ERROR", expired)),
        # Meanwhile a is the same, b changed, c went, d came.
        pods(9, pod("a", 1), pod("b", 7), pod("d", 8)),
        streams(then=hold),
    )
    found = await take(watch(client, POD, namespace="parse"), 8)
    assert found[:4] == ["ADDED a", "ADDED b", "ADDED c", "SYNCED"]
    assert found[4:] == ["MODIFIED b", "ADDED d", "DELETED c", "SYNCED"]


async def test_an_expired_version_as_status_lists_again(api: Api, client: KubeClient) -> None:
    api.will(pods(5), fails(410, "Expired"), pods(6, pod("a", 6)), streams(then=hold))
    assert await take(watch(client, POD), 3) == ["SYNCED", "ADDED a", "SYNCED"]


async def test_a_successor_of_the_same_name_is_a_deletion_and_an_addition(
    api: Api, client: KubeClient
) -> None:
    api.will(
        pods(5, pod("db-0", 1, "old")),
        streams(then=cut),
        pods(9, pod("db-0", 8, "new")),
        streams(then=hold),
    )
    found = await take(watch(client, POD), 5)
    assert found == ["ADDED db-0", "SYNCED", "DELETED db-0", "ADDED db-0", "SYNCED"]


async def test_a_cut_line_is_not_an_event(api: Api, client: KubeClient) -> None:
    api.will(
        pods(5),
        streams(b'{"type":"ADDED","object":{"metadata":{"name":"ha', then=cut),
        pods(6, pod("whole", 6)),
        streams(then=hold),
    )
    assert await take(watch(client, POD), 3) == ["SYNCED", "ADDED whole", "SYNCED"]


async def test_one_event_may_come_in_pieces_and_be_large(api: Api, client: KubeClient) -> None:
    big = pod("big", 6)
    big["metadata"]["annotations"] = {"x": "y" * 6_000_000}
    api.will(pods(5), streams(event("ADDED", big), then=hold))
    assert await take(watch(client, POD), 2) == ["SYNCED", "ADDED big"]


async def test_server_errors_are_waited_out(api: Api, client: KubeClient) -> None:
    api.will(
        pods(5),
        fails(500),
        pods(6, pod("a", 6)),
        streams(then=hold),
    )
    source = watch(client, POD)
    assert await take(source, 3) == ["SYNCED", "ADDED a", "SYNCED"]


async def test_watches_that_end_at_once_do_not_become_a_storm(api: Api, client: KubeClient) -> None:
    api.will(pods(5), streams())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await take(watch(client, POD), 2)
    assert len(api.requests) < 15


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_is_raised(api: Api, client: KubeClient, status: int) -> None:
    api.will(fails(status))
    with pytest.raises(errors.StatusError) as caught:
        await take(watch(client, POD), 1)
    assert caught.value.status == status


async def test_staleness_grows_while_there_is_no_contact(api: Api, client: KubeClient) -> None:
    source = watch(client, POD)
    assert source.staleness() == float("inf")
    api.will(pods(5), streams(then=cut), fails(500))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await take(source, 2)
    assert source.last_error is not None
    assert source.staleness() > 0.05


async def test_closing_ends_the_connection(api: Api, client: KubeClient) -> None:
    ended = asyncio.Event()

    async def until_gone(request: web.Request) -> None:
        try:
            await hold(request)
        finally:
            ended.set()

    api.will(pods(5), streams(event("ADDED", pod("a", 6)), then=until_gone))
    assert await take(watch(client, POD), 2) == ["SYNCED", "ADDED a"]
    async with asyncio.timeout(5):
        await ended.wait()
