"""Velero's kinds (its CRDs ``velero.io/v1`` and ``v2alpha1``); none has a status subresource."""

from __future__ import annotations

from integrations.kubernetes.kinds import Kind

BACKUP = Kind("velero.io/v1", "backups", "Backup")
RESTORE = Kind("velero.io/v1", "restores", "Restore")
SCHEDULE = Kind("velero.io/v1", "schedules", "Schedule")
LOCATION = Kind("velero.io/v1", "backupstoragelocations", "BackupStorageLocation")
SNAPSHOT_LOCATION = Kind("velero.io/v1", "volumesnapshotlocations", "VolumeSnapshotLocation")
DELETE_REQUEST = Kind("velero.io/v1", "deletebackuprequests", "DeleteBackupRequest")
DOWNLOAD_REQUEST = Kind("velero.io/v1", "downloadrequests", "DownloadRequest")
STATUS_REQUEST = Kind("velero.io/v1", "serverstatusrequests", "ServerStatusRequest")
VOLUME_BACKUP = Kind("velero.io/v1", "podvolumebackups", "PodVolumeBackup")
VOLUME_RESTORE = Kind("velero.io/v1", "podvolumerestores", "PodVolumeRestore")
REPOSITORY = Kind("velero.io/v1", "backuprepositories", "BackupRepository")
DATA_UPLOAD = Kind("velero.io/v2alpha1", "datauploads", "DataUpload")
DATA_DOWNLOAD = Kind("velero.io/v2alpha1", "datadownloads", "DataDownload")

BACKUP_NAME_LABEL = "velero.io/backup-name"
BACKUP_UID_LABEL = "velero.io/backup-uid"
RESTORE_NAME_LABEL = "velero.io/restore-name"
SCHEDULE_NAME_LABEL = "velero.io/schedule-name"
LOCATION_LABEL = "velero.io/storage-location"
SOURCE_VERSION = "velero.io/source-cluster-k8s-gitversion"
"""Annotation of a Backup: the version of the cluster that it was made in."""
GC_FAILURE_LABEL = "velero.io/gc-failure"
"""Label of an expired Backup that could not be collected; its value is the cause."""
