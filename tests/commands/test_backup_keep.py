"""backup delete and backup keep on a practice cluster."""

from __future__ import annotations

import pytest

from bot.context import Weight
from bot.errors import Failed, Refused, UsageError
from bot.recovery.words import times
from tests.commands.conftest import Cut, Journal, Killed, Office, text_of
from tests.commands.recovery import Recovery

DAY = 86_400_000_000


async def made(office: Office, line: str = "backup create shop") -> str:
    office.now += 1_500_000
    result, _ = await office.run(line)
    return str(result.checked.name)


@pytest.fixture
async def name(recoverable: Office, recovery: Recovery) -> str:
    await recovery.shop()
    return await made(recoverable)


async def test_a_deleted_backup_is_gone(recoverable: Office, recovery: Recovery, name: str) -> None:
    other = await made(recoverable)
    plan = await recoverable.plan(f"backup delete {name}")
    assert (plan.weight, plan.typed) == (Weight.TYPE, name)
    assert plan.warnings == ("Its data in the store is deleted, for good.",)
    _, document = await recoverable.run(f"backup delete {name}", plan)
    assert document.headline == f"{name} is gone from main and from the store"
    assert [b.name for b in await recovery.velero.backups()] == [other]


async def test_the_last_good_one_is_told(recoverable: Office, name: str) -> None:
    plan = await recoverable.plan(f"backup delete {name}")
    assert plan.warnings[0] == (
        "It is the last good backup of shop: nothing to restore would be left."
    )


@pytest.mark.parametrize("edge", ["acted", "after"])
@pytest.mark.parametrize("step", ["ask Velero to delete it", "wait until it is gone"])
async def test_a_cut_deletion_goes_on(
    recoverable: Office, recovery: Recovery, name: str, step: str, edge: str
) -> None:
    await recoverable.run_cut(f"backup delete {name}", step, edge)
    assert await recovery.velero.backups() == ()


async def test_a_cut_deletion_asks_once(recoverable: Office, recovery: Recovery, name: str) -> None:
    """Velero works on nothing meanwhile, so that the first request is still there."""
    line, journal = f"backup delete {name}", Journal()
    plan = await recoverable.plan(line)
    recovery.server.fault("away")
    cut = Cut("ask Velero to delete it", "acted")
    with pytest.raises(Killed):
        await recoverable.run(line, plan, cut=cut, request_id="r1", journal=journal)
    first = await recovery.velero.deletion(name)
    recovery.server.heal()
    await recoverable.run(line, plan, resumed=True, request_id="r1", journal=journal)
    assert first is not None
    assert journal.results["ask Velero to delete it"]["value"] == first.name


async def test_a_deletion_that_nobody_takes_up_is_withdrawn(
    recoverable: Office, recovery: Recovery, name: str
) -> None:
    """It was told to have failed: the backup must not go later, when the server is back."""
    plan = await recoverable.plan(f"backup delete {name}")
    recovery.server.fault("away")
    with pytest.raises(Failed, match="the request was withdrawn"):
        await recoverable.run(f"backup delete {name}", plan)
    assert await recovery.velero.deletion(name) is None


async def test_what_cannot_be_deleted_says_why(
    recoverable: Office, recovery: Recovery, name: str
) -> None:
    with pytest.raises(UsageError, match="There is no backup shop-backup"):
        await recoverable.plan("backup delete shop-backup")
    plan = await recoverable.plan(f"backup delete {name}")
    await recovery.objects.away()
    with pytest.raises(Failed, match="could not be deleted: the store cannot be reached"):
        await recoverable.run(f"backup delete {name}", plan)
    recovery.server.look()
    assert [b.name for b in await recovery.velero.backups()] == [name]


async def test_a_backup_is_kept_longer(recoverable: Office, recovery: Recovery, name: str) -> None:
    before = (await recovery.velero.backup(name)).expires_at
    plan = await recoverable.plan(f"backup keep {name}")
    assert before is not None
    assert f"keeps the old date ({times.day(before)})" in plan.warnings[0]
    result, document = await recoverable.run(f"backup keep {name}", plan)
    after = (await recovery.velero.backup(name)).expires_at
    assert after == result.until
    assert after % DAY == 0
    assert 90 * DAY <= after - recoverable.now <= 91 * DAY
    assert "keeps the old date" in text_of(document)
    with pytest.raises(Refused, match="already"):
        await recoverable.plan(f"backup keep {name} --for 10d")


async def test_it_can_be_kept_until_a_day(
    recoverable: Office, recovery: Recovery, name: str
) -> None:
    day = times.day(recoverable.now + 400 * DAY)
    await recoverable.run(f"backup keep {name} --until {day}")
    until = (await recovery.velero.backup(name)).expires_at
    assert until == times.end_of_date(day)
    assert until is not None
    assert times.day(until) == day
    for bad in ("--until 2020-01-01", "--until soon", "--for 0d", "--for 1d --until 2030-01-01"):
        with pytest.raises(UsageError):
            await recoverable.plan(f"backup keep {name} {bad}")


async def test_a_cut_keep_goes_on(recoverable: Office, recovery: Recovery, name: str) -> None:
    plan = await recoverable.plan(f"backup keep {name} --for 52w")
    step = f"keep it until {times.day(plan.facts['until'])}"
    result, _ = await recoverable.run_cut(f"backup keep {name} --for 52w", step, "acted")
    assert (await recovery.velero.backup(name)).expires_at == result.until
