"""Custom kinds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kube.conftest import APPLY, MERGE, STRATEGIC, Api

Json = dict[str, Any]

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BACKUPS = "/apis/velero.io/v1/namespaces/default/backups"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def definition() -> Json:
    spec = {
        "type": "object",
        "properties": {
            "ttl": {"type": "string"},
            "count": {"type": "integer"},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object"}}}
    schema["properties"]["status"]["x-kubernetes-preserve-unknown-fields"] = True
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    names = {"kind": "Backup", "plural": "backups", "singular": "backup", "shortNames": ["bk"]}
    return {
        "metadata": {"name": "backups.velero.io"},
        "spec": {
            "group": "velero.io",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    }


@pytest.fixture
async def velero(api: Api) -> Api:
    await api("POST", CRDS, definition(), expect=201)
    return api


def backup(**spec: Any) -> Json:
    return {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "b"}, "spec": spec}


async def test_definition_is_established_and_served(velero: Api) -> None:
    crd = await velero("GET", f"{CRDS}/backups.velero.io")
    true = [c["type"] for c in crd["status"]["conditions"] if c["status"] == "True"]
    assert true == ["NamesAccepted", "Established"]
    listed = await velero("GET", "/apis/velero.io/v1")
    assert [r["name"] for r in listed["resources"]] == ["backups", "backups/status"]
    assert "apis/velero.io/v1" in (await velero("GET", "/openapi/v3"))["paths"]


async def test_objects_live_and_die_with_their_definition(velero: Api) -> None:
    made = await velero("POST", BACKUPS, backup(ttl="1h", free={"a": 1}), expect=201)
    assert made["metadata"]["generation"] == 1
    made["status"] = {"phase": "Completed"}
    await velero("PUT", f"{BACKUPS}/b/status", made)
    table = await velero("GET", BACKUPS, accept=TABLE)
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Phase", "Age"]
    assert table["rows"][0]["cells"] == ["b", "Completed", "0s"]
    await velero("DELETE", f"{CRDS}/backups.velero.io")
    await velero("GET", BACKUPS, expect=404)
    await velero("POST", CRDS, definition(), expect=201)
    assert (await velero("GET", BACKUPS))["items"] == []


async def test_fields_are_checked_by_the_definition(velero: Api) -> None:
    path = f"{BACKUPS}?fieldValidation=Strict"
    answer = await velero("POST", path, backup(tll="1h"), expect=400)
    assert 'unknown field "spec.tll"' in answer["message"]
    await velero("POST", path, backup(count="x"), expect=400)
    await velero("POST", path, backup(free={"anything": [1]}), expect=201)


async def test_strategic_patches_are_not_for_custom_kinds(velero: Api) -> None:
    await velero("POST", BACKUPS, backup(), expect=201)
    patch = {"spec": {"ttl": "2h"}}
    await velero("PATCH", f"{BACKUPS}/b", patch, content_type=STRATEGIC, expect=415)
    after = await velero("PATCH", f"{BACKUPS}/b", patch, content_type=MERGE)
    assert (after["spec"]["ttl"], after["metadata"]["generation"]) == ("2h", 2)
    body = backup(ttl="3h")
    path = f"{BACKUPS}/b?fieldManager=gitops"
    await velero("PATCH", path, body, content_type=APPLY, expect=409)


async def test_replacing_needs_a_version(velero: Api) -> None:
    await velero("POST", BACKUPS, backup(), expect=201)
    answer = await velero("PUT", f"{BACKUPS}/b", backup(), expect=422)
    assert "must be specified for an update" in answer["message"]
