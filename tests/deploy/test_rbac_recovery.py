"""The rights for backups, restores and drills: what Velero's client asks, and nothing wide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.recovery.drills.isolation import DRILL_LABEL, scratch_name
from bot.recovery.drills.rights import ROLE
from bot.recovery.which.apps import RIGHTS
from integrations.velero import kinds

Object = dict[str, Any]

DEPLOY = Path(__file__).parents[2] / "deploy"
ACCOUNT = {"kind": "ServiceAccount", "name": "onprem", "namespace": "onprem"}


def objects(name: str) -> list[Object]:
    return [doc for doc in yaml.safe_load_all((DEPLOY / name).read_text()) if doc]


@pytest.fixture(scope="module")
def manifest() -> list[Object]:
    return objects("rbac-recovery.yaml")


def of(manifest: list[Object], kind: str, name: str) -> Object:
    [found] = [o for o in manifest if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def verbs(role: Object, group: str, resource: str) -> set[str]:
    return {
        verb
        for rule in role["rules"]
        if group in rule["apiGroups"] and resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (kinds.BACKUP, {"create", "patch"}),
        (kinds.RESTORE, {"create", "delete"}),
        (kinds.SCHEDULE, {"create", "patch", "delete"}),
        (kinds.LOCATION, {"patch"}),
        (kinds.DELETE_REQUEST, {"create"}),
        (kinds.DOWNLOAD_REQUEST, {"create"}),
        (kinds.STATUS_REQUEST, {"create"}),
        (kinds.VOLUME_BACKUP, set()),
        (kinds.VOLUME_RESTORE, set()),
        (kinds.DATA_UPLOAD, set()),
        (kinds.DATA_DOWNLOAD, set()),
    ],
    ids=lambda value: getattr(value, "plural", ""),
)
def test_veleros_kinds_are_there_with_just_these_verbs(
    manifest: list[Object], kind: Any, more: set[str]
) -> None:
    role = of(manifest, "Role", "onprem-recovery")
    assert role["metadata"]["namespace"] == "velero"
    assert verbs(role, "velero.io", kind.plural) == {"get", "list", "watch"} | more


def test_nothing_is_wide(manifest: list[Object]) -> None:
    roles = [o for o in manifest if o["kind"] in ("Role", "ClusterRole")]
    for rule in [rule for role in roles for rule in role["rules"]]:
        for field in ("apiGroups", "resources", "verbs"):
            assert not [word for word in rule[field] if "*" in word], rule
        assert not {"escalate", "impersonate", "deletecollection"} & set(rule["verbs"])
        assert "secrets" not in rule["resources"]
        if "bind" in rule["verbs"]:
            assert (rule["resources"], rule["resourceNames"]) == (["clusterroles"], [ROLE])
    reads = of(manifest, "ClusterRole", "onprem-recovery")
    assert {verb for rule in reads["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    for found in manifest:
        if found["kind"].endswith("RoleBinding"):
            assert found["subjects"] == [ACCOUNT]


def test_what_changes_the_cluster_stands_behind_the_policy(manifest: list[Object]) -> None:
    policy = of(manifest, "ValidatingAdmissionPolicy", "onprem-drills")
    assert policy["spec"]["failurePolicy"] == "Fail"
    guarded = {
        (group, resource)
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    role = of(manifest, "ClusterRole", "onprem-drills")
    changed = {
        (group, resource)
        for rule in role["rules"]
        if rule["verbs"] != ["bind"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert changed == guarded
    order = [(o["kind"], o["metadata"]["name"]) for o in manifest]
    policy_at = order.index(("ValidatingAdmissionPolicyBinding", "onprem-drills"))
    assert policy_at < order.index(("ClusterRoleBinding", "onprem-drills"))
    said = str(policy["spec"])
    assert DRILL_LABEL in said
    assert ROLE in said
    assert "-drill-" in scratch_name("parse", "4k2m9xq1")


def test_the_bots_right_in_a_namespace_is_in_the_apps_backups() -> None:
    [binding] = [o for o in objects("rbac.yaml") if o["kind"] == "RoleBinding"]
    assert RIGHTS.items() <= binding["metadata"]["labels"].items()
