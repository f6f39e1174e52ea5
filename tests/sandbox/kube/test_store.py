"""The object store: versions, deletion in steps, events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.resources import (
    CONFIGMAPS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    SERVICES,
    STORAGECLASSES,
)
from sandbox.kube.store import Event, Store

Json = dict[str, Any]


@pytest.fixture
def filled(store: Store) -> Store:
    store.create(NAMESPACES, {"metadata": {"name": "default"}})
    return store


def _map(name: str, **data: str) -> Json:
    return {"metadata": {"name": name}, "data": data}


def test_created_objects_get_identity_and_version(filled: Store) -> None:
    made = filled.create(CONFIGMAPS, _map("a", x="1"))
    assert made["apiVersion"] == "v1"
    assert made["metadata"]["namespace"] == "default"
    assert made["metadata"]["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert int(made["metadata"]["resourceVersion"]) == filled.version


def test_what_is_returned_may_be_changed_without_harm(filled: Store) -> None:
    filled.create(CONFIGMAPS, _map("a", x="1"))
    filled.get(CONFIGMAPS, "default", "a")["data"]["x"] = "2"
    filled.list(CONFIGMAPS)[0]["data"]["x"] = "3"
    assert filled.get(CONFIGMAPS, "default", "a")["data"] == {"x": "1"}


def test_generate_name_never_collides(filled: Store) -> None:
    names = {
        filled.create(CONFIGMAPS, {"metadata": {"generateName": "c-"}})["metadata"]["name"]
        for _ in range(50)
    }
    assert len(names) == 50
    assert all(name.startswith("c-") and len(name) == 7 for name in names)


def test_second_create_is_refused(filled: Store) -> None:
    filled.create(CONFIGMAPS, _map("a"))
    with pytest.raises(ApiError, match='configmaps "a" already exists') as caught:
        filled.create(CONFIGMAPS, _map("a"))
    assert caught.value.code == 409


def test_unknown_namespace_is_refused(filled: Store) -> None:
    with pytest.raises(ApiError, match='namespaces "no" not found'):
        filled.create(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "no"}})


def test_nothing_new_in_a_namespace_that_ends(filled: Store) -> None:
    filled.create(NAMESPACES, {"metadata": {"name": "old"}})
    filled.delete(NAMESPACES, None, "old")
    with pytest.raises(ApiError, match="because it is being terminated") as caught:
        filled.create(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "old"}})
    assert caught.value.status()["details"]["causes"][0]["reason"] == "NamespaceTerminating"


def test_namespace_goes_when_its_finalizer_is_taken(filled: Store) -> None:
    filled.create(NAMESPACES, {"metadata": {"name": "old"}})
    ending = filled.delete(NAMESPACES, None, "old")
    assert ending["status"]["phase"] == "Terminating"
    ending["spec"]["finalizers"] = []
    filled.update(NAMESPACES, ending, subresource="finalize")
    assert filled.find(NAMESPACES, None, "old") is None


def test_update_with_an_old_version_conflicts(filled: Store) -> None:
    first = filled.create(CONFIGMAPS, _map("a", x="1"))
    filled.update(CONFIGMAPS, {**first, "data": {"x": "2"}})
    with pytest.raises(ApiError, match="the object has been modified") as caught:
        filled.update(CONFIGMAPS, {**first, "data": {"x": "3"}})
    assert caught.value.reason == "Conflict"


def test_update_that_changes_nothing_keeps_the_version(filled: Store) -> None:
    seen: list[Event] = []
    made = filled.create(CONFIGMAPS, _map("a", x="1"))
    filled.subscribe(seen.append)
    again = filled.update(CONFIGMAPS, made)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert seen == []


def test_generation_counts_changes_of_the_spec_only(
    filled: Store, deployment: Callable[..., Json]
) -> None:
    made = filled.create(DEPLOYMENTS, deployment())
    made["status"] = {"replicas": 1}
    made = filled.update(DEPLOYMENTS, made, subresource="status")
    assert made["metadata"]["generation"] == 1
    made["metadata"]["labels"] = {"a": "b"}
    made = filled.update(DEPLOYMENTS, made)
    assert made["metadata"]["generation"] == 1
    made["spec"]["replicas"] = 3
    assert filled.update(DEPLOYMENTS, made)["metadata"]["generation"] == 2


def test_status_and_spec_are_written_apart(filled: Store, deployment: Callable[..., Json]) -> None:
    made = filled.create(DEPLOYMENTS, {**deployment(), "status": {"replicas": 9}})
    assert made["status"] == {}
    made["spec"]["replicas"], made["status"] = 5, {"replicas": 2}
    by_status = filled.update(DEPLOYMENTS, made, subresource="status")
    assert (by_status["spec"]["replicas"], by_status["status"]) == (1, {"replicas": 2})
    by_status["spec"]["replicas"], by_status["status"] = 5, {"replicas": 7}
    by_spec = filled.update(DEPLOYMENTS, by_status)
    assert (by_spec["spec"]["replicas"], by_spec["status"]) == (5, {"replicas": 2})


def test_finalizers_hold_an_object_until_the_last_is_gone(filled: Store) -> None:
    filled.create(CONFIGMAPS, {"metadata": {"name": "a", "finalizers": ["x/y"]}})
    ending = filled.delete(CONFIGMAPS, "default", "a")
    assert ending["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:05Z"
    ending["metadata"]["finalizers"] = []
    filled.update(CONFIGMAPS, ending)
    assert filled.find(CONFIGMAPS, "default", "a") is None


@pytest.mark.parametrize(
    ("policy", "mark"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")]
)
def test_propagation_leaves_a_mark_for_the_collector(filled: Store, policy: str, mark: str) -> None:
    filled.create(CONFIGMAPS, _map("a"))
    ending = filled.delete(CONFIGMAPS, "default", "a", propagation=policy)
    assert ending["metadata"]["finalizers"] == [mark]


def test_running_pod_gets_its_grace(filled: Store, pod: Callable[..., Json]) -> None:
    made = filled.create(PODS, pod("p"))
    made["spec"]["nodeName"] = "n"
    filled.update(PODS, made)
    ending = filled.delete(PODS, "default", "p", grace=5)
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 5
    assert ending["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:10Z"
    filled.delete(PODS, "default", "p", grace=0)
    assert filled.find(PODS, "default", "p") is None


def test_pod_without_a_node_goes_at_once(filled: Store, pod: Callable[..., Json]) -> None:
    filled.create(PODS, pod("p"))
    filled.delete(PODS, "default", "p")
    assert filled.find(PODS, "default", "p") is None


def test_delete_of_another_incarnation_conflicts(filled: Store) -> None:
    filled.create(CONFIGMAPS, _map("a"))
    with pytest.raises(ApiError, match=r"the UID in the precondition \(other\) does not match"):
        filled.delete(CONFIGMAPS, "default", "a", uid="other")


def test_subscribers_see_changes_in_order_even_when_they_write(filled: Store) -> None:
    first: list[str] = []
    second: list[str] = []

    def answering(event: Event) -> None:
        first.append(event.object["metadata"]["name"])
        if event.object["metadata"]["name"] == "a":
            filled.create(CONFIGMAPS, _map("b"))

    filled.subscribe(answering)
    filled.subscribe(lambda event: second.append(event.object["metadata"]["name"]))
    filled.create(CONFIGMAPS, _map("a"))
    assert first == second == ["a", "b"]


def test_events_older_than_what_is_kept_are_gone(hands: Any) -> None:
    store = Store(clock=hands, events_kept=3)
    store.create(NAMESPACES, {"metadata": {"name": "default"}})
    start = store.version
    for number in range(5):
        store.create(CONFIGMAPS, _map(f"m{number}"))
    assert [e.object["metadata"]["name"] for e in store.log.since("configmaps", store.version - 2)]
    with pytest.raises(ApiError, match="too old resource version") as caught:
        store.log.since("configmaps", start)
    assert caught.value.code == 410


def test_dry_run_keeps_nothing(filled: Store) -> None:
    version = filled.version
    made = filled.create(SERVICES, {"metadata": {"name": "s"}}, dry_run=True)
    assert made["spec"]["type"] == "ClusterIP"
    assert filled.find(SERVICES, "default", "s") is None
    assert filled.version == version


def test_services_get_addresses_and_keep_them(filled: Store) -> None:
    port = {"port": 80}
    made = filled.create(
        SERVICES, {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [port]}}
    )
    address, node_port = made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]
    assert address.startswith("10.96.")
    assert made["spec"]["ports"][0]["targetPort"] == 80
    bare = {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [port]}}
    again = filled.update(SERVICES, bare)
    assert again["spec"]["clusterIP"] == address
    assert again["spec"]["ports"][0]["nodePort"] == node_port


def test_headless_service_has_no_address(filled: Store) -> None:
    made = filled.create(
        SERVICES, {"metadata": {"name": "s"}, "spec": {"clusterIP": "None", "ports": []}}
    )
    assert made["spec"]["clusterIPs"] == ["None"]


def test_each_job_selects_its_own_pods(filled: Store) -> None:
    template = {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}
    made = filled.create(JOBS, {"metadata": {"name": "j"}, "spec": {"template": template}})
    wanted = made["spec"]["selector"]["matchLabels"]
    assert wanted == {"batch.kubernetes.io/controller-uid": made["metadata"]["uid"]}
    assert wanted.items() <= made["spec"]["template"]["metadata"]["labels"].items()


def test_claims_get_the_default_class(filled: Store) -> None:
    note = {"storageclass.kubernetes.io/is-default-class": "true"}
    meta = {"name": "fast", "annotations": note}
    filled.create(STORAGECLASSES, {"metadata": meta, "provisioner": "x"})
    made = filled.create(PERSISTENTVOLUMECLAIMS, {"metadata": {"name": "c"}, "spec": {}})
    assert made["spec"]["storageClassName"] == "fast"
    named = {"metadata": {"name": "d"}, "spec": {"storageClassName": ""}}
    assert filled.create(PERSISTENTVOLUMECLAIMS, named)["spec"]["storageClassName"] == ""
