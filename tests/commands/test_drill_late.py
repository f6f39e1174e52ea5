"""A drill that did not get the time it needs says which setting gives it more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Cut, Office
from tests.commands.recovery import Recovery, shop_config

pytestmark = pytest.mark.timeout(30)
MORE = "`backup.drill.timeout` of shop in onprem.yaml gives it more than 1 s."


class Freed(Cut):
    """What sticks goes on when the drill begins to clear up."""

    def __init__(self, recovery: Recovery) -> None:
        super().__init__()
        self._recovery = recovery

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        if step.startswith("delete namespace"):
            self._recovery.server.heal()


async def drilled(tmp_path: Path, office: Office, recovery: Recovery) -> str:
    office.config = shop_config(tmp_path, drill={"timeout": 1})
    result, _ = await office.run("restore drill shop", cut=Freed(recovery))
    assert not result.ok
    assert result.left_behind == ""
    return str(result.why)


async def test_a_restore_that_takes_too_long(
    tmp_path: Path, recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    await recoverable.run("backup create shop")
    recovery.server.fault("sticks")
    why = await drilled(tmp_path, recoverable, recovery)
    assert "has not ended after 1 s" in why
    assert MORE in why
    assert "goes on without us" not in why


async def test_a_copy_that_takes_too_long_to_be_ready(
    tmp_path: Path, recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    await recoverable.run("backup create shop")
    recovery.practice.controllers.world.never_ready("*db:*")
    why = await drilled(tmp_path, recoverable, recovery)
    assert "Not ready after 1 s" in why
    assert MORE in why
    assert "`status" not in why, "the copy is gone"
