"""The verbs on objects, over HTTP: create, read, change, delete, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.kube.conftest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Api

Json = dict[str, Any]
Make = Callable[..., Json]

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
SECRETS = "/api/v1/namespaces/default/secrets"
SERVICES = "/api/v1/namespaces/default/services"


def _map(name: str = "m", **data: str) -> Json:
    return {"metadata": {"name": name}, "data": data}


async def test_create_read_replace_delete(api: Api) -> None:
    made = await api("POST", MAPS, _map(x="1"), expect=201)
    assert await api("GET", f"{MAPS}/m") == made
    made["data"]["x"] = "2"
    changed = await api("PUT", f"{MAPS}/m", made)
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    gone = await api("DELETE", f"{MAPS}/m")
    assert gone["status"] == "Success"
    assert gone["details"]["uid"] == made["metadata"]["uid"]
    missing = await api("GET", f"{MAPS}/m", expect=404)
    assert missing["message"] == 'configmaps "m" not found'
    assert missing["details"] == {"name": "m", "kind": "configmaps"}


async def test_deployment_comes_back_with_defaults(api: Api, deployment: Make) -> None:
    made = await api("POST", DEPLOYMENTS, deployment(), expect=201)
    assert made["spec"]["replicas"] == 1
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 30


async def test_replace_with_an_old_version_conflicts(api: Api) -> None:
    made = await api("POST", MAPS, _map(), expect=201)
    await api("PUT", f"{MAPS}/m", {**made, "data": {"a": "1"}})
    answer = await api("PUT", f"{MAPS}/m", {**made, "data": {"a": "2"}}, expect=409)
    assert answer["reason"] == "Conflict"
    assert answer["message"].startswith('Operation cannot be fulfilled on configmaps "m": the obj')


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE, {"data": {"a": None, "b": "2"}}),
        (STRATEGIC, {"data": {"a": None, "b": "2"}}),
        (
            JSON_PATCH,
            [{"op": "remove", "path": "/data/a"}, {"op": "add", "path": "/data/b", "value": "2"}],
        ),
    ],
)
async def test_patches(api: Api, content_type: str, patch: Any) -> None:
    await api("POST", MAPS, _map(a="1"), expect=201)
    after = await api("PATCH", f"{MAPS}/m", patch, content_type=content_type)
    assert after["data"] == {"b": "2"}


async def test_patch_of_a_stale_version_conflicts(api: Api) -> None:
    made = await api("POST", MAPS, _map(a="1"), expect=201)
    await api("PATCH", f"{MAPS}/m", {"data": {"a": "2"}}, content_type=MERGE)
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
    await api("PATCH", f"{MAPS}/m", stale, content_type=MERGE, expect=409)


async def test_a_patch_must_say_of_which_type_it_is(api: Api) -> None:
    await api("POST", MAPS, _map(), expect=201)
    answer = await api("PATCH", f"{MAPS}/m", {}, content_type="application/json", expect=415)
    assert answer["reason"] == "UnsupportedMediaType"


async def test_apply_creates_updates_and_conflicts(api: Api) -> None:
    path = f"{MAPS}/m?fieldManager="
    body = {"apiVersion": "v1", "kind": "ConfigMap", **_map(a="1")}
    await api("PATCH", f"{path}one", body, content_type=APPLY, expect=201)
    again = await api("PATCH", f"{path}one", body, content_type=APPLY)
    assert again["metadata"]["managedFields"][0]["operation"] == "Apply"
    body["data"] = {"a": "2"}
    answer = await api("PATCH", f"{path}two", body, content_type=APPLY, expect=409)
    assert answer["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    forced = await api("PATCH", f"{path}two&force=true", body, content_type=APPLY)
    assert forced["data"] == {"a": "2"}


async def test_apply_needs_a_manager_and_known_fields(api: Api) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", **_map(a="1")}
    answer = await api("PATCH", f"{MAPS}/m", body, content_type=APPLY, expect=422)
    assert "fieldManager: Required value: is required for apply patch" in answer["message"]
    answer = await api(
        "PATCH", f"{MAPS}/m?fieldManager=a", {**body, "dada": {}}, content_type=APPLY, expect=500
    )
    assert ".dada: field not declared in schema" in answer["message"]


@pytest.mark.parametrize("part", ["scale", "status"])
async def test_parts_are_not_applied_and_that_is_said(
    api: Api, deployment: Make, part: str
) -> None:
    await api("POST", DEPLOYMENTS, deployment(), expect=201)
    body = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 2}}
    path = f"{DEPLOYMENTS}/web/{part}?fieldManager=a"
    answer = await api("PATCH", path, body, content_type=APPLY, expect=501)
    assert answer["message"] == f"the practice world does not know apply patches of {part}"


async def test_writers_are_remembered(api: Api, deployment: Make) -> None:
    made = await api("POST", f"{DEPLOYMENTS}?fieldManager=helm", deployment(), expect=201)
    assert [e["manager"] for e in made["metadata"]["managedFields"]] == ["helm"]
    await api("PATCH", f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 3}}, content_type=MERGE)
    after = await api("GET", f"{DEPLOYMENTS}/web")
    scale = next(e for e in after["metadata"]["managedFields"] if e.get("subresource"))
    assert (scale["manager"], scale["subresource"]) == ("tester", "scale")
    assert scale["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
    helm = next(e for e in after["metadata"]["managedFields"] if e["manager"] == "helm")
    assert "f:replicas" not in helm["fieldsV1"]["f:spec"]


async def test_scale_reads_and_writes_replicas(api: Api, deployment: Make) -> None:
    await api("POST", DEPLOYMENTS, deployment(replicas=2), expect=201)
    scale = await api("GET", f"{DEPLOYMENTS}/web/scale")
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
    assert scale["status"]["selector"] == "app=web"
    scale["spec"]["replicas"] = 0
    await api("PUT", f"{DEPLOYMENTS}/web/scale", scale)
    assert (await api("GET", f"{DEPLOYMENTS}/web"))["spec"]["replicas"] == 0
    answer = await api(
        "PATCH",
        f"{DEPLOYMENTS}/web/scale",
        {"spec": {"replicas": -1}},
        content_type=MERGE,
        expect=422,
    )
    assert "must be greater than or equal to 0" in answer["message"]


async def test_status_is_written_only_through_its_subresource(api: Api, deployment: Make) -> None:
    made = await api("POST", DEPLOYMENTS, deployment(), expect=201)
    made["status"] = {"readyReplicas": 1}
    assert "readyReplicas" not in (await api("PUT", f"{DEPLOYMENTS}/web", made))["status"]
    made["metadata"].pop("resourceVersion")
    after = await api("PUT", f"{DEPLOYMENTS}/web/status", made)
    assert after["status"]["readyReplicas"] == 1


@pytest.mark.parametrize("validation", ["Strict", "Warn", "Ignore"])
async def test_field_validation(api: Api, deployment: Make, validation: str) -> None:
    body = deployment()
    body["spec"]["replikas"] = 3
    path = f"{DEPLOYMENTS}?fieldValidation={validation}"
    if validation == "Strict":
        answer = await api("POST", path, body, expect=400)
        assert answer["message"] == (
            'Deployment in version "v1" cannot be handled as a Deployment: '
            'strict decoding error: unknown field "spec.replikas"'
        )
        return
    made = await api("POST", path, body, expect=201)
    assert "replikas" not in made["spec"]
    warned = api.headers.get("Warning", "")
    assert ("unknown field" in warned) is (validation == "Warn")


async def test_doubled_fields_are_told(api: Api) -> None:
    body = b'{"metadata":{"name":"m"},"data":{"a":"1","a":"2"}}'
    answer = await api("POST", f"{MAPS}?fieldValidation=Strict", body, expect=400)
    assert 'duplicate field "data.a"' in answer["message"]


async def test_wrong_type_is_refused(api: Api, deployment: Make) -> None:
    answer = await api("POST", DEPLOYMENTS, deployment(replicas="two"), expect=400)
    assert "json: cannot unmarshal string into Go struct field" in answer["message"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (MAPS, {"metadata": {"name": "Bad_Name"}}, "a lowercase RFC 1123 subdomain must consist"),
        (MAPS, {"metadata": {}}, "name or generateName is required"),
        (SERVICES, {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 1}]}}, "a DNS-1035"),
        (SERVICES, {"metadata": {"name": "s"}, "spec": {}}, "spec.ports: Required value"),
        (MAPS, {"metadata": {"name": "m", "labels": {"a": "b c"}}}, "a valid label must be"),
        (PODS, {"metadata": {"name": "p"}, "spec": {}}, "spec.containers: Required value"),
    ],
)
async def test_invalid_objects_are_refused(api: Api, path: str, body: Json, words: str) -> None:
    answer = await api("POST", path, body, expect=422)
    assert answer["reason"] == "Invalid"
    assert words in answer["message"]


async def test_selector_must_fit_the_template(api: Api, deployment: Make) -> None:
    body = deployment(selector={"matchLabels": {"app": "other"}})
    answer = await api("POST", DEPLOYMENTS, body, expect=422)
    assert "`selector` does not match template `labels`" in answer["message"]
    assert answer["details"]["causes"][0]["field"] == "spec.template.metadata.labels"


async def test_immutable_fields(api: Api, deployment: Make) -> None:
    body = {**deployment(), "kind": "StatefulSet"}
    path = "/apis/apps/v1/namespaces/default/statefulsets"
    await api("POST", path, body, expect=201)
    patch = {"spec": {"serviceName": "other"}}
    answer = await api("PATCH", f"{path}/web", patch, content_type=MERGE, expect=422)
    assert "spec: Forbidden: updates to statefulset spec for fields other than" in answer["message"]
    await api("POST", DEPLOYMENTS, deployment(), expect=201)
    labels = {"a": "b"}
    patch = {
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}
    }
    answer = await api("PATCH", f"{DEPLOYMENTS}/web", patch, content_type=MERGE, expect=422)
    assert "field is immutable" in answer["message"]
    await api(
        "POST", SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}]}}, expect=201
    )
    patch = {"spec": {"clusterIP": "10.96.9.9", "clusterIPs": ["10.96.9.9"]}}
    answer = await api("PATCH", f"{SERVICES}/s", patch, content_type=MERGE, expect=422)
    assert "may not change once set" in answer["message"]


async def test_dry_run_changes_nothing(api: Api) -> None:
    await api("POST", f"{MAPS}?dryRun=All", _map(), expect=201)
    await api("GET", f"{MAPS}/m", expect=404)
    await api("POST", MAPS, _map(a="1"), expect=201)
    shown = await api("PATCH", f"{MAPS}/m?dryRun=All", {"data": {"a": "2"}}, content_type=MERGE)
    assert shown["data"] == {"a": "2"}
    await api("DELETE", f"{MAPS}/m?dryRun=All")
    assert (await api("GET", f"{MAPS}/m"))["data"] == {"a": "1"}


async def test_missing_namespace_and_mismatched_names(api: Api) -> None:
    answer = await api("POST", "/api/v1/namespaces/no/configmaps", _map(), expect=404)
    assert answer["message"] == 'namespaces "no" not found'
    body = {"metadata": {"name": "m", "namespace": "other"}}
    answer = await api("POST", MAPS, body, expect=400)
    assert "namespace of the provided object does not match" in answer["message"]
    await api("POST", MAPS, _map(), expect=201)
    answer = await api("PUT", f"{MAPS}/m", _map("n"), expect=400)
    assert "the name of the object (n) does not match the name on the URL (m)" in answer["message"]
    answer = await api("POST", MAPS, {"kind": "Secret", **_map()}, expect=400)
    assert "cannot be handled as a ConfigMap" in answer["message"]


async def test_secrets_fold_string_data(api: Api) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}}
    made = await api("POST", SECRETS, body, expect=201)
    assert (made["data"], made["type"]) == ({"a": "Yg=="}, "Opaque")
    assert "stringData" not in made


async def test_delete_collection_takes_what_is_selected(api: Api) -> None:
    for name, label in (("a", "x"), ("b", "y"), ("c", "x")):
        body = {"metadata": {"name": name, "labels": {"l": label}}}
        await api("POST", MAPS, body, expect=201)
    await api("DELETE", f"{MAPS}?labelSelector=l%3Dx")
    left = await api("GET", MAPS)
    assert [item["metadata"]["name"] for item in left["items"]] == ["b"]


async def test_delete_with_finalizer_answers_the_object(api: Api) -> None:
    body = {"metadata": {"name": "m", "finalizers": ["x/y"]}}
    await api("POST", MAPS, body, expect=201)
    ending = await api("DELETE", f"{MAPS}/m", {"propagationPolicy": "Foreground"})
    assert ending["kind"] == "ConfigMap"
    assert ending["metadata"]["finalizers"] == ["x/y", "foregroundDeletion"]
    await api("PATCH", f"{MAPS}/m", {"metadata": {"finalizers": None}}, content_type=MERGE)
    await api("GET", f"{MAPS}/m", expect=404)


async def test_default_namespace_stays(api: Api) -> None:
    answer = await api("DELETE", "/api/v1/namespaces/default", expect=403)
    assert "this namespace may not be deleted" in answer["message"]


async def test_two_versions_show_one_object(api: Api) -> None:
    body = {
        "metadata": {"name": "h"},
        "spec": {
            "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "targetCPUUtilizationPercentage": 60,
        },
    }
    home = "/namespaces/default/horizontalpodautoscalers"
    await api("POST", f"/apis/autoscaling/v1{home}", body, expect=201)
    new = await api("GET", f"/apis/autoscaling/v2{home}/h")
    assert new["apiVersion"] == "autoscaling/v2"
    assert new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    old = await api("GET", f"/apis/autoscaling/v1{home}/h")
    assert old["spec"]["targetCPUUtilizationPercentage"] == 60


async def test_eviction_goes_to_the_runtime(api: Api, pod: Make) -> None:
    await api("POST", PODS, pod("p"), expect=201)
    await api("POST", PODS, pod("kept", guarded="yes"), expect=201)
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    await api("POST", f"{PODS}/p/eviction", body, expect=201)
    await api("GET", f"{PODS}/p", expect=404)
    await api("POST", f"{PODS}/kept/eviction", {"metadata": {"name": "kept"}}, expect=429)


async def test_reviews_are_answered(api: Api) -> None:
    body = {"spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await api("POST", path, body, expect=201))["status"] == {"allowed": True}
    who = await api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, expect=201)
    assert who["status"]["userInfo"]["username"] == "sandbox-admin"


async def test_namespace_in_deletion_takes_nothing_new(api: Api) -> None:
    await api("POST", "/api/v1/namespaces", {"metadata": {"name": "old"}}, expect=201)
    await api("DELETE", "/api/v1/namespaces/old")
    answer = await api("POST", "/api/v1/namespaces/old/configmaps", _map(), expect=403)
    assert "because it is being terminated" in answer["message"]


async def test_concurrent_writers_never_lose_an_update(api: Api) -> None:
    await api("POST", MAPS, _map(), expect=201)
    patches = [
        api("PATCH", f"{MAPS}/m", {"data": {f"k{n}": "v"}}, content_type=MERGE) for n in range(20)
    ]
    await asyncio.gather(*patches)
    assert len((await api("GET", f"{MAPS}/m"))["data"]) == 20


async def test_yaml_bodies_keep_times_as_text(api: Api) -> None:
    body = b"metadata: {name: m}\ndata: {when: 2026-01-02T03:04:05Z}\n"
    made = await api("POST", MAPS, body, expect=201, content_type="application/yaml")
    assert made["data"] == {"when": "2026-01-02T03:04:05Z"}
