"""The two files of facts about the served kinds, and how to read them.

``facts.json.gz`` holds their OpenAPI schemas, ``messages.json.gz`` their protobuf numbers; see
``build`` and ``build_messages`` for how they are made.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

FACTS = Path(__file__).with_name("facts.json.gz")
MESSAGES = Path(__file__).with_name("messages.json.gz")

Message = dict[str, list[str]]
"""Fields by number: JSON name, form and flags."""


def load_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by their full name."""
    loaded: dict[str, dict[str, Any]] = json.loads(gzip.decompress(FACTS.read_bytes()))
    return loaded


def load_messages() -> dict[str, Message]:
    """Return the messages by package and kind, such as ``core/v1.Pod``."""
    loaded: dict[str, Message] = json.loads(gzip.decompress(MESSAGES.read_bytes()))
    return loaded


def package_of(group: str, version: str) -> str:
    """Return the short name of the Go package of a group version, such as ``core/v1``."""
    return f"{group.split('.')[0] or 'core'}/{version}"
