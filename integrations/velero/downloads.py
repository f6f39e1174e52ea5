"""Fetching what Velero stored: it signs an address, we get the file from the store itself."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
import zlib
from typing import TYPE_CHECKING, Any

import aiohttp

from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import SECRET
from integrations.kubernetes.models import Object
from integrations.velero import kinds
from integrations.velero.errors import (
    DownloadFailed,
    NoSuchBackup,
    NotReadyYet,
    OutOfSight,
    VeleroError,
    store_cause,
)
from integrations.velero.runs import Backup, Restore
from integrations.velero.values import part
from integrations.velero.waiting import Waiting, until

if TYPE_CHECKING:
    from integrations.velero.client import Velero

SIGNING = 4.0
"""Seconds for the server's answer; with the question whether it lives, less than ten in all."""
ASK = 4.0
CONNECT = 4.0
TOTAL = 120.0
LIMIT = 64 * 1024 * 1024
"""Bytes of one file, unpacked: a log of half a million lines."""

_READY = frozenset({"Completed", "PartiallyFailed", "Failed", "Deleting"})
"""Phases of which there are files; of earlier ones the address leads nowhere."""


async def fetch(velero: Velero, run: Backup | Restore, target: str) -> str:
    """Return one artefact of a run as text.

    Args:
        velero: Whose.
        run: The backup or restore.
        target: Such as ``BackupLog``; the kinds are ``DownloadTargetKind``'s in Velero's API.

    Raises:
        NotReadyYet: The run has not ended, or left no such artefact.
        ServerAway: Nobody hands out the address.
        DownloadFailed: The store gives nothing, or nothing readable.
    """
    packed = await fetch_packed(velero, run, target)
    return await asyncio.to_thread(unpacked, packed, described(run), target)


async def fetch_packed(velero: Velero, run: Backup | Restore, target: str) -> bytes:
    """Return one artefact of a run as it lies in the store; arguments and errors as ``fetch``."""
    what = described(run)
    if run.phase not in _READY and not run.phase.startswith(("Waiting", "Finalizing")):
        raise NotReadyYet(
            f"{what} has no stored {_noun(target)} (yet): its phase is {run.phase}.",
            hint="; ".join(run.problems) or "Look again when it has ended.",
        )
    url = await _signed(velero, run, target, what)
    location = await _location(velero, run)
    try:
        return await _get(url, await _trust(velero, location), what, target)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        cause = store_cause(str(error) or "i/o timeout")
        host = url.split("://", 1)[-1].split("/", 1)[0]
        raise OutOfSight(
            f"The {_noun(target)} of {what} could not be fetched from {host}: {cause}.",
            hint="The bot fetches it from the store itself; set the location's publicUrl when "
            "its address is known inside the cluster only.",
            detail=repr(error),
        ) from error


def described(run: Backup | Restore) -> str:
    """A run in words: ``Backup saved``."""
    return f"{type(run).__name__} {run.name}"


async def _signed(velero: Velero, run: Backup | Restore, target: str, what: str) -> str:
    """The address that the server signs (valid for ten minutes)."""
    name = f"{run.name[:200]}-{secrets.token_hex(6)}"
    body = {"target": {"kind": target, "name": run.name}}
    await velero.create_object(kinds.DOWNLOAD_REQUEST, name, body, {})
    wait = Waiting(lambda raw: bool(part(raw, "status").get("downloadURL")))
    raw: Object | None = None
    try:
        raw = await until(
            velero.kube, kinds.DOWNLOAD_REQUEST, velero.namespace, name, wait, timeout=SIGNING
        )
    except TimeoutError:
        await velero.server(ASK)
    if raw is None:
        raise DownloadFailed(
            f"Velero gives no address for the {_noun(target)} of {what}: {await _why(velero, run)}."
        )
    return str(part(raw, "status")["downloadURL"])


async def _why(velero: Velero, run: Backup | Restore) -> str:
    """What the server only writes into its own log: a missing backup or location."""
    try:
        backup = run if isinstance(run, Backup) else await velero.backup(run.backup)
        location = await velero.location(backup.location)
    except VeleroError as error:
        return error.message.rstrip(".")
    if not location.available:
        return store_cause(location.message or f"storage location {location.name} is unavailable")
    return "see the server's log"


async def _location(velero: Velero, run: Backup | Restore) -> Object:
    try:
        backup = run if isinstance(run, Backup) else await velero.backup(run.backup)
        return await velero.kube.get(kinds.LOCATION, velero.namespace, backup.location)
    except (NotFound, NoSuchBackup):
        return {}


async def _trust(velero: Velero, location: Object) -> ssl.SSLContext | bool:
    """How to check the store's certificate, as the location says."""
    spec = part(location, "spec")
    if str(part(spec, "config").get("insecureSkipTLSVerify")).lower() == "true":
        return False
    store = part(spec, "objectStorage")
    authority = store.get("caCert")
    reference = part(store, "caCertRef")
    if reference and not authority:
        secret = await velero.kube.get(SECRET, velero.namespace, str(reference.get("name")))
        authority = part(secret, "data").get(str(reference.get("key")))
    if not authority:
        return True
    return ssl.create_default_context(cadata=base64.b64decode(authority).decode())


async def _get(url: str, trust: ssl.SSLContext | bool, what: str, target: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=TOTAL, connect=CONNECT, sock_connect=CONNECT)
    connector = aiohttp.TCPConnector(ssl=trust)
    async with (
        # The signature is over the address as it is, and the store may say "gzip" about the file.
        aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as http,
        http.get(_as_is(url)) as answer,
    ):
        if answer.status == 404:
            raise NotReadyYet(
                f"{what} left no {_noun(target)} in the store.",
                hint="It may have failed before it was written, or someone removed it.",
            )
        if answer.status != 200:
            said = (await answer.content.read(4096)).decode("utf-8", "replace")
            cause = store_cause(f"{said} StatusCode: {answer.status}")
            raise DownloadFailed(
                f"The store refuses the {_noun(target)} of {what} ({answer.status}): {cause}.",
                detail=said,
            )
        if (answer.content_length or 0) > LIMIT:
            raise _too_long(what, target)
        return await answer.content.read()


def _as_is(url: str) -> Any:
    from yarl import URL

    return URL(url, encoded=True)


def unpacked(packed: bytes, what: str, target: str) -> str:
    """Return the text in a gzip file.

    Raises:
        DownloadFailed: It is damaged, cut short, or longer than ``LIMIT``.
    """
    engine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = engine.decompress(packed, LIMIT)
    except zlib.error as error:
        raise DownloadFailed(
            f"The {_noun(target)} of {what} is damaged in the store.", detail=repr(error)
        ) from error
    if engine.unconsumed_tail:
        raise _too_long(what, target)
    if not engine.eof:
        raise DownloadFailed(f"The {_noun(target)} of {what} is cut short in the store.")
    return text.decode("utf-8", "replace")


def _too_long(what: str, target: str) -> OutOfSight:
    return OutOfSight(
        f"The {_noun(target)} of {what} is longer than {LIMIT >> 20} MB.",
        hint="Read it with Velero's own command line.",
    )


def _noun(target: str) -> str:
    for ending, noun in _NOUNS:
        if target.endswith(ending):
            return noun
    return target


_NOUNS = (
    ("Log", "log"),
    ("Results", "results"),
    ("ResourceList", "list of objects"),
    ("VolumeInfos", "list of volumes"),
    ("VolumeInfo", "list of volumes"),
    ("BackupContents", "content"),
)
