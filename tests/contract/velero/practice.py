"""The practice world's Velero as a world of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.velero.world import World


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[World]:
    """A practice cluster with Velero and its store."""
    pytest.importorskip("sandbox.velero")
    raise NotImplementedError
    yield  # type: ignore[unreachable]


@asynccontextmanager
async def another(world: World, folder: Path) -> AsyncIterator[World]:
    """A second practice cluster on the store of ``world``."""
    raise NotImplementedError
    yield  # type: ignore[unreachable]
