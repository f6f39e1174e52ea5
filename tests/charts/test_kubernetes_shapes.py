"""Every shipped object against the Kubernetes client's own models: types, and no unknown field."""

import json
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
import yaml
from kubernetes.client import ApiClient

pytestmark = pytest.mark.helm

ROOT = Path(__file__).parents[2]
EVERYTHING: dict[str, Any] = {
    "autoscaling": {"enabled": True},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"a": "b"},
        "hosts": [{"host": "parse.example.org"}],
        "tls": [{"secretName": "parse-tls", "hosts": ["parse.example.org"]}],
    },
    "imagePullSecrets": ["registry"],
    "parse": {"cloudCode": {"existingConfigMap": "cloud"}},
    "extraEnv": [{"name": "A", "value": "b"}],
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"podAntiAffinity": {}},
    "networkPolicy": {
        "serverFrom": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}],
        "monitoringFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
    },
    "mongodb": {"persistence": {"storageClass": "local"}},
}

Object = dict[str, Any]


def lost(given: Any, kept: Any, path: str) -> list[str]:
    """Paths of what the models dropped, because they know no such field."""
    if isinstance(given, dict):
        missing = [f"{path}.{key}" for key in given if key not in (kept or {})]
        inside = [lost(given[key], kept[key], f"{path}.{key}") for key in given if key in kept]
        return missing + [one for some in inside for one in some]
    if isinstance(given, list):
        pairs = enumerate(zip(given, kept, strict=True))
        return [one for i, (a, b) in pairs for one in lost(a, b, f"{path}[{i}]")]
    return []


def problems(obj: Object) -> list[str]:
    group, _, version = obj["apiVersion"].rpartition("/")
    del group
    model = getattr(kubernetes.client, f"{version.capitalize()}{obj['kind']}")
    parsed = model.from_dict(obj)  # raises for a wrong type
    kept = json.loads(json.dumps(ApiClient().sanitize_for_serialization(parsed), default=str))
    return lost(obj, kept, f"{obj['kind']}/{obj['metadata']['name']}")


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_parse_server(render: Any, values: Object) -> None:
    objects = render(values)
    assert len(objects) > 10
    assert not [one for obj in objects for one in problems(obj)]


def test_bots_own_chart(render: Any) -> None:
    values = {"image": {"repository": "registry.example.org/onprem-bot"}}
    objects = render(values, chart=ROOT / "deploy" / "chart")
    assert not [one for obj in objects for one in problems(obj)]


@pytest.mark.parametrize("name", ["rbac.yaml", "token.yaml"])
def test_manifests(name: str) -> None:
    objects = [o for o in yaml.safe_load_all((ROOT / "deploy" / name).read_text()) if o]
    assert objects
    assert not [one for obj in objects for one in problems(obj)]


def test_an_unknown_field_would_be_seen() -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "imagePullPolcy": "Never"}]},
    }
    assert problems(pod) == ["Pod/a.spec.containers[0].imagePullPolcy"]
