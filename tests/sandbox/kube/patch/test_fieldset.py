"""Field paths and their FieldsV1 form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.kube.patch.fieldset import compare, field_set, from_fields_v1, to_fields_v1
from sandbox.kube.resources import DEPLOYMENTS, SERVICES
from sandbox.kube.schema.fields import Schemas

_element = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
_paths = st.frozensets(st.lists(_element, min_size=1, max_size=4).map(tuple))


@given(_paths)
def test_fields_v1_round_trip(paths: frozenset[tuple[str, ...]]) -> None:
    assert from_fields_v1(to_fields_v1(paths)) == paths


def test_applied_fields_leave_identity_out_and_name_list_elements() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "labels": {"a": "b"}},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "x"}},
    }
    port = 'k:{"port":80,"protocol":"TCP"}'
    assert to_fields_v1(field_set(Schemas().field(SERVICES), obj)) == {
        "f:metadata": {"f:labels": {"f:a": {}}},
        "f:spec": {"f:ports": {port: {".": {}, "f:port": {}}}, "f:selector": {}},
    }


def test_compare_tells_added_changed_and_removed_apart() -> None:
    schema = Schemas().field(DEPLOYMENTS)
    old = {"spec": {"replicas": 1, "paused": True}}
    new = {"spec": {"replicas": 2, "minReadySeconds": 5}}
    found = compare(schema, old, new)
    assert found.modified == {("f:spec", "f:replicas")}
    assert found.added == {("f:spec", "f:minReadySeconds")}
    assert found.removed == {("f:spec", "f:paused")}
