"""Which kinds a cluster has, and lists that hold labels alone."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.discovery import list_metadata, namespaced_kinds
from integrations.kubernetes.errors import Forbidden
from integrations.kubernetes.kinds import SECRET, Kind

from .conftest import Api, fails, says


def version(name: str, *resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": name, "resources": list(resources)}


def resource(plural: str, kind: str, scope: str = "Namespaced", *verbs: str) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"kind": kind},
        "scope": scope,
        "verbs": list(verbs or ("get", "list")),
    }


def discovered(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "APIGroupDiscoveryList", "items": list(groups)}


async def test_each_kind_is_named_once_in_its_preferred_version(
    api: Api, client: KubeClient
) -> None:
    core = version(
        "v1",
        resource("secrets", "Secret"),
        resource("nodes", "Node", "Cluster"),
        resource("bindings", "Binding", "Namespaced", "create"),
    )
    scaler = resource("horizontalpodautoscalers", "HorizontalPodAutoscaler")
    group = {
        "metadata": {"name": "autoscaling"},
        "versions": [version("v2", scaler), version("v1", scaler)],
    }
    api.will(says(discovered({"metadata": {}, "versions": [core]})), says(discovered(group)))
    assert await namespaced_kinds(client) == (
        SECRET,
        Kind("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    )


async def test_a_server_without_aggregated_discovery_has_the_usual_kinds(
    api: Api, client: KubeClient
) -> None:
    api.will(says({"kind": "APIVersions", "versions": ["v1"]}))
    assert SECRET in await namespaced_kinds(client)


async def test_a_list_of_metadata_asks_for_no_contents_and_follows_pages(
    api: Api, client: KubeClient
) -> None:
    def page(name: str, token: str = "") -> dict[str, Any]:
        return {"metadata": {"continue": token}, "items": [{"metadata": {"name": name}}]}

    api.will(says(page("a", "more")), says(page("b")))
    found = await list_metadata(client, SECRET, "shop")
    assert [meta["name"] for meta in found] == ["a", "b"]
    assert all("PartialObjectMetadataList" in r.headers["Accept"] for r in api.requests)
    assert api.queries[1]["continue"] == "more"


async def test_a_refusal_stays_one(api: Api, client: KubeClient) -> None:
    api.will(fails(403, "Forbidden"))
    with pytest.raises(Forbidden):
        await list_metadata(client, SECRET, "shop")
