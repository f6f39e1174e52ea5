"""Velero's custom kinds, declared compactly, as CustomResourceDefinitions.

Facts from ``config/crd`` of velero v1.18.3: names, columns, fields and their types. None of the
kinds has a status subresource, so whoever may patch one may write its status.
"""

from __future__ import annotations

from typing import Any

from sandbox.kube.definitions import resources_of
from sandbox.kube.resources import CRDS, Resource
from sandbox.kube.store import Store

Json = dict[str, Any]

GROUP = "velero.io"

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_NUMBER: Json = {"type": "integer"}
_TIME: Json = {"type": "string", "format": "date-time"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_MAP: Json = {"type": "object", "additionalProperties": _TEXT}
_OPEN: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_OPENS: Json = {"type": "array", "items": _OPEN}
_TYPES = {
    "text": _TEXT, "flag": _FLAG, "number": _NUMBER, "time": _TIME, "texts": _TEXTS,
    "map": _MAP, "open": _OPEN, "opens": _OPENS,
}  # fmt: skip

_FILTERS = {
    "texts": "includedNamespaces excludedNamespaces includedResources excludedResources",
    "flag": "includeClusterResources",
    "open": "labelSelector hooks",
    "opens": "orLabelSelectors",
}
_BACKUP_SPEC = {
    "texts": f"{_FILTERS['texts']} includedClusterScopedResources excludedClusterScopedResources "
    "includedNamespaceScopedResources excludedNamespaceScopedResources volumeSnapshotLocations",
    "flag": "includeClusterResources defaultVolumesToFsBackup defaultVolumesToRestic "
    "snapshotMoveData snapshotVolumes",
    "text": "csiSnapshotTimeout datamover itemOperationTimeout storageLocation ttl "
    "volumeGroupSnapshotLabelKey",
    "map": "orderedResources",
    "open": "labelSelector hooks metadata resourcePolicy uploaderConfig",
    "opens": "orLabelSelectors",
}
_RUN_STATUS = {
    "text": "phase failureReason",
    "time": "startTimestamp completionTimestamp",
    "number": "warnings errors",
    "texts": "validationErrors",
    "open": "progress hookStatus",
}
_COPY_STATUS = {
    "text": "phase message node snapshotID path acceptedByNode nodeOS",
    "time": "startTimestamp completionTimestamp acceptedTimestamp",
    "number": "incrementalBytes",
    "open": "progress dataMoverResult",
}
_COPY_COLUMNS = (
    "Status=string .status.phase",
    "Started=date .status.startTimestamp",
    "Bytes Done=integer .status.progress.bytesDone",
    "Total Bytes=integer .status.progress.totalBytes",
    "Storage Location=string .spec.backupStorageLocation",
    "Age=date .metadata.creationTimestamp",
    "Node=string .status.node",
)
_UPLOADER = "Uploader=string .spec.uploaderType"


def _fields(groups: dict[str, str]) -> dict[str, Json]:
    return {name: _TYPES[kind] for kind, names in groups.items() for name in names.split()}


def _more(groups: dict[str, str], **others: str) -> dict[str, str]:
    return {kind: f"{groups.get(kind, '')} {others.get(kind, '')}" for kind in groups | others}


def _definition(
    kind: str,
    plural: str,
    spec: dict[str, str],
    status: dict[str, str],
    *columns: str,
    short: str = "",
    version: str = "v1",
) -> Json:
    names: Json = {"kind": kind, "listKind": f"{kind}List", "plural": plural}
    names["singular"] = kind.lower()
    if short:
        names["shortNames"] = [short]
    shape = {
        "spec": {"type": "object", "properties": _fields(spec)},
        "status": {"type": "object", "properties": _fields(status)},
    }
    served: Json = {
        "name": version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": shape}},
    }
    if columns:
        served["additionalPrinterColumns"] = [_column(text) for text in columns]
    return {
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"component": "velero"}},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [served]},
    }


def _column(text: str) -> Json:
    name, _, rest = text.partition("=")
    kind, _, path = rest.partition(" ")
    return {"name": name, "type": kind, "jsonPath": path}


_AGE = "Age=date .metadata.creationTimestamp"
DEFINITIONS: tuple[Json, ...] = (
    _definition(
        "Backup", "backups", _BACKUP_SPEC,
        _more(
            _RUN_STATUS, text="formatVersion", time="expiration",
            number="version queuePosition volumeSnapshotsAttempted volumeSnapshotsCompleted "
            "csiVolumeSnapshotsAttempted csiVolumeSnapshotsCompleted "
            "backupItemOperationsAttempted backupItemOperationsCompleted "
            "backupItemOperationsFailed",
        ),
    ),
    _definition(
        "Restore", "restores",
        _more(
            _FILTERS, text="backupName scheduleName existingResourcePolicy itemOperationTimeout",
            flag="restorePVs preserveNodePorts", map="namespaceMapping",
            open="resourceModifier resourcePolicy restoreStatus uploaderConfig",
        ),
        _more(
            _RUN_STATUS, number="restoreItemOperationsAttempted restoreItemOperationsCompleted "
            "restoreItemOperationsFailed",
        ),
    ),
    _definition(
        "Schedule", "schedules",
        {"text": "schedule", "flag": "paused skipImmediately useOwnerReferencesInBackup",
         "open": "template"},
        {"text": "phase", "time": "lastBackup lastSkipped", "texts": "validationErrors"},
        "Status=string .status.phase", "Schedule=string .spec.schedule",
        "LastBackup=date .status.lastBackup", _AGE, "Paused=boolean .spec.paused",
    ),
    _definition(
        "BackupStorageLocation", "backupstoragelocations",
        {"text": "accessMode backupSyncPeriod provider validationFrequency", "flag": "default",
         "map": "config", "open": "credential objectStorage"},
        {"text": "accessMode lastSyncedRevision message phase",
         "time": "lastSyncedTime lastValidationTime"},
        "Phase=string .status.phase", "Last Validated=date .status.lastValidationTime", _AGE,
        "Default=boolean .spec.default", short="bsl",
    ),
    _definition(
        "VolumeSnapshotLocation", "volumesnapshotlocations",
        {"text": "provider", "map": "config", "open": "credential"}, {"text": "phase"},
        short="vsl",
    ),
    _definition(
        "DeleteBackupRequest", "deletebackuprequests",
        {"text": "backupName"}, {"text": "phase", "texts": "errors"},
        "BackupName=string .spec.backupName", "Status=string .status.phase",
    ),
    _definition(
        "DownloadRequest", "downloadrequests",
        {"open": "target"}, {"text": "phase downloadURL", "time": "expiration"},
    ),
    _definition(
        "ServerStatusRequest", "serverstatusrequests", {},
        {"text": "phase serverVersion", "time": "processedTimestamp", "opens": "plugins"},
        short="ssr",
    ),
    _definition(
        "PodVolumeBackup", "podvolumebackups",
        {"text": "backupStorageLocation node repoIdentifier uploaderType volume",
         "flag": "cancel", "map": "tags uploaderSettings", "open": "pod"},
        _COPY_STATUS, *_COPY_COLUMNS, _UPLOADER,
    ),
    _definition(
        "PodVolumeRestore", "podvolumerestores",
        {"text": "backupStorageLocation repoIdentifier snapshotID sourceNamespace uploaderType "
         "volume", "number": "snapshotSize", "flag": "cancel", "map": "uploaderSettings",
         "open": "pod"},
        _COPY_STATUS, *_COPY_COLUMNS, _UPLOADER,
    ),
    _definition(
        "BackupRepository", "backuprepositories",
        {"text": "backupStorageLocation maintenanceFrequency repositoryType resticIdentifier "
         "volumeNamespace", "map": "repositoryConfig"},
        {"text": "phase message", "time": "lastMaintenanceTime", "opens": "recentMaintenance"},
        _AGE, "Repository Type=string .spec.repositoryType",
    ),
    _definition(
        "DataUpload", "datauploads",
        {"text": "backupStorageLocation datamover operationTimeout snapshotType sourceNamespace "
         "sourcePVC", "flag": "cancel", "map": "dataMoverConfig", "open": "csiSnapshot"},
        _COPY_STATUS, *_COPY_COLUMNS, version="v2alpha1",
    ),
    _definition(
        "DataDownload", "datadownloads",
        {"text": "backupStorageLocation datamover nodeOS operationTimeout snapshotID "
         "sourceNamespace", "number": "snapshotSize", "flag": "cancel", "map": "dataMoverConfig",
         "open": "targetVolume"},
        _COPY_STATUS, *_COPY_COLUMNS, version="v2alpha1",
    ),
)  # fmt: skip

_BY_KIND: dict[str, Resource] = {
    resource.kind: resource for one in DEFINITIONS for resource, _ in resources_of(one)
}
BACKUPS = _BY_KIND["Backup"]
RESTORES = _BY_KIND["Restore"]
SCHEDULES = _BY_KIND["Schedule"]
LOCATIONS = _BY_KIND["BackupStorageLocation"]
DELETIONS = _BY_KIND["DeleteBackupRequest"]
DOWNLOADS = _BY_KIND["DownloadRequest"]
STATUS_REQUESTS = _BY_KIND["ServerStatusRequest"]
VOLUME_BACKUPS = _BY_KIND["PodVolumeBackup"]
VOLUME_RESTORES = _BY_KIND["PodVolumeRestore"]
REPOSITORIES = _BY_KIND["BackupRepository"]


def define(store: Store) -> None:
    """Make the kinds known, those that are not yet."""
    for one in DEFINITIONS:
        if store.peek(CRDS, None, one["metadata"]["name"]) is None:
            store.create(CRDS, one)
