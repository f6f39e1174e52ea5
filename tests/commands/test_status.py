"""`status` when the cluster does not answer."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.faults import Fault
from tests.commands.world import World

pytestmark = pytest.mark.helm


async def test_a_cluster_that_does_not_answer_is_not_an_app_that_is_not_there(
    shop: Any, world: World
) -> None:
    world.server.faults.add(Fault(503, times=None))
    result, document = await shop.read("status parse")
    assert not result.ok
    assert document.headline == "How parse is on main cannot be told"
    assert "not deployed" not in str(document)
    assert "deploy parse" not in str(document)

    world.server.faults.clear()
    result, document = await shop.read("status parse")
    assert result.ok
    assert document.headline == "parse is not deployed on main"
