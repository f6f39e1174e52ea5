"""Prometheus' HTTP API, asked by POST: typed errors, a deadline, warnings kept.

The session is set up and pooled by `prometheus-api-client`; the calls are our own, because its
`custom_query…` put the query into the URL even for POST, discard warnings, and hide a 503's
reason behind retries. It is synchronous, so calls run in threads of their own.

The API: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import asyncio
import functools
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from integrations.prometheus.decoding import document
from integrations.prometheus.errors import (
    PrometheusError,
    PrometheusUnreachable,
    QueryRefused,
    QueryTimeout,
    TooManySeries,
)
from integrations.prometheus.models import QueryResult, RangeResult, series_of
from integrations.server import Server

TIMEOUT = 10.0
"""Seconds for one query; Prometheus itself is told to give up a second earlier."""
MOST_SERIES = 1000
"""Series that a range may have; nobody can look at more."""
_CONNECT_TIMEOUT = 3.0
_THREADS = 8
MOST_BYTES = 32_000_000
"""Bytes of one answer; 1,000 series of 600 points are 20 MB."""
_CHUNK = 262_144


class _TooLarge(QueryRefused):
    """The answer is longer than `MOST_BYTES`."""


class Prometheus:
    """One Prometheus server. Close it at the end."""

    def __init__(self, server: Server | str) -> None:
        self.server = Server(server) if isinstance(server, str) else server
        self.url = self.server.address
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="prometheus")
        self._making = threading.Lock()
        self._session: Any = None

    def close(self) -> None:
        """Let the threads end; a query under way ends by its own deadline."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if self._session is not None:
            self._session.close()

    async def probe(self) -> str:
        """Return the server's version.

        Raises:
            PrometheusError: It cannot be used.
        """
        answer = await self._ask("GET", "/api/v1/status/buildinfo", {})
        return str((answer.get("data") or {}).get("version", ""))

    async def query(
        self, promql: str, *, at: float | None = None, timeout: float = TIMEOUT
    ) -> QueryResult:
        """Run an instant query.

        Args:
            promql: The query.
            at: Seconds since 1970; now when None.
            timeout: Seconds for the whole call.

        Raises:
            QueryRefused: Prometheus does not take the query.
            QueryTimeout: It took longer than `timeout` seconds.
            PrometheusUnreachable: No answer.
        """
        form = _form(promql, timeout, **({} if at is None else {"time": f"{at:.3f}"}))
        answer = await self._ask("POST", "/api/v1/query", form, timeout)
        data = answer.get("data") or {}
        result = data.get("result") or []
        return QueryResult(
            str(data.get("resultType", "")),
            result if data.get("resultType") in ("vector", "matrix") else [{"value": result}],
            *_remarks(answer),
        )

    async def range(
        self,
        promql: str,
        *,
        start: float,
        end: float,
        step: float,
        timeout: float = TIMEOUT,
        most: int = MOST_SERIES,
    ) -> RangeResult:
        """Run a query over a time.

        Args:
            promql: The query.
            start: Seconds since 1970, included.
            end: Seconds since 1970, included.
            step: Seconds between two points; Prometheus refuses more than 11,000 points.
            timeout: Seconds for the whole call.
            most: Series that are taken.

        Raises:
            TooManySeries: There are more than `most`.
            QueryRefused: Prometheus does not take the query.
            QueryTimeout: It took longer than `timeout` seconds.
            PrometheusUnreachable: No answer.
        """
        form = _form(
            promql,
            timeout,
            start=f"{start:.3f}",
            end=f"{end:.3f}",
            step=f"{step:.3f}",
            limit=str(most + 1),  # servers before 2.54 know no limit and send all
        )
        try:
            answer = await self._ask("POST", "/api/v1/query_range", form, timeout)
        except _TooLarge:
            raise TooManySeries(await self._count(promql, end), most) from None
        data = answer.get("data") or {}
        result = data.get("result") or []
        if len(result) > most:
            there = await self._count(promql, end)
            raise TooManySeries(there if there and there > most else None, most)
        try:
            if data.get("resultType") != "matrix":
                raise ValueError(data.get("resultType"))
            found = tuple(series_of(result))
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise PrometheusUnreachable(
                f"What answers at {self.url} is not Prometheus: it gave no range.",
                hint="Check its address in the configuration.",
                detail=repr(exc),
            ) from exc
        warnings, infos = _remarks(answer)
        if len(found) < len(result):
            warnings += (f"{len(result) - len(found)} series without plain numbers are left out",)
        return RangeResult(found, warnings, infos)

    async def _count(self, promql: str, at: float) -> int | None:
        """How many series a query has at a moment; None when that cannot be told."""
        try:
            found = await self.query(f"count({promql}\n)", at=at)
            value = float(found.result[0]["value"][1])
        except (PrometheusError, ValueError, TypeError, KeyError, IndexError):
            return None
        return int(value) if math.isfinite(value) else None

    async def _ask(
        self, method: str, path: str, form: Mapping[str, str], timeout: float = TIMEOUT
    ) -> Mapping[str, Any]:
        call = functools.partial(self._call, method, path, form, timeout)
        try:
            async with asyncio.timeout(timeout + _CONNECT_TIMEOUT):
                return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        except TimeoutError as exc:  # all threads are busy with other queries
            raise self._late(timeout, exc) from exc

    def _call(
        self, method: str, path: str, form: Mapping[str, str], timeout: float
    ) -> Mapping[str, Any]:
        import requests
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        deadline = time.monotonic() + timeout
        try:
            with self._connected().request(
                method,
                self.url + path,
                data=dict(form) or None,
                headers=self.server.headers(),
                timeout=(_CONNECT_TIMEOUT, timeout),
                verify=self._trust(),
                stream=True,
            ) as response:
                body = self._body(response, deadline, timeout)
                status = int(response.status_code)
        except (requests.Timeout, ReadTimeoutError) as exc:
            raise self._late(timeout, exc) from exc
        except (OSError, HTTPError) as exc:  # of requests too; and a CA file that is not there
            raise PrometheusUnreachable(
                f"Prometheus at {self.url} cannot be reached: {_reason(exc)}.",
                hint="Check its address in the configuration and that it runs.",
                detail=repr(exc),
            ) from exc
        answer = document(body)
        if status >= 400 or answer.get("status") != "success":
            raise self._failure(status, answer, body[:4000].decode(errors="replace"))
        return answer

    def _body(self, response: Any, deadline: float, timeout: float) -> bytes:
        """The body, of which each part must come before the deadline.

        `iter_content` would wait for a whole chunk, however slowly it comes.
        """
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > MOST_BYTES:
                raise _TooLarge(
                    f"Prometheus' answer is longer than {MOST_BYTES // 1_000_000} MB.",
                    hint="Ask for less: a shorter range or fewer series.",
                )
            if time.monotonic() > deadline:
                raise self._late(timeout, None)
        return bytes(body)

    def _connected(self) -> Any:
        with self._making:
            if self._session is None:
                self._session = _session(self.url, self.server)
            return self._session

    def _trust(self) -> str | bool:
        ca_file = self.server.ca_file
        return str(ca_file) if ca_file and self.server.verify else self.server.verify

    def _late(self, timeout: float, exc: BaseException | None) -> QueryTimeout:
        return QueryTimeout(
            f"Prometheus at {self.url} did not answer in {timeout:g} seconds.",
            hint="Ask for a shorter range, or try again.",
            detail=repr(exc),
        )

    def _failure(self, status: int, answer: Mapping[str, Any], text: str) -> PrometheusError:
        said = str(answer.get("error") or f"status {status}, no answer of its API").rstrip(".")
        if status == 503 and answer.get("errorType") in ("timeout", "canceled"):
            return QueryTimeout(
                f"Prometheus gave up the query: {said}.",
                hint="Ask for less: a shorter range or fewer series.",
                detail=text,
            )
        if status in (400, 422):
            right = "Correct the query." if status == 400 else "Ask for a shorter range."
            return QueryRefused(f"Prometheus refused the query: {said}.", hint=right, detail=text)
        hint = "Check its address and credentials, and its own health."
        if status in (401, 403):
            hint = "Check its token, or its user name and password, in the configuration."
        return PrometheusUnreachable(
            f"Prometheus at {self.url} answered with an error: {said}.", hint=hint, detail=text
        )


def _form(promql: str, timeout: float, **more: str) -> dict[str, str]:
    return {"query": promql, "timeout": f"{max(timeout - 1, 0.5):g}s", **more}


def _remarks(answer: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    warnings, infos = (tuple(map(str, answer.get(key) or ())) for key in ("warnings", "infos"))
    return warnings, infos


def _reason(exc: BaseException) -> str:
    """The innermost cause in words: `Connection refused`, `certificate verify failed`."""
    text = str(exc)
    for known in ("Connection refused", "certificate verify failed", "Name or service not known"):
        if known in text:
            return known.lower()
    if type(exc) is OSError:  # requests' own: the file with certificates
        return text
    return "the connection failed"


def _session(url: str, server: Server) -> Any:
    """Our session under the library's client: no netrc, only connecting is retried."""
    import requests
    from prometheus_api_client import PrometheusConnect
    from urllib3.util import Retry

    session = requests.Session()
    session.trust_env = False
    PrometheusConnect(
        url=url,
        headers=server.headers(),
        disable_ssl=not server.verify,
        retry=Retry(total=2, connect=2, read=0, status=0, backoff_factor=0.1),
        session=session,
        timeout=TIMEOUT,
    )
    return session
