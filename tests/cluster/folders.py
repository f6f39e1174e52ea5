"""Temporary folders that outlive nobody: what a killed run left goes with the next one's start.

    with own_folder("onprem-lab-") as folder:
        ...

Whoever owns such a folder holds a lock on it (flock(2)), which the kernel takes away when the
process ends, however it ends. So a folder that can be locked has lost its owner.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def own_folder(prefix: str, root: Path | None = None) -> Iterator[Path]:
    """Remove what dead owners left, then make a folder; it is gone at the end of the block.

    After an error it stays for what is in it, such as logs, until the next start.

    Args:
        prefix: How the names of such folders begin.
        root: Where they are; the system's temporary directory without it.
    """
    root = root or Path(tempfile.gettempdir())
    sweep(prefix, root)
    folder, lock = _made(prefix, root)
    failed = False
    try:
        yield folder
    except Exception:
        failed = any(folder.iterdir())
        raise
    finally:
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(prefix: str, root: Path) -> list[Path]:
    """Remove the folders whose owners are dead; returns them. Those of other users are left."""
    swept = []
    for folder in root.glob(f"{prefix}*"):
        with suppress(OSError):  # not ours, owned by a living process, or gone just now
            lock = _locked(folder, fcntl.LOCK_NB)
            try:
                shutil.rmtree(folder)
                swept.append(folder)
            finally:
                os.close(lock)
    return swept


def _made(prefix: str, root: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        with suppress(FileNotFoundError):
            lock = _locked(folder)
            if folder.is_dir():  # nobody swept it before it was locked
                return folder, lock
            os.close(lock)


def _locked(folder: Path, how: int = 0) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
