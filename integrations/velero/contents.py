"""The objects in a backup, read from its tarball: what they ask of the cluster they go to.

Velero writes each object twice, under its resource and under its version; the first is what a
restore takes (``pkg/archive`` of Velero 1.18).
"""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from integrations.velero.downloads import fetch_packed
from integrations.velero.errors import DownloadFailed, OutOfSight
from integrations.velero.values import Raw, part

if TYPE_CHECKING:
    from integrations.velero.client import Velero
    from integrations.velero.runs import Backup

UNPACKED = 256 << 20
"""Bytes of objects that are read at most; one at a time, so that they are never all in memory."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One object in a backup.

    Attributes:
        resource: Plural and group: ``deployments.apps``, ``secrets``.
        namespace: Empty for objects outside of namespaces.
        object: Its ``apiVersion``, ``kind`` and ``metadata``; the rest only where asked for, so
            that what is in Secrets stays in the store.
        ended: A pod or Job that has done its work; Velero does not restore it.
    """

    resource: str
    namespace: str
    name: str
    object: Raw
    ended: bool = False

    @property
    def kind(self) -> str:
        """``Deployment``."""
        return str(self.object.get("kind") or self.resource)


async def contents(
    velero: Velero, backup: Backup, *, whole: Collection[str] | None = ()
) -> tuple[Saved, ...]:
    """Read what a backup holds.

    Args:
        velero: Whose.
        backup: A finished one.
        whole: Resources of which the whole object is wanted, such as ``services``; None for all.

    Raises:
        NotReadyYet: It has not ended, or left nothing.
        ServerAway: Nobody hands out the address.
        DownloadFailed: The store gives nothing, nothing readable, or too much.
    """
    packed = await fetch_packed(velero, backup, "BackupContents")
    return await asyncio.to_thread(unpacked, packed, backup.name, whole)


async def fetch(velero: Velero, backup: Backup) -> tuple[Raw, ...]:
    """Read every object of a backup as it was saved, Secrets too; raises as ``contents``."""
    return tuple(saved.object for saved in await contents(velero, backup, whole=None))


def unpacked(
    packed: bytes, name: str, whole: Collection[str] | None, most: int = UNPACKED
) -> tuple[Saved, ...]:
    """Read Velero's tarball, at most so many bytes of objects.

    Raises:
        DownloadFailed: It is damaged or too long.
    """
    try:
        return tuple(_objects(packed, name, whole, most))
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise DownloadFailed(
            f"The content of backup {name} is damaged in the store.", detail=repr(error)
        ) from error


def _objects(packed: bytes, name: str, whole: Collection[str] | None, most: int) -> Iterator[Saved]:
    read = 0
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r|gz") as tar:
        for member in tar:
            place = _place(member.name)
            if place is None or not member.isfile():
                continue  # the second copy of each object among them
            read += member.size
            if read > most:
                raise OutOfSight(
                    f"The content of backup {name} is longer than {most >> 20} MB.",
                    hint=f"`velero backup describe {name} --details` shows what it holds.",
                )
            stream = tar.extractfile(member)
            if stream is None:
                continue
            found = json.load(stream)
            if isinstance(found, dict):
                yield Saved(*place, _kept(found, whole is None or place[0] in whole), _ended(found))


def _place(path: str) -> tuple[str, str, str] | None:
    """``resources/services/namespaces/parse/web.json`` → resource, namespace, name."""
    parts = path.removesuffix(".json").split("/")
    if len(parts) < 4 or parts[0] != "resources" or not path.endswith(".json"):
        return None
    if parts[2] == "cluster" and len(parts) == 4:
        return parts[1], "", parts[3]
    if parts[2] == "namespaces" and len(parts) == 5:
        return parts[1], parts[3], parts[4]
    return None


def _kept(found: dict[str, Any], whole: bool) -> Raw:
    if whole:
        return found
    meta = dict(part(found, "metadata"))
    meta.pop("managedFields", None)
    # kubectl's copy of the whole object would bring a Secret's content along.
    notes = {k: v for k, v in (meta.get("annotations") or {}).items() if "last-applied" not in k}
    meta["annotations"] = notes
    return {"apiVersion": found.get("apiVersion"), "kind": found.get("kind"), "metadata": meta}


def _ended(found: Raw) -> bool:
    status = part(found, "status")
    if found.get("kind") == "Pod":
        return status.get("phase") in ("Succeeded", "Failed")
    return found.get("kind") == "Job" and bool(status.get("completionTime"))
