"""Asking a Service over HTTP through the API server, so that no address inside need be reached."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import quote, unquote

import aiohttp

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import InvalidName, StatusError
from integrations.kubernetes.kinds import SERVICE
from integrations.kubernetes.transport import READ_TIMEOUT, Request

MOST = 4000
"""Bytes of an answer that are kept."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a Service answered: its status and the start of what it said."""

    status: int
    body: str


async def service_get(
    client: KubeClient,
    namespace: str,
    service: str,
    port: int | str,
    path: str,
    *,
    timeout: float = READ_TIMEOUT,
) -> HttpAnswer:
    """GET a path of a Service through the API server's proxy.

    The API server's own failures are errors; the app's are answers. They differ in that the API
    server speaks in ``metav1.Status``.

    Args:
        client: The cluster.
        namespace: The Service's.
        service: Its name.
        port: One of its ports, by number or name.
        path: Such as ``/parse/health``; a query may follow.
        timeout: Seconds for all of it.

    Raises:
        InvalidName: The name is none, or the path would lead out of the Service.
        NotFound: There is no such Service.
        ServerError: It has no such port, nobody ready behind it, or nobody there listens.
        StatusError: The API server refuses.
        ClusterUnreachable: No answer in time.
    """
    plain, _, query = path.partition("?")
    if ".." in unquote(plain).split("/"):
        raise InvalidName(f"{plain!r} is no path that a Service can be asked for.")
    target = SERVICE.path(namespace, f"{service}:{port}") + "/proxy"
    target += quote(f"/{plain.lstrip('/')}", safe="/%:@-._~!$&'()*+,;=")
    pairs = [(k, v) for k, _, v in (p.partition("=") for p in query.split("&") if p)]
    act = f"get {plain} of Service {namespace}/{service}"
    headers = {"Accept": "*/*"}
    request = Request("GET", target, act, pairs, headers=headers, timeout=timeout, silence=timeout)
    try:
        async with asyncio.timeout(timeout), await client.transport.stream(request) as answer:
            body = await answer.content.read(MOST)
            return HttpAnswer(answer.status, body.decode("utf-8", "replace"))
    except StatusError as error:
        if _from_api_server(error):
            raise
        return HttpAnswer(error.status, error.detail)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise client.transport.unreachable(request, error) from error


def _from_api_server(error: StatusError) -> bool:
    try:
        document = json.loads(error.detail)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("kind") == "Status"
