"""What a server that answers nobody spares those who come a moment later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp

BELIEVED = 1.0
"""Seconds for which a silence is believed, so that a server that is back is soon asked again."""


class Silence:
    """Of one server, whether a connection to it was in vain, and nobody got an answer meanwhile.

    Work that waits its turn behind such connections would else wait for as many timeouts.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heard = self._in_vain = -math.inf

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Wraps one request up to the beginning of its answer.

        Raises:
            ConnectionTimeoutError: Another was in vain a moment ago; nothing is sent.
        """
        began = self._clock()
        if self._in_vain > self._heard and began - self._in_vain < BELIEVED:
            raise aiohttp.ConnectionTimeoutError("it answered nobody a moment ago")
        try:
            yield
        except aiohttp.ConnectionTimeoutError:
            if self._heard < began:
                self._in_vain = self._clock()
            raise
        self._heard = self._clock()
