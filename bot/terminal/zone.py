"""The time zone of the person at a terminal, by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

LONGEST = 64
_FOLDER = "zoneinfo/"


def local_zone(environment: Mapping[str, str] = os.environ, link: str = "/etc/localtime") -> str:
    """`Europe/Berlin`: what `TZ` says, else where `/etc/localtime` leads; `UTC` without either."""
    named = environment.get("TZ", "").removeprefix(":")
    if not named or named.startswith("/"):
        _, found, name = os.path.realpath(named or link).partition(_FOLDER)
        named = name if found and Path(named or link).exists() else ""
    return named[:LONGEST] or "UTC"
