"""The files that are shipped with the code: charts, manifests, the example configuration."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder: `shipped("charts", "parse-server")`.

    In a wheel these lie in `bot/_data`, in a checkout beside `bot`. The path need not exist.
    """
    inside = _HERE / "_data"
    return (inside if inside.is_dir() else _HERE.parent).joinpath(*parts)
