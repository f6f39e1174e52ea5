"""A restore into another cluster that shares the store, also when the first one is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.grounds import wait_for
from tests.lab.recovery.conftest import Desk
from tests.lab.recovery.test_story import objects
from tests.lab.recovery.ward import Ward

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(240)]

RESTORE = ("restore", "parseserver-backup", "--cluster", "spare", "--yes")


@pytest.fixture
def two(ward: Ward, spare: Ward, tmp_path: Path) -> Iterator[Desk]:
    """A bot that looks after both, with the app on the first and a backup of it."""
    config = ward.config(tmp_path)
    whole = yaml.safe_load(config.read_text())
    whole["clusters"]["spare"] = {"kubeconfig": str(spare.grounds.account)}
    whole["apps"]["parse"]["clusters"] = ["main", "spare"]
    config.write_text(yaml.safe_dump(whole))
    desk = Desk(ward, config)
    desk.works("deploy", "parse")
    desk.back_up()
    yield desk
    desk.close()
    for one in (ward, spare):
        one.rebuild()


def mode(ward: Ward) -> str:
    spec = ward.velero_has("backupstoragelocations")["default"]["spec"]
    return str(spec.get("accessMode") or "ReadWrite")


def look(ward: Ward) -> None:
    """Velero looks into the bucket once a minute, and when it starts."""
    ward.velero.stop()
    ward.velero.start()


def test_another_cluster_takes_over(two: Desk, spare: Ward) -> None:
    before = objects(two.ward)
    number = two.bot.tell(*RESTORE)
    two.bot.reach("wait for", "before")
    look(spare)
    two.bot.reach("Velero restores", "before")
    assert mode(spare) == "ReadOnly", "two that write to one folder would collect each other's"
    state, said = two.read(two.bot.answer(number))
    assert state == "done", said
    assert "parse is restored and ready on spare" in said
    assert mode(spare) == mode(two.ward) == "ReadWrite"
    assert objects(spare) == before == objects(two.ward)
    assert "5 of 5 pods ready" in two.works("status", "parse")


def test_the_first_cluster_is_lost(two: Desk, spare: Ward) -> None:
    name = max(two.ward.velero_has("backups"))

    look(spare)
    wait_for(lambda: name in spare.velero_has("backups"), "the other cluster knows the backup")
    two.ward.lab.apiserver.kill()
    try:
        state, said = two.ask("restore", name, "--cluster", "spare", "--yes")
        assert state == "done", said
        assert "parse is restored and ready on spare" in said
    finally:
        two.ward.lab.start_apiserver()
    assert mode(spare) == "ReadWrite"
