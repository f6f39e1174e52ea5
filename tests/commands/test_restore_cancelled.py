"""A restore that a person stops: what Velero goes on with is told, what it has not begun goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bot.errors import Cancelled, Failed
from tests.commands.conftest import Cut, Office
from tests.commands.recovery import Recovery
from tests.commands.test_restore import backed_up, lost


@dataclass
class At(Cut):
    """Does something at one boundary, and does not end the process there."""

    act: Callable[[], object] = lambda: None

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        if (step, edge) == (self.step, self.edge):
            self.act()


async def test_what_velero_has_not_begun_is_withdrawn(
    recoverable: Office, recovery: Recovery
) -> None:
    await backed_up(recoverable, recovery)
    await lost(recovery)
    plan = await recoverable.plan("restore shop")
    recovery.server.fault("away")
    stop = At(
        "ask Velero for the restore", "after", act=lambda: recoverable.operation.cancel("ann")
    )
    with pytest.raises(Cancelled) as caught:
        await recoverable.run("restore shop", plan, cut=stop)
    assert "withdrawn" in caught.value.hint
    assert await recovery.velero.restores() == ()


async def test_what_velero_has_begun_is_told_to_go_on(
    recoverable: Office, recovery: Recovery
) -> None:
    await backed_up(recoverable, recovery)
    await lost(recovery)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_later(0.3, recoverable.operation.cancel, "ann")

    recovery.server.fault("sticks")
    with pytest.raises(Cancelled) as caught:
        await recoverable.run("restore shop", cut=At("Velero restores", "before", act=stop))
    (restore,) = await recovery.velero.restores()
    assert "goes on with it" in caught.value.hint
    assert restore.name in caught.value.hint
    recovery.server.heal()


async def test_a_replace_tells_it_too(recoverable: Office, recovery: Recovery) -> None:
    await backed_up(recoverable, recovery)
    plan = await recoverable.plan("restore shop --replace --skip-safety")
    recovery.server.fault("away")
    stop = At(
        "ask Velero for the restore", "after", act=lambda: recoverable.operation.cancel("ann")
    )
    with pytest.raises(Failed, match="are deleted, and not restored yet") as caught:
        await recoverable.run("restore shop --replace --skip-safety", plan, cut=stop)
    assert "withdrawn" in caught.value.why
