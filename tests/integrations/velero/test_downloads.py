"""Fetching from stores that have certificates of their own, refuse, or are away."""

from __future__ import annotations

import asyncio
import base64
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import SECRET
from integrations.kubernetes.sdk import Access
from integrations.velero import kinds
from integrations.velero.client import Velero
from integrations.velero.errors import DownloadFailed, NotReadyYet
from integrations.velero.models import Backup, BackupSpec
from sandbox.cluster import PracticeCluster
from sandbox.kube.tls import Certificate, self_signed
from sandbox.velero import ObjectStore
from sandbox.world import PACES

LOG = 'time="2026-11-22T23:49:50Z" level=info msg="done"\n'


@pytest.fixture
async def velero(tmp_path: Path) -> AsyncIterator[Velero]:
    """A Velero whose server signs nothing: the tests do that."""
    objects = ObjectStore()
    await objects.start()
    cluster = await PracticeCluster.started(
        "sandbox", tmp_path / "kubeconfig", pace=PACES["fast"], objects=objects
    )
    practice = cluster.velero
    assert practice is not None
    await cluster.wait_for(lambda: practice.ready, 10)
    async with KubeClient(Access("sandbox", cluster.kubeconfig)) as kube:
        found = Velero(kube)
        await found.create_backup("a", BackupSpec(["default"]))
        await found.follow_backup("a", timeout=20)
        practice.fault("away")
        yield found
    await cluster.close()
    await objects.close()


@pytest.fixture
def certificate() -> Certificate:
    return self_signed("store")


async def served(velero: Velero, handler: Any, certificate: Certificate | None = None) -> str:
    """The log of the backup, from a store that answers as ``handler`` does."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    async with TestServer(app) as server:
        if certificate is not None:
            await server.close()
            server = TestServer(app, scheme="https")
            await server.start_server(ssl=certificate.server_context())
        try:
            return await signed(velero, f"{server.make_url('/a-logs.gz')}?X-Signature=a%2Fb%3D")
        finally:
            await server.close()


async def signed(velero: Velero, url: str) -> str:
    """The log of the backup, when the server signs this address."""

    async def sign() -> None:
        async for event in velero.watch(kinds.DOWNLOAD_REQUEST):
            if event.object and not event.object.get("status"):
                name = event.object["metadata"]["name"]
                body = {"status": {"phase": "Processed", "downloadURL": url}}
                await velero.kube.patch(kinds.DOWNLOAD_REQUEST, velero.namespace, name, body)

    server = asyncio.create_task(sign())
    try:
        return await velero.logs("Backup", "a")
    finally:
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


async def give(request: web.Request) -> web.Response:
    assert request.raw_path.endswith("?X-Signature=a%2Fb%3D"), "the signature covers every byte"
    return web.Response(body=gzip.compress(LOG.encode()), content_type="application/gzip")


def answer(status: int, text: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return handler


async def configure(velero: Velero, spec: dict[str, Any]) -> None:
    await velero.kube.patch(kinds.LOCATION, velero.namespace, "default", {"spec": spec})


async def test_a_plain_store(velero: Velero) -> None:
    assert await served(velero, give) == LOG


async def test_an_unknown_certificate_is_not_trusted(
    velero: Velero, certificate: Certificate
) -> None:
    with pytest.raises(DownloadFailed, match="certificate is not trusted"):
        await served(velero, give, certificate)


async def test_the_authority_of_the_location_is_trusted(
    velero: Velero, certificate: Certificate
) -> None:
    authority = base64.b64encode(certificate.certificate_pem.encode()).decode()
    store = {"bucket": "backups", "caCert": authority}
    await configure(velero, {"objectStorage": store})
    assert await served(velero, give, certificate) == LOG


async def test_the_authority_may_be_in_a_secret(velero: Velero, certificate: Certificate) -> None:
    authority = base64.b64encode(certificate.certificate_pem.encode()).decode()
    secret = {"metadata": {"name": "authority"}, "data": {"ca": authority}}
    await velero.kube.create(SECRET, velero.namespace, secret)
    reference = {"name": "authority", "key": "ca"}
    await configure(velero, {"objectStorage": {"bucket": "backups", "caCertRef": reference}})
    assert await served(velero, give, certificate) == LOG


async def test_checking_can_be_switched_off_as_in_velero(
    velero: Velero, certificate: Certificate
) -> None:
    await configure(velero, {"config": {"insecureSkipTLSVerify": "true"}})
    assert await served(velero, give, certificate) == LOG


@pytest.mark.parametrize(
    ("status", "text", "error", "said"),
    [
        (404, "<Code>NoSuchKey</Code>", NotReadyYet, "left no log in the store"),
        (403, "<Code>AccessDenied</Code>", DownloadFailed, r"\(403\): the store denies access"),
        (403, "<Code>SignatureDoesNotMatch</Code>", DownloadFailed, "does not accept the key"),
        (503, "<Code>SlowDown</Code>", DownloadFailed, "cannot be reached"),
        (200, "not packed", DownloadFailed, "damaged"),
    ],
)
async def test_what_a_store_may_answer(
    velero: Velero, status: int, text: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        await served(velero, answer(status, text))


async def test_an_address_that_leads_nowhere_is_named(velero: Velero) -> None:
    began = time.monotonic()
    with pytest.raises(DownloadFailed, match=r"from 127\.0\.0\.1:1: the store cannot be reached"):
        await signed(velero, "http://127.0.0.1:1/a")
    assert time.monotonic() - began < 10
    assert "publicUrl" in str(await _hint(velero))


async def _hint(velero: Velero) -> DownloadFailed:
    with pytest.raises(DownloadFailed) as caught:
        await signed(velero, "http://minio.velero.svc.invalid:9000/a")
    return caught.value


async def test_a_backup_that_goes_on_has_no_log_yet(velero: Velero) -> None:
    body = {"status": {"phase": "InProgress"}}
    raw = await velero.kube.patch(kinds.BACKUP, velero.namespace, "a", body)
    assert not Backup.from_object(raw).finished
    with pytest.raises(NotReadyYet, match="its phase is InProgress"):
        await velero.logs("Backup", "a")
