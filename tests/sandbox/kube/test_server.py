"""The server around the objects: who may ask, discovery, faults, and what is not known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.kube.faults import Fault
from sandbox.kube.server import KubeServer
from sandbox.kube.store import Store
from tests.sandbox.kube.conftest import Api

Json = dict[str, Any]

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.fixture
async def guarded(store: Store, runtime: Any) -> AsyncIterator[KubeServer]:
    server = KubeServer(store, runtime, token="right")
    await server.start()
    yield server
    await server.close()


async def test_a_token_is_needed_where_one_is_set(guarded: KubeServer) -> None:
    config = guarded.kubeconfig()
    assert config["users"][0]["user"] == {"token": "right"}
    assert config["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")
    async with aiohttp.ClientSession() as session:
        for header, code in (("Bearer right", 200), ("Bearer wrong", 401), ("", 401)):
            headers = {"Authorization": header} if header else {}
            url = f"{guarded.url}/api/v1/namespaces"
            async with session.get(url, headers=headers, ssl=False) as response:
                assert response.status == code
                body = await response.json()
        assert body["reason"] == "Unauthorized"
        async with session.get(f"{guarded.url}/sandbox/faults", ssl=False) as response:
            assert response.status == 401
        async with session.get(f"{guarded.url}/readyz", ssl=False) as response:
            assert await response.text() == "ok"


async def test_version(api: Api) -> None:
    version = await api("GET", "/version")
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "35", "v1.35.4")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
async def test_health(api: Api, path: str) -> None:
    assert await api("GET", path) == "ok"


async def test_aggregated_discovery(api: Api) -> None:
    body = await api("GET", "/apis", accept=f"{DISCOVERY},application/json")
    assert body["kind"] == "APIGroupDiscoveryList"
    assert api.headers["Content-Type"].endswith("as=APIGroupDiscoveryList")
    groups = {item["metadata"]["name"]: item for item in body["items"]}
    names = [r["resource"] for r in groups["apps"]["versions"][0]["resources"]]
    assert {"deployments", "statefulsets", "replicasets", "daemonsets"} <= set(names)
    assert [v["version"] for v in groups["autoscaling"]["versions"]] == ["v2", "v1"]
    core = await api("GET", "/api", accept=DISCOVERY)
    pods = next(r for r in core["items"][0]["versions"][0]["resources"] if r["resource"] == "pods")
    assert {s["subresource"] for s in pods["subresources"]} >= {"exec", "log", "eviction"}


async def test_plain_discovery(api: Api) -> None:
    assert (await api("GET", "/api"))["versions"] == ["v1"]
    groups = (await api("GET", "/apis"))["groups"]
    assert all(g["preferredVersion"] for g in groups)
    listed = await api("GET", "/apis/apps/v1")
    assert {"deployments", "deployments/scale"} <= {r["name"] for r in listed["resources"]}
    assert (await api("GET", "/apis/apps"))["name"] == "apps"


async def test_openapi_documents(api: Api) -> None:
    index = await api("GET", "/openapi/v3")
    url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    assert "?hash=" in url
    document = await api("GET", url)
    path = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert "fieldValidation" in [p["name"] for p in path["patch"]["parameters"]]
    schemas = document["components"]["schemas"]
    container = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert container["x-kubernetes-patch-merge-key"] == "name"


@pytest.mark.parametrize(
    ("method", "path", "code", "words"),
    [
        ("GET", "/metrics", 501, "/metrics"),
        ("GET", "/openapi/v2", 501, "/openapi/v2"),
        ("GET", "/apis/none.io/v1", 404, "could not find the requested resource"),
        ("GET", "/api/v1/namespaces/default/nothing", 404, "could not find"),
        ("GET", "/api/v1/namespaces/default/pods/p/proxy", 501, "proxy"),
        ("GET", "/api/v1/pods?pretend=1", 501, "'pretend'"),
        ("GET", "/api/v1/pods?limit=1&limit=2", 501, "'limit' more than once"),
        ("GET", "/api/v1/watch/pods", 501, "ask for the list with watch=true"),
        ("GET", "/readyz?exclude=etcd", 501, "'exclude'"),
        ("GET", "/api/v1/namespaces/default/pods/p/log?stream=Stdout", 501, "'stream'"),
        ("PUT", "/api/v1/namespaces/default/pods", 405, "does not allow this method"),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405, "does not allow"),
    ],
)
async def test_what_is_not_known_is_named(
    api: Api, method: str, path: str, code: int, words: str
) -> None:
    answer = await api(method, path, expect=code)
    assert answer["kind"] == "Status"
    assert words in answer["message"]


async def test_unknown_media_types_are_named(api: Api) -> None:
    answer = await api("GET", "/api/v1/pods", accept="application/cbor", expect=501)
    assert "application/cbor" in answer["message"]
    old = "application/json;as=Table;g=meta.k8s.io;v=v1beta1"
    answer = await api("GET", "/api/v1/pods", accept=old, expect=501)
    assert old in answer["message"]
    answer = await api("GET", "/api/v1/pods", accept="image/png", expect=406)
    assert answer["reason"] == "NotAcceptable"
    path = "/api/v1/namespaces/default/configmaps"
    answer = await api("POST", path, b"<x/>", content_type="text/xml", expect=415)
    assert "accepted media types include: application/json" in answer["message"]
    answer = await api("POST", path, b"{", expect=400)
    assert "json parse error" in answer["message"]


async def test_faults_meet_the_next_matching_requests(api: Api, server: KubeServer) -> None:
    server.faults.add(Fault(code=429, times=2, path="/api/v1/pods", retry_after=3))
    answer = await api("GET", "/api/v1/pods", expect=429)
    assert answer["details"]["retryAfterSeconds"] == 3
    assert api.headers["Retry-After"] == "3"
    await api("GET", "/api/v1/nodes")
    await api("GET", "/api/v1/pods", expect=429)
    await api("GET", "/api/v1/pods")


async def test_faults_by_the_admin_endpoint(api: Api) -> None:
    await api("POST", "/sandbox/faults", {"code": 503, "times": None, "method": "GET"})
    await api("GET", "/api/v1/pods", expect=503)
    await api("GET", "/api/v1/pods", expect=503)
    listed = await api("GET", "/sandbox/faults")
    assert listed["faults"][0]["code"] == 503
    await api("DELETE", "/sandbox/faults")
    await api("GET", "/api/v1/pods")
    assert (await api("POST", "/sandbox/faults", {"dropWatches": True})) == {"dropped": 0}


@pytest.mark.parametrize(
    "body", [{"code": 418}, {"colour": 1}, {"code": "500"}, {"delay": "x"}, {"times": 0}]
)
async def test_faults_that_make_no_sense(api: Api, body: Json) -> None:
    await api("POST", "/sandbox/faults", body, expect=400)
    assert (await api("GET", "/sandbox/faults"))["faults"] == []
