"""A restore that is cut at every boundary of every step ends right, and acts exactly once."""

from __future__ import annotations

import pytest

from bot.errors import Drifted
from integrations.kubernetes.kinds import STATEFUL_SET
from tests.commands.conftest import Office
from tests.commands.recovery import Recovery
from tests.commands.test_restore import backed_up, lost

EDGES = ("before", "acted", pytest.param("after", marks=pytest.mark.slow))
RESTORE = (
    "ask Velero for the restore",
    "Velero restores",
    "read what became of each object",
    "see what came back",
    "wait until it is ready",
)
ROOM = (
    "check that they are the planned ones",
    "stop the workloads",
    "wait until its pods are gone",
    "delete the workloads",
    "delete the volumes",
)


@pytest.mark.slow  # replacing has the same steps, and more
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("step", RESTORE)
async def test_a_cut_restore(recoverable: Office, recovery: Recovery, step: str, edge: str) -> None:
    await backed_up(recoverable, recovery)
    await lost(recovery)
    result, _ = await recoverable.run_cut("restore shop", step, edge)
    assert result.ok
    assert len(await recovery.velero.restores()) == 1
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("step", [*ROOM, *RESTORE])
async def test_a_cut_replace(recoverable: Office, recovery: Recovery, step: str, edge: str) -> None:
    await backed_up(recoverable, recovery)
    recovery.server.write_volume("shop", "data-db-0", {"rows": ["corrupt"]})
    result, _ = await recoverable.run_cut("restore shop --replace", step, edge)
    assert result.ok
    assert len(await recovery.velero.restores()) == 1
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]
    assert (await recovery.kube.get(STATEFUL_SET, "shop", "db"))["spec"]["replicas"] == 1


async def test_a_replace_acts_on_the_planned_objects_alone(
    recoverable: Office, recovery: Recovery
) -> None:
    """What took a name in the meantime is another object, and stays."""
    await backed_up(recoverable, recovery)
    plan = await recoverable.plan("restore shop --replace --skip-safety")
    await lost(recovery)
    await recovery.shop()
    fresh = await recovery.kube.get(STATEFUL_SET, "shop", "db")
    with pytest.raises(Drifted, match="db is another one than when this was planned"):
        await recoverable.run("restore shop --replace --skip-safety", plan)
    left = await recovery.kube.get(STATEFUL_SET, "shop", "db")
    assert left["metadata"]["uid"] == fresh["metadata"]["uid"]
    assert left["spec"]["replicas"] == 1
