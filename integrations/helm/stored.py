"""What Helm has on record, read from its own Secrets; no helm process is started.

Helm 3 and 4 keep each revision in a Secret of its own: ``data.release`` is base64 of gzip of JSON,
and base64 once more because it is in a Secret (Helm's ``pkg/storage/driver/util.go``). A helm
process needs a tenth of a second of processor time to tell the same.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.helm.errors import HelmError
from integrations.helm.models import Release, Revision
from integrations.helm.names import checked_release
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import SECRET

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient

_SECRET_NAME = re.compile(r"sh\.helm\.release\.v1\.(.+)\.v(\d+)")


@dataclass(frozen=True, slots=True)
class Record:
    """One revision as Helm keeps it.

    Attributes:
        revision: What may be shown.
        values: The user values. Secret.
    """

    revision: Revision
    values: Mapping[str, Any] = field(repr=False)


async def newest_number(client: KubeClient, release: str, namespace: str) -> int:
    """The number of a release's newest revision, 0 without one; names only, nothing decoded."""
    labels = {"owner": "helm", "name": checked_release(release)}
    table = await client.table(SECRET, namespace, labels=labels, metadata=True)
    found = (_SECRET_NAME.fullmatch(row.name) for row in table.rows)
    return max((int(m[2]) for m in found if m and m[1] == release), default=0)


async def newest(client: KubeClient, release: str, namespace: str) -> Release | None:
    """The release as its newest revision is, or None without one.

    Raises:
        HelmError: Its record cannot be read.
    """
    number = await newest_number(client, release, namespace)
    if not number:
        return None
    try:
        secret = await client.get(SECRET, namespace, f"sh.helm.release.v1.{release}.v{number}")
    except NotFound:  # uninstalled just now
        return None
    found = _record(secret).revision
    return Release(
        release,
        namespace,
        found.number,
        found.status,
        found.chart,
        found.app_version,
        found.updated,
    )


async def one(client: KubeClient, release: str, namespace: str, number: int) -> Revision:
    """One revision of a release.

    Raises:
        NotFound: It is not on record.
        HelmError: Its record cannot be read.
    """
    name = f"sh.helm.release.v1.{checked_release(release)}.v{number}"
    return _record(await client.get(SECRET, namespace, name)).revision


async def records(client: KubeClient, release: str, namespace: str) -> list[Record]:
    """All revisions on record, oldest first; empty without a release.

    Raises:
        HelmError: One of them cannot be read.
    """
    labels = {"owner": "helm", "name": checked_release(release)}
    found = await client.list(SECRET, namespace, labels=labels)
    return sorted((_record(item) for item in found.items), key=lambda r: r.revision.number)


def _record(secret: Mapping[str, Any]) -> Record:
    try:
        body = _decoded(secret["data"]["release"])
        info, meta = body["info"], body["chart"]["metadata"]
        revision = Revision(
            number=int(body["version"]),
            status=str(info["status"]),
            chart=f"{meta['name']}-{meta['version']}",
            app_version=str(meta.get("appVersion") or ""),
            updated=str(info.get("last_deployed") or ""),
            description=str(info.get("description") or ""),
        )
        return Record(revision, dict(body.get("config") or {}))
    except (KeyError, TypeError, ValueError, EOFError, OSError, zlib.error) as error:
        name = (secret.get("metadata") or {}).get("name", "")
        raise HelmError(
            f"Helm's record {name} cannot be read.",
            hint="See what `helm history` says of that release.",
            detail=type(error).__name__,
        ) from None


def _decoded(text: str) -> Any:
    """A record's JSON.

    Raises:
        ValueError, OSError, EOFError, zlib.error: It is none.
    """
    try:
        raw = base64.b64decode(base64.b64decode(text, validate=True), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return json.loads(gzip.decompress(raw))
