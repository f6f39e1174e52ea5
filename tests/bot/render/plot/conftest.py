"""Artists, whose fonts are looked for once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.render.plot import Artist


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all artists keep what they have learned."""
    return tmp_path_factory.mktemp("drawing")


@pytest.fixture
async def hire(fonts: Path) -> AsyncIterator[Callable[..., Artist]]:
    """Makes artists that are gone at the end."""
    hired: list[Artist] = []

    def one(**more: Any) -> Artist:
        hired.append(Artist(fonts, **more))
        return hired[-1]

    yield one
    for artist in hired:
        await artist.close()
