"""Which values charts/parse-server takes, and where it installs."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.helm

CHART = Path(__file__).parents[2] / "charts" / "parse-server"
EVERYTHING: dict[str, Any] = {
    "autoscaling": {"enabled": True},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": [{"host": "parse.example.org"}],
        "tls": [{"secretName": "parse-tls", "hosts": ["parse.example.org"]}],
    },
    "imagePullSecrets": ["registry"],
    "parse": {"cloudCode": {"existingConfigMap": "cloud"}},
    "networkPolicy": {"serverFrom": [{"namespaceSelector": {}}]},
}

Object = dict[str, Any]
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_lint_is_clean(run_helm: Run) -> None:
    done = run_helm("lint", "--strict", str(CHART), values=EVERYTHING)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 3}, "replicas"),
        ({"replicaCount": -1}, "replicaCount"),
        ({"replicaCount": "two"}, "replicaCount"),
        ({"replicaCount": 1.5}, "replicaCount"),
        ({"image": {"tag": "a tag"}}, "tag"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
        ({"mongodb": {"replicaCount": 51}}, "replicaCount"),
        ({"mongodb": {"persistence": {"size": "lots"}}}, "size"),
        ({"mongodb": {"replicas": 3}}, "replicas"),
        ({"mongodb": {"backup": {"timeout": "1h30m"}}}, "timeout"),
        ({"mongodb": {"backup": {"timeout": 30}}}, "timeout"),
        ({"mongodb": {"backup": {"sizeLimit": "lots"}}}, "sizeLimit"),
        ({"mongodb": {"backup": {"hooks": []}}}, "hooks"),
        ({"podSecurity": {"runAsUser": 0}}, "runAsUser"),
        ({"parse": {"publicUrl": "parse.example.org"}}, "publicUrl"),
        ({"parse": {"mountPath": "parse"}}, "mountPath"),
        ({"existingSecret": "Not A Name"}, "existingSecret"),
        ({"service": {"port": 70000}}, "port"),
        ({"extraEnv": [{"name": "A-B", "value": "c"}]}, "extraEnv"),
    ],
)
def test_schema_refuses_and_names_bad_values(run_helm: Run, values: Object, named: str) -> None:
    done = run_helm("template", "parse", str(CHART), values=values)
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr
    assert named in done.stderr


def test_every_value_is_documented() -> None:
    readme = (CHART / "README.md").read_text()
    values = (CHART / "values.yaml").read_text()
    top_level = [line.split(":")[0] for line in values.splitlines() if line[:1].isalpha()]
    assert len(top_level) > 15
    missing = [key for key in top_level if f"`{key}" not in readme]
    assert not missing


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("1.26.9", False), ("1.27.0", True), ("1.35.4+k3s1", True), ("1.33.2-gke.1", True)],
)
def test_kubernetes_versions(run_helm: Run, version: str, accepted: bool) -> None:
    done = run_helm("template", "parse", str(CHART), "--kube-version", version)
    assert (done.returncode == 0) is accepted, done.stderr
