"""The tarball of a backup."""

from __future__ import annotations

import pytest

from integrations.velero import contents
from integrations.velero.errors import DownloadFailed
from sandbox.velero.artefacts import packed

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "keys",
        "namespace": "parse",
        "labels": {"app": "parseserver"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "s3cret"},
        "managedFields": [{}],
    },
    "data": {"key": "s3cret"},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "parse"},
    "spec": {"ports": [{"port": 80}]},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "done", "namespace": "parse"},
    "status": {"phase": "Succeeded"},
}
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "fast"},
    "provisioner": "x",
}
TAR = packed(
    [
        (("secrets", "parse", "keys"), SECRET),
        (("services", "parse", "web"), SERVICE),
        (("pods", "parse", "done"), POD),
        (("storageclasses.storage.k8s.io", "", "fast"), CLASS),
    ]
)


def test_each_object_is_found_once_and_only_what_is_asked_for_is_whole() -> None:
    found = {
        (s.resource, s.namespace, s.name): s for s in contents.unpacked(TAR, "b", ["services"])
    }
    assert set(found) == {
        ("secrets", "parse", "keys"),
        ("services", "parse", "web"),
        ("pods", "parse", "done"),
        ("storageclasses.storage.k8s.io", "", "fast"),
    }
    assert found["services", "parse", "web"].object == SERVICE
    assert found["secrets", "parse", "keys"].kind == "Secret"
    assert found["secrets", "parse", "keys"].object["metadata"]["labels"] == {"app": "parseserver"}
    assert [s.name for s in found.values() if s.ended] == ["done"]


def test_what_is_in_secrets_is_not_kept() -> None:
    assert "s3cret" not in repr(contents.unpacked(TAR, "b", ["services"]))


@pytest.mark.parametrize("damaged", [b"", b"nothing", TAR[: len(TAR) // 2]])
def test_a_damaged_one_is_told(damaged: bytes) -> None:
    with pytest.raises(DownloadFailed, match="backup b is damaged"):
        contents.unpacked(damaged, "b", [])


def test_one_that_is_too_long_is_told() -> None:
    huge = {**SERVICE, "data": "x" * 1_900_000}
    two = packed([(("services", "parse", "web"), huge)])
    (found,) = contents.unpacked(two, "b", [], most=2 << 20)
    assert found.name == "web", "Velero's second copy of an object does not count"
    more = packed([(("services", "parse", name), huge) for name in ("web", "api")])
    with pytest.raises(DownloadFailed, match="longer than 2 MB"):
        contents.unpacked(more, "b", [], most=2 << 20)
