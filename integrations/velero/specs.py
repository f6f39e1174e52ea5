"""What to ask Velero for: the ``spec`` of a Backup, a Schedule's template, a Restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.velero.values import duration

Selectors = Sequence[Mapping[str, str]]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BackupSpec:
    """What a backup shall hold.

    Attributes:
        namespaces: Those included; empty for all.
        selectors: Label equalities, any one of which suffices; empty for everything.
        location: Storage location; empty for the default one.
        ttl: Seconds it is kept; None for the server's default (30 days).
        fs_backup: Copy pod volumes as files; None leaves it to the server.
        snapshot_volumes: Take volume snapshots; None leaves it to the server.
        move_snapshots: Copy CSI snapshots into the store; None leaves it to the server.
        labels: Of the Backup itself. A schedule's go to each of its backups.
        annotations: Of the Backup itself; a schedule cannot hand these on.
        resources: Kinds included, such as ``deployments.apps``; empty for all.
        excluded_resources: Kinds left out.
        cluster_resources: Include objects outside of namespaces; None lets the server take
            those that belong to included ones.
        ordered: Kind → names in the order to save, ``{"pods": "ns/a,ns/b"}``.
        hooks: ``spec.hooks`` as Velero takes it; empty when annotations of pods say it.
    """

    namespaces: Sequence[str] = ()
    selectors: Selectors = ()
    location: str = ""
    ttl: int | None = None
    fs_backup: bool | None = None
    snapshot_volumes: bool | None = None
    move_snapshots: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    resources: Sequence[str] = ()
    excluded_resources: Sequence[str] = ()
    cluster_resources: bool | None = None
    ordered: Mapping[str, str] = field(default_factory=dict)
    hooks: Mapping[str, Any] = field(default_factory=dict)

    def document(self, *, template: bool = False) -> Document:
        """The ``spec`` of a Backup, or a Schedule's ``template``, which carries labels too."""
        made = {
            "includedNamespaces": list(self.namespaces) or ["*"],
            "includedResources": list(self.resources),
            "excludedResources": list(self.excluded_resources),
            "includeClusterResources": self.cluster_resources,
            "storageLocation": self.location,
            "ttl": None if self.ttl is None else duration(self.ttl),
            "defaultVolumesToFsBackup": self.fs_backup,
            "snapshotVolumes": self.snapshot_volumes,
            "snapshotMoveData": self.move_snapshots,
            "orderedResources": dict(self.ordered),
            "hooks": dict(self.hooks),
            "metadata": {"labels": dict(self.labels)} if template and self.labels else None,
            **_selecting(self.selectors),
        }
        return _filled(made)


@dataclass(frozen=True, slots=True)
class RestoreSpec:
    """What of a backup shall come back, and how.

    Attributes:
        backup: The backup's name.
        mapping: Namespace in the backup → namespace here.
        namespaces: Those of the backup to restore; empty for all.
        resources: Kinds to restore, such as ``deployments.apps``; empty for all.
        excluded_resources: Kinds left out.
        selectors: Label equalities, any one of which suffices; empty for everything.
        update: Patch objects that exist and differ; never the data of volumes. Without it they
            are left alone, with a warning each.
        restore_volumes: Bring volumes back from snapshots; None leaves it to the server.
        node_ports: Keep the node ports of Services; None leaves it to the server (no).
        cluster_resources: As with a backup.
        resource_modifier: Name of a ConfigMap in Velero's namespace with JSON patches.
        hooks: ``spec.hooks`` as Velero takes it.
        labels: Of the Restore itself.
        annotations: Of the Restore itself.
    """

    backup: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    namespaces: Sequence[str] = ()
    resources: Sequence[str] = ()
    excluded_resources: Sequence[str] = ()
    selectors: Selectors = ()
    update: bool = False
    restore_volumes: bool | None = None
    node_ports: bool | None = None
    cluster_resources: bool | None = None
    resource_modifier: str = ""
    hooks: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Document:
        """The ``spec`` of a Restore."""
        modifier = {"kind": "configmap", "name": self.resource_modifier}
        made = {
            "backupName": self.backup,
            "namespaceMapping": dict(self.mapping),
            "includedNamespaces": list(self.namespaces) or ["*"],
            "includedResources": list(self.resources),
            "excludedResources": list(self.excluded_resources),
            "existingResourcePolicy": "update" if self.update else None,
            "restorePVs": self.restore_volumes,
            "preserveNodePorts": self.node_ports,
            "includeClusterResources": self.cluster_resources,
            "resourceModifier": modifier if self.resource_modifier else None,
            "hooks": dict(self.hooks),
            **_selecting(self.selectors),
        }
        return _filled(made)


def _selecting(selectors: Selectors) -> Document:
    """One selector goes into ``labelSelector``, several into ``orLabelSelectors``: never both."""
    made = [{"matchLabels": dict(labels)} for labels in selectors if labels]
    if len(made) == 1:
        return {"labelSelector": made[0]}
    return {"orLabelSelectors": made} if made else {}


def _filled(document: Document) -> Document:
    return {k: v for k, v in document.items() if v is not None and v not in ("", [], {})}
