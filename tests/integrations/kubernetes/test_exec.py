"""Commands in containers: channels, exit codes, broken connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from integrations.kubernetes import errors
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.exec import ExecFailed, ExecResult, exec_in_pod
from tests.integrations.kubernetes.conftest import Api, Handler

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]
SUCCESS = {"status": "Success"}


def exited(code: int) -> dict[str, Any]:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}


def speaks(talk: Talk) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io", "v4.channel.k8s.io"])
        await socket.prepare(request)
        await talk(socket)
        await socket.close()
        return socket

    return handler


async def end(socket: web.WebSocketResponse, status: dict[str, Any]) -> None:
    await socket.send_bytes(b"\x03" + json.dumps(status).encode())


async def run(client: KubeClient, **more: Any) -> ExecResult:
    return await exec_in_pod(client, "parse", "db-0", "mongod", ["echo", "a b&c"], **more)


async def test_streams_are_kept_apart_and_characters_whole(api: Api, client: KubeClient) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        euro = "€".encode()
        await socket.send_bytes(b"\x01one " + euro[:1])
        await socket.send_bytes(b"\x02warned\n")
        await socket.send_bytes(b"\x01" + euro[1:])
        await end(socket, SUCCESS)

    api.will(speaks(talk))
    assert await run(client) == ExecResult("one €", "warned\n", 0)
    query = api.requests[0].query
    assert query.getall("command") == ["echo", "a b&c"]
    assert query["container"] == "mongod"
    assert "stdin" not in query
    assert api.requests[0].headers["Authorization"] == "Bearer t0ken"
    assert api.requests[0].path == "/api/v1/namespaces/parse/pods/db-0/exec"


async def test_the_exit_code_is_told(api: Api, client: KubeClient) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await end(socket, exited(42))

    api.will(speaks(talk))
    assert (await run(client)).exit_code == 42


async def test_stdin_is_sent_and_closed(api: Api, client: KubeClient) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        data = b""
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            if message.data == b"\xff\x00":
                break
            data += message.data[1:]
        await socket.send_bytes(b"\x01" + data.upper())
        await end(socket, SUCCESS)

    api.will(speaks(talk))
    assert (await run(client, stdin=b"hello")).stdout == "HELLO"


async def test_what_cannot_be_run_is_said(api: Api, client: KubeClient) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await end(socket, {"status": "Failure", "message": "container not found"})

    api.will(speaks(talk))
    with pytest.raises(ExecFailed, match="container not found"):
        await run(client)


async def test_an_end_without_status_is_not_a_success(api: Api, client: KubeClient) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x01half")

    api.will(speaks(talk))
    with pytest.raises(ExecFailed, match="broke"):
        await run(client)


async def test_a_command_that_hangs_is_given_up(api: Api, client: KubeClient) -> None:
    async def talk(_: web.WebSocketResponse) -> None:
        await asyncio.Event().wait()

    api.will(speaks(talk))
    with pytest.raises(ExecFailed, match="did not end"):
        await run(client, timeout=0.3)


@pytest.mark.parametrize(("status", "kind"), [(403, errors.Forbidden), (404, errors.NotFound)])
async def test_refusals(
    api: Api, client: KubeClient, status: int, kind: type[errors.StatusError]
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status)

    api.will(refuse)
    with pytest.raises(kind, match="exec echo in Pod parse/db-0"):
        await run(client)
