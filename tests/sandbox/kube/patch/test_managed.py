"""Ownership of fields: ordinary writes, server-side apply, conflicts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.patch.managed import (
    Manager,
    apply_configuration,
    read_owners,
    record_update,
)
from sandbox.kube.resources import CONFIGMAPS, DEPLOYMENTS
from sandbox.kube.schema.fields import Field, Schemas

Json = dict[str, Any]

NOW = "2026-01-02T03:04:05Z"
LATER = "2026-01-02T03:05:00Z"


@pytest.fixture(scope="module")
def maps() -> Field:
    return Schemas().field(CONFIGMAPS)


@pytest.fixture(scope="module")
def deployments() -> Field:
    return Schemas().field(DEPLOYMENTS)


def _applier(name: str) -> Manager:
    return Manager(name, "Apply", "v1")


def _map(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data}


def _apply(
    field: Field, live: Json | None, config: Json, who: str, *, force: bool = False, now: str = NOW
) -> Json:
    return apply_configuration(field, live, config, _applier(who), force=force, now=now)


def _owned(obj: Json, who: str) -> set[str]:
    fields = [o.fields for m, o in read_owners(obj).items() if m.name == who]
    return {".".join(path) for paths in fields for path in paths}


def test_each_applier_owns_what_it_applied(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1"), "one")
    live = _apply(maps, live, _map(b="2"), "two")
    assert live["data"] == {"a": "1", "b": "2"}
    assert (_owned(live, "one"), _owned(live, "two")) == ({"f:data.f:a"}, {"f:data.f:b"})


def test_field_no_longer_applied_is_removed(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1", b="2"), "one")
    assert _apply(maps, live, _map(a="1"), "one")["data"] == {"a": "1"}


def test_field_no_longer_applied_stays_when_another_owns_it(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1", b="2"), "one")
    live = _apply(maps, live, _map(b="2"), "two")
    live = _apply(maps, live, _map(a="1"), "one")
    assert live["data"] == {"a": "1", "b": "2"}


def test_conflict_names_the_manager_and_the_field(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1"), "one")
    with pytest.raises(ApiError) as caught:
        _apply(maps, live, _map(a="2"), "two")
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    cause = caught.value.status()["details"]["causes"][0]
    assert cause == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "one"',
        "field": ".data.a",
    }


def test_several_conflicts_are_listed_by_manager(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1", b="1"), "one")
    with pytest.raises(ApiError) as caught:
        _apply(maps, live, _map(a="2", b="2"), "two")
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b'
    )


def test_force_takes_the_field(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1", b="1"), "one")
    live = _apply(maps, live, _map(a="2"), "two", force=True)
    assert live["data"]["a"] == "2"
    assert (_owned(live, "one"), _owned(live, "two")) == ({"f:data.f:b"}, {"f:data.f:a"})


def test_same_value_is_shared_without_conflict(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1"), "one")
    live = _apply(maps, live, _map(a="1"), "two")
    assert _owned(live, "one") == _owned(live, "two") == {"f:data.f:a"}


def test_repeated_apply_changes_nothing(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1"), "one")
    assert _apply(maps, live, _map(a="1"), "one", now=LATER) == live


def test_update_takes_fields_from_appliers(maps: Field) -> None:
    live = _apply(maps, None, _map(a="1", b="1"), "one")
    new = {**live, "data": {"a": "9", "b": "1"}}
    record_update(maps, live, new, Manager("ed", "Update", "v1"), LATER)
    assert (_owned(new, "one"), _owned(new, "ed")) == ({"f:data.f:b"}, {"f:data.f:a"})


def test_scale_is_named_as_a_subresource_in_conflicts(deployments: Field) -> None:
    config = {"metadata": {"name": "d"}, "spec": {"replicas": 1}}
    live = _apply(deployments, None, config, "helm")
    scaled = {**live, "spec": {"replicas": 3}}
    record_update(deployments, live, scaled, Manager("kubectl", "Update", "apps/v1", "scale"), NOW)
    config["spec"] = {"replicas": 2}
    with pytest.raises(ApiError) as caught:
        _apply(deployments, scaled, config, "helm")
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" '
        "using apps/v1: .spec.replicas"
    )


def test_removed_list_element_goes_with_its_defaults(deployments: Field) -> None:
    def config(*names: str) -> Json:
        listed = [{"name": name, "image": "i"} for name in names]
        return {"metadata": {"name": "d"}, "spec": {"template": {"spec": {"containers": listed}}}}

    live = _apply(deployments, None, config("a", "b"), "one")
    live["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = "Always"
    live = _apply(deployments, live, config("a"), "one")
    assert [c["name"] for c in live["spec"]["template"]["spec"]["containers"]] == ["a"]


def test_object_without_owners_belongs_to_before_first_apply(maps: Field) -> None:
    with pytest.raises(ApiError, match='conflict with "before-first-apply" using v1'):
        _apply(maps, _map(a="1"), _map(a="2"), "one")


def test_kubectl_takes_over_what_it_applied_from_the_client(maps: Field) -> None:
    live = _map(a="1")
    note = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(_map(a="1"))}
    live["metadata"]["annotations"] = note
    record_update(maps, None, live, Manager("kubectl-client-side-apply", "Update", "v1"), NOW)
    after = _apply(maps, live, _map(a="2"), "kubectl")
    assert after["data"] == {"a": "2"}
    with pytest.raises(ApiError, match="conflict"):
        _apply(maps, live, _map(a="2"), "another")
