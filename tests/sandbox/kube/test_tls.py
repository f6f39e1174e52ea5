"""The throw-away certificate, as Python's own TLS judges it."""

from __future__ import annotations

import ssl

from aiohttp import ClientSession

from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store
from sandbox.kube.tls import self_signed


def test_each_certificate_is_new_and_loads() -> None:
    one, two = self_signed(), self_signed()
    assert one.certificate_pem != two.certificate_pem
    assert one.key_pem not in one.certificate_pem
    assert one.server_context().cert_store_stats() == {"x509": 0, "crl": 0, "x509_ca": 0}


async def test_clients_that_trust_it_connect_strictly(store: Store, runtime: object) -> None:
    server = KubeServer(store, runtime, token="secret")  # type: ignore[arg-type]
    await server.start()
    try:
        context = ssl.create_default_context(cadata=server.authority_pem)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        url = f"{server.url}/healthz"
        async with ClientSession() as session, session.get(url, ssl=context) as response:
            assert await response.text() == "ok"
    finally:
        await server.close()
