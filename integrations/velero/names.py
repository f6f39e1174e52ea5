"""Names: stamps that keep them unique in the bucket, and labels that hold long ones."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

_STAMP = re.compile(r"-(\d{14})\Z")
_FORMAT = "%Y%m%d%H%M%S"
_LABEL_MAX = 63
_HASH = 6
NAME_MAX = 253
"""What Kubernetes allows for the name of such an object."""
STAMP_LENGTH = 15
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")


def is_name(name: str) -> bool:
    """Whether an object can be called so: a DNS subdomain (RFC 1123)."""
    return len(name) <= NAME_MAX and _NAME.match(name) is not None


def stamped(base: str, now_us: int) -> str:
    """Return ``base-YYYYMMDDHHMMSS`` (UTC), the form that Velero's own schedules give.

    Names must be unique in the bucket, not only in the cluster; so every one carries its time.
    """
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us)
    return f"{base}-{at.strftime(_FORMAT)}"


def is_stamped(name: str, base: str) -> bool:
    """Whether ``name`` is ``base`` with a stamp (14 digits that are a time)."""
    return stamp_of(name) is not None and name[:-STAMP_LENGTH] == base


def stamp_of(name: str) -> int | None:
    """Microseconds UTC of a name's stamp; None when it has none."""
    found = _STAMP.search(name)
    if found is None or not name[: -len(found[0])]:
        return None
    try:
        at = datetime.strptime(found[1], _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return round(at.timestamp()) * 1_000_000


def label_value(name: str) -> str:
    """The value of a label that stands for a name: long ones end in six digits of a hash.

    As in Velero's ``pkg/label.GetValidName``: above 63 characters the first 57 and the start of
    the SHA-256 of the whole.
    """
    if len(name) <= _LABEL_MAX:
        return name
    return name[: _LABEL_MAX - _HASH] + hashlib.sha256(name.encode()).hexdigest()[:_HASH]
