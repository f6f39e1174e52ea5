"""Running a command in a container, over a WebSocket.

A WebSocket client of its own with a heartbeat: the SDK's convenience mode merges stdout and
stderr, loses the exit code, and ignores timeouts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from integrations.kubernetes import sdk
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import KubernetesError, from_response
from integrations.kubernetes.kinds import POD
from integrations.kubernetes.transport import CONNECT_TIMEOUT, Request

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

HEARTBEAT = 15.0
"""Seconds between pings; a dead connection is noticed by the missing pong."""
LIMIT = 4_000_000
"""Bytes of output kept; more is an error rather than a silent cut."""

_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
# v5 can close stdin (Kubernetes ≥ 1.29); without stdin v4 does everywhere.
_V4, _V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"


class ExecFailed(KubernetesError):
    """The command could not be run, or its end was not seen."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command printed and how it ended; undecodable bytes are replaced."""

    stdout: str
    stderr: str
    exit_code: int


async def exec_in_pod(
    client: KubeClient,
    namespace: str,
    pod: str,
    container: str | None,
    command: Sequence[str],
    *,
    stdin: bytes | None = None,
    timeout: float = 30.0,
) -> ExecResult:
    """Run a command (no shell) in a container and wait for its end.

    Args:
        client: The cluster.
        namespace: The pod's namespace.
        pod: The pod.
        container: None for the pod's default one.
        command: Program and arguments. They are visible to whoever may list the pod's
            processes and to the audit log of the API server: no secrets in here.
        stdin: Bytes for its standard input.
        timeout: Seconds for all of it.

    Raises:
        ExecFailed: It could not be run, took too long or its connection broke; the command
            may have had its effect.
        StatusError: The API server refused.
    """
    query = [("command", part) for part in command]
    if container:
        query.append(("container", container))
    if stdin is not None:
        query.append(("stdin", "true"))
    query += [("stdout", "true"), ("stderr", "true")]
    words = f"exec {command[0]} in Pod {namespace}/{pod}"
    request = Request("GET", POD.path(namespace, pod, "exec"), words, query)
    base = await client.transport.client()
    socket = sdk.ws_client(base.configuration, heartbeat=HEARTBEAT)
    try:
        async with asyncio.timeout(timeout):
            return await _talk(client, socket, request, stdin)
    except TimeoutError as exc:
        raise ExecFailed(
            f"“{words}” did not end in {timeout:.0f} seconds.",
            hint="It may have had its effect; look before repeating it.",
        ) from exc
    except aiohttp.WSServerHandshakeError as exc:
        if exc.status == 400:  # its body, which would say why, is lost in a failed handshake
            what = f"no container “{container}”" if container else "several containers"
            raise ExecFailed(
                f"“{words}” could not be run: the pod has {what}, or does not run yet.",
                hint="See the pod's containers and state.",
                detail=repr(exc),
            ) from exc
        raise from_response(client.cluster, words, exc.status, b"", exc.headers or {}) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise client.transport.unreachable(request, exc) from exc
    finally:
        await socket.close()  # type: ignore[no-untyped-call]


async def _talk(
    client: KubeClient, socket: ApiClient, request: Request, stdin: bytes | None
) -> ExecResult:
    method, url, headers, _, _ = await socket.param_serialize(
        request.method,
        request.path,
        query_params=list(request.query),
        header_params={"sec-websocket-protocol": _V4 if stdin is None else _V5},
        auth_settings=["BearerToken"],
    )
    answer = await socket.call_api(method, url, headers, _preload_content=False)  # type: ignore[call-arg, unused-ignore]
    opening: Any = answer.response
    async with asyncio.timeout(CONNECT_TIMEOUT + 1):
        connection: aiohttp.ClientWebSocketResponse = await opening
    async with connection:
        if stdin is not None:
            await connection.send_bytes(bytes([_STDIN]) + stdin)
            await connection.send_bytes(bytes([_CLOSE, _STDIN]))
        return await _collect(client, connection, request.act)


async def _collect(
    client: KubeClient, connection: aiohttp.ClientWebSocketResponse, act: str
) -> ExecResult:
    streams = {_STDOUT: bytearray(), _STDERR: bytearray(), _STATUS: bytearray()}
    async for message in connection:
        data = message.data.encode() if isinstance(message.data, str) else message.data
        if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT) or not data:
            continue
        if data[0] in streams:
            streams[data[0]] += data[1:]
        if sum(map(len, streams.values())) > LIMIT:
            raise ExecFailed(f"“{act}” printed more than {LIMIT // 1_000_000} MB.")
    if not streams[_STATUS]:
        raise ExecFailed(
            f"The connection to cluster {client.cluster} broke during “{act}”.",
            hint="It may have had its effect; look before repeating it.",
        )
    return ExecResult(
        streams[_STDOUT].decode("utf-8", "replace"),
        streams[_STDERR].decode("utf-8", "replace"),
        _exit_code(bytes(streams[_STATUS]), act),
    )


def _exit_code(status: bytes, act: str) -> int:
    """Read the closing ``metav1.Status``: success, an exit code, or why nothing ran.

    Raises:
        ExecFailed: The command could not be run.
    """
    try:
        document = json.loads(status)
        if document.get("status") == "Success":
            return 0
        for cause in (document.get("details") or {}).get("causes") or []:
            if cause.get("reason") == "ExitCode":
                return int(cause["message"])
        said = str(document.get("message") or "no reason was given")
    except (ValueError, AttributeError, KeyError):
        said = status.decode("utf-8", "replace")
    raise ExecFailed(f"“{act}” could not be run: {said[:300]}.", detail=said)
