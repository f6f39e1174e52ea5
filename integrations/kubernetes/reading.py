"""What is read from one cluster: objects, lists, tables, sizes and logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from weakref import WeakSet

from integrations.kubernetes import kinds, wording
from integrations.kubernetes.errors import Gone
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import (
    WHOLE,
    Object,
    ObjectList,
    Scale,
    Shape,
    Table,
    scale_from,
    table_row,
)
from integrations.kubernetes.sdk import Access
from integrations.kubernetes.transport import READ_TIMEOUT, Request, Transport, to_json

PAGE = 500
"""Objects per page of a list, as kubectl asks."""

_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


class Reader:
    """Reads from one cluster; errors as in `KubeClient`."""

    def __init__(self, access: Access) -> None:
        self.transport = Transport(access)
        self.watches: WeakSet[Any] = WeakSet()  # those under way; each knows how stale it is

    @property
    def cluster(self) -> str:
        """The cluster's name in our configuration."""
        return self.transport.access.cluster

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()

    async def version(self) -> str:
        """The server's version, such as ``v1.35.4``."""
        answer = await self.ask(Request("GET", "/version", "version", timeout=5.0))
        return str(answer.get("gitVersion", ""))

    async def get(
        self, kind: Kind, namespace: str | None, name: str, *, timeout: float = READ_TIMEOUT
    ) -> Object:
        """Read one object.

        Raises:
            NotFound: There is none.
        """
        path = kind.path(namespace, name)
        act = wording.act("get", kind, namespace, name)
        return await self.ask(Request("GET", path, act, timeout=timeout))

    async def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        shape: Shape = WHOLE,
        timeout: float = READ_TIMEOUT,
    ) -> ObjectList:
        """Read all objects, page by page; ``managedFields`` are dropped unless asked for.

        A page token that expired in between (410) starts the list once again, and the last
        resort is one unpaged list. ``timeout`` (seconds) holds for each page.
        """
        for limit in (PAGE, PAGE, 0):
            try:
                return await self._list(kind, namespace, labels, fields, shape, limit, timeout)
            except Gone:
                if not limit:
                    raise
        raise AssertionError("unreachable")

    async def _list(
        self,
        kind: Kind,
        namespace: str | None,
        labels: Mapping[str, str] | None,
        fields: Mapping[str, str] | None,
        shape: Shape,
        limit: int,
        timeout: float,
    ) -> ObjectList:
        path, act = kind.path(namespace), wording.act("list", kind, namespace)
        base, headers = wording.selectors(labels, fields), shape.accept("PartialObjectMetadataList")
        if limit:
            base.append(("limit", str(limit)))
        items: list[Object] = []
        token = ""
        while True:
            query = [*base, ("continue", token)] if token else base
            request = Request("GET", path, act, query, headers=headers, timeout=timeout)
            page = await self.ask(request)
            for item in page.get("items") or []:
                item.setdefault("apiVersion", kind.api_version)
                item.setdefault("kind", kind.kind)
                shape.cut(item)
                items.append(item)
            meta = page.get("metadata") or {}
            token = meta.get("continue") or ""
            if not token:
                return ObjectList(items, str(meta.get("resourceVersion") or ""))

    async def table(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        metadata: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> Table:
        """Read a list as the server's own table: 5,000 pods in a fraction of a JSON list.

        Args:
            kind: What to list.
            namespace: None for all namespaces.
            labels: Label equalities.
            fields: Field equalities.
            metadata: Also fill each row's name and namespace.
            timeout: Seconds.
        """
        include = "Metadata" if metadata else "None"
        query = [*wording.selectors(labels, fields), ("includeObject", include)]
        request = Request(
            "GET",
            kind.path(namespace),
            wording.act("list", kind, namespace),
            query,
            headers={"Accept": _TABLE},
            timeout=timeout,
        )
        answer = await self.ask(request)
        columns = tuple(str(c.get("name")) for c in answer.get("columnDefinitions") or [])
        return Table(columns, tuple(table_row(r) for r in answer.get("rows") or []))

    async def scale(self, kind: Kind, namespace: str, name: str) -> Scale:
        """Read a workload's size through its scale subresource."""
        act = wording.act("get", kind, namespace, name, "scale")
        return scale_from(await self.ask(Request("GET", kind.path(namespace, name, "scale"), act)))

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        tail: int | None = 200,
        since_seconds: int | None = None,
        previous: bool = False,
        limit_bytes: int = 1_000_000,
        timeout: float = READ_TIMEOUT,
    ) -> str:
        """Read a container's log: the last ``tail`` lines, at most ``limit_bytes``."""
        query = [("limitBytes", str(limit_bytes))]
        if container:
            query.append(("container", container))
        if tail is not None:
            query.append(("tailLines", str(tail)))
        if since_seconds is not None:
            query.append(("sinceSeconds", str(since_seconds)))
        if previous:
            query.append(("previous", "true"))
        request = Request(
            "GET",
            kinds.POD.path(namespace, pod, "log"),
            wording.act("logs", kinds.POD, namespace, pod),
            query,
            headers={"Accept": "*/*"},
            timeout=timeout,
        )
        return (await self.transport.send(request)).decode("utf-8", "replace")

    async def ask(self, request: Request) -> Object:
        """Send a request and read its answer, an object."""
        answer: Object = to_json(await self.transport.send(request))
        return answer
