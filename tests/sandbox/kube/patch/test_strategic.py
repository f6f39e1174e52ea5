"""Strategic merge patches, with the directives that kubectl and helm write."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.patch.strategic import strategic_patch
from sandbox.kube.resources import DEPLOYMENTS, PODS
from sandbox.kube.schema.fields import Field, Schemas

Json = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> Field:
    return Schemas().field(DEPLOYMENTS)


def _containers(*names: str) -> Json:
    listed = [{"name": name, "image": f"{name}:1"} for name in names]
    return {"spec": {"template": {"spec": {"containers": listed}}}}


def _names(obj: Json) -> list[str]:
    return [c["name"] for c in obj["spec"]["template"]["spec"]["containers"]]


def _patch(**pod_spec: Any) -> Json:
    return {"spec": {"template": {"spec": pod_spec}}}


def test_lists_merge_by_their_key(schema: Field) -> None:
    patch = _patch(containers=[{"name": "b", "image": "b:2"}, {"name": "c", "image": "c:1"}])
    after = strategic_patch(_containers("a", "b"), patch, schema)
    images = [c["image"] for c in after["spec"]["template"]["spec"]["containers"]]
    assert images == ["a:1", "b:2", "c:1"]


def test_element_is_deleted_by_directive(schema: Field) -> None:
    patch = _patch(containers=[{"name": "a", "$patch": "delete"}])
    assert _names(strategic_patch(_containers("a", "b"), patch, schema)) == ["b"]


def test_list_is_replaced_by_directive(schema: Field) -> None:
    patch = _patch(containers=[{"$patch": "replace"}, {"name": "z", "image": "z"}])
    assert _names(strategic_patch(_containers("a", "b"), patch, schema)) == ["z"]


def test_order_directive_orders_named_elements(schema: Field) -> None:
    patch = _patch(
        **{"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]},
        containers=[{"name": "c", "image": "c:1"}],
    )
    assert _names(strategic_patch(_containers("a", "server"), patch, schema)) == [
        "c",
        "a",
        "server",
    ]


def test_retain_keys_drops_what_is_not_named(schema: Field) -> None:
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_patch(before, patch, schema)["spec"]["strategy"] == {"type": "Recreate"}


def test_null_removes_and_new_maps_lose_their_nulls(schema: Field) -> None:
    before = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}, "annotations": {"x": None, "y": "1"}}}
    after = strategic_patch(before, patch, schema)["metadata"]
    assert after == {"labels": {"b": "2", "c": "3"}, "annotations": {"y": "1"}}


def test_primitive_lists_merge_and_shrink() -> None:
    schema = Schemas().field(PODS)
    before = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}
    assert strategic_patch(before, patch, schema)["metadata"]["finalizers"] == ["b", "c"]


def test_lists_without_a_key_are_replaced(schema: Field) -> None:
    before = _containers("a")
    before["spec"]["template"]["spec"]["containers"][0]["args"] = ["x", "y"]
    patch = _patch(containers=[{"name": "a", "args": ["z"]}])
    after = strategic_patch(before, patch, schema)
    assert after["spec"]["template"]["spec"]["containers"][0]["args"] == ["z"]


def test_element_without_its_key_is_refused(schema: Field) -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        strategic_patch(_containers("a"), _patch(containers=[{"image": "x"}]), schema)


def test_original_is_left_alone(schema: Field) -> None:
    before = _containers("a")
    strategic_patch(before, _patch(containers=[{"name": "a", "image": "new"}]), schema)
    assert before == _containers("a")
