"""Making, reading, replacing and refusing single objects."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.client import Api, Json

Make = Callable[..., Json]


async def test_a_new_object_gets_identity(api: Api, config_map: Make) -> None:
    made = await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    meta = made["metadata"]
    assert made["kind"] == "ConfigMap"
    assert meta["namespace"] == api.namespace
    assert len(meta["uid"]) == 36
    assert int(meta["resourceVersion"]) > 0
    assert meta["creationTimestamp"].endswith("Z")
    assert "generation" not in meta
    assert meta["managedFields"][0]["operation"] == "Update"
    assert meta["managedFields"][0]["manager"] == "contract"
    assert await api("GET", api.path("configmaps", "one")) == made


async def test_a_name_from_a_prefix(api: Api, config_map: Make) -> None:
    body = config_map("x")
    body["metadata"] = {"generateName": "many-"}
    names = {
        (await api("POST", api.path("configmaps"), body, expect=201))["metadata"]["name"]
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(n.startswith("many-") and len(n) == len("many-") + 5 for n in names)


async def test_the_same_name_twice(api: Api, config_map: Make) -> None:
    await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    said = await api.fails("POST", api.path("configmaps"), config_map("one"), expect=409)
    assert said["reason"] == "AlreadyExists"
    assert said["message"] == 'configmaps "one" already exists'
    assert said["details"] == {"name": "one", "kind": "configmaps"}


async def test_what_is_not_there(api: Api) -> None:
    said = await api.fails("GET", api.path("apps/v1/deployments", "gone"), expect=404)
    assert said["reason"] == "NotFound"
    assert said["message"] == 'deployments.apps "gone" not found'
    assert said["details"] == {"name": "gone", "group": "apps", "kind": "deployments"}


async def test_a_namespace_that_is_not_there(api: Api, config_map: Make) -> None:
    path = "/api/v1/namespaces/nowhere/configmaps"
    said = await api.fails("POST", path, config_map("one"), expect=404)
    assert said["message"] == 'namespaces "nowhere" not found'
    assert (await api("GET", path))["items"] == []


async def test_a_replacement_must_know_the_newest_version(api: Api, config_map: Make) -> None:
    path = api.path("configmaps", "one")
    made = await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    changed = {**made, "data": {"colour": "blue"}}
    new = await api("PUT", path, changed)
    assert int(new["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    said = await api.fails("PUT", path, changed, expect=409)
    assert said["reason"] == "Conflict"
    assert said["message"] == (
        'Operation cannot be fulfilled on configmaps "one": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_a_replacement_that_changes_nothing_keeps_the_version(
    api: Api, config_map: Make
) -> None:
    made = await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    again = await api("PUT", api.path("configmaps", "one"), made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_only_that_very_object_is_deleted(api: Api, config_map: Make) -> None:
    await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    path = api.path("configmaps", "one")
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}
    said = await api.fails("DELETE", path, options, expect=409)
    assert said["reason"] == "Conflict"
    assert said["message"].startswith(
        'Operation cannot be fulfilled on ConfigMap "one": the UID in the precondition (other) '
        "does not match the UID in record ("
    )
    done = await api("DELETE", path)
    assert (done["kind"], done["status"]) == ("Status", "Success")
    assert done["details"]["name"] == "one"
    await api("GET", path, expect=404)


async def test_an_invalid_object_names_each_field(api: Api, workload: Make) -> None:
    body = workload("Deployment", "Not_A_Name")
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    said = await api.fails("POST", api.path("apps/v1/deployments"), body, expect=422)
    assert said["reason"] == "Invalid"
    fields = {cause["field"] for cause in said["details"]["causes"]}
    assert {"metadata.name", "spec.template.metadata.labels"} <= fields
    assert said["message"].startswith('Deployment.apps "Not_A_Name" is invalid: ')


async def test_an_immutable_field(api: Api, workload: Make) -> None:
    path = api.path("apps/v1/deployments")
    made = await api("POST", path, workload("Deployment", replicas=0), expect=201)
    made["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    made["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    del made["metadata"]["resourceVersion"]
    said = await api.fails("PUT", f"{path}/web", made, expect=422)
    assert "field is immutable" in said["message"]


async def test_an_unknown_field_is_refused_warned_of_or_dropped(api: Api, config_map: Make) -> None:
    path, body = api.path("configmaps"), {**config_map("one"), "colour": "red"}
    said = await api.fails("POST", path, body, expect=400, fieldValidation="Strict")
    assert said["reason"] == "BadRequest"
    assert 'strict decoding error: unknown field "colour"' in said["message"]
    await api("POST", path, body, expect=201)
    assert api.headers["Warning"] == '299 - "unknown field \\"colour\\""'
    await api("DELETE", f"{path}/one")
    made = await api("POST", path, body, expect=201, fieldValidation="Ignore")
    assert "Warning" not in api.headers
    assert "colour" not in made


async def test_dry_run_checks_and_keeps_nothing(api: Api, config_map: Make) -> None:
    path = api.path("configmaps")
    made = await api("POST", path, config_map("one"), expect=201, dryRun="All")
    assert made["metadata"]["uid"]
    await api("GET", f"{path}/one", expect=404)
    kept = await api("POST", path, config_map("one"), expect=201)
    said = await api.fails("POST", path, config_map("one"), expect=409, dryRun="All")
    assert said["reason"] == "AlreadyExists"
    shown = await api("PUT", f"{path}/one", {**kept, "data": {"a": "b"}}, dryRun="All")
    assert shown["data"] == {"a": "b"}
    await api("DELETE", f"{path}/one", dryRun="All")
    assert await api("GET", f"{path}/one") == kept


async def test_names_and_kinds_must_fit_the_address(api: Api, config_map: Make) -> None:
    await api("POST", api.path("configmaps"), config_map("one"), expect=201)
    said = await api.fails("PUT", api.path("configmaps", "one"), config_map("two"), expect=400)
    assert (
        "the name of the object (two) does not match the name on the URL (one)" in said["message"]
    )
    wrong = {**config_map("one"), "kind": "Secret"}
    said = await api.fails("POST", api.path("configmaps"), wrong, expect=400)
    assert said["reason"] == "BadRequest"


async def test_what_is_no_json(api: Api) -> None:
    said = await api.fails("POST", api.path("configmaps"), b"{", expect=400)
    assert said["reason"] == "BadRequest"


async def test_a_method_that_there_is_not(api: Api) -> None:
    said = await api.fails("POST", api.path("configmaps", "one"), {}, expect=405)
    assert said["reason"] == "MethodNotAllowed"


async def test_secrets_accept_text_and_answer_with_base64(api: Api) -> None:
    body = {"metadata": {"name": "key"}, "stringData": {"word": "hush"}}
    made = await api("POST", api.path("secrets"), body, expect=201)
    assert made["data"] == {"word": "aHVzaA=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


async def test_what_the_server_adds_to_a_deployment(api: Api, workload: Make) -> None:
    body = workload("Deployment", replicas=0)
    made = await api("POST", api.path("apps/v1/deployments"), body, expect=201)
    spec = made["spec"]
    assert made["metadata"]["generation"] == 1
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    assert spec["template"]["spec"] == {
        "containers": [
            {
                "name": "main",
                "image": "example.com/web:1",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 1,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }


async def test_what_the_server_adds_to_a_statefulset(api: Api, workload: Make) -> None:
    body = workload("StatefulSet", replicas=0, serviceName="web")
    made = await api("POST", api.path("apps/v1/statefulsets"), body, expect=201)
    spec = made["spec"]
    assert spec["podManagementPolicy"] == "OrderedReady"
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }


async def test_what_the_server_adds_to_a_service(api: Api) -> None:
    body = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    spec = (await api("POST", api.path("services"), body, expect=201))["spec"]
    assert spec["clusterIP"].startswith("10.96.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": 80}]
    assert spec["type"] == "ClusterIP"
    assert spec["sessionAffinity"] == "None"
    assert spec["ipFamilies"] == ["IPv4"]
    assert spec["ipFamilyPolicy"] == "SingleStack"
    assert spec["internalTrafficPolicy"] == "Cluster"


async def test_generation_counts_changes_of_the_wish_only(api: Api, workload: Make) -> None:
    path = api.path("apps/v1/deployments")
    await api("POST", path, workload("Deployment", replicas=0), expect=201)
    merge = {"kind": "application/merge-patch+json"}
    labelled = await api("PATCH", f"{path}/web", {"metadata": {"labels": {"a": "b"}}}, **merge)
    assert labelled["metadata"]["generation"] == 1
    paused = await api("PATCH", f"{path}/web", {"spec": {"paused": True}}, **merge)
    assert paused["metadata"]["generation"] == 2
