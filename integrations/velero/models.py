"""All of Velero's records by one name: objects, what a run left behind, what to ask for."""

from __future__ import annotations

from integrations.velero.artefacts import Entry, Remark, Results, VolumeInfo
from integrations.velero.runs import FINISHED, USABLE, Backup, Restore, Schedule
from integrations.velero.specs import BackupSpec, RestoreSpec
from integrations.velero.storage import Deletion, Location, ServerInfo, VolumeBackup

__all__ = [
    "FINISHED",
    "USABLE",
    "Backup",
    "BackupSpec",
    "Deletion",
    "Entry",
    "Location",
    "Remark",
    "Restore",
    "RestoreSpec",
    "Results",
    "Schedule",
    "ServerInfo",
    "VolumeBackup",
    "VolumeInfo",
]
