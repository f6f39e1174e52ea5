"""Is a system there, and which version? Used by ``onprem check``; nothing here raises."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from integrations.alertmanager import Alertmanager
from integrations.errors import IntegrationError
from integrations.kubernetes import outage
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import NotFound, StatusError
from integrations.kubernetes.kinds import POD, Kind
from integrations.mail import MailError, MailServer, greet
from integrations.prometheus import Prometheus
from integrations.server import Server

_TIMEOUT = aiohttp.ClientTimeout(total=8.0, sock_connect=3.0)
_ARTEFACT = 15.0
"""Seconds: for Velero's signature, and for the store."""
_BACKUP_LOCATION = Kind("velero.io/v1", "backupstoragelocations", "BackupStorageLocation")


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found; ``message`` is one sentence either way."""

    system: str
    ok: bool
    version: str
    message: str
    hint: str = ""


async def probe_kubernetes(client: KubeClient) -> Probe:
    """Ask the API server for its version, its own health, and something in our own name.

    The first two are answered even to those whose requests are turned away, and the first one
    even without a store.
    """

    async def version() -> str:
        found = await client.version()
        try:
            failed = await client.transport.failed_checks()
        except StatusError:
            failed = ()  # it may keep its health to itself
        if failed:
            raise outage.unready(client.cluster, failed)
        await client.can_i("list", POD)
        return found

    return await _guarded(f"Kubernetes {client.cluster}", version)


async def probe_prometheus(server: Server | str) -> Probe:
    """Ask Prometheus for its version."""
    prometheus = Prometheus(server)
    try:
        return await _guarded("Prometheus", prometheus.probe)
    finally:
        prometheus.close()


async def probe_alertmanager(server: Server | str) -> Probe:
    """Ask Alertmanager (v2 API) for its version."""
    alertmanager = Alertmanager(server)

    async def version() -> str:
        return (await alertmanager.status()).version

    try:
        return await _guarded("Alertmanager", version)
    finally:
        await alertmanager.close()


async def probe_rancher(url: str, *, tls: ssl.SSLContext | bool = True) -> Probe:
    """Ask Rancher for its version; this needs no token."""

    async def version() -> str:
        return str((await _get_json("Rancher", url, "/rancherversion", tls)).get("Version") or "")

    return await _guarded("Rancher", version)


async def probe_mail(server: MailServer) -> Probe:
    """Connect to a mail server and log in; nothing is sent."""
    try:
        await greet(server)
    except MailError as error:
        return Probe("mail", False, "", error.message, error.hint)
    return Probe("mail", True, "", f"{server.place} answers.")


async def probe_velero(client: KubeClient, namespace: str = "velero") -> Probe:
    """Look for Velero, an available backup location, and whether the store answers here too."""
    system = f"Velero in {client.cluster}"
    try:
        locations = (await client.list(_BACKUP_LOCATION, namespace)).items
    except NotFound:
        return Probe(
            system,
            False,
            "",
            "Velero is not installed.",
            "Install it, or leave it out.",
        )
    except IntegrationError as error:
        return Probe(system, False, "", error.message, error.hint)
    phases = {str((item.get("status") or {}).get("phase") or "Unknown") for item in locations}
    if not locations:
        return Probe(
            system,
            False,
            "",
            f"Velero has no backup location in namespace {namespace}.",
            "Create a BackupStorageLocation, or correct the namespace in the configuration.",
        )
    if "Available" not in phases:
        return Probe(
            system,
            False,
            "",
            f"No backup location is available ({', '.join(sorted(phases))}).",
            "See the message of the BackupStorageLocation.",
        )
    said = f"{len(locations)} backup location(s), available."
    try:
        async with asyncio.timeout(_ARTEFACT):
            read = await _stored(client, namespace)
    except TimeoutError:
        why = f"What a backup stored could not be read within {_ARTEFACT:.0f} s."
        return Probe(system, False, "v1", why, "See how the store answers from this host.")
    except IntegrationError as error:
        return Probe(system, False, "v1", error.message, error.hint)
    more = f" What {read} stored can be read." if read else " There is no backup yet to read."
    return Probe(system, True, "v1", said + more)


async def _stored(client: KubeClient, namespace: str) -> str:
    """Fetch something small of the newest backup from the store itself, as a restore must.

    Velero's server may reach the store by a name that only the cluster knows.

    Returns:
        The backup's name; empty when there is none.
    """
    from integrations.velero.client import Velero
    from integrations.velero.errors import NotReadyYet

    velero = Velero(client, namespace)
    there = {x.name for x in await velero.locations() if x.available}
    complete = (b for b in await velero.backups() if b.completed and b.location in there)
    newest = next(complete, None)
    if newest is None:
        return ""
    with suppress(NotReadyYet):  # the store was asked, and answered
        await velero.results("Backup", newest.name)
    return newest.name


async def _guarded(system: str, version: Callable[[], Awaitable[str]]) -> Probe:
    try:
        found = await version()
    except IntegrationError as error:
        return Probe(system, False, "", error.message, error.hint)
    return Probe(system, True, found, f"{system} answers.")


async def _get_json(system: str, url: str, path: str, tls: ssl.SSLContext | bool) -> dict[str, Any]:
    address = url.rstrip("/") + path
    hint = "Check its address in the configuration and that it runs."
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(address, ssl=tls) as response,
        ):
            if response.status >= 400:
                raise IntegrationError(
                    f"{system} at {url} answered with status {response.status}.", hint=hint
                )
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
        why = "no answer in time" if isinstance(exc, TimeoutError) else str(exc)
        raise IntegrationError(
            f"{system} at {url} cannot be used: {why}.", hint=hint, detail=repr(exc)
        ) from exc
    if not isinstance(answer, dict):
        raise IntegrationError(f"What answers at {url} is not {system}.", hint=hint)
    return answer
