"""What a backup or restore leaves in the store, and where.

Layout of ``pkg/persistence/object_store_layout.go`` of velero v1.18.3: everything is gzip, the
objects are a tar of JSON files.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sandbox.velero.objectstore import ObjectStore, StoreError

Json = dict[str, Any]
Item = tuple[str, str, str]
"""(resource such as ``deployments.apps``, namespace or "", name)"""

URL_LIVES = timedelta(minutes=10)
_TOP = ("backups", "restores", "restic", "metadata", "plugins", "kopia")
_BACKUP = {
    "BackupContents": "{0}.tar.gz",
    "BackupLog": "{0}-logs.gz",
    "BackupResults": "{0}-results.gz",
    "BackupResourceList": "{0}-resource-list.json.gz",
    "BackupVolumeInfos": "{0}-volumeinfo.json.gz",
    "BackupVolumeSnapshots": "{0}-volumesnapshots.json.gz",
    "BackupItemOperations": "{0}-itemoperations.json.gz",
    "CSIBackupVolumeSnapshots": "{0}-csi-volumesnapshots.json.gz",
    "CSIBackupVolumeSnapshotContents": "{0}-csi-volumesnapshotcontents.json.gz",
    "PodVolumeBackups": "{0}-podvolumebackups.json.gz",
}
_RESTORE = {
    "RestoreLog": "restore-{0}-logs.gz",
    "RestoreResults": "restore-{0}-results.gz",
    "RestoreResourceList": "restore-{0}-resource-list.json.gz",
    "RestoreItemOperations": "restore-{0}-itemoperations.json.gz",
    "RestoreVolumeInfo": "{0}-volumeinfo.json.gz",
}
RESTORE_KINDS = frozenset(_RESTORE)
KINDS = frozenset(_BACKUP) - {"PodVolumeBackups"} | RESTORE_KINDS
"""What a DownloadRequest may ask for."""


class Artefacts:
    """One location of an object store, as Velero uses it. All methods raise `StoreError`."""

    def __init__(
        self, objects: ObjectStore, url: str, bucket: str, prefix: str = "", public: str = ""
    ) -> None:
        self._objects, self._url, self._bucket, self._public = objects, url, bucket, public
        self._root = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def validate(self) -> None:
        """Look whether the store can be used.

        Raises:
            StoreError: It cannot be reached, or something else lies in it.
        """
        keys = [k[len(self._root) :] for k in self._content() if k.startswith(self._root)]
        strange = sorted({k.partition("/")[0] for k in keys if "/" in k} - set(_TOP))
        if len(strange) > 3:
            text = f"{len(strange)} invalid top-level directories: [{' '.join(strange[:3])} ...]"
            raise StoreError(f"Backup store contains {text}")
        if strange:
            text = f"invalid top-level directories: [{' '.join(strange)}]"
            raise StoreError(f"Backup store contains {text}")

    def backups(self) -> list[str]:
        """Names of the backups in the store, half-written ones included."""
        head = f"{self._root}backups/"
        return sorted(
            {k[len(head) :].partition("/")[0] for k in self._content() if k.startswith(head)}
        )

    def metadata(self, backup: str) -> Json | None:
        """The Backup object as stored; None if there is none."""
        raw = self._content("GetObject").get(self._metadata_key(backup))
        found: Json | None = None if raw is None else json.loads(raw)
        return found

    def put_metadata(self, backup: Json) -> None:
        """Store the Backup object."""
        key = self._metadata_key(backup["metadata"]["name"])
        self._content("PutObject")[key] = json.dumps(backup).encode()

    def put(self, kind: str, name: str, value: Any) -> None:
        """Store an artefact: text or JSON is compressed, bytes are kept as they are."""
        if not isinstance(value, bytes):
            text = value if isinstance(value, str) else json.dumps(value)
            value = gzip.compress(text.encode())
        self._content("PutObject")[self.key(kind, name)] = value

    def get(self, kind: str, name: str) -> bytes | None:
        """An artefact as it lies there."""
        return self._content("GetObject").get(self.key(kind, name))

    def json(self, kind: str, name: str) -> Any:
        """An artefact's JSON; None if it is not there."""
        found = self.get(kind, name)
        return None if found is None else json.loads(gzip.decompress(found))

    def delete(self, run: str, name: str) -> None:
        """Remove all of a run; ``run`` is ``backups`` or ``restores``."""
        content = self._content("DeleteObject")
        head = f"{self._root}{run}/{name}/"
        for key in [key for key in content if key.startswith(head)]:
            del content[key]

    def put_volume(self, snapshot: str, value: Any) -> None:
        """Store a volume's content under the snapshot's name."""
        self._content("PutObject")[f"{self._root}kopia/{snapshot}"] = json.dumps(value).encode()

    def volume(self, snapshot: str) -> Any:
        """A volume's content; None if it is gone."""
        found = self._content("GetObject").get(f"{self._root}kopia/{snapshot}")
        return None if found is None else json.loads(found)

    def delete_volume(self, snapshot: str) -> None:
        """Remove a volume's content."""
        self._content("DeleteObject").pop(f"{self._root}kopia/{snapshot}", None)

    def url(self, kind: str, name: str) -> str:
        """A signed address of an artefact, there or not, reachable or not; the public one."""
        signed = self._objects.signed_url(self._bucket, self.key(kind, name), URL_LIVES)
        return signed.replace(self._objects.url, self._public, 1) if self._public else signed

    def key(self, kind: str, name: str) -> str:
        """Where an artefact lies in the bucket."""
        if kind in _RESTORE:
            return f"{self._root}restores/{name}/{_RESTORE[kind].format(name)}"
        return f"{self._root}backups/{name}/{_BACKUP[kind].format(name)}"

    def _metadata_key(self, backup: str) -> str:
        return f"{self._root}backups/{backup}/velero-backup.json"

    def _content(self, action: str = "ListObjectsV2") -> dict[str, bytes]:
        return self._objects.bucket(self._url, self._bucket, action)


def packed(items: Iterable[tuple[Item, Json]]) -> bytes:
    """Write objects as Velero's tarball: each under its resource and its preferred version."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        _add(tar, "metadata/version", b"1.1.0\n")
        for (resource, namespace, name), obj in items:
            body = json.dumps(obj).encode()
            version = obj["apiVersion"].rpartition("/")[2]
            place = f"namespaces/{namespace}" if namespace else "cluster"
            _add(tar, f"resources/{resource}/{place}/{name}.json", body)
            _add(tar, f"resources/{resource}/{version}-preferredversion/{place}/{name}.json", body)
    return target.getvalue()


def unpacked(content: bytes) -> Mapping[Item, Json]:
    """Read Velero's tarball."""
    found: dict[Item, Json] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        for member in tar.getmembers():
            parts = member.name.removesuffix(".json").split("/")
            if parts[0] != "resources" or parts[2] not in ("namespaces", "cluster"):
                continue
            namespace = parts[3] if parts[2] == "namespaces" else ""
            stream = tar.extractfile(member)
            if stream is not None:
                found[parts[1], namespace, parts[-1]] = json.load(stream)
    return found


def _add(tar: tarfile.TarFile, path: str, body: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(body), 0o755
    tar.addfile(entry, io.BytesIO(body))
