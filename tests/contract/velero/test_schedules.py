"""Schedules: validated, run when due, paused, skipped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from integrations.velero import cron, kinds
from integrations.velero.errors import AlreadyThere, NoSuchSchedule
from integrations.velero.models import Backup, BackupSpec, Schedule
from tests.contract.velero.world import APP, Hands, eventually


def spec(hands: Hands) -> BackupSpec:
    return BackupSpec([hands.namespace], [APP], ttl=3600, labels={"by": "schedule"})


async def looked_at(hands: Hands, name: str) -> Schedule:
    async def there() -> Schedule | None:
        found = await hands.velero.schedule(name)
        return found if found.phase != "New" else None

    found: Schedule = await eventually(there)
    return found


async def touched(hands: Hands, name: str, **spec: Any) -> None:
    """A change of the spec makes the server look now; it looks by itself each minute."""
    raw = await hands.kube.get(kinds.SCHEDULE, hands.world.namespace, name)
    ttl = "2h0m0s" if raw["spec"]["template"].get("ttl") == "1h0m0s" else "1h0m0s"
    body = {"spec": {"template": {"ttl": ttl}, **spec}}
    await hands.kube.patch(kinds.SCHEDULE, hands.world.namespace, name, body)


async def due(hands: Hands, name: str) -> Backup:
    async def made() -> Backup | None:
        await touched(hands, name)
        found = await hands.velero.backups(schedule=name)
        return found[0] if found else None

    found: Backup = await eventually(made, pause=0.3)
    return found


async def test_a_schedule_is_validated_and_enabled(hands: Hands) -> None:
    name = hands.name("s")
    made = await hands.velero.create_schedule(name, "0 2 * * *", spec(hands), {"by": "me"})
    assert (made.phase, made.cron, made.paused) == ("New", "0 2 * * *", False)
    found = await looked_at(hands, name)
    assert found.phase == "Enabled"
    assert found.problems == ()
    assert found.labels == {"by": "me"}
    assert found.last_backup_at is None, "the first comes when it is due"
    assert found.template["includedNamespaces"] == [hands.namespace]
    assert name in [s.name for s in await hands.velero.schedules()]
    await hands.velero.delete_schedule(name)
    with pytest.raises(NoSuchSchedule):
        await hands.velero.schedule(name)
    with pytest.raises(NoSuchSchedule):
        await hands.velero.delete_schedule(name)


@pytest.mark.parametrize("times", ["nonsense", "61 * * * *", "0 2 * * 8", "@every x", "0 0 L * *"])
async def test_unreadable_times_fail_the_validation(hands: Hands, times: str) -> None:
    name = hands.name("s")
    await hands.velero.create_schedule(name, times, spec(hands))
    found = await looked_at(hands, name)
    assert found.phase == "FailedValidation"
    assert "invalid schedule" in found.problems[0]
    with pytest.raises(cron.BadSchedule):
        cron.next_run(times, 0)


@pytest.mark.parametrize(
    "times",
    ["@daily", "@every 24h", "CRON_TZ=Europe/Berlin 0 2 * * *", "? 2 */2 jan-mar MON,fri,7"],
)
async def test_times_that_velero_takes_are_taken_here_too(hands: Hands, times: str) -> None:
    name = hands.name("s")
    await hands.velero.create_schedule(name, times, spec(hands))
    assert (await looked_at(hands, name)).phase == "Enabled"
    assert cron.next_run(times, 0) > 0
    await hands.velero.delete_schedule(name)


async def test_a_run_that_is_due_makes_a_backup_of_its_own_name(hands: Hands) -> None:
    name = hands.name("s")
    await hands.velero.create_schedule(name, "@every 1s", spec(hands), {"mine": "yes"})
    backup = await due(hands, name)
    await hands.velero.pause_schedule(name, True)

    assert re.fullmatch(rf"{name}-\d{{14}}", backup.name)
    assert backup.schedule == name
    assert backup.labels["velero.io/schedule-name"] == name
    assert backup.labels.get("by") == "schedule", "the template's labels"
    assert (await hands.velero.follow_backup(backup.name)).completed
    found = await hands.velero.schedule(name)
    assert found.last_backup_at is not None
    await hands.velero.delete_schedule(name)
    assert await hands.velero.backup(backup.name), "backups outlive their schedule"


async def test_a_paused_schedule_makes_none_and_goes_on_later(hands: Hands) -> None:
    name = hands.name("s")
    await hands.velero.create_schedule(name, "@every 1s", spec(hands), paused=True)
    assert (await hands.velero.schedule(name)).paused
    # Another one, made later, runs: the server has looked in the meantime.
    other = hands.name("other")
    await hands.velero.create_schedule(other, "@every 1s", spec(hands))
    await touched(hands, name)
    backup = await due(hands, other)
    await hands.velero.delete_schedule(other)
    await hands.velero.follow_backup(backup.name)
    assert await hands.velero.backups(schedule=name) == ()
    assert not (await hands.velero.pause_schedule(name, False)).paused
    assert await due(hands, name)
    await hands.velero.delete_schedule(name)


async def test_the_next_run_can_be_skipped(hands: Hands) -> None:
    name = hands.name("s")
    await hands.velero.create_schedule(name, "@every 24h", spec(hands))
    await looked_at(hands, name)
    await touched(hands, name, skipImmediately=True)

    async def skipped() -> Schedule | None:
        found = await hands.velero.schedule(name)
        return found if found.last_skipped_at is not None else None

    found: Schedule = await eventually(skipped)
    assert found.last_backup_at is None
    assert found.last_skipped_at is not None
    assert cron.next_due(found) == found.last_skipped_at + 86_400_000_000
    await hands.velero.delete_schedule(name)


async def test_a_schedule_has_its_name_once(hands: Hands) -> None:
    name = hands.name("s")
    await hands.velero.create_schedule(name, "@daily", spec(hands))
    with pytest.raises(AlreadyThere):
        await hands.velero.create_schedule(name, "@daily", spec(hands))
    await hands.velero.delete_schedule(name)
