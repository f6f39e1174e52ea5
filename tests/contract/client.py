"""A plain HTTP client for any Kubernetes API; it hides nothing that the server says."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Json = dict[str, Any]
Objects = dict[str, Json]
Headers = tuple[tuple[str, str], ...]

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"

PATIENCE = 50.0
"""Seconds for what a server does by and by; on a busy machine that is long."""


class Api:
    """Requests with JSON in and out; every one states the answer it expects.

    Attributes:
        headers: Of the last answer.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, namespace: str, identity: Headers
    ) -> None:
        self._session = session
        self._url = url
        self._identity = identity
        self.namespace = namespace
        self.headers: Mapping[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def connected(cls, kubeconfig: Path, namespace: str) -> AsyncIterator[Api]:
        """Reads address, authority and token of a kubeconfig."""
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        if "certificate-authority" in cluster:
            context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        else:
            data = base64.b64decode(cluster["certificate-authority-data"]).decode()
            context = ssl.create_default_context(cadata=data)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"User-Agent": "contract/1"},
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
        ) as session:
            yield cls(session, cluster["server"], namespace, _bearer(user["token"]))

    def bearing(self, token: str) -> Api:
        """The same server, asked with another token; with none, if it is empty."""
        identity = _bearer(token) if token else ()
        return Api(self._session, self._url, self.namespace, identity)

    def acting(self, user: str = "", *groups: str, uid: str = "", **extra: str) -> Api:
        """The same caller, who asks to be taken for somebody else."""
        mask = [("Impersonate-User", user)] if user else []
        mask += [("Impersonate-Group", group) for group in groups]
        mask += [("Impersonate-Uid", uid)] if uid else []
        mask += [(f"Impersonate-Extra-{name}", value) for name, value in extra.items()]
        return Api(self._session, self._url, self.namespace, (*self._identity, *mask))

    def path(self, resource: str, name: str = "", subresource: str = "") -> str:
        """The path of a resource in the test's namespace: ``pods``, ``apps/v1/deployments``."""
        root, _, plural = resource.rpartition("/")
        base = f"/apis/{root}" if root else "/api/v1"
        parts = [base, "namespaces", self.namespace, plural, name, subresource]
        return "/".join(part for part in parts if part)

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: Any = 200,
        kind: Any = JSON,
        accept: Any = JSON,
        **query: Any,
    ) -> Any:
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = [("Accept", accept), ("Content-Type", kind), *self._identity]
        async with self._session.request(
            method, self._url + path, data=data, headers=sent, params=query
        ) as answer:
            text = await answer.text()
            wanted = expect if isinstance(expect, tuple) else (expect,)
            assert answer.status in wanted, f"{method} {path}: {answer.status} {text}"
            self.headers = dict(answer.headers)
            return json.loads(text) if answer.content_type == JSON else text

    async def fails(self, method: str, path: str, body: Any = None, **rest: Any) -> Json:
        """A request that must be refused; returns the ``metav1.Status``, checked for its form."""
        status: Json = await self(method, path, body, **rest)
        assert status["kind"] == "Status"
        assert status["apiVersion"] == "v1"
        assert status["status"] == "Failure"
        assert status["code"] == rest["expect"]
        return status

    @asynccontextmanager
    async def watching(self, path: str, **query: str) -> AsyncIterator[AsyncIterator[Json]]:
        """A watch; yields its events one by one, and ends with the server's stream."""
        params = {"watch": "true", **query}
        async with self._session.get(
            self._url + path, params=params, headers=[("Accept", JSON), *self._identity]
        ) as answer:
            assert answer.status == 200, await answer.text()
            yield _events(answer)

    async def until(
        self, path: str, holds: Callable[[Objects], object], what: str = "", **query: str
    ) -> list[Objects]:
        """Waits until the objects of a collection are as wanted; returns every state seen.

        Raises:
            AssertionError: They never were.
        """
        listed = await self("GET", path, **query)
        objects = {item["metadata"]["name"]: item for item in listed["items"]}
        seen = [dict(objects)]
        if holds(objects):
            return seen
        version = listed["metadata"]["resourceVersion"]
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self.watching(path, resourceVersion=version, **query) as events,
            ):
                async for event in events:
                    item = event["object"]
                    name = item["metadata"]["name"]
                    if event["type"] == "DELETED":
                        objects.pop(name, None)
                    else:
                        objects[name] = item
                    seen.append(dict(objects))
                    if holds(objects):
                        return seen
        except TimeoutError:
            pass
        raise AssertionError(f"never so: {what or path}\n{json.dumps(objects, indent=1)[:6000]}")


def _bearer(token: str) -> Headers:
    return (("Authorization", f"Bearer {token}"),)


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Json]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)
