"""Requests, answers and failures of the client."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from integrations.kubernetes import errors, kinds
from integrations.kubernetes.client import KubeClient, PatchType
from integrations.kubernetes.sdk import Access
from tests.integrations.kubernetes.conftest import Api, fails, says


async def test_get_sends_the_token_to_the_objects_path(api: Api, client: KubeClient) -> None:
    api.will(says({"metadata": {"name": "server"}}))
    found = await client.get(kinds.DEPLOYMENT, "parse", "server")
    assert found["metadata"]["name"] == "server"
    assert api.requests[0].path == "/apis/apps/v1/namespaces/parse/deployments/server"
    assert api.requests[0].headers["Authorization"] == "Bearer t0ken"


async def test_list_follows_pages_and_names_the_version_to_watch_from(
    api: Api, client: KubeClient
) -> None:
    api.will(
        says({"metadata": {"continue": "a b&c"}, "items": [{"metadata": {"name": "1"}}]}),
        says({"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "2"}}]}),
    )
    found = await client.list(kinds.POD, "parse", labels={"app": "parse"})
    assert [i["metadata"]["name"] for i in found.items] == ["1", "2"]
    assert found.resource_version == "7"
    assert found.items[0]["kind"] == "Pod"
    assert api.queries[0] == {"labelSelector": "app=parse", "limit": "500"}
    assert api.queries[1]["continue"] == "a b&c"


async def test_list_starts_again_when_the_page_token_expired(api: Api, client: KubeClient) -> None:
    api.will(
        says({"metadata": {"continue": "x"}, "items": [{"metadata": {"name": "1"}}]}),
        fails(410, "Expired"),
        says({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "1"}}]}),
    )
    found = await client.list(kinds.POD)
    assert [i["metadata"]["name"] for i in found.items] == ["1"]
    assert found.resource_version == "9"


async def test_list_gives_up_paging_when_tokens_expire_all_the_time(
    api: Api, client: KubeClient
) -> None:
    page = says({"metadata": {"continue": "x"}, "items": []})
    whole = says({"metadata": {"resourceVersion": "9"}, "items": []})
    api.will(page, fails(410), page, fails(410), whole)
    assert (await client.list(kinds.POD)).resource_version == "9"
    assert "limit" not in api.queries[-1]


async def test_table_asks_the_server_to_print(api: Api, client: KubeClient) -> None:
    api.will(
        says(
            {
                "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}],
                "rows": [
                    {
                        "cells": ["p-0", "1/1"],
                        "object": {"metadata": {"name": "p-0", "namespace": "parse"}},
                    }
                ],
            }
        )
    )
    table = await client.table(kinds.POD, metadata=True)
    assert table.columns == ("Name", "Ready")
    assert table.rows[0].cells == ("p-0", "1/1")
    assert (table.rows[0].namespace, table.rows[0].name) == ("parse", "p-0")
    assert "as=Table" in api.requests[0].headers["Accept"]
    assert api.queries[0]["includeObject"] == "Metadata"


@pytest.mark.parametrize(
    ("kind_of_patch", "body", "content_type"),
    [
        ("merge", {"a": 1}, "application/merge-patch+json"),
        ("strategic", {"a": 1}, "application/strategic-merge-patch+json"),
        ("json", [{"op": "remove", "path": "/a"}], "application/json-patch+json"),
        ("apply", {"a": 1}, "application/apply-patch+yaml"),
    ],
)
async def test_patch_types(
    api: Api, client: KubeClient, kind_of_patch: PatchType, body: object, content_type: str
) -> None:
    api.will(says({}))
    await client.patch(kinds.POD, "parse", "p", body, type=kind_of_patch, dry_run=True, force=True)
    request = api.requests[0]
    assert request.headers["Content-Type"] == content_type
    assert json.loads(api.bodies[0]) == body
    assert request.query["fieldManager"] == "onprem"
    assert request.query["dryRun"] == "All"
    assert ("force" in request.query) == (kind_of_patch == "apply")


async def test_set_scale_patches_the_subresource(api: Api, client: KubeClient) -> None:
    api.will(says({"spec": {"replicas": 2}, "status": {"replicas": 3}}))
    scale = await client.set_scale(kinds.STATEFUL_SET, "parse", "db", 2)
    assert (scale.wanted, scale.present) == (2, 3)
    assert api.requests[0].path.endswith("/statefulsets/db/scale")
    assert json.loads(api.bodies[0]) == {"spec": {"replicas": 2}}


async def test_set_scale_can_be_bound_to_one_object(api: Api, client: KubeClient) -> None:
    api.will(says({}))
    await client.set_scale(kinds.STATEFUL_SET, "parse", "db", 2, uid="u-1")
    assert json.loads(api.bodies[0]) == {"metadata": {"uid": "u-1"}, "spec": {"replicas": 2}}


async def test_delete_can_be_bound_to_one_object(api: Api, client: KubeClient) -> None:
    api.will(says({}))
    await client.delete(kinds.POD, "parse", "p", uid="u-1", grace_seconds=0)
    assert json.loads(api.bodies[0]) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u-1"},
        "gracePeriodSeconds": 0,
    }


async def test_can_i_asks_for_the_group_and_subresource(api: Api, client: KubeClient) -> None:
    api.will(says({"status": {"allowed": False, "reason": "RBAC: no"}}, 201))
    verdict = await client.can_i("patch", kinds.DEPLOYMENT, "parse", subresource="scale")
    assert (verdict.allowed, verdict.reason) == (False, "RBAC: no")
    asked = json.loads(api.bodies[0])["spec"]["resourceAttributes"]
    assert asked == {
        "verb": "patch",
        "group": "apps",
        "resource": "deployments",
        "subresource": "scale",
        "namespace": "parse",
    }


async def test_logs_are_text(api: Api, client: KubeClient) -> None:
    async def plain(_: web.Request) -> web.Response:
        return web.Response(body=b"one\ntwo \xff\n")

    api.will(plain)
    text = await client.logs("parse", "p", container="c", tail=5, previous=True)
    assert text == "one\ntwo �\n"
    assert api.queries[0] == {
        "limitBytes": "1000000",
        "container": "c",
        "tailLines": "5",
        "previous": "true",
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Gone),
        (422, errors.Invalid),
        (501, errors.ServerError),
    ],
)
async def test_statuses_become_sentences(
    api: Api, client: KubeClient, status: int, kind: type[errors.StatusError]
) -> None:
    api.will(fails(status, "Reason", "the server's words"))
    with pytest.raises(kind) as caught:
        await client.create(kinds.POD, "parse", {"metadata": {"name": "p"}})
    assert "Cluster test" in caught.value.message
    assert "create Pod parse/p" in caught.value.message
    assert "the server's words" in caught.value.message
    assert caught.value.hint
    assert caught.value.reason == "Reason"
    assert [r.method for r in api.requests].count("POST") == 1


async def test_a_conflict_names_the_other_manager(api: Api, client: KubeClient) -> None:
    message = 'Apply failed with 1 conflict: conflict with "helm" using apps/v1: .spec.replicas'
    api.will(fails(409, "Conflict", message))
    with pytest.raises(errors.Conflict) as caught:
        await client.patch(kinds.DEPLOYMENT, "parse", "server", {}, type="apply")
    assert caught.value.manager == "helm"
    assert "helm" in caught.value.hint


async def test_an_answer_that_is_no_status_is_still_a_sentence(
    api: Api, client: KubeClient
) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(status=502, text="<h1>Bad Gateway</h1>")

    api.will(page)
    with pytest.raises(errors.ServerError, match="502"):
        await client.create(kinds.POD, "parse", {"metadata": {"name": "p"}})


async def test_reads_are_repeated_at_most_twice(api: Api, client: KubeClient) -> None:
    api.will(fails(503, Retry_After="0"))
    with pytest.raises(errors.ServerError):
        await client.get(kinds.POD, "parse", "p")
    assert len(api.requests) == 3


async def test_a_read_succeeds_on_the_second_try(api: Api, client: KubeClient) -> None:
    api.will(fails(429, Retry_After="0"), says({"metadata": {"name": "p"}}))
    assert (await client.get(kinds.POD, "parse", "p"))["metadata"]["name"] == "p"


async def test_retry_after_beyond_the_deadline_is_not_waited_for(
    api: Api, client: KubeClient
) -> None:
    api.will(fails(429, Retry_After="60"))
    started = time.monotonic()
    with pytest.raises(errors.TooManyRequests) as caught:
        await client.get(kinds.POD, "parse", "p")
    assert caught.value.retry_after == 60
    assert time.monotonic() - started < 2
    assert len(api.requests) == 1


async def test_retry_after_is_honoured(api: Api, client: KubeClient) -> None:
    api.will(fails(429, Retry_After="0.3"), says({}))
    started = time.monotonic()
    await client.get(kinds.POD, "parse", "p")
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(
    ("failure", "requests"),
    [
        (fails(500), 1),
        (fails(503, Retry_After="0"), 1),
        (fails(429), 1),
        (fails(429, Retry_After="0"), 3),
    ],
    ids=["500", "503 with Retry-After", "429 bare", "429 with Retry-After"],
)
async def test_writes_are_repeated_only_when_surely_not_executed(
    api: Api, client: KubeClient, failure: object, requests: int
) -> None:
    api.will(failure)  # type: ignore[arg-type]
    with pytest.raises(errors.StatusError):
        await client.patch(kinds.POD, "parse", "p", {"a": 1})
    assert len(api.requests) == requests


async def test_a_slow_server_is_given_up_in_time(api: Api, client: KubeClient) -> None:
    done = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    api.will(slow)
    started = time.monotonic()
    with pytest.raises(errors.ClusterUnreachable, match="no answer in time") as caught:
        await client.get(kinds.POD, "parse", "p", timeout=0.2)
    done.set()
    assert time.monotonic() - started < 2
    assert not caught.value.maybe_done


async def test_a_write_whose_answer_is_lost_may_have_been_done(
    api: Api, client: KubeClient
) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    api.will(hang_up)
    with pytest.raises(errors.ClusterUnreachable) as caught:
        await client.patch(kinds.POD, "parse", "p", {"a": 1})
    assert caught.value.maybe_done
    assert "look before repeating" in caught.value.hint
    assert len(api.requests) == 1


async def test_an_unreachable_cluster_is_named_with_its_address(
    kubeconfig: Callable[..., Path],
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with KubeClient(Access("prod", kubeconfig(address))) as kube:
        started = time.monotonic()
        with pytest.raises(errors.ClusterUnreachable) as caught:
            await kube.version()
        assert time.monotonic() - started < 5
    assert "prod" in caught.value.message
    assert address in caught.value.message
    assert not caught.value.maybe_done


async def test_a_server_that_does_not_accept_is_reported_within_five_seconds(
    kubeconfig: Callable[..., Path],
) -> None:
    # A listening socket that never answers the TLS handshake.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"https://127.0.0.1:{deaf.getsockname()[1]}"
        async with KubeClient(Access("prod", kubeconfig(address))) as kube:
            started = time.monotonic()
            with pytest.raises(errors.ClusterUnreachable, match="cannot be reached"):
                await kube.get(kinds.POD, "parse", "p")
            assert time.monotonic() - started < 5
            # Who waited for a turn behind that one is not made to wait as long again.
            started = time.monotonic()
            with pytest.raises(errors.ClusterUnreachable, match="cannot be reached: no answer"):
                await kube.patch(kinds.POD, "parse", "p", {})
            assert time.monotonic() - started < 1


@pytest.mark.parametrize("name", ["../x", "a/b", "a?b", "", "-a", "a%2fb", "a b"])
async def test_names_that_no_object_can_have_are_never_sent(
    api: Api, client: KubeClient, name: str
) -> None:
    with pytest.raises(errors.InvalidName):
        await client.get(kinds.POD, "parse", name)
    with pytest.raises(errors.InvalidName):
        await client.get(kinds.POD, name, "p")
    assert not api.requests


async def test_selectors_cannot_be_broken_out_of(api: Api, client: KubeClient) -> None:
    with pytest.raises(errors.InvalidName):
        await client.list(kinds.POD, labels={"app": "x,tier!=y"})
    with pytest.raises(errors.InvalidName):
        await client.list(kinds.POD, labels={"app=x,b": "y"})
    api.will(says({"items": []}))
    await client.list(kinds.POD, fields={"spec.nodeName": "a,metadata.name=b"})
    assert api.queries[0]["fieldSelector"] == r"spec.nodeName=a\,metadata.name\=b"


async def test_system_names_with_colons_are_addressable(api: Api, client: KubeClient) -> None:
    role = kinds.Kind("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", False)
    api.will(says({}))
    await client.get(role, None, "system:node")
    assert api.requests[0].path.endswith("/clusterroles/system:node")


def _plugin(path: Path, code: str) -> dict[str, object]:
    script = path / "plugin.py"
    script.write_text(code)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(script)],
        }
    }


async def test_an_expired_login_is_renewed_once(
    api: Api, server: object, kubeconfig: Callable[..., Path], tmp_path: Path
) -> None:
    # The plugin gives another token each time it runs.
    user = _plugin(
        tmp_path,
        "import json, pathlib\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "n = len(count.read_text()) if count.exists() else 0\n"
        "count.write_text('x' * (n + 1))\n"
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1',\n"
        "  'kind': 'ExecCredential', 'status': {'token': f'token-{n}'}}))\n",
    )
    address = str(server.make_url("")).rstrip("/")  # type: ignore[attr-defined]

    async def first_token_expired(request: web.Request) -> web.Response:
        good = request.headers["Authorization"] == "Bearer token-1"
        return web.json_response({"metadata": {}}, status=200 if good else 401)

    api.will(first_token_expired)
    async with KubeClient(Access("test", kubeconfig(address, user))) as kube:
        await kube.get(kinds.POD, "parse", "p")
        await kube.patch(kinds.POD, "parse", "p", {"a": 1})
    tokens = [r.headers["Authorization"] for r in api.requests]
    assert tokens == ["Bearer token-0", "Bearer token-1", "Bearer token-1"]


async def test_refused_credentials_are_not_tried_for_ever(api: Api, client: KubeClient) -> None:
    api.will(fails(401, "Unauthorized"))
    for _ in range(3):
        with pytest.raises(errors.Unauthorized):
            await client.get(kinds.POD, "parse", "p")
    assert len(api.requests) == 4  # the first one twice, with reloaded credentials


@pytest.mark.parametrize("context", [None, "missing"])
async def test_an_unusable_kubeconfig_is_said(
    kubeconfig: Callable[..., Path], tmp_path: Path, context: str | None
) -> None:
    path = tmp_path / "absent" if context is None else kubeconfig("http://127.0.0.1:1")
    async with KubeClient(Access("prod", path, context)) as kube:
        with pytest.raises(errors.ClusterConfigError) as caught:
            await kube.version()
    assert "prod" in caught.value.message
    assert str(path) in caught.value.message


async def test_outside_a_pod_there_is_no_service_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    async with KubeClient(Access("prod", in_cluster=True)) as kube:
        with pytest.raises(errors.ClusterConfigError, match="service account"):
            await kube.version()
