"""restore --replace: nothing goes that could not come back, and what is in the way does go."""

from __future__ import annotations

import pytest

from bot.errors import Failed
from integrations.kubernetes.kinds import PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET
from tests.commands.conftest import Office
from tests.commands.recovery import Recovery
from tests.commands.test_restore import backed_up


async def uid(recovery: Recovery, name: str = "data-db-0") -> str:
    claim = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", name)
    return str(claim["metadata"]["uid"])


async def broken_pod(recovery: Recovery) -> None:
    """The database cannot start any more: what a corrupt volume often looks like."""
    from sandbox.kube.resources import PODS

    old = (await recovery.kube.get(POD, "shop", "db-0"))["metadata"]["uid"]
    recovery.practice.controllers.world.fail_image("*db:1")
    await recovery.kube.delete(POD, "shop", "db-0")

    def pending() -> bool:
        pod = recovery.practice.store.peek(PODS, "shop", "db-0")
        return (
            pod is not None
            and pod["metadata"]["uid"] != old
            and pod["status"]["phase"] == "Pending"
        )

    await recovery.practice.wait_for(pending, 20)


async def test_a_safety_backup_without_the_volumes_data_leaves_everything_as_it_is(
    recoverable: Office, recovery: Recovery
) -> None:
    """Velero passes over volumes of pods that do not run, and says Completed."""
    await backed_up(recoverable, recovery)
    before = await uid(recovery)
    await broken_pod(recovery)
    with pytest.raises(
        Failed, match="lacks the data of 1 volume, so nothing was touched"
    ) as caught:
        await recoverable.run("restore shop --replace")
    assert "data-db-0: its pod is not running" in caught.value.why
    assert "`restore shop --replace --skip-safety` goes on without one" in caught.value.hint
    assert await uid(recovery) == before
    assert (await recovery.kube.get(STATEFUL_SET, "shop", "db"))["spec"]["replicas"] == 1
