"""Requests to Velero's kinds in one namespace, with its own errors for what can go wrong."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import BadRequest, Conflict, Invalid, NotFound
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import Object
from integrations.velero import kinds, names
from integrations.velero.errors import (
    AlreadyThere,
    NoSuchBackup,
    NoSuchLocation,
    NoSuchRestore,
    NoSuchSchedule,
    RequestRefused,
    ServerAway,
    VeleroError,
    VeleroMissing,
)
from integrations.velero.storage import ServerInfo
from integrations.velero.values import part
from integrations.velero.waiting import Waiting, until

SERVER_TIMEOUT = 8.0
"""Seconds within which a living server has answered; it takes a fraction of one."""

_MISSING: Mapping[str, tuple[type[VeleroError], str]] = {
    "Backup": (NoSuchBackup, "backup"),
    "Restore": (NoSuchRestore, "restore"),
    "Schedule": (NoSuchSchedule, "schedule"),
    "BackupStorageLocation": (NoSuchLocation, "storage location"),
}


class Api:
    """Velero's part of one cluster's API; ``Velero`` is what others use."""

    def __init__(self, kube: KubeClient, namespace: str = "velero") -> None:
        self.kube = kube
        self.namespace = namespace

    # -- the server --------------------------------------------------------------------------

    async def server(self, timeout: float = SERVER_TIMEOUT) -> ServerInfo:
        """Ask the server whether it lives.

        Raises:
            ServerAway: No answer in ``timeout`` seconds.
        """
        name = f"onprem-{secrets.token_hex(6)}"
        await self.create_object(kinds.STATUS_REQUEST, name, {}, {})
        wait = Waiting(lambda raw: part(raw, "status").get("phase") == "Processed")
        raw: Object | None
        try:
            raw = await until(
                self.kube, kinds.STATUS_REQUEST, self.namespace, name, wait, timeout=timeout
            )
        except TimeoutError:
            raw = None
        if raw is None:
            raise ServerAway(
                f"Velero's server in cluster {self.kube.cluster} does not answer.",
                hint=f"Look at the deployment velero in namespace {self.namespace} and its log.",
            )
        status = part(raw, "status")
        plugins = {f"{p.get('kind')} {p.get('name')}" for p in status.get("plugins") or ()}
        return ServerInfo(str(status.get("serverVersion") or ""), tuple(sorted(plugins)))

    # -- requests ----------------------------------------------------------------------------

    async def list_objects(
        self, kind: Kind, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """All objects of a kind."""
        try:
            return (await self.kube.list(kind, self.namespace, labels=labels)).items
        except NotFound as error:
            raise self._not_installed(error) from error

    async def get_object(self, kind: Kind, name: str) -> Object:
        """One object, or the error of its kind."""
        self.check_name(kind, name)
        try:
            return await self.kube.get(kind, self.namespace, name)
        except NotFound as error:
            raise self.absent(kind, name, error) from error

    async def patch_object(self, kind: Kind, name: str, body: Object) -> Object:
        """Merge into one object."""
        self.check_name(kind, name)
        try:
            return await self.kube.patch(kind, self.namespace, name, body)
        except NotFound as error:
            raise self.absent(kind, name, error) from error

    async def create_object(self, kind: Kind, name: str, spec: Object, meta: Object) -> Object:
        """Create one object; ``meta`` holds labels and annotations."""
        self.check_name(kind, name)
        metadata = {"name": name, "namespace": self.namespace} | {
            k: v for k, v in meta.items() if v
        }
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
        try:
            return await self.kube.create(kind, self.namespace, {**body, "spec": spec})
        except NotFound as error:
            raise self._not_installed(error) from error
        except Conflict as error:
            raise AlreadyThere(
                f"{kind.kind} {name} exists already in cluster {self.kube.cluster}.",
                hint="Choose another name.",
                detail=error.detail,
            ) from error
        except (Invalid, BadRequest) as error:
            raise RequestRefused(error.message, hint=error.hint, detail=error.detail) from error

    def check_name(self, kind: Kind, name: str) -> None:
        """Refuse a name that no object can have, before anything is sent."""
        if not names.is_name(name):
            raise RequestRefused(
                f"{name!r} is not a name that a {kind.kind} can have.",
                hint="Names are small letters, digits, dots and dashes, at most 253.",
            )

    def absent(self, kind: Kind, name: str, error: NotFound) -> VeleroError:
        """What a 404 means: no such object, or no Velero at all."""
        found = _MISSING.get(kind.kind)
        # The kind being unknown is a 404 as well; only of an object it says which one.
        if f'"{name}" not found' not in error.message or found is None:
            return self._not_installed(error)
        return found[0](
            f"There is no {found[1]} {name} in cluster {self.kube.cluster}.", detail=error.detail
        )

    def _not_installed(self, error: NotFound) -> VeleroMissing:
        return VeleroMissing(
            f"Cluster {self.kube.cluster} has no Velero in namespace {self.namespace}.",
            hint="Install it, or correct the cluster's Velero namespace in the configuration.",
            detail=error.detail,
        )
