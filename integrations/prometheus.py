"""Prometheus, asked by POST: typed errors, a deadline, warnings kept.

The session is set up and pooled by ``prometheus-api-client``; the query calls are our own,
because its ``custom_query`` puts the query into the URL even for POST, discards warnings, and
hides a 503's reason behind retries. It is synchronous, so calls run in threads of their own.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from integrations.errors import IntegrationError

TIMEOUT = 10.0
"""Seconds for one query; Prometheus itself is told to give up a second earlier."""
_CONNECT_TIMEOUT = 3.0
_THREADS = 8


class PrometheusError(IntegrationError):
    """Base of Prometheus' errors."""


class PrometheusUnreachable(PrometheusError):
    """It gave no answer."""


class QueryRefused(PrometheusError):
    """The query is wrong, or too much for this server."""


class QueryTimeout(PrometheusError):
    """The query ran out of time."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Samples as Prometheus gives them, and its warnings."""

    type: str
    result: list[Mapping[str, Any]]
    warnings: tuple[str, ...] = ()


class Prometheus:
    """One Prometheus server. Close it at the end."""

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, verify: bool = True
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = dict(headers or {})
        self._verify = verify
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="prometheus")
        self._session: Any = None

    def close(self) -> None:
        """Let the threads end; a query under way ends by its own deadline."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def probe(self) -> str:
        """Return the server's version.

        Raises:
            PrometheusError: It cannot be used.
        """
        answer = await self._in_thread("GET", "/api/v1/status/buildinfo", {})
        return str((answer.get("data") or {}).get("version", ""))

    async def query(self, promql: str, *, timeout: float = TIMEOUT) -> QueryResult:
        """Run an instant query.

        Raises:
            QueryRefused: Prometheus does not take the query.
            QueryTimeout: It took longer than ``timeout`` seconds.
            PrometheusUnreachable: No answer.
        """
        form = {"query": promql, "timeout": f"{max(timeout - 1, 0.5):g}s"}
        answer = await self._in_thread("POST", "/api/v1/query", form, timeout)
        data = answer.get("data") or {}
        result = data.get("result") or []
        return QueryResult(
            str(data.get("resultType", "")),
            result if data.get("resultType") in ("vector", "matrix") else [{"value": result}],
            tuple(map(str, answer.get("warnings") or ())),
        )

    async def _in_thread(
        self, method: str, path: str, form: Mapping[str, str], timeout: float = TIMEOUT
    ) -> Mapping[str, Any]:
        call = functools.partial(self._call, method, path, form, timeout)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def _call(
        self, method: str, path: str, form: Mapping[str, str], timeout: float
    ) -> Mapping[str, Any]:
        import requests

        if self._session is None:
            self._session = _session(self.url, self._headers, self._verify)
        try:
            response = self._session.request(
                method,
                self.url + path,
                data=dict(form) or None,
                headers=self._headers,
                timeout=(_CONNECT_TIMEOUT, timeout),
                verify=self._verify,
            )
            answer = _document(response)
        except requests.Timeout as exc:
            raise QueryTimeout(
                f"Prometheus at {self.url} did not answer in {timeout:g} seconds.",
                hint="Ask for a shorter range, or try again.",
                detail=repr(exc),
            ) from exc
        except requests.RequestException as exc:
            raise PrometheusUnreachable(
                f"Prometheus at {self.url} cannot be reached.",
                hint="Check its address in the configuration and that it runs.",
                detail=repr(exc),
            ) from exc
        if response.status_code >= 400 or answer.get("status") != "success":
            raise self._failure(response.status_code, answer, response.text)
        return answer

    def _failure(self, status: int, answer: Mapping[str, Any], text: str) -> PrometheusError:
        said = str(answer.get("error") or f"status {status}, no answer of its API").rstrip(".")
        if status == 503 and answer.get("errorType") in ("timeout", "canceled"):
            return QueryTimeout(
                f"Prometheus gave up the query: {said}.",
                hint="Ask for less: a shorter range or fewer series.",
                detail=text[:4000],
            )
        if status in (400, 422):
            return QueryRefused(
                f"Prometheus refused the query: {said}.",
                hint="Correct the query.",
                detail=text[:4000],
            )
        return PrometheusUnreachable(
            f"Prometheus at {self.url} answered with an error: {said}.",
            hint="Check its address and credentials, and its own health.",
            detail=text[:4000],
        )


def _session(url: str, headers: Mapping[str, str], verify: bool) -> Any:
    """Our session under the library's client: no netrc, only connecting is retried."""
    import requests
    from prometheus_api_client import PrometheusConnect
    from urllib3.util import Retry

    session = requests.Session()
    session.trust_env = False
    PrometheusConnect(
        url=url,
        headers=dict(headers),
        disable_ssl=not verify,
        retry=Retry(total=2, connect=2, read=0, status=0, backoff_factor=0.1),
        session=session,
        timeout=TIMEOUT,
    )
    return session


def _document(response: Any) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
