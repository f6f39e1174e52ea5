"""Logs and exec, as clients speak to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from sandbox.kube.errors import bad_request
from sandbox.kube.runtime import ExecResult
from tests.sandbox.kube.conftest import Api, Hands, ScriptedRuntime

Json = dict[str, Any]

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
async def with_pods(api: Api, pod: Callable[..., Json]) -> Api:
    await api("POST", PODS, pod("p"), expect=201)
    double = pod("double")
    double["spec"]["containers"].append({"name": "side", "image": "busybox"})
    await api("POST", PODS, double, expect=201)
    return api


async def _exec(
    api: Api, query: str, *, protocol: str = "v5.channel.k8s.io", send: list[bytes] | None = None
) -> dict[int, bytes]:
    """Run a command and return what came on each channel."""
    got: dict[int, bytes] = {}
    async with api.session.ws_connect(
        f"{api.url}{PODS}/p/exec?{query}", protocols=(protocol,)
    ) as socket:
        assert socket.protocol == protocol
        for data in send or ():
            await socket.send_bytes(data)
        async for message in socket:
            assert message.type is aiohttp.WSMsgType.BINARY
            got[message.data[0]] = got.get(message.data[0], b"") + message.data[1:]
    return got


async def test_log_is_text(with_pods: Api) -> None:
    assert await with_pods("GET", f"{PODS}/p/log") == "one\ntwo\n"
    assert with_pods.headers["Content-Type"].startswith("text/plain")


async def test_log_options_reach_the_runtime(
    with_pods: Api, runtime: ScriptedRuntime, hands: Hands
) -> None:
    hands.pass_seconds(30)
    query = "tailLines=1&timestamps=true&sinceTime=2026-01-02T03:04:05Z&follow=true"
    await with_pods("GET", f"{PODS}/p/log?{query}")
    assert runtime.asked == [
        {
            "container": "main",
            "follow": True,
            "tail_lines": 1,
            "since_seconds": 30,
            "timestamps": True,
            "previous": False,
        }
    ]


async def test_log_is_cut_where_asked(with_pods: Api) -> None:
    assert await with_pods("GET", f"{PODS}/p/log?limitBytes=5") == "one\nt"


async def test_log_refusals_are_statuses(with_pods: Api) -> None:
    answer = await with_pods("GET", f"{PODS}/p/log?previous=true", expect=400)
    assert answer["message"] == 'previous terminated container "main" not found'
    answer = await with_pods("GET", f"{PODS}/double/log", expect=400)
    assert "choose one of: [main side]" in answer["message"]
    answer = await with_pods("GET", f"{PODS}/p/log?container=x", expect=400)
    assert answer["message"] == "container x is not valid for pod p"
    await with_pods("GET", f"{PODS}/none/log", expect=404)


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_exec_returns_output_and_success(with_pods: Api, protocol: str) -> None:
    query = "command=echo&command=hi&stdout=1&stderr=1"
    got = await _exec(with_pods, query, protocol=protocol)
    assert got[1] == b"echo hi"
    assert json.loads(got[3])["status"] == "Success"


async def test_exec_tells_the_exit_code(with_pods: Api, runtime: ScriptedRuntime) -> None:
    runtime.result = lambda command, stdin: ExecResult(stderr=b"no", exit_code=7)
    got = await _exec(with_pods, "command=false&stdout=1&stderr=1")
    assert got[2] == b"no"
    status = json.loads(got[3])
    assert status["reason"] == "NonZeroExitCode"
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]


async def test_exec_reads_input_to_its_end(with_pods: Api, runtime: ScriptedRuntime) -> None:
    send = [b"\x00abc", b"\x00def", b"\xff\x00"]
    got = await _exec(with_pods, "command=cat&stdin=1&stdout=1", send=send)
    assert got[1] == b"catabcdef"
    got = await _exec(
        with_pods,
        "command=cat&stdin=1&stdout=1",
        send=[b"\x00abc"],
        protocol="v4.channel.k8s.io",
    )
    assert got[1] == b"catabc"


async def test_large_output_arrives_in_pieces(with_pods: Api, runtime: ScriptedRuntime) -> None:
    runtime.result = lambda command, stdin: ExecResult(stdout=b"x" * 100_000)
    assert len((await _exec(with_pods, "command=yes&stdout=1"))[1]) == 100_000


async def test_exec_failure_of_the_runtime_comes_as_status(
    with_pods: Api, runtime: ScriptedRuntime
) -> None:
    def refuse(command: list[str], stdin: bytes | None) -> ExecResult:
        raise bad_request("the container is not running")

    runtime.result = refuse
    got = await _exec(with_pods, "command=ls&stdout=1")
    assert json.loads(got[3])["message"] == "the container is not running"


async def test_exec_without_a_command_or_websocket(with_pods: Api) -> None:
    answer = await with_pods("POST", f"{PODS}/p/exec", expect=400)
    assert answer["message"] == "you must specify at least 1 command for the container"
    answer = await with_pods("POST", f"{PODS}/p/exec?command=ls", expect=501)
    assert "use a WebSocket" in answer["message"]
