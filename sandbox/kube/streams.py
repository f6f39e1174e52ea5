"""Logs and exec: what flows between a client and the processes in a pod."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping

from aiohttp import WSMsgType, web

from sandbox.kube import errors
from sandbox.kube.causes import Found, forbidden, invalid
from sandbox.kube.clock import Clock, parse_timestamp
from sandbox.kube.jsonutil import Json
from sandbox.kube.requests import flag, number
from sandbox.kube.runtime import ExecResult, PodRuntime

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
_CHUNK = 32 * 1024
_DEFAULT = "kubectl.kubernetes.io/default-container"


def choose_container(pod: Json, asked: str) -> str:
    """Return the container a request means.

    Raises:
        ApiError: 400, when there is no such container or several and none named.
    """
    name = pod["metadata"]["name"]
    spec = pod.get("spec") or {}
    main = [str(c["name"]) for c in spec.get("containers") or ()]
    every = main + [str(c["name"]) for c in spec.get("initContainers") or ()]
    if asked:
        if asked not in every:
            raise errors.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    preferred = (pod["metadata"].get("annotations") or {}).get(_DEFAULT)
    if preferred in main:
        return str(preferred)
    if len(main) == 1:
        return main[0]
    raise errors.bad_request(
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
    )


async def serve_log(
    request: web.Request, pod: Json, runtime: PodRuntime, clock: Clock
) -> web.StreamResponse:
    """Stream a container's log as plain text.

    Raises:
        ApiError: Before the first byte, when there is no such log.
    """
    query = request.query
    check_log_options(pod["metadata"]["name"], query)
    since = number(query, "sinceSeconds")
    if query.get("sinceTime"):
        try:
            moment = parse_timestamp(query["sinceTime"])
        except ValueError:
            raise errors.bad_request(f"sinceTime: {query['sinceTime']!r} is no time") from None
        since = max(int((clock() - moment).total_seconds()), 0)
    pieces = runtime.logs(
        pod,
        choose_container(pod, query.get("container", "")),
        follow=flag(query, "follow"),
        tail_lines=number(query, "tailLines"),
        since_seconds=since,
        timestamps=flag(query, "timestamps"),
        previous=flag(query, "previous"),
    )
    return await _stream(request, pieces, number(query, "limitBytes"))


def check_log_options(pod: str, query: Mapping[str, str]) -> None:
    """Check the options of a log (``ValidatePodLogOptions``).

    Raises:
        ApiError: 422 for values that are not allowed.
    """
    found = Found()
    for name, least, why in (
        ("tailLines", 0, "must be greater than or equal to 0"),
        ("limitBytes", 1, "must be greater than 0"),
        ("sinceSeconds", 1, "must be greater than 0"),
    ):
        value = number(query, name)
        if name == "sinceSeconds" and value is not None and "sinceTime" in query:
            why = "at most one of `sinceTime` or `sinceSeconds` may be specified"
            found.append(forbidden("[]", why))
        elif value is not None and value < least:
            found.append(invalid(name, value, why))
    if found:
        raise errors.invalid("", "PodLogOptions", pod, found)


async def _stream(
    request: web.Request, pieces: AsyncIterator[bytes], limit: int | None
) -> web.StreamResponse:
    first = await anext(pieces, b"")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    left = limit
    piece: bytes | None = first
    while piece is not None:
        if left is not None:
            piece, left = piece[:left], left - len(piece[:left])
        if piece:
            await response.write(piece)
        if left == 0:
            break
        piece = await anext(pieces, None)
    await response.write_eof()
    return response


async def serve_exec(request: web.Request, pod: Json, runtime: PodRuntime) -> web.StreamResponse:
    """Run a command in a container over a WebSocket.

    Standard input is read to its end before the command runs; with a terminal (``tty``) the
    command gets none, as nobody could say where it ends.

    Raises:
        ApiError: 400 for a request that cannot be met; 501 when it is no WebSocket.
    """
    query = request.query
    command = query.getall("command", [])
    if not command:
        raise errors.bad_request("you must specify at least 1 command for the container")
    container = choose_container(pod, query.get("container", ""))
    upgrade = request.headers.get("Upgrade", "")
    if upgrade.lower() != "websocket":
        raise errors.not_implemented(f"exec over {upgrade or 'plain HTTP'!r}; use a WebSocket")
    socket = web.WebSocketResponse(protocols=_PROTOCOLS)
    await socket.prepare(request)
    stdin = None
    if flag(query, "stdin") and not flag(query, "tty"):
        stdin = await _read_stdin(socket)
    try:
        result = await runtime.exec(pod, container, list(command), stdin)
        await _send_result(socket, query, result)
    except errors.ApiError as error:
        await _send(socket, _ERROR, json.dumps(error.status()).encode())
    await socket.close()
    return socket


async def _read_stdin(socket: web.WebSocketResponse) -> bytes:
    """Collect input: to its end in protocol v5; v4 cannot say that, so one message is all."""
    collected = bytearray()
    async for message in socket:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == _CLOSE and data[:1] == bytes([_STDIN]):
            break
        if channel == _STDIN:
            collected += data
            if socket.ws_protocol != _PROTOCOLS[0] and data:
                break
    return bytes(collected)


async def _send_result(
    socket: web.WebSocketResponse, query: Mapping[str, str], result: ExecResult
) -> None:
    if flag(query, "stdout"):
        await _send(socket, _STDOUT, result.stdout)
    if flag(query, "tty"):
        await _send(socket, _STDOUT, result.stderr)
    elif flag(query, "stderr"):
        await _send(socket, _STDERR, result.stderr)
    await socket.send_bytes(bytes([_ERROR]) + json.dumps(_exit_status(result)).encode())


async def _send(socket: web.WebSocketResponse, channel: int, data: bytes) -> None:
    for start in range(0, len(data), _CHUNK):
        await socket.send_bytes(bytes([channel]) + data[start : start + _CHUNK])


def _exit_status(result: ExecResult) -> Json:
    if result.exit_code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": "command terminated with non-zero exit code: "
        f"error executing command, exit code {result.exit_code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(result.exit_code)}]},
    }
