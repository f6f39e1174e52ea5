"""Asking a Service through the API server: the app's answers, and the API server's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import InvalidName, NotFound, ServerError
from integrations.kubernetes.kinds import NAMESPACE, POD, SERVICE
from integrations.kubernetes.proxy import service_get
from integrations.kubernetes.sdk import Access
from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace
from tests.integrations.kubernetes.conftest import Api, fails


def answers(status: int, body: str) -> Any:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    return handler


@pytest.mark.parametrize(("status", "body"), [(200, "ok"), (204, ""), (404, "Cannot GET /")])
async def test_the_apps_answer_is_an_answer(
    api: Api, client: KubeClient, status: int, body: str
) -> None:
    api.will(answers(status, body))
    answer = await service_get(client, "web", "front", 80, "/health")
    assert (answer.status, answer.body) == (status, body)
    assert api.requests[0].path == "/api/v1/namespaces/web/services/front:80/proxy/health"


async def test_an_app_that_is_not_well_is_an_answer_too(api: Api, client: KubeClient) -> None:
    api.will(answers(503, json.dumps({"status": "starting"})))
    answer = await service_get(client, "web", "front", "http", "/health")
    assert answer.status == 503
    assert len(api.requests) == 1  # whoever probes decides whether to ask again


async def test_the_api_servers_refusal_is_an_error(api: Api, client: KubeClient) -> None:
    api.will(fails(503, "ServiceUnavailable", 'no endpoints available for service "front"'))
    with pytest.raises(ServerError, match="no endpoints available"):
        await service_get(client, "web", "front", 80, "/")


async def test_paths_and_queries_stay_what_they_are(api: Api, client: KubeClient) -> None:
    api.will(answers(200, "ok"))
    await service_get(client, "web", "front", 80, "/a b/x?deep=1&a=b%20c")
    assert api.requests[0].path.endswith("/proxy/a b/x")
    assert api.queries[0]["deep"] == "1"


async def test_a_name_cannot_lead_elsewhere(api: Api, client: KubeClient) -> None:
    for name, path in (("../pods/x", "/"), ("front", "/../../secrets"), ("front", "/%2e%2e/x")):
        with pytest.raises(InvalidName):
            await service_get(client, "web", name, 80, path)
    assert api.requests == []


# -- the practice cluster ------------------------------------------------------------------------


@pytest.fixture
async def practice(tmp_path: Path) -> AsyncIterator[PracticeCluster]:
    cluster = await PracticeCluster.started("p", tmp_path / "kubeconfig", pace=Pace().scaled(0))
    yield cluster
    await cluster.close()


@pytest.fixture
async def kube(practice: PracticeCluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(Access("p", practice.kubeconfig)) as made:
        await made.create(NAMESPACE, None, {"metadata": {"name": "web"}})
        ports = [{"name": "http", "port": 80, "targetPort": 1337}]
        spec = {"selector": {"app": "front"}, "ports": ports}
        await made.create(SERVICE, "web", {"metadata": {"name": "front"}, "spec": spec})
        yield made


async def pod(practice: PracticeCluster, kube: KubeClient) -> None:
    env = [{"name": "PARSE_SERVER_MOUNT_PATH", "value": "/parse"}]
    ports = [{"containerPort": 1337}]
    container = {"name": "main", "image": "parse:1", "env": env, "ports": ports}
    body = {
        "metadata": {"name": "one", "labels": {"app": "front"}},
        "spec": {"containers": [container]},
    }
    await kube.create(POD, "web", body)
    from sandbox.kube.pods import network
    from sandbox.kube.resources import PODS

    await practice.wait_for(
        lambda: network.ready(practice.store, practice.store.get(PODS, "web", "one")), 10
    )


async def test_parse_server_knows_its_health(practice: PracticeCluster, kube: KubeClient) -> None:
    await pod(practice, kube)
    answer = await service_get(kube, "web", "front", "http", "/parse/health")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    assert (await service_get(kube, "web", "front", 80, "/parse/schemas")).status == 403
    assert (await service_get(kube, "web", "front", 80, "/")).status == 404


async def test_the_practice_cluster_refuses_as_an_api_server(kube: KubeClient) -> None:
    with pytest.raises(ServerError, match="no endpoints available"):
        await service_get(kube, "web", "front", 80, "/parse/health")
    with pytest.raises(ServerError, match='no service port "81"'):
        await service_get(kube, "web", "front", 81, "/parse/health")
    with pytest.raises(NotFound):
        await service_get(kube, "web", "other", 80, "/")
