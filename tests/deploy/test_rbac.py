"""The bot's rights: enough for the shipped chart, and not more than that."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
HELM = Path(sys.executable).parent / "helm"

Object = dict[str, Any]

pytestmark = [
    pytest.mark.helm,
    pytest.mark.skipif(not HELM.exists(), reason="no helm beside this Python"),
]

# As the API server names them; a kind that is missing here fails the test by a KeyError.
RESOURCES = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Ingress": "ingresses",
    "Job": "jobs",
    "NetworkPolicy": "networkpolicies",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Secret": "secrets",
    "Service": "services",
    "StatefulSet": "statefulsets",
}


def render(chart: Path, *args: str) -> list[Object]:
    done = subprocess.run(
        [str(HELM), "template", "onprem", str(chart), "-n", "onprem", *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [doc for doc in yaml.safe_load_all(done.stdout) if doc]


@pytest.fixture(scope="module")
def manifest() -> list[Object]:
    return [doc for doc in yaml.safe_load_all((DEPLOY / "rbac.yaml").read_text()) if doc]


def rules_of(objects: list[Object], suffix: str) -> list[Object]:
    [role] = [
        o for o in objects if o["kind"] == "ClusterRole" and o["metadata"]["name"].endswith(suffix)
    ]
    rules: list[Object] = role["rules"]
    return rules


def allows(rules: list[Object], group: str, resource: str, verb: str) -> bool:
    return any(
        group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
        for rule in rules
    )


def test_nothing_is_granted_by_wildcard_and_nothing_leads_to_more(manifest: list[Object]) -> None:
    roles = [o for o in manifest if o["kind"] in ("ClusterRole", "Role")]
    assert len(roles) == 2
    for rule in [rule for role in roles for rule in role["rules"]]:
        for field in ("apiGroups", "resources", "verbs"):
            assert not [word for word in rule[field] if "*" in word], rule
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
        assert not {"serviceaccounts/token", "nodes/proxy", "pods/attach"} & set(rule["resources"])


def test_cluster_wide_there_are_only_reads_and_no_secrets(manifest: list[Object]) -> None:
    wide = {o["roleRef"]["name"] for o in manifest if o["kind"] == "ClusterRoleBinding"}
    assert wide == {"onprem-cluster"}
    for rule in rules_of(manifest, "onprem-cluster"):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert not {"secrets", "pods/exec", "configmaps"} & set(rule["resources"])


def test_changes_are_bound_in_app_namespaces_to_the_one_account(manifest: list[Object]) -> None:
    bindings = [o for o in manifest if o["kind"] == "RoleBinding"]
    assert [o["metadata"]["namespace"] for o in bindings] == ["parse"]
    for binding in [*bindings, *(o for o in manifest if o["kind"] == "ClusterRoleBinding")]:
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "onprem", "namespace": "onprem"}
        ]


@pytest.mark.parametrize("extra", [[], ["--set", "autoscaling.enabled=true,ingress.enabled=true"]])
def test_helm_may_handle_every_kind_of_the_shipped_chart(
    manifest: list[Object], extra: list[str]
) -> None:
    rules = rules_of(manifest, "onprem-app")
    for obj in render(ROOT / "charts" / "parse-server", *extra):
        group = obj["apiVersion"].rpartition("/")[0]
        for verb in ("get", "create", "patch", "delete"):
            resource = RESOURCES[obj["kind"]]
            assert allows(rules, group, resource, verb), f"{verb} {resource}"


@pytest.mark.parametrize(
    ("group", "resource", "verb"),
    [
        ("", "secrets", "update"),  # helm marks a release superseded
        ("", "secrets", "list"),
        ("apps", "deployments/scale", "patch"),
        ("apps", "statefulsets/scale", "patch"),
        ("", "pods/exec", "create"),
        ("", "pods/exec", "get"),
        ("", "pods/log", "get"),
        ("", "events", "list"),
        ("apps", "replicasets", "watch"),
        ("", "persistentvolumeclaims", "delete"),
        ("", "services/proxy", "get"),  # probes of a drill's copy
        ("batch", "cronjobs", "delete"),  # restore --replace
    ],
)
def test_what_the_commands_do_is_allowed(
    manifest: list[Object], group: str, resource: str, verb: str
) -> None:
    assert allows(rules_of(manifest, "onprem-app"), group, resource, verb)


def test_the_bots_chart_grants_the_same(manifest: list[Object]) -> None:
    objects = render(
        DEPLOY / "chart",
        "--set",
        "image.repository=registry.example.org/onprem-bot,managedNamespaces={parse,shop}",
    )
    for role in ("cluster", "app"):
        assert rules_of(objects, f"-{role}") == rules_of(manifest, f"-{role}")
    bound = {o["metadata"]["namespace"] for o in objects if o["kind"] == "RoleBinding"}
    assert bound == {"parse", "shop"}
