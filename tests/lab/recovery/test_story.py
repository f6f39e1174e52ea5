"""The worst day: the app's namespace is deleted, and comes back from a backup."""

from __future__ import annotations

import copy
import re

import pytest

from tests.cluster.lab import Json
from tests.lab.grounds import CONTENT, NAMESPACE
from tests.lab.recovery.conftest import Desk
from tests.lab.recovery.ward import Ward

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(180)]

RIGHTS = "/apis/rbac.authorization.k8s.io/v1"
KINDS = {
    # Pods are made by their controllers; Velero brings back no Job that has ended.
    root: [kind for kind in kinds if kind not in ("pods", "jobs")]
    for root, kinds in CONTENT.items()
} | {RIGHTS: ["rolebindings"]}
ASSIGNED = {
    "metadata": ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"),
    "spec": ("clusterIP", "clusterIPs", "volumeName"),
}
"""What the cluster gives each object anew."""
MARKS = re.compile(r"velero\.io/|pv\.kubernetes\.io/|volume\.|deployment\.kubernetes\.io/revision")


def comparable(found: Json) -> Json:
    """An object without what is a cluster's and not a person's."""
    plain = copy.deepcopy(found)
    plain.pop("status", None)
    for part, fields in ASSIGNED.items():
        for field in fields:
            plain.get(part, {}).pop(field, None)
    for part in ("labels", "annotations"):
        held = plain["metadata"].pop(part, None) or {}
        plain["metadata"][part] = {k: v for k, v in held.items() if not MARKS.match(k)}
    for owner in plain["metadata"].get("ownerReferences", ()):
        owner.pop("uid")
    return plain


def objects(ward: Ward, namespace: str = NAMESPACE) -> dict[tuple[str, str], Json]:
    """Everything in a namespace that people or their charts made."""
    found: dict[tuple[str, str], Json] = {}
    for root, kinds in KINDS.items():
        for kind in kinds:
            for item in ward.lab.api("GET", f"{root}/namespaces/{namespace}/{kind}")["items"]:
                name = item["metadata"]["name"]
                if name != "kube-root-ca.crt":
                    found[kind, name] = comparable(item)
    return found


def test_a_deleted_namespace_comes_back(parse: Desk) -> None:
    ward = parse.ward
    parse.works("scale", "server", "3")
    before = objects(ward)
    assert len(before) > 12
    said = parse.works("backup", "create", "parse")
    (name,) = (n for n in ward.velero_has("backups") if n in said)
    assert re.fullmatch(r"parseserver-backup-\d{14}", name)

    ward.destroy(quick=False)
    state, said = parse.ask("restore", "parseserver-backup", "--yes")
    assert state == "done", said
    assert "parse is restored and ready on main" in said
    after = objects(ward)
    assert set(after) == set(before)
    for key, wanted in before.items():
        assert after[key] == wanted, key
    assert "6 of 6 pods ready" in parse.works("status", "parse")
    assert "running 8.6.94" in parse.works("history", "parse")
    assert "is running on main" in parse.works("deploy", "parse", "--version", "8.3.0")
