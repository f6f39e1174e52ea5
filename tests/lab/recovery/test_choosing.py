"""Backups that cannot be restored, names that cannot be, and who owns the namespace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster.lab import Json, Refused
from tests.cluster.recovery import BUCKET, PATH, PREFIX
from tests.lab.grounds import NAMESPACE, wait_for
from tests.lab.recovery.conftest import Desk
from tests.lab.recovery.ward import Ward

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(180)]

FLUX = "kustomize.toolkit.fluxcd.io"


def restores(ward: Ward) -> set[str]:
    return set(ward.velero_has("restores"))


def test_backups_that_cannot_be_restored(parse: Desk) -> None:
    ward = parse.ward
    good = parse.back_up()
    before = restores(ward)
    assert "There is no backup nothing-like-it" in parse.fails("restore", "nothing-like-it")

    ward.velero.process.pause()
    try:
        past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        ward.lab.api("PATCH", f"{PATH}/backups/{good}", {"status": {"expiration": past}})
        assert "expired" in parse.fails("restore", good, "--yes", within=10)
        ward.lab.api("POST", f"{PATH}/backups", copied(ward, good, "parseserver-backup-begun"))
        said = parse.fails("restore", "parseserver-backup-begun", "--yes", within=10)
        assert "has not ended" in said or "not finished" in said, said
    finally:
        later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        ward.lab.api("PATCH", f"{PATH}/backups/{good}", {"status": {"expiration": later}})
        ward.velero.process.resume()
    assert restores(ward) == before


def test_a_backup_whose_content_is_not_in_the_store(parse: Desk) -> None:
    ward = parse.ward
    name = parse.back_up()
    before = restores(ward)
    shutil.rmtree(ward.store.data / BUCKET / PREFIX / "backups" / name / f"{name}.tar.gz")
    said = parse.fails("restore", name, "--yes", within=15)
    assert f"Backup {name} left no content in the store" in said
    assert restores(ward) == before


@pytest.mark.parametrize(
    "word", ["x; rm -rf /", "$(id)", "../../backups", "app=parse,tier!=db", "a b", "x\ny", "'\"`"]
)
def test_words_that_are_no_names(desk: Desk, word: str) -> None:
    before = restores(desk.ward)
    for line in (("restore", word), ("backup", "describe", word), ("backup", "delete", word)):
        assert desk.ask(*line, within=30)[0] != "done"
    assert restores(desk.ward) == before


@pytest.fixture
def gitops(ward: Ward) -> Iterator[None]:
    """A GitOps controller's kind, and an object of it that is at work."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "metadata": {"name": f"kustomizations.{FLUX}"},
        "spec": {
            "group": FLUX,
            "scope": "Namespaced",
            "names": {"plural": "kustomizations", "kind": "Kustomization"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    ward.lab.api("POST", path, definition)
    kinds = f"/apis/{FLUX}/v1/namespaces/default/kustomizations"

    def served() -> bool:
        with suppress(Refused):  # not known yet, or its storage is being made
            ward.lab.api("GET", kinds)
            return True
        return False

    wait_for(served, "the kind is served")
    body = {"apiVersion": f"{FLUX}/v1", "kind": "Kustomization", "metadata": {"name": "shop"}}
    ward.lab.api("POST", kinds, {**body, "spec": {}})
    yield
    ward.lab.api("DELETE", f"{path}/kustomizations.{FLUX}")


def test_what_a_gitops_controller_owns_is_left_to_it(parse: Desk, gitops: None) -> None:
    ward = parse.ward
    labels = {f"{FLUX}/name": "shop", f"{FLUX}/namespace": "default"}
    server = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/parse-server"
    ward.lab.api("PATCH", server, {"metadata": {"labels": labels}})
    name = parse.back_up()
    before = restores(ward)
    said = parse.fails("restore", name, "--confirm", "parse")
    assert "belongs to" in said
    assert "shop" in said
    assert "Suspend it first" in said
    assert restores(ward) == before

    ours = f"/apis/{FLUX}/v1/namespaces/default/kustomizations/shop"
    ward.lab.api("PATCH", ours, {"spec": {"suspend": True}})
    assert parse.ask("restore", name, "--confirm", "parse")[0] == "done"


def copied(ward: Ward, name: str, to: str) -> Json:
    found = ward.velero_has("backups")[name]
    return {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"name": to, "labels": {"onprem.io/app": "parse"}},
        "spec": found["spec"],
    }
