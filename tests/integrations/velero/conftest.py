"""Objects and artefacts as a Velero 1.18.3 server wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "recorded"


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """The content of a recording, as JSON."""

    def read(name: str) -> Any:
        return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))

    return read
