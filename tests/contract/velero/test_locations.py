"""Storage: seen, away, read-only."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from integrations.velero.errors import DeletionFailed, DownloadFailed, NoSuchLocation, store_cause
from integrations.velero.models import BackupSpec, Location
from tests.contract.velero.world import APP, Hands, eventually


async def seen(hands: Hands, phase: str) -> Location:
    await hands.look()

    async def there() -> Location | None:
        found = await hands.velero.location("default")
        return found if found.phase == phase else None

    found: Location = await eventually(there)
    return found


@pytest.fixture
async def away(hands: Hands) -> AsyncIterator[Location]:
    """The store is away, and the server knows."""
    await hands.velero.create_backup(hands.name("before"), BackupSpec([hands.namespace], [APP]))
    await hands.velero.follow_backup(hands.name("before"))
    await hands.world.store_away()
    try:
        yield await seen(hands, "Unavailable")
    finally:
        await hands.world.store_back()
        await seen(hands, "Available")


async def test_a_location_is_seen(hands: Hands) -> None:
    found = await seen(hands, "Available")
    assert found.available
    assert not found.read_only
    assert found.default
    assert found.provider == "aws"
    assert found.bucket
    assert found.url.startswith("http://127.0.0.1:")
    assert found.validated_at is not None
    assert (await hands.velero.locations())[0] == await hands.velero.location("default")


async def test_an_unknown_location_is_told(hands: Hands) -> None:
    with pytest.raises(NoSuchLocation, match="nowhere"):
        await hands.velero.location("nowhere")


async def test_a_store_that_is_away_makes_its_location_unavailable(away: Location) -> None:
    assert not away.available
    assert away.message
    assert store_cause(away.message) == "the store cannot be reached"


async def test_a_backup_is_refused_while_the_store_is_away(hands: Hands, away: Location) -> None:
    await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace]))
    done = await hands.velero.follow_backup(hands.name("a"))
    assert done.phase == "FailedValidation"
    assert "unavailable" in " ".join(done.problems).lower()


async def test_nothing_is_deleted_while_the_store_is_away(hands: Hands, away: Location) -> None:
    request = await hands.velero.request_deletion(await hands.velero.backup(hands.name("before")))
    with pytest.raises(DeletionFailed, match=hands.name("before")) as caught:
        await hands.velero.follow_gone(hands.name("before"), request=request)
    assert "Unavailable" in caught.value.detail
    found = await hands.velero.deletion(hands.name("before"))
    assert found is not None
    assert found.phase == "Processed"
    assert await hands.velero.backup(hands.name("before"))


async def test_a_download_says_soon_that_the_store_is_away(hands: Hands, away: Location) -> None:
    began = time.monotonic()
    with pytest.raises(DownloadFailed, match="cannot be reached"):
        await hands.velero.results("Backup", hands.name("before"))
    assert time.monotonic() - began < hands.world.soon


async def test_a_store_gone_unnoticed_fails_the_backup(hands: Hands) -> None:
    await seen(hands, "Available")
    await hands.world.store_away()
    try:
        await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace]))
        done = await hands.velero.follow_backup(hands.name("a"))
        assert done.phase in ("Failed", "FailedValidation")
        assert done.failure or done.problems
        assert not done.usable
    finally:
        await hands.world.store_back()
        await seen(hands, "Available")


async def test_a_read_only_location_takes_no_backup_and_deletes_none(hands: Hands) -> None:
    await hands.velero.create_backup(hands.name("before"), BackupSpec([hands.namespace], [APP]))
    before = await hands.velero.follow_backup(hands.name("before"))
    try:
        assert (await hands.velero.set_access_mode("default", "ReadOnly")).read_only
        await hands.velero.create_backup(hands.name("a"), BackupSpec([hands.namespace]))
        done = await hands.velero.follow_backup(hands.name("a"))
        assert done.phase == "FailedValidation"
        assert "read-only" in " ".join(done.problems)
        request = await hands.velero.request_deletion(before)
        with pytest.raises(DeletionFailed) as caught:
            await hands.velero.follow_gone(before.name, request=request)
        assert "read-only" in caught.value.detail
        assert await hands.velero.results("Backup", before.name), "reading goes on"
    finally:
        assert not (await hands.velero.set_access_mode("default", "ReadWrite")).read_only
