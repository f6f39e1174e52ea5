"""backup create on a practice cluster: what is saved, what is told, what survives a kill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.context import Weight
from bot.errors import Failed, Refused, UsageError
from bot.store.db import Store
from tests.commands.conftest import Office, text_of
from tests.commands.recovery import Recovery, open_recovery, shop_config


@pytest.fixture
async def recovery(tmp_path: Path) -> AsyncIterator[Recovery]:
    async with open_recovery(tmp_path, shop_config(tmp_path)) as made:
        yield made


@pytest.fixture
def office(tmp_path: Path, store: Store, recovery: Recovery) -> Office:
    return Office(shop_config(tmp_path), store, {"main": recovery.cluster})


async def test_a_backup_is_made_and_its_volumes_are_checked(
    office: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    recovery.server.write_volume("shop", "data-db-0", {"rows": [1, 2, 3]})
    result, document = await office.run("backup create shop --ttl 2d")

    (backup,) = await recovery.velero.backups()
    assert backup.name.startswith("shop-backup-2027")
    assert backup.completed
    assert backup.ttl == 2 * 86400
    assert backup.labels["onprem.io/app"] == "shop"
    assert backup.annotations["onprem.io/asked-by"] == "slack:T1/ANN"
    entries = {(e.kind, e.name) for e in await recovery.velero.entries("Backup", backup.name)}
    assert ("v1/Secret", "sh.helm.release.v1.shop.v1") in entries
    assert ("v1/Secret", "forgotten") not in entries
    proof = result.checked.proof
    assert [(p.claim, p.how) for p in proof.protected] == [("data-db-0", "copied as files")]
    assert proof.unprotected == ()
    assert proof.size
    from bot.render.terminal import plain

    print(plain(document))
    assert "Secret/forgotten" in text_of(document)
