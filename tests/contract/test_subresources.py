"""Scale, status, eviction and logs: what has an address of its own below an object."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.client import JSON_PATCH, MERGE, Api, Json

Make = Callable[..., Json]

DEPLOYMENTS = "apps/v1/deployments"
BUDGETS = "policy/v1/poddisruptionbudgets"


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("Deployment", DEPLOYMENTS),
        ("StatefulSet", "apps/v1/statefulsets"),
        ("ReplicaSet", "apps/v1/replicasets"),
    ],
)
async def test_scale(api: Api, workload: Make, kind: str, resource: str) -> None:
    await api("POST", api.path(resource), workload(kind, replicas=0), expect=201)
    path = api.path(resource, "web", "scale")
    scale = await api("GET", path)
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    # Zero is left out, as everywhere in Go's JSON.
    assert scale["spec"] == {}
    new = await api("PATCH", path, {"spec": {"replicas": 2}}, kind=MERGE)
    assert new["spec"] == {"replicas": 2}
    assert new["status"]["selector"] == "app=web"
    assert (await api("GET", api.path(resource, "web")))["spec"]["replicas"] == 2
    await api.until(
        api.path(resource), lambda found: found["web"]["status"].get("readyReplicas") == 2
    )
    assert (await api("GET", path))["status"]["replicas"] == 2


async def test_scale_by_put_and_its_refusals(api: Api, workload: Make) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=0), expect=201)
    await api.until(
        api.path(DEPLOYMENTS),
        lambda found: any(
            c["reason"] == "NewReplicaSetAvailable"
            for c in found["web"]["status"].get("conditions", ())
        ),
        "the controller is done, so that no status comes in between",
    )
    path = api.path(DEPLOYMENTS, "web", "scale")
    scale = await api("GET", path)
    new = await api("PUT", path, {**scale, "spec": {"replicas": 1}})
    assert new["spec"]["replicas"] == 1
    said = await api.fails("PUT", path, {**scale, "spec": {"replicas": 3}}, expect=409)
    assert said["reason"] == "Conflict"
    negative = {"spec": {"replicas": -1}}
    said = await api.fails("PATCH", path, negative, kind=MERGE, expect=422)
    assert said["details"]["causes"][0]["field"] == "spec.replicas"
    shown = await api("PATCH", path, {"spec": {"replicas": 5}}, kind=MERGE, dryRun="All")
    assert shown["spec"]["replicas"] == 5
    assert (await api("GET", path))["spec"]["replicas"] == 1


async def test_a_scale_can_be_bound_to_one_object(api: Api, workload: Make) -> None:
    made = await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=0), expect=201)
    path = api.path(DEPLOYMENTS, "web", "scale")
    other = {"metadata": {"uid": "another"}, "spec": {"replicas": 2}}
    said = await api.fails("PATCH", path, other, kind=MERGE, expect=409)
    assert said["reason"] == "Conflict"
    uid = made["metadata"]["uid"]
    assert said["message"] == (
        'Operation cannot be fulfilled on deployments/scale.apps "web": Precondition failed: '
        f"UID in precondition: another, UID in object meta: {uid}"
    )
    same = {"metadata": {"uid": uid}, "spec": {"replicas": 2}}
    assert (await api("PATCH", path, same, kind=MERGE))["spec"] == {"replicas": 2}


async def test_scale_of_what_is_not_there(api: Api) -> None:
    path = api.path(DEPLOYMENTS, "no", "scale")
    said = await api.fails("PATCH", path, {"spec": {"replicas": 1}}, kind=MERGE, expect=404)
    assert said["message"] == 'deployments.apps "no" not found'


async def test_a_json_patch_of_the_scale_checks_the_present_number(
    api: Api, workload: Make
) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=1), expect=201)
    path = api.path(DEPLOYMENTS, "web", "scale")
    patch = [
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
    ]
    await api.fails("PATCH", path, patch, kind=JSON_PATCH, expect=422)
    patch[0]["value"] = 1
    assert (await api("PATCH", path, patch, kind=JSON_PATCH))["spec"]["replicas"] == 3


async def test_status_and_wish_are_written_apart(api: Api, workload: Make) -> None:
    # A selector that nobody acts upon: a ReplicaSet of no pods keeps what is written.
    path = api.path("policy/v1/poddisruptionbudgets")
    body = {
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": {
            "currentHealthy": 7,
            "desiredHealthy": 7,
            "expectedPods": 7,
            "disruptionsAllowed": 7,
        },
    }
    made = await api("POST", path, body, expect=201)
    assert made["status"].get("currentHealthy", 0) == 0
    both = {"spec": {"minAvailable": 3}, "status": {"conditions": []}}
    new = await api("PATCH", f"{path}/web/status", both, kind=MERGE)
    assert new["spec"]["minAvailable"] == 1


@pytest.fixture
async def guarded(api: Api, workload: Make) -> list[str]:
    """Two running pods of which one must stay; returns their names."""
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=2), expect=201)
    budget = {
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    }
    await api("POST", api.path(BUDGETS), budget, expect=201)
    await api.until(
        api.path(BUDGETS), lambda found: found["web"].get("status", {}).get("currentHealthy") == 2
    )
    return [p["metadata"]["name"] for p in (await api("GET", api.path("pods")))["items"]]


def eviction(name: str, **options: object) -> Json:
    body: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return {**body, "deleteOptions": options} if options else body


async def test_a_budget_refuses_an_eviction(api: Api, guarded: list[str]) -> None:
    path = api.path("pods", guarded[0], "eviction")
    said = await api.fails("POST", path, eviction(guarded[0]), expect=429)
    assert said["reason"] == "TooManyRequests"
    assert said["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    (cause,) = said["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget web needs 2 healthy pods and has 2 currently"


async def test_an_eviction_that_the_budget_allows(api: Api, guarded: list[str]) -> None:
    patch = {"spec": {"minAvailable": 1}}
    await api("PATCH", api.path(BUDGETS, "web"), patch, kind=MERGE)
    await api.until(
        api.path(BUDGETS), lambda found: found["web"]["status"].get("disruptionsAllowed") == 1
    )
    path = api.path("pods", guarded[0], "eviction")
    shown = await api("POST", path, eviction(guarded[0], dryRun=["All"]), expect=201)
    assert shown["status"] == "Success"
    await api("GET", api.path("pods", guarded[0]))
    await api("POST", path, eviction(guarded[0]), expect=201)
    # The second one must wait until the controller has counted again.
    await api.fails(
        "POST", api.path("pods", guarded[1], "eviction"), eviction(guarded[1]), expect=429
    )
    await api.until(api.path("pods"), lambda found: guarded[0] not in found)


async def test_an_eviction_of_nobody(api: Api) -> None:
    said = await api.fails("POST", api.path("pods", "no", "eviction"), eviction("no"), expect=404)
    assert said["message"] == 'pods "no" not found'


async def test_the_log_of_a_pod_that_is_not_there(api: Api) -> None:
    said = await api.fails("GET", api.path("pods", "no", "log"), expect=404)
    assert said["message"] == 'pods "no" not found'


async def test_the_log_of_a_container_that_is_not_there(api: Api, pod: Make) -> None:
    await api("POST", api.path("pods"), pod("one"), expect=201)
    said = await api.fails("GET", api.path("pods", "one", "log"), expect=400, container="other")
    assert said["message"] == "container other is not valid for pod one"


async def test_the_log_of_a_running_pod(api: Api, pod: Make) -> None:
    await api("POST", api.path("pods"), pod("one"), expect=201)
    await api.until(api.path("pods"), lambda found: found["one"]["status"]["phase"] == "Running")
    whole = (await api("GET", api.path("pods", "one", "log"))).splitlines()
    assert whole
    last = await api("GET", api.path("pods", "one", "log"), tailLines="1")
    assert last.splitlines() == whole[-1:]


async def test_a_token_for_an_account(api: Api) -> None:
    await api("POST", api.path("serviceaccounts"), {"metadata": {"name": "bot"}}, expect=201)
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = api.path("serviceaccounts", "bot", "token")
    made = await api("POST", path, body, expect=201)
    assert made["kind"] == "TokenRequest"
    assert made["status"]["token"].count(".") == 2
    assert made["status"]["expirationTimestamp"].endswith("Z")


@pytest.mark.parametrize("verb", ["get", "delete"])
async def test_what_an_administrator_may(api: Api, verb: str) -> None:
    attributes = {"verb": verb, "resource": "pods", "namespace": api.namespace}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await api("POST", path, body, expect=201))["status"]["allowed"] is True
