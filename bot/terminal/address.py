"""A socket's address, however long its path.

The kernel takes 107 bytes (unix(7)); a state directory may have more. Linux also takes the path
through the folder's descriptor, which is short.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 107


@contextmanager
def short(path: Path) -> Iterator[str]:
    """An address for `bind` and `connect` that is short enough; valid within the block.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
