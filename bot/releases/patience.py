"""Reading from a cluster that is away for a while, in the middle of a change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds for which a change that has begun waits for its cluster."""
_PAUSES = (0.2, 0.5, 1.0, 2.0)


class Says(Protocol):
    """Somebody who can be told what is waited for: a running operation."""

    async def say(self, detail: str) -> None:
        """Shows it in passing."""


async def patiently(op: Says, read: Callable[[], Awaitable[T]], *, timeout: float = PATIENCE) -> T:
    """Reads, and reads again while the cluster does not answer.

    A change that has begun must not end as failed because its cluster was away for a moment:
    what it did is still at work there. Under the running step it says what it waits for.

    Args:
        op: Is told what is waited for.
        read: What to read; it is repeated, so it must change nothing.
        timeout: Seconds; then the last error is raised.

    Raises:
        IntegrationError: Of the read: another failure, or this one for too long.
    """
    from integrations.kubernetes.errors import ClusterUnreachable, ServerError, TooManyRequests

    end, tries = asyncio.get_running_loop().time() + timeout, 0
    while True:
        try:
            return await read()
        except (ClusterUnreachable, ServerError, TooManyRequests) as error:
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
            if asyncio.get_running_loop().time() + pause > end:
                raise
            tries += 1
            await op.say(f"waiting for the cluster: {error.message}")
            await asyncio.sleep(pause)
