"""What somebody without rights is told, word for word, and what everybody may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.client import MERGE, Api
from tests.contract.people import People

NS = "/api/v1/namespaces/{ns}"
APPS = "/apis/apps/v1/namespaces/{ns}"
DENIED: dict[str, tuple[str, str, str, str]] = {
    # Method, path; how the sentence begins, what it says.
    "list": (
        "GET",
        f"{NS}/pods",
        "pods",
        'list resource "pods" in API group "" in the namespace "{ns}"',
    ),
    "watch": (
        "GET",
        f"{NS}/pods?watch=true",
        "pods",
        'watch resource "pods" in API group "" in the namespace "{ns}"',
    ),
    "get": (
        "GET",
        f"{NS}/secrets/key",
        'secrets "key"',
        'get resource "secrets" in API group "" in the namespace "{ns}"',
    ),
    "list of one by name": (
        "GET",
        f"{NS}/pods?fieldSelector=metadata.name%3Dweb",
        'pods "web"',
        'list resource "pods" in API group "" in the namespace "{ns}"',
    ),
    "create": (
        "POST",
        f"{NS}/configmaps",
        "configmaps",
        'create resource "configmaps" in API group "" in the namespace "{ns}"',
    ),
    "create in a dry run": (
        "POST",
        f"{NS}/configmaps?dryRun=All",
        "configmaps",
        'create resource "configmaps" in API group "" in the namespace "{ns}"',
    ),
    "update": (
        "PUT",
        f"{APPS}/deployments/web",
        'deployments.apps "web"',
        'update resource "deployments" in API group "apps" in the namespace "{ns}"',
    ),
    "scale": (
        "PATCH",
        f"{APPS}/deployments/web/scale",
        'deployments.apps "web"',
        'patch resource "deployments/scale" in API group "apps" in the namespace "{ns}"',
    ),
    "status": (
        "PUT",
        f"{NS}/pods/web/status",
        'pods "web"',
        'update resource "pods/status" in API group "" in the namespace "{ns}"',
    ),
    "delete": (
        "DELETE",
        f"{NS}/pods/web",
        'pods "web"',
        'delete resource "pods" in API group "" in the namespace "{ns}"',
    ),
    "delete of all": (
        "DELETE",
        f"{NS}/pods",
        "pods",
        'deletecollection resource "pods" in API group "" in the namespace "{ns}"',
    ),
    "log": (
        "GET",
        f"{NS}/pods/web/log",
        'pods "web"',
        'get resource "pods/log" in API group "" in the namespace "{ns}"',
    ),
    "exec": (
        "POST",
        f"{NS}/pods/web/exec?command=ls",
        'pods "web"',
        'create resource "pods/exec" in API group "" in the namespace "{ns}"',
    ),
    "eviction": (
        "POST",
        f"{NS}/pods/web/eviction",
        'pods "web"',
        'create resource "pods/eviction" in API group "" in the namespace "{ns}"',
    ),
    "token": (
        "POST",
        f"{NS}/serviceaccounts/bot/token",
        'serviceaccounts "bot"',
        'create resource "serviceaccounts/token" in API group "" in the namespace "{ns}"',
    ),
    "in all namespaces": (
        "GET",
        "/apis/apps/v1/statefulsets",
        "statefulsets.apps",
        'list resource "statefulsets" in API group "apps" at the cluster scope',
    ),
    "no namespace": (
        "PATCH",
        "/api/v1/nodes/node-1",
        'nodes "node-1"',
        'patch resource "nodes" in API group "" at the cluster scope',
    ),
    "namespaces": (
        "GET",
        "/api/v1/namespaces",
        "namespaces",
        'list resource "namespaces" in API group "" at the cluster scope',
    ),
    "one namespace": (
        "GET",
        NS,
        'namespaces "{ns}"',
        'get resource "namespaces" in API group "" in the namespace "{ns}"',
    ),
    "a namespace's end": (
        "PUT",
        f"{NS}/finalize",
        'namespaces "{ns}"',
        'update resource "namespaces/finalize" in API group "" in the namespace "{ns}"',
    ),
    "a resource that there is not": (
        "GET",
        f"{APPS}/nothing/one",
        'nothing.apps "one"',
        'get resource "nothing" in API group "apps" in the namespace "{ns}"',
    ),
    "a group that there is not": (
        "GET",
        "/apis/nothing.example/v1/things",
        "things.nothing.example",
        'list resource "things" in API group "nothing.example" at the cluster scope',
    ),
    "signs of HTML": (
        "GET",
        f"{NS}/a&b/one",
        'a&b "one"',
        'get resource "a&amp;b" in API group "" in the namespace "{ns}"',
    ),
}


@pytest.mark.parametrize(("method", "path", "what", "why"), DENIED.values(), ids=DENIED)
async def test_the_sentence(
    api: Api, people: People, method: str, path: str, what: str, why: str
) -> None:
    bot = await people.account()
    body: Any = None if method in ("GET", "DELETE") else {}
    kind = {"kind": MERGE} if method == "PATCH" else {}
    said = await bot.fails(method, path.format(ns=api.namespace), body, expect=403, **kind)
    assert said["reason"] == "Forbidden"
    assert said["message"] == (
        f'{what} is forbidden: User "{people.name()}" cannot {why}'.format(ns=api.namespace)
    )


async def test_the_details_name_the_object(api: Api, people: People) -> None:
    bot = await people.account()
    path = api.path("apps/v1/deployments", "web", "scale")
    said = await bot.fails("GET", path, expect=403)
    assert said["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize("path", ["/", "/metrics", "/logs/one"])
async def test_a_path_that_is_no_resource(people: People, path: str) -> None:
    bot = await people.account()
    said = await bot.fails("GET", path, expect=403)
    assert said["message"] == f'forbidden: User "{people.name()}" cannot get path "{path}"'


@pytest.mark.parametrize(
    "path", ["/api", "/api/v1", "/apis", "/apis/apps/v1", "/version", "/healthz", "/openapi/v3"]
)
async def test_everybody_known_may_look_around(people: People, path: str) -> None:
    bot = await people.account()
    assert await bot("GET", path)
