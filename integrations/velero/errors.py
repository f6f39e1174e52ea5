"""What can go wrong with Velero, one sentence each.

::

    VeleroError
    ├── VeleroMissing     its CRDs are not in the cluster
    ├── ServerAway        nobody processes requests
    ├── NoSuchBackup, NoSuchRestore, NoSuchSchedule, NoSuchLocation
    ├── AlreadyThere      the name is taken
    ├── RequestRefused    the API server does not take the object
    ├── BadSchedule       times that Velero would not take
    ├── TookTooLong       it did not end in the time given (it goes on)
    ├── DeletionFailed    a backup could not be removed
    ├── DownloadFailed    the store gave nothing, or nothing readable
    │   └── OutOfSight    it gave us nothing, but may well serve Velero
    └── NotReadyYet       there is no such artefact (yet)

Failures of the API server itself stay ``integrations.kubernetes.errors.KubernetesError``.
"""

from __future__ import annotations

import re

from integrations.errors import IntegrationError


class VeleroError(IntegrationError):
    """Base of everything in this tree."""


class VeleroMissing(VeleroError):
    """Velero is not installed in this cluster."""


class ServerAway(VeleroError):
    """Velero's server does not process requests."""


class NoSuchBackup(VeleroError):
    """There is no such backup (any more)."""


class NoSuchRestore(VeleroError):
    """There is no such restore (any more)."""


class NoSuchSchedule(VeleroError):
    """There is no such schedule."""


class NoSuchLocation(VeleroError):
    """There is no such storage location."""


class AlreadyThere(VeleroError):
    """An object of that name exists."""


class RequestRefused(VeleroError):
    """The API server refused the object, or the name could not be one."""


class BadSchedule(VeleroError):
    """The times of a schedule cannot be read, or never come."""


class TookTooLong(VeleroError):
    """A run did not end in the time given; it goes on without us."""


class DeletionFailed(VeleroError):
    """The server could not remove a backup."""


class DownloadFailed(VeleroError):
    """What Velero stored could not be fetched or read."""


class OutOfSight(DownloadFailed):
    """We do not reach the store, or may not hold so much: Velero itself may be well off."""


class NotReadyYet(VeleroError):
    """The store has no such artefact: the run is not far enough, or failed before it."""


_CAUSES: tuple[tuple[str, str], ...] = (
    # First match wins. What S3 stores, Go's and Python's dialers and Velero itself say.
    (r"nosuchbucket|bucket does not exist", "no such bucket"),
    (
        r"unable to get credentials|no valid credential|nocredentialproviders|"
        r"failed to (retrieve|refresh).*credential",
        "Velero has no key for the store: the Secret that the location names lacks it",
    ),
    (
        r"invalidaccesskeyid|access key id you provided does not exist|signaturedoesnotmatch|"
        r"expiredtoken|invalidtoken",
        "the store does not accept the key",
    ),
    (r"accessdenied|access denied|forbidden|statuscode: 403", "the store denies access"),
    (r"server gave http response to https", "the store speaks http, but its address says https"),
    (r"x509|certificate|tls:", "the store's certificate is not trusted"),
    (
        r"unexpected top-level directories",
        "the bucket's folder holds other things; give Velero a prefix of its own",
    ),
    (
        r"no such host|server misbehaving|name or service not known|name resolution",
        "the store's address is unknown",
    ),
    (
        r"connection refused|connect call failed|cannot connect to host|i/o timeout|"
        r"deadline exceeded|no route to host|network is unreachable|connection reset|"
        r"request send failed|unexpected eof|client\.timeout|statuscode: 5\d\d|"
        r"serviceunavailable|slowdown",
        "the store cannot be reached",
    ),
    (r"storage.*full|xminiostoragefull|quota|enospc|no space left", "the store is full"),
    (
        r"unable to (locate|find) (objectstore )?plugin",
        "Velero lacks the plugin for this kind of store",
    ),
    (r"read-only mode", "its storage location is read-only"),
    (r"in unavailable state", "its storage location is Unavailable"),
    (r"backup is still in progress", "it is still being made"),
)
_WRAPPING = re.compile(
    r"^(BackupStorageLocation \"[^\"]*\" is unavailable: |backup deletion failed: |"
    r"rpc error: code = \w+ desc = )+"
)
_COMPILED = tuple((re.compile(pattern), cause) for pattern, cause in _CAUSES)


def store_cause(message: str) -> str:
    """A short cause for what a store said; the start of its own words when it is unknown.

    For ``Location.message``, the problems of a refused backup, and errors of a deletion: AWS'
    client wraps the cause in some three hundred characters.
    """
    lower = message.lower()
    for pattern, cause in _COMPILED:
        if pattern.search(lower):
            return cause
    words = _WRAPPING.sub("", " ".join(message.split()))
    return words if len(words) <= 160 else words[:159] + "…"
