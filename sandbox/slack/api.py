"""A small JSON and WebSocket API below `/sandbox/`: for the page and for other processes.

Not a part of Slack. It acts as any person without a password, so it answers only requests whose
Host is loopback and whose Origin, if there is one, is the page itself: another web page in the
same browser cannot drive it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from sandbox.slack.server import SlackServer

PAGE = Path(__file__).parent / "page"


class Api:
    """Routes of the page and its API."""

    def __init__(self, server: SlackServer) -> None:
        self._server = server

    def install(self, application: web.Application) -> None:
        """Add the routes."""
