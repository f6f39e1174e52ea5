"""Who draws: one warm process, started when it is first needed, replaced when it dies or hangs."""

from __future__ import annotations

from pathlib import Path

from bot.render.plot.pictures import Picture


class Artist:
    """Draws pictures in a process of its own, one at a time.

    Args:
        folder: Where the process keeps what it has learned of the fonts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def warm(self) -> None:
        """Starts the process, so that the first picture comes at once."""

    async def draw(self, picture: Picture) -> bytes | None:
        """The picture as PNG; None when it could not be drawn in time."""
        raise NotImplementedError

    async def close(self) -> None:
        """Ends the process."""
