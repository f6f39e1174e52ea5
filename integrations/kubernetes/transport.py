"""One request at a time: timeouts, the only retry layer, and failures as our errors."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from integrations.kubernetes import outage, sdk
from integrations.kubernetes.errors import (
    ClusterUnreachable,
    ClusterUntrusted,
    Forbidden,
    KubernetesError,
    ServerError,
    StatusError,
    TooManyRequests,
    Unauthorized,
    from_response,
)
from integrations.kubernetes.session import Session
from integrations.kubernetes.silence import Silence

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient

CONNECT_TIMEOUT = 3.0
"""Seconds to open TCP and TLS; with name resolution at most one more."""
READ_TIMEOUT = 10.0
"""Seconds for a whole ordinary request, retries included."""
_NAMESPACE = re.compile(r"/apis?/.+?/namespaces/([^/]+)/")
HEALTH_TIMEOUT = 6.0
"""Seconds for the API server's own health checks; two of them give etcd two seconds each."""
JUST_STARTED = 60.0
"""Seconds after an outage in which a refusal is asked for twice."""
RETRIES = 2
BACKOFF = 0.2
"""Seconds before the first retry when the server names no time; doubled each time."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the API, ready to send (and to send again).

    Attributes:
        act: What is being done, in words, for messages.
        timeout: Seconds for the whole call.
        silence: For streams: seconds without a byte after which it counts as broken.
    """

    method: str
    path: str
    act: str
    query: Sequence[tuple[str, str]] = ()
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = READ_TIMEOUT
    silence: float | None = None


class Transport:
    """Sends requests to one cluster through the SDK's plain client."""

    def __init__(self, access: sdk.Access) -> None:
        self.access = access
        self._session = Session(access)
        self._lost: float | None = None
        self._silence = Silence(time.monotonic)

    @property
    def address(self) -> str:
        """The API server's address, empty before the first use."""
        return self._session.address

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def client(self) -> ApiClient:
        """The SDK client, loaded on first use."""
        return await self._session.client()

    async def send(self, request: Request) -> bytes:
        """Send and read the whole answer.

        GETs are repeated on 429 and 5xx, at most twice and within the deadline; a write only
        on a 429 with ``Retry-After``, because that one was not executed. A 401 or an unknown
        certificate reloads the credentials once (tokens and authorities get replaced).

        Raises:
            ClusterUnreachable: No answer in time.
            StatusError: The server answered with a failure.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + request.timeout
        attempt, renewed, doubted = 0, False, False
        while True:
            client = await self.client()
            try:
                return await self._once(client, request, deadline - loop.time())
            except (Unauthorized, ClusterUntrusted):
                if renewed or not await self._session.renew(client):
                    raise
                renewed = True
            except Forbidden as error:
                if doubted or not await self._doubtful():
                    raise await self._denied(request, error) from None
                doubted = True
            except ClusterUnreachable as error:
                self._lost = loop.time()
                raise await self._explained(request, error) from error.__cause__
            except (TooManyRequests, ServerError) as error:
                pause = _pause(request, error, attempt)
                if pause is None or loop.time() + pause >= deadline:
                    raise
                attempt += 1
                await asyncio.sleep(pause)

    async def stream(self, request: Request) -> aiohttp.ClientResponse:
        """Send and return the open response; the caller closes it.

        Nothing is retried but a 401, once, with fresh credentials.

        Raises:
            ClusterUnreachable: No answer in time.
            StatusError: The server answered with a failure.
        """
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=CONNECT_TIMEOUT + 1,
            sock_connect=CONNECT_TIMEOUT,
            sock_read=request.silence,
        )
        client = await self.client()
        try:
            return await self._open(client, request, timeout)
        except (Unauthorized, ClusterUntrusted):
            if not await self._session.renew(client):
                raise
            return await self._open(await self.client(), request, timeout)
        except Forbidden:
            if not await self._doubtful():
                raise
            return await self._open(await self.client(), request, timeout)

    def unreachable(self, request: Request, exc: BaseException) -> ClusterUnreachable:
        """The error for a broken connection, naming cluster and address."""
        write = request.method != "GET"
        cluster = self.access.cluster
        return outage.unreachable(cluster, self.address, request.act, exc, write=write)

    async def failed_checks(
        self, timeout: float = HEALTH_TIMEOUT, *, about: str = "readyz"
    ) -> tuple[str, ...]:
        """Names of the API server's own health checks that fail; none when it is ready.

        Args:
            timeout: Seconds.
            about: `readyz`, or `livez` for whether it should be restarted.

        Raises:
            ClusterUnreachable: No answer in time.
            StatusError: It does not say.
        """
        request = Request("GET", f"/{about}", about, [("verbose", "1")], timeout=timeout)
        try:
            await self._once(await self.client(), request, timeout)
        except ServerError as error:
            return outage.failed_checks(error.detail) or (error.reason or str(error.status),)
        return ()

    async def _explained(self, request: Request, error: ClusterUnreachable) -> ClusterUnreachable:
        """What a request that got no answer in time means, as far as the server can tell."""
        if not isinstance(error.__cause__, TimeoutError) or isinstance(
            error.__cause__, aiohttp.ConnectionTimeoutError
        ):
            return error
        try:
            failed = await self.failed_checks(min(HEALTH_TIMEOUT, request.timeout))
        except KubernetesError:
            return error
        write = request.method != "GET"
        return outage.slow(self.access.cluster, request.act, request.timeout, failed, write=write)

    async def _doubtful(self) -> bool:
        """Whether a refusal may be one of a server that had just started.

        Until it has read its roles, a new API server refuses everything to everybody.

        Raises:
            ClusterUnreachable: It is not ready yet.
        """
        now = asyncio.get_running_loop().time()
        recently = self._lost is not None and now - self._lost < JUST_STARTED
        try:
            failed = await self.failed_checks()
        except StatusError:  # even its health is for nobody yet
            failed = ("it refuses everything",) if recently else ()
        # Asked by several at once, a server repeats what it last knew of its store, however long
        # ago; and a store that is away refuses nobody.
        failed = tuple(name for name in failed if not name.startswith("etcd"))
        if failed:
            raise outage.unready(self.access.cluster, failed)
        return recently

    async def _denied(self, request: Request, error: Forbidden) -> Forbidden:
        """A refusal, told by its cause when the namespace, and with it our rights, is ending."""
        found = _NAMESPACE.match(request.path)
        if found is None:
            return error
        act = f"get Namespace {found[1]}"
        look = Request("GET", f"/api/v1/namespaces/{found[1]}", act, timeout=HEALTH_TIMEOUT)
        try:
            answer = to_json(await self._once(await self.client(), look, look.timeout))
        except KubernetesError:
            return error
        if (answer.get("status") or {}).get("phase") != "Terminating":
            return error
        return outage.ending(self.access.cluster, found[1], error)

    async def _open(
        self, client: ApiClient, request: Request, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        try:
            response = await self._call(client, request, timeout)
            if response.status >= 400:
                async with response:
                    raise self._failure(request, response, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise self.unreachable(request, exc) from exc
        return response

    async def _once(self, client: ApiClient, request: Request, left: float) -> bytes:
        timeout = aiohttp.ClientTimeout(
            total=max(left, 0.001),
            connect=CONNECT_TIMEOUT + 1,
            sock_connect=CONNECT_TIMEOUT,
        )
        try:
            async with await self._call(client, request, timeout) as response:
                body = await response.read()
                if response.status >= 400:
                    raise self._failure(request, response, body)
                return body
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise self.unreachable(request, exc) from exc

    async def _call(
        self, client: ApiClient, request: Request, timeout: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        method, url, headers, body, _ = await client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query),
            header_params={"Accept": "application/json", **request.headers},
            body=request.body,
            auth_settings=["BearerToken"],
        )
        with self._silence.broken():
            answer = await client.call_api(method, url, headers, body, _request_timeout=timeout)
        response: aiohttp.ClientResponse = answer.response
        return response

    def _failure(
        self, request: Request, response: aiohttp.ClientResponse, body: bytes
    ) -> StatusError:
        error = from_response(
            self.access.cluster, request.act, response.status, body, response.headers
        )
        if isinstance(error, Unauthorized):
            sent = response.request_info.headers.get("Authorization", "")
            why = outage.expiry(sent, datetime.now(UTC)) or "unauthorized (401)"
            error.message = f"Cluster {self.access.cluster} does not accept the bot's credentials: "
            error.message += f"{why}."
            error.hint = f"Renew the credentials in {sdk.place(self.access)}."
        return error


def _pause(request: Request, error: TooManyRequests | ServerError, attempt: int) -> float | None:
    """Seconds until the next attempt, or None when there must be none."""
    if attempt >= RETRIES:
        return None
    if request.method != "GET" and not (
        isinstance(error, TooManyRequests) and error.retry_after is not None
    ):
        return None
    if error.retry_after is not None:
        return error.retry_after
    return float(BACKOFF * 2**attempt) * (0.5 + random.random() / 2)  # noqa: S311 - jitter


def to_json(body: bytes) -> Any:
    """Parse an answer; an empty one is an empty object."""
    return json.loads(body) if body else {}
