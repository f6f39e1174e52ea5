"""Living clusters without HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.kube.controllers import Pace

from ..living import Cluster, living


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    """Everything happens at once."""
    async with living(Pace().scaled(0)) as found:
        yield found


@pytest.fixture
async def paced() -> AsyncIterator[Cluster]:
    """Everything takes a little time, so that what lies between can be seen."""
    async with living(Pace().scaled(0.02)) as found:
        yield found
