"""The one real clock; everything else is handed one."""

from __future__ import annotations

import time


def now() -> int:
    """Microseconds UTC."""
    return time.time_ns() // 1000
