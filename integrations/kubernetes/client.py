"""The client of one cluster: what `reading` reads, writes, and what the server thinks of us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from integrations.kubernetes import kinds, wording
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import Object, Scale, Verdict, scale_from
from integrations.kubernetes.reading import Reader
from integrations.kubernetes.transport import Request

PatchType = Literal["merge", "strategic", "json", "apply"]

_PATCH_TYPES: Mapping[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class KubeClient(Reader):
    """One cluster's API. Safe to share between tasks; close it at the end.

    Every method raises ``ClusterUnreachable`` within the connect timeout (3 s, plus at most
    1 s for name resolution) when nothing answers, and a ``StatusError`` when the server refuses.
    """

    async def create(
        self, kind: Kind, namespace: str | None, body: Object, *, dry_run: bool = False
    ) -> Object:
        """Create an object.

        Raises:
            Conflict: It exists already.
        """
        name = str(body.get("metadata", {}).get("name", ""))
        return await self.ask(
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
        return await self.ask(
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
        return await self.ask(Request("DELETE", kind.path(namespace, name), act, body=options))

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
