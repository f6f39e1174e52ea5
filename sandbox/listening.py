"""A server on loopback that can be away: its port refuses connections, and nobody else gets it."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiohttp import web


class Listener:
    """An address that some application answers at; `start` it.

    Attributes:
        url: Its address, the same for as long as it lives; empty before the start.
    """

    def __init__(self, application: Callable[[], web.Application]) -> None:
        """Prepare it.

        Args:
            application: Makes the application, anew for each time that it comes back.
        """
        self._make = application
        self._reserved: socket.socket | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        # Bound but not listening: nobody else gets the port while it is away.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._reserved.bind(("127.0.0.1", port))
        except OSError:
            self._reserved.close()
            raise
        self.url = f"http://127.0.0.1:{self._reserved.getsockname()[1]}"
        await self.back()

    async def close(self) -> None:
        """Stop listening and let the port go."""
        await self.away()
        if self._reserved is not None:
            self._reserved.close()

    async def away(self) -> None:
        """Refuse connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def back(self) -> None:
        """Answer again."""
        if self._runner is not None or self._reserved is None:
            return
        self._runner = web.AppRunner(self._make(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        host, port = self._reserved.getsockname()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()

    @property
    def reachable(self) -> bool:
        """Whether it answers."""
        return self._runner is not None
