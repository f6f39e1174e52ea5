"""Deletion, expiry, and what keeps a backup."""

from __future__ import annotations

import time

import pytest

from integrations.velero import kinds, names
from integrations.velero.errors import DeletionFailed, NoSuchBackup, NoSuchRestore
from integrations.velero.models import Backup, BackupSpec, RestoreSpec
from tests.contract.velero.world import APP, Hands, eventually


async def saved(hands: Hands, name: str) -> Backup:
    await hands.velero.create_backup(name, BackupSpec([hands.namespace], [APP]))
    return await hands.velero.follow_backup(name)


async def is_gone(hands: Hands, name: str) -> bool:
    try:
        await hands.velero.backup(name)
    except NoSuchBackup:
        return True
    return False


async def test_a_deletion_ends_with_the_backup_gone_and_its_restores(hands: Hands) -> None:
    await hands.config_map("settings", {"a": "1"})
    one, other = await saved(hands, hands.name("one")), await saved(hands, hands.name("other"))
    for name, backup in (("r-one", one), ("r-other", other)):
        await hands.velero.create_restore(hands.name(name), RestoreSpec(backup.name))
        await hands.velero.follow_restore(hands.name(name))

    request = await hands.velero.request_deletion(one)
    await hands.velero.follow_gone(one.name, request=request)

    assert await is_gone(hands, one.name)
    with pytest.raises(NoSuchRestore):
        await hands.velero.restore(hands.name("r-one"))
    assert await hands.velero.restore(hands.name("r-other"))
    assert not await is_gone(hands, other.name)

    async def forgotten() -> bool:
        return await hands.velero.deletion(one.name) is None

    await eventually(forgotten)


async def test_a_request_carries_name_and_uid(hands: Hands) -> None:
    backup = await saved(hands, hands.name("a"))
    await hands.world.server_stop()
    try:
        name = await hands.velero.request_deletion(backup)
        raw = await hands.kube.get(kinds.DELETE_REQUEST, hands.world.namespace, name)
        assert raw["metadata"]["labels"] == {
            "velero.io/backup-name": backup.name,
            "velero.io/backup-uid": backup.uid,
        }
        found = await hands.velero.deletion(backup.name)
        assert found is not None
        assert (found.name, found.phase, found.errors) == (name, "New", ())
    finally:
        await hands.world.server_start()
    try:
        await hands.velero.follow_gone(backup.name, request=name)
    except DeletionFailed as error:  # a real server may begin before it has read its Secrets
        if "has no key" not in str(error):
            raise
        again = await hands.velero.request_deletion(backup)
        await hands.velero.follow_gone(backup.name, request=again)


async def test_a_long_name_works_through_shortened_labels(hands: Hands) -> None:
    await hands.config_map("settings", {"a": "1"})
    name = f"{hands.name('a')}-{'long-' * 14}end"
    backup = await saved(hands, name)
    assert backup.completed
    await hands.velero.create_restore(hands.name("r"), RestoreSpec(name, update=True))
    await hands.velero.follow_restore(hands.name("r"))
    assert len(names.label_value(name)) == 63
    request = await hands.velero.request_deletion(backup)
    await hands.velero.follow_gone(name, request=request)
    assert await is_gone(hands, name)


async def test_an_expired_backup_is_collected(hands: Hands) -> None:
    backup = await saved(hands, hands.name("a"))
    past = int(time.time() - 60) * 1_000_000
    assert (await hands.velero.keep(backup.name, past)).expires_at == past

    async def gone() -> bool:
        return await is_gone(hands, backup.name)

    await eventually(gone)


async def test_a_kept_backup_outlives_its_time(hands: Hands) -> None:
    backup = await saved(hands, hands.name("a"))
    assert backup.expires_at is not None
    later = backup.expires_at + 90 * 86_400_000_000
    assert (await hands.velero.keep(backup.name, later)).expires_at == later
    assert (await hands.velero.backup(backup.name)).expires_at == later


async def test_an_object_that_is_merely_deleted_comes_back_from_the_store(hands: Hands) -> None:
    backup = await saved(hands, hands.name("a"))
    await hands.kube.delete(kinds.BACKUP, hands.world.namespace, backup.name)
    assert await is_gone(hands, backup.name)
    await hands.world.server_stop()
    await hands.world.server_start()

    async def back() -> bool:
        return not await is_gone(hands, backup.name)

    await eventually(back)
    found = await hands.velero.backup(backup.name)
    assert found.completed
    assert found.uid != backup.uid
    assert found.started_at == backup.started_at


async def test_keeping_an_unknown_backup_is_told(hands: Hands) -> None:
    with pytest.raises(NoSuchBackup, match="nowhere"):
        await hands.velero.keep("nowhere", 0)
