"""Who gets in, over the wire: tokens that end, and doors that stand open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.kube.resources import SERVICEACCOUNTS
from sandbox.kube.rights.tokens import Tokens
from sandbox.kube.rights.users import account_name
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store
from tests.sandbox.kube.conftest import Hands

WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.fixture
async def guarded(store: Store, runtime: Any, hands: Hands) -> AsyncIterator[KubeServer]:
    server = KubeServer(store, runtime, token="right", clock=hands)
    await server.start()
    yield server
    await server.close()


async def ask(server: KubeServer, method: str, path: str, header: str = "") -> tuple[int, Any]:
    headers = {"Authorization": header} if header else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, server.url + path, headers=headers, json={}, ssl=False) as answer,
    ):
        plain = answer.content_type != "application/json"
        return answer.status, await (answer.text() if plain else answer.json())


async def test_a_token_ends_in_time(guarded: KubeServer, store: Store, hands: Hands) -> None:
    store.create(SERVICEACCOUNTS, {"metadata": {"name": "bot", "namespace": "default"}})
    path = "/api/v1/namespaces/default/serviceaccounts/bot/token"
    code, made = await ask(guarded, "POST", path, "Bearer right")
    assert (code, made["status"]["expirationTimestamp"]) == (201, "2026-01-02T04:04:05Z")
    bearer = f"Bearer {made['status']['token']}"
    code, said = await ask(guarded, "POST", WHOAMI, bearer)
    assert said["status"]["userInfo"]["username"] == account_name("default", "bot")
    hands.pass_seconds(3599)
    assert (await ask(guarded, "POST", WHOAMI, bearer))[0] == 201
    hands.pass_seconds(1)
    assert (await ask(guarded, "POST", WHOAMI, bearer))[0] == 401


async def test_a_token_of_another_server(guarded: KubeServer, store: Store, hands: Hands) -> None:
    account = store.create(SERVICEACCOUNTS, {"metadata": {"name": "bot", "namespace": "default"}})
    token = Tokens(store, hands).answer(account, {})["status"]["token"]
    assert (await ask(guarded, "POST", WHOAMI, f"Bearer {token}"))[0] == 401


@pytest.mark.parametrize("header", ["Basic cmlnaHQ=", "Bearer", "Bearer wröng", "right"])
async def test_other_ways_to_say_who_one_is(guarded: KubeServer, header: str) -> None:
    assert (await ask(guarded, "POST", WHOAMI, header))[0] == 401


@pytest.mark.parametrize(
    ("path", "code"),
    [("/healthz", 200), ("/version", 200), ("/api", 401), ("/sandbox/faults", 401)],
)
async def test_what_nobody_needs_a_token_for(guarded: KubeServer, path: str, code: int) -> None:
    assert (await ask(guarded, "GET", path))[0] == code


async def test_a_token_bound_to_an_object_is_named_as_unknown(
    store: Store, hands: Hands, guarded: KubeServer
) -> None:
    account = store.create(SERVICEACCOUNTS, {"metadata": {"name": "bot", "namespace": "default"}})
    with pytest.raises(Exception, match="boundObjectRef"):
        Tokens(store, hands).answer(account, {"spec": {"boundObjectRef": {"kind": "Pod"}}})


async def test_failures_are_asked_for_by_the_administrator(
    guarded: KubeServer, store: Store
) -> None:
    store.create(SERVICEACCOUNTS, {"metadata": {"name": "bot", "namespace": "default"}})
    path = "/api/v1/namespaces/default/serviceaccounts/bot/token"
    _, made = await ask(guarded, "POST", path, "Bearer right")
    bearer = f"Bearer {made['status']['token']}"
    code, said = await ask(guarded, "POST", "/sandbox/faults", bearer)
    assert (code, said["reason"]) == (403, "Forbidden")
    assert (await ask(guarded, "GET", "/sandbox/faults", "Bearer right"))[0] == 200
