"""What is asked of the server."""

from __future__ import annotations

from integrations.velero.models import BackupSpec, RestoreSpec


def test_a_backup_of_an_app() -> None:
    made = BackupSpec(
        namespaces=["parse"],
        selectors=[{"app": "parseserver"}, {"owner": "helm", "name": "parse"}],
        ttl=2_592_000,
        fs_backup=True,
        snapshot_volumes=False,
        labels={"by": "me"},
    )
    assert made.document() == {
        "includedNamespaces": ["parse"],
        "orLabelSelectors": [
            {"matchLabels": {"app": "parseserver"}},
            {"matchLabels": {"owner": "helm", "name": "parse"}},
        ],
        "ttl": "720h0m0s",
        "defaultVolumesToFsBackup": True,
        "snapshotVolumes": False,
    }
    assert made.document(template=True)["metadata"] == {"labels": {"by": "me"}}


def test_one_selector_is_not_mixed_with_several() -> None:
    made = BackupSpec(selectors=[{"a": "b"}, {}]).document()
    assert made["labelSelector"] == {"matchLabels": {"a": "b"}}
    assert "orLabelSelectors" not in made


def test_what_is_left_open_is_left_to_the_server() -> None:
    assert BackupSpec().document() == {"includedNamespaces": ["*"]}
    assert RestoreSpec("a").document() == {"backupName": "a", "includedNamespaces": ["*"]}


def test_a_drill() -> None:
    made = RestoreSpec(
        "a",
        mapping={"parse": "parse-drill"},
        namespaces=["parse"],
        excluded_resources=["ingresses"],
        update=True,
        restore_volumes=True,
        node_ports=False,
        cluster_resources=False,
        resource_modifier="changes",
        labels={"by": "me"},
    )
    assert made.document() == {
        "backupName": "a",
        "namespaceMapping": {"parse": "parse-drill"},
        "includedNamespaces": ["parse"],
        "excludedResources": ["ingresses"],
        "existingResourcePolicy": "update",
        "restorePVs": True,
        "preserveNodePorts": False,
        "includeClusterResources": False,
        "resourceModifier": {"kind": "configmap", "name": "changes"},
    }
