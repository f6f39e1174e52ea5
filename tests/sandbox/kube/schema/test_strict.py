"""Unknown fields and wrong types."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.resources import CRDS, DEPLOYMENTS, HPAS, PODS
from sandbox.kube.schema.fields import Schemas
from sandbox.kube.schema.strict import check

SCHEMAS = Schemas()


def test_unknown_fields_are_named_with_their_place() -> None:
    obj = {"spec": {"replikas": 1, "template": {"spec": {"containers": [{"imagee": "x"}]}}}}
    found = check(SCHEMAS.field(DEPLOYMENTS), obj, "Deployment")
    assert found.unknown == [
        'unknown field "spec.replikas"',
        'unknown field "spec.template.spec.containers[0].imagee"',
    ]
    assert not found.wrong


def test_pruning_takes_unknown_fields_out() -> None:
    obj: dict[str, Any] = {"spec": {"nope": 1, "replicas": 2}, "extra": {}}
    check(SCHEMAS.field(DEPLOYMENTS), obj, "Deployment", prune=True)
    assert obj == {"spec": {"replicas": 2}}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"replicas": "two"}, "cannot unmarshal string into Go struct field Deployment.spec.repl"),
        ({"replicas": 1.5}, "cannot unmarshal number into Go struct field"),
        ({"paused": "yes"}, "of type bool"),
        ({"template": []}, "cannot unmarshal array"),
    ],
)
def test_wrong_types_are_told(spec: dict[str, Any], words: str) -> None:
    found = check(SCHEMAS.field(DEPLOYMENTS), {"spec": spec}, "Deployment")
    assert words in found.wrong[0]


def test_free_forms_are_accepted() -> None:
    pod = {
        "metadata": {"labels": {"any": "label"}, "annotations": {"a/b": "c"}},
        "spec": {
            "containers": [
                {
                    "resources": {"limits": {"cpu": 1, "memory": "1Gi", "vendor.io/gpu": "1"}},
                    "livenessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": 3},
                }
            ]
        },
    }
    found = check(SCHEMAS.field(PODS), pod, "Pod")
    assert (found.unknown, found.wrong) == ([], [])


def test_schemas_of_definitions_are_accepted_as_they_are() -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"x-kubernetes-preserve-unknown-fields": True}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    obj = {"spec": {"group": "g.io", "scope": "Namespaced", "versions": [version]}}
    assert check(SCHEMAS.field(CRDS), obj, "CustomResourceDefinition").unknown == []


def test_every_version_has_its_own_schema() -> None:
    obj = {"spec": {"targetCPUUtilizationPercentage": 50}}
    assert check(SCHEMAS.field(HPAS), obj, "HorizontalPodAutoscaler").unknown
