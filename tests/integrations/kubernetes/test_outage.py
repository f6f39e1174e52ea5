"""What is told of a cluster that does not answer, does not believe us, or says no."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from integrations.kubernetes import kinds, outage
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import (
    ClusterConfigError,
    ClusterUnreachable,
    ClusterUntrusted,
    Forbidden,
    StatusError,
    Unauthorized,
)
from integrations.kubernetes.refusals import refusal
from integrations.kubernetes.sdk import Access
from sandbox.kube.tls import Certificate, self_signed
from tests.integrations.kubernetes.conftest import Api, fails, says

READYZ = "[+]ping ok\n[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\n"


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def ill(body: str) -> Callable[[web.Request], object]:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=500, text=body)

    return handler


async def told(api: Api, client: KubeClient) -> ClusterUnreachable:
    with pytest.raises(ClusterUnreachable) as caught:
        await client.get(kinds.POD, "parse", "p", timeout=0.3)
    assert [r.path for r in api.requests][-1] == "/readyz"
    return caught.value


async def test_a_store_that_hangs_is_not_taken_for_an_api_server_that_hangs(
    api: Api, client: KubeClient
) -> None:
    api.will(never, ill(READYZ))  # type: ignore[arg-type]
    assert str(await told(api, client)) == (
        "The API server of cluster test answers, but its store does not: "
        "no answer to “get Pod parse/p” in 0 seconds. "
        "Look at etcd on the control plane: its disk, its members, its logs."
    )


async def test_a_ready_server_that_does_not_answer_is_too_slow(
    api: Api, client: KubeClient
) -> None:
    api.will(never, says({}))
    assert (await told(api, client)).message.startswith(
        "The API server of cluster test runs, but is too slow: no answer to"
    )


async def test_a_server_that_does_not_even_tell_its_health_has_stopped_answering(
    api: Api, client: KubeClient
) -> None:
    api.will(never)
    assert "stopped answering (“get Pod parse/p”): no answer in time" in str(
        await told(api, client)
    )


def test_a_change_without_an_answer_may_have_arrived() -> None:
    error = outage.slow("main", "patch Scale parse/x", 10, ("etcd",), write=True)
    assert error.maybe_done
    assert error.hint.startswith("The change may have arrived; look before repeating it. Look at")


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        (("etcd",), "The API server of cluster main answers, but its store does not."),
        (
            ("poststarthook/x", "shutdown"),
            "The API server of cluster main is not ready: poststarthook/x, shutdown.",
        ),
    ],
)
def test_an_unready_server_is_told(failed: tuple[str, ...], message: str) -> None:
    assert outage.unready("main", failed).message == message


# -- trust -------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Certificate:
    return self_signed("cluster")


@pytest.fixture
async def secure(api: Api, pair: Certificate) -> BaseTestServer:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=pair.server_context())
    return server


async def test_a_wrong_authority_is_told_until_the_right_one_is_there(
    api: Api,
    secure: BaseTestServer,
    pair: Certificate,
    kubeconfig: Callable[..., Path],
    tmp_path: Path,
) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text(self_signed("another").certificate_pem)
    path = kubeconfig(str(secure.make_url("")).rstrip("/"))
    document = json.loads(path.read_text())
    document["clusters"][0]["cluster"]["certificate-authority"] = str(authority)
    path.write_text(json.dumps(document))
    api.will(says({"gitVersion": "v1"}))
    try:
        async with KubeClient(Access("main", path)) as kube:
            with pytest.raises(ClusterUntrusted) as caught:
                await kube.version()
            assert caught.value.message == (
                f"Cluster main at {secure.make_url('')!s} is not trusted: "
                "its certificate is not signed by the authority in the kubeconfig."
            ).replace("/ is", " is")
            assert "somebody else answers at this address" in caught.value.hint
        authority.write_text(pair.certificate_pem)
        async with KubeClient(Access("main", path)) as kube:
            assert await kube.version() == "v1"
    finally:
        await secure.close()


# -- credentials -------------------------------------------------------------------------------


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{body}.signature"


NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (jwt(exp=NOW.timestamp() - 60), "the token expired on 2026-05-01 at 11:59 UTC"),
        (jwt(exp=NOW.timestamp() + 60), ""),
        (jwt(sub="me"), ""),
        (jwt(exp="soon"), ""),
        (jwt(exp=1e300), ""),
        ("opaque", ""),
        ("a.b.c", ""),
    ],
)
def test_an_expired_token_says_since_when(token: str, words: str) -> None:
    assert outage.expiry(f"Bearer {token}", NOW) == words


async def test_refused_credentials_name_where_they_come_from(
    api: Api, server: BaseTestServer, kubeconfig: Callable[..., Path]
) -> None:
    token = jwt(exp=0)
    path = kubeconfig(str(server.make_url("")).rstrip("/"), {"token": token})
    api.will(fails(401, "Unauthorized"))
    async with KubeClient(Access("main", path)) as kube:
        with pytest.raises(Unauthorized) as caught:
            await kube.get(kinds.POD, "parse", "p")
    assert str(caught.value) == (
        "Cluster main does not accept the bot's credentials: "
        f"the token expired on 1970-01-01 at 00:00 UTC. Renew the credentials in {path}."
    )
    assert token not in repr(vars(caught.value))


async def test_requests_that_wait_for_a_login_share_its_failure(
    kubeconfig: Callable[..., Path], tmp_path: Path
) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho run >> {tmp_path / 'runs'}\nexit 1\n")
    plugin.chmod(0o755)
    path = kubeconfig("http://127.0.0.1:1", {"exec": {"command": "./plugin"}})
    async with KubeClient(Access("main", path)) as kube:
        found = await asyncio.gather(*(kube.version() for _ in range(5)), return_exceptions=True)
    assert {type(error) for error in found} == {ClusterConfigError}
    assert (tmp_path / "runs").read_text() == "run\n"


# -- refusals ----------------------------------------------------------------------------------

REFUSALS = {
    "terminating": (
        'deployments.apps "web" is forbidden: unable to create new content in namespace parse '
        "because it is being terminated",
        "is deleting namespace parse and takes nothing new into it",
    ),
    "denied": (
        'admission webhook "policy.example.org" denied the request: no owner is named.',
        "refuses it through admission webhook policy.example.org: no owner is named",
    ),
    "denied without words": (
        'admission webhook "policy.example.org" denied the request without explanation',
        "refuses it through admission webhook policy.example.org: it gives no reason",
    ),
    "unanswered": (
        'Internal error occurred: failed calling webhook "policy.example.org": failed to call '
        'webhook: Post "https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: '
        "connection refused",
        "asks admission webhook policy.example.org first, which does not answer: "
        "dial tcp 127.0.0.1:1: connect: connection refused",
    ),
    "quota": (
        'pods "web" is forbidden: exceeded quota: compute, requested: pods=2, used: pods=9, '
        "limited: pods=10",
        "has no room left in quota compute: requested: pods=2, used: pods=9, limited: pods=10",
    ),
}


@pytest.mark.parametrize(("said", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_what_refused_is_told(api: Api, client: KubeClient, said: str, words: str) -> None:
    api.will(fails(403, "Forbidden", said))
    with pytest.raises(StatusError) as caught:
        await client.patch(kinds.POD, "parse", "p", {})
    assert caught.value.message == f"Cluster test {words} (“patch Pod parse/p”)."
    assert "deploy/rbac.yaml" not in caught.value.hint


def test_a_missing_right_is_none_of_these() -> None:
    assert refusal('pods is forbidden: User "x" cannot list resource "pods"') is None


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (
            "Terminating",
            "Cluster test is deleting namespace parse, and the bot's rights in it are gone "
            "already.",
        ),
        ("Active", "Cluster test does not allow “get Pod parse/p” (403): no."),
    ],
)
async def test_rights_that_went_with_their_namespace_are_not_called_missing(
    api: Api, client: KubeClient, phase: str, message: str
) -> None:
    api.will(fails(403, "Forbidden"), says({}), says({"status": {"phase": phase}}))
    with pytest.raises(Forbidden) as caught:
        await client.get(kinds.POD, "parse", "p")
    assert caught.value.message == message
    assert [r.path for r in api.requests][1:] == ["/readyz", "/api/v1/namespaces/parse"]


async def test_a_refusal_of_a_server_that_is_not_ready_is_not_believed(
    api: Api, client: KubeClient
) -> None:
    api.will(fails(403, "Forbidden"), ill("[-]poststarthook/rbac failed: reason withheld\n"))  # type: ignore[arg-type]
    with pytest.raises(ClusterUnreachable) as caught:
        await client.get(kinds.POD, "parse", "p")
    assert str(caught.value) == (
        "The API server of cluster test is not ready: poststarthook/rbac. "
        "Wait a minute if it has just started; else look at its log."
    )


async def test_a_refusal_stands_whatever_the_store_is_said_to_be(
    api: Api, client: KubeClient
) -> None:
    api.will(fails(403, "Forbidden"), ill(READYZ), says({}))  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        await client.get(kinds.POD, "parse", "p")


async def test_soon_after_an_outage_a_refusal_is_asked_for_twice(
    api: Api, client: KubeClient
) -> None:
    async def cuts(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    api.will(cuts, fails(403, "Forbidden"), says({}), says({"metadata": {"name": "p"}}))
    with pytest.raises(ClusterUnreachable):
        await client.patch(kinds.POD, "parse", "p", {})
    found = await client.get(kinds.POD, "parse", "p")
    assert found["metadata"]["name"] == "p"
