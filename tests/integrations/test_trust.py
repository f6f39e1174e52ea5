"""Certificates: one's own authority is trusted when it is named, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from integrations.alertmanager import Alertmanager, AlertmanagerUnreachable
from integrations.prometheus import Prometheus, PrometheusUnreachable
from integrations.server import Server
from sandbox.kube.tls import self_signed


@dataclass
class Guarded:
    """A server with a certificate that no system knows."""

    url: str
    ca_file: Path


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    async def answer(request: web.Request) -> web.Response:
        about = {"version": "1.2.3"}
        return web.json_response({"status": "success", "data": about, "versionInfo": about})

    certificate = self_signed()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(certificate.certificate_pem)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=certificate.server_context())
    yield Guarded(f"https://127.0.0.1:{server.port}", ca_file)
    await server.close()


async def versions(server: Server) -> tuple[str, str]:
    prometheus, alertmanager = Prometheus(server), Alertmanager(server)
    try:
        return await prometheus.probe(), (await alertmanager.status()).version
    finally:
        prometheus.close()
        await alertmanager.close()


async def test_a_named_authority_is_trusted(guarded: Guarded) -> None:
    assert await versions(Server(guarded.url, ca_file=guarded.ca_file)) == ("1.2.3", "1.2.3")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
async def test_checking_can_be_switched_off(guarded: Guarded) -> None:
    assert await versions(Server(guarded.url, verify=False)) == ("1.2.3", "1.2.3")


async def test_an_unknown_certificate_is_not_trusted(guarded: Guarded) -> None:
    prometheus, alertmanager = Prometheus(guarded.url), Alertmanager(guarded.url)
    with pytest.raises(PrometheusUnreachable, match="certificate verify failed"):
        await prometheus.probe()
    with pytest.raises(AlertmanagerUnreachable, match="certificate verify failed"):
        await alertmanager.status()
    prometheus.close()
    await alertmanager.close()


async def test_an_authority_that_cannot_be_read_is_told(guarded: Guarded, tmp_path: Path) -> None:
    server = Server(guarded.url, ca_file=tmp_path / "none.pem")
    prometheus, alertmanager = Prometheus(server), Alertmanager(server)
    with pytest.raises(PrometheusUnreachable, match=r"cannot be reached: .*none\.pem"):
        await prometheus.probe()
    with pytest.raises(AlertmanagerUnreachable, match="cannot be used"):
        await alertmanager.status()
    prometheus.close()
    await alertmanager.close()
