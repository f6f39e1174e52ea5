"""The client of one cluster: reads, writes and the few subresources that the bot uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self
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
    Verdict,
    scale_from,
    table_row,
)
from integrations.kubernetes.sdk import Access
from integrations.kubernetes.transport import READ_TIMEOUT, Request, Transport, to_json

PatchType = Literal["merge", "strategic", "json", "apply"]

PAGE = 500
"""Objects per page of a list, as kubectl asks."""

_PATCH_TYPES: Mapping[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


class KubeClient:
    """One cluster's API. Safe to share between tasks; close it at the end.

    Every method raises ``ClusterUnreachable`` within the connect timeout (3 s, plus at most
    1 s for name resolution) when nothing answers, and a ``StatusError`` when the server refuses.
    """

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
        answer = await self._json(Request("GET", "/version", "version", timeout=5.0))
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
        return await self._json(Request("GET", path, act, timeout=timeout))

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
            page = await self._json(request)
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
        answer = await self._json(request)
        columns = tuple(str(c.get("name")) for c in answer.get("columnDefinitions") or [])
        return Table(columns, tuple(table_row(r) for r in answer.get("rows") or []))

    async def create(
        self, kind: Kind, namespace: str | None, body: Object, *, dry_run: bool = False
    ) -> Object:
        """Create an object.

        Raises:
            Conflict: It exists already.
        """
        name = str(body.get("metadata", {}).get("name", ""))
        return await self._json(
            Request(
                "POST",
                kind.path(namespace),
                wording.act("create", kind, namespace, name),
                wording.write_query(dry_run),
                body,
            )
        )

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: Any,
        *,
        type: PatchType = "merge",
        subresource: str | None = None,
        dry_run: bool = False,
        force: bool = False,
    ) -> Object:
        """Patch an object (never read-modify-write).

        Args:
            kind: The object's kind.
            namespace: Its namespace.
            name: Its name.
            body: The patch; a list for ``json``, an object otherwise.
            type: How the server reads it; ``apply`` is server-side apply.
            subresource: Such as ``scale``.
            dry_run: Let the server check and answer without doing it.
            force: Take over fields of other managers (apply only).

        Raises:
            Conflict: Another manager owns a field (``manager`` names it), or it changed.
        """
        query = wording.write_query(dry_run)
        if force and type == "apply":
            query.append(("force", "true"))
        return await self._json(
            Request(
                "PATCH",
                kind.path(namespace, name, subresource),
                wording.act("patch", kind, namespace, name, subresource),
                query,
                body,
                {"Content-Type": _PATCH_TYPES[type]},
            )
        )

    async def delete(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        *,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        uid: str | None = None,
        grace_seconds: int | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object; with ``uid`` only that very one.

        Raises:
            NotFound: There is none.
            Conflict: The name belongs to an object with another uid by now.
        """
        options: Object = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if dry_run:
            options["dryRun"] = ["All"]
        act = wording.act("delete", kind, namespace, name)
        return await self._json(Request("DELETE", kind.path(namespace, name), act, body=options))

    async def scale(self, kind: Kind, namespace: str, name: str) -> Scale:
        """Read a workload's size through its scale subresource."""
        act = wording.act("get", kind, namespace, name, "scale")
        return scale_from(
            await self._json(Request("GET", kind.path(namespace, name, "scale"), act))
        )

    async def set_scale(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        replicas: int,
        *,
        uid: str = "",
        dry_run: bool = False,
    ) -> Scale:
        """Ask for a number of replicas through the scale subresource.

        Raises:
            Conflict: It is not the object with that ``uid`` any more; nothing was changed.
        """
        body: dict[str, Any] = {"spec": {"replicas": replicas}}
        if uid:
            body["metadata"] = {"uid": uid}
        return scale_from(
            await self.patch(kind, namespace, name, body, subresource="scale", dry_run=dry_run)
        )

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

    async def can_i(
        self,
        verb: str,
        kind: Kind,
        namespace: str | None = None,
        *,
        name: str = "",
        subresource: str = "",
    ) -> Verdict:
        """Ask the server whether our own account may do something."""
        group = kind.api_version.rpartition("/")[0]
        attributes = {
            "verb": verb,
            "group": group,
            "resource": kind.plural,
            "subresource": subresource,
            "namespace": namespace or "",
            "name": name,
        }
        body = {
            "apiVersion": kinds.ACCESS_REVIEW.api_version,
            "kind": kinds.ACCESS_REVIEW.kind,
            "spec": {"resourceAttributes": {k: v for k, v in attributes.items() if v}},
        }
        status = (await self.create(kinds.ACCESS_REVIEW, None, body)).get("status") or {}
        return Verdict(bool(status.get("allowed")), str(status.get("reason") or ""))

    async def whoami(self) -> str:
        """Ask the server who we are to it, such as ``system:serviceaccount:onprem:onprem``."""
        kind = kinds.SELF_REVIEW
        body = {"apiVersion": kind.api_version, "kind": kind.kind}
        status = (await self.create(kind, None, body)).get("status") or {}
        return str((status.get("userInfo") or {}).get("username") or "")

    async def _json(self, request: Request) -> Object:
        answer: Object = to_json(await self.transport.send(request))
        return answer
