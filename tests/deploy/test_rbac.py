"""The bot's rights: enough for the shipped chart, and not more than that."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.kubernetes import kinds
from integrations.kubernetes.usage import NODE_METRICS, POD_METRICS

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
        group in rule.get("apiGroups", ())
        and resource in rule["resources"]
        and verb in rule["verbs"]
        for rule in rules
    )


def test_nothing_is_granted_by_wildcard_and_nothing_leads_to_more(manifest: list[Object]) -> None:
    roles = [o for o in manifest if o["kind"] in ("ClusterRole", "Role")]
    assert len(roles) == 2
    for rule in [rule for role in roles for rule in role["rules"]]:
        for words in rule.values():
            assert not [word for word in words if "*" in word], rule
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert "rbac.authorization.k8s.io" not in rule.get("apiGroups", ())
        resources = set(rule.get("resources", ()))
        assert not {"serviceaccounts/token", "nodes/proxy", "pods/attach"} & resources


def test_cluster_wide_there_are_only_reads_and_no_secrets(manifest: list[Object]) -> None:
    wide = {o["roleRef"]["name"] for o in manifest if o["kind"] == "ClusterRoleBinding"}
    assert wide == {"onprem-cluster"}
    for rule in rules_of(manifest, "onprem-cluster"):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert not {"secrets", "pods/exec", "configmaps"} & set(rule.get("resources", ()))


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


@pytest.mark.parametrize(
    ("kind", "verbs"),
    [
        (kinds.NODE, {"get", "list", "watch"}),
        (kinds.NAMESPACE, {"get", "list", "watch"}),
        (kinds.POD, {"get", "list"}),
        (kinds.EVENT, {"list"}),
        (NODE_METRICS, {"list"}),
        (POD_METRICS, {"list"}),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_health_and_top_may_read_just_what_they_read_everywhere(
    manifest: list[Object], kind: kinds.Kind, verbs: set[str]
) -> None:
    group = kind.api_version.rpartition("/")[0]
    rules = rules_of(manifest, "onprem-cluster")
    every = {"get", "list", "watch", "create", "update", "patch", "delete"}
    assert {verb for verb in every if allows(rules, group, kind.plural, verb)} == verbs
    paths = [path for rule in rules for path in rule.get("nonResourceURLs", ())]
    assert set(paths) == {"/livez", "/readyz"}


@pytest.mark.parametrize("kind", [*kinds.WORKLOADS.values(), kinds.SECRET], ids=lambda k: k.kind)
def test_what_others_change_may_be_watched_where_apps_live(
    manifest: list[Object], kind: kinds.Kind
) -> None:
    group = kind.api_version.rpartition("/")[0]
    rules = rules_of(manifest, "onprem-app")
    assert all(allows(rules, group, kind.plural, verb) for verb in ("get", "list", "watch"))


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
