"""Telling whether a chart is still the one that was previewed."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path


async def chart_digest(chart: str | Path, version: str | None = None) -> str:
    """Digest of a chart's content: names and bytes of a directory's files, or an archive's bytes.

    A chart that is not local is identified by its reference and version.
    """
    return await asyncio.to_thread(_digest, str(chart), version)


def _digest(chart: str, version: str | None) -> str:
    path, digest = Path(chart), hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    elif path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            name, content = str(file.relative_to(path)).encode(), file.read_bytes()
            digest.update(b"%d:%s%d:" % (len(name), name, len(content)) + content)
    else:
        digest.update(f"{chart}@{version or ''}".encode())
    return "sha256:" + digest.hexdigest()
