"""Alertmanager's API v2: alerts, silences, status.

The API: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp

from integrations.alertmanager.errors import (
    AlertmanagerError,
    AlertmanagerRefused,
    AlertmanagerUnreachable,
    SilenceNotFound,
)
from integrations.alertmanager.models import (
    Alert,
    AlertGroup,
    Matcher,
    Silence,
    Status,
    read_alerts,
    read_groups,
    read_silences,
    read_status,
    stamp,
)
from integrations.server import Server

_TIMEOUT = aiohttp.ClientTimeout(total=10.0, sock_connect=3.0)
_BODY = 64_000_000
"""Bytes of one answer; 10,000 alerts are some 10 MB."""

T = TypeVar("T")


class Alertmanager:
    """One Alertmanager server. Close it at the end."""

    def __init__(self, server: Server | str) -> None:
        self.server = Server(server) if isinstance(server, str) else server
        self.url = self.server.address
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes its connections."""
        if self._session is not None:
            await self._session.close()

    async def status(self) -> Status:
        """Version and cluster.

        Raises:
            AlertmanagerError: It cannot be used.
        """
        return self._read(read_status, await self._ask("GET", "/status"))

    async def alerts(
        self,
        matchers: Iterable[Matcher] = (),
        *,
        active: bool = True,
        silenced: bool = True,
        inhibited: bool = True,
    ) -> tuple[Alert, ...]:
        """The alerts that fire now.

        Args:
            matchers: All must match.
            active: Those that nothing holds back.
            silenced: Those that a silence holds back.
            inhibited: Those that another alert holds back.

        Raises:
            AlertmanagerError: It cannot be used, or does not take a matcher.
        """
        states = {"active": active, "silenced": silenced, "inhibited": inhibited}
        query = [(key, str(value).lower()) for key, value in states.items()]
        query += [("filter", str(matcher)) for matcher in matchers]
        answer = await self._ask("GET", "/alerts", query=query)
        return await asyncio.to_thread(self._read, read_alerts, answer)

    async def groups(self) -> tuple[AlertGroup, ...]:
        """The alerts that fire now, by receiver and group.

        Raises:
            AlertmanagerError: It cannot be used.
        """
        return await asyncio.to_thread(
            self._read, read_groups, await self._ask("GET", "/alerts/groups")
        )

    async def silences(self, matchers: Iterable[Matcher] = ()) -> tuple[Silence, ...]:
        """Silences, those that expired not long ago included.

        Raises:
            AlertmanagerError: It cannot be used, or does not take a matcher.
        """
        query = [("filter", str(matcher)) for matcher in matchers]
        answer = await self._ask("GET", "/silences", query=query)
        return self._read(read_silences, answer)

    async def silence(
        self,
        matchers: Iterable[Matcher],
        *,
        starts: int,
        ends: int,
        created_by: str,
        comment: str,
    ) -> str:
        """Makes a silence and returns its id.

        Args:
            matchers: All must match for an alert to be held back; at least one.
            starts: Microseconds UTC; Alertmanager makes it now when it is past.
            ends: Microseconds UTC, to come.
            created_by: The person.
            comment: Why.

        Raises:
            AlertmanagerRefused: It does not take these matchers or times.
            AlertmanagerUnreachable: No usable answer; the silence may have been made.
        """
        body = {
            "matchers": [
                {"name": m.name, "value": m.value, "isRegex": m.is_regex, "isEqual": m.is_equal}
                for m in matchers
            ],
            "startsAt": stamp(starts),
            "endsAt": stamp(ends),
            "createdBy": created_by,
            "comment": comment,
        }
        answer = await self._ask("POST", "/silences", body=body)
        made = str(answer.get("silenceID") or "") if isinstance(answer, Mapping) else ""
        if not made:
            raise self._strange(repr(answer)[:400])
        return made

    async def expire(self, silence: str) -> None:
        """Ends a silence now.

        Raises:
            SilenceNotFound: There is none of that id.
            AlertmanagerError: It cannot be used. Ending a silence twice does no harm.
        """
        await self._ask("DELETE", f"/silence/{quote(silence, safe='')}")

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            async with self._connected().request(
                method,
                f"{self.url}/api/v2{path}",
                params=list(query),
                json=body,
                headers=self.server.headers(),
            ) as response:
                content = await _content(response)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            why = "no answer in time" if isinstance(exc, TimeoutError) else str(exc)
            raise AlertmanagerUnreachable(
                f"Alertmanager at {self.url} cannot be used: {why}.",
                hint="Check its address in the configuration and that it runs.",
                detail=repr(exc),
            ) from exc
        if status >= 400:
            raise self._failure(status, content)
        if not content:
            return None
        return await asyncio.to_thread(self._read, json.loads, content)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self.server.tls())
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector)
        return self._session

    def _read(self, reader: Callable[[Any], T], value: Any) -> T:
        try:
            return reader(value)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            raise self._strange(repr(exc)) from exc

    def _strange(self, detail: str) -> AlertmanagerUnreachable:
        return AlertmanagerUnreachable(
            f"What answers at {self.url} is not Alertmanager.",
            hint="Check its address in the configuration.",
            detail=detail,
        )

    def _failure(self, status: int, content: bytes) -> AlertmanagerError:
        text = content[:4000].decode(errors="replace").strip()
        said = _said(text)
        if status == 404 and not text.startswith("<"):
            return SilenceNotFound(
                "Alertmanager has no such silence.",
                hint="It may have expired long ago.",
                detail=text,
            )
        if status in (400, 422) or (status == 500 and "expired" in said):
            return AlertmanagerRefused(f"Alertmanager refused it: {said}.", detail=text)
        hint = "Check its address and its own health."
        if status in (401, 403):
            hint = "Check its token, or its user name and password, in the configuration."
        return AlertmanagerUnreachable(
            f"Alertmanager at {self.url} answered with status {status}: {said}.",
            hint=hint,
            detail=text,
        )


async def _content(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(262_144):
        body += chunk
        if len(body) > _BODY:
            raise ValueError(f"its answer is longer than {_BODY // 1_000_000} MB")
    return bytes(body)


def _said(text: str) -> str:
    """What an error's body says: a JSON string, or an object with a message."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "no answer of its API" if text.startswith("<") or not text else text[:300]
    said = body.get("message", text) if isinstance(body, Mapping) else body
    return str(said).strip().rstrip(".")[:300]
