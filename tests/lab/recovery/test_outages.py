"""Stores, servers and bots that go away in the middle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.grounds import wait_for
from tests.lab.recovery.conftest import Desk
from tests.lab.recovery.ward import Ward

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(180)]

RESTORE = ("restore", "parseserver-backup", "--yes")


def storage(ward: Ward) -> str:
    return str(ward.velero_has("backupstoragelocations")["default"]["status"]["phase"])


@pytest.fixture
def fragile(parse: Desk) -> Iterator[Desk]:
    """An app with a backup; the store is back afterwards."""
    parse.back_up()
    yield parse
    parse.ward.store.start()
    wait_for(lambda: storage(parse.ward) == "Available", "the store is seen again")


def test_the_store_is_gone(fragile: Desk) -> None:
    ward = fragile.ward
    ward.store.stop()
    wait_for(lambda: storage(ward) == "Unavailable", "Velero notices")
    before = set(ward.velero_has("backups")), set(ward.velero_has("restores"))
    for words in (("backup", "create", "parse"), RESTORE, ("restore", "drill", "parse")):
        said = fragile.fails(*words, within=15)
        assert "store cannot be reached" in said.lower(), (words, said)
    assert "Storage: the store cannot be reached" in fragile.works("recovery")
    assert before == (set(ward.velero_has("backups")), set(ward.velero_has("restores")))
    assert not [name for name in ward.namespaces() if "-drill-" in name]


def test_the_store_goes_in_the_middle_of_a_backup(fragile: Desk) -> None:
    ward = fragile.ward
    number = fragile.bot.tell("backup", "create", "parse")
    fragile.bot.reach("ask Velero for a backup", "before")
    ward.store.stop()
    state, said = fragile.read(fragile.bot.answer(number))
    assert state == "failed", said
    assert "Backup parseserver-backup-" in said
    assert "Nothing was saved" in said
    assert "the store cannot be reached" in said.lower(), said


@pytest.fixture
def silent(parse: Desk) -> Iterator[Desk]:
    """An app with a backup, and Velero's server stopped."""
    parse.back_up()
    parse.ward.velero.stop()
    yield parse
    parse.ward.velero.start()


def test_veleros_server_is_down(silent: Desk) -> None:
    ward = silent.ward
    before = set(ward.velero_has("backups")), set(ward.velero_has("restores"))
    for words in (("backup", "create", "parse"), (*RESTORE, "--confirm", "parse")):
        said = silent.fails(*words, within=10)
        assert "Velero's server" in said
        assert "does not answer" in said
    assert before == (set(ward.velero_has("backups")), set(ward.velero_has("restores")))


def test_the_api_server_is_killed_in_the_middle_of_a_restore(parse: Desk) -> None:
    ward = parse.ward
    parse.back_up()
    ward.destroy()
    number = parse.bot.tell(*RESTORE)
    parse.bot.reach("ask Velero for the restore", "before")
    ward.velero.process.pause()  # what Velero itself makes of it is not the bot's
    try:
        parse.bot.reach("Velero restores", "before")
        ward.lab.apiserver.kill()
        ward.lab.start_apiserver()
    finally:
        ward.velero.process.resume()
    state, said = parse.read(parse.bot.answer(number))
    assert state == "done", said
    assert "parse is restored and ready on main" in said


def test_the_bot_is_killed_in_the_middle_of_a_restore(parse: Desk) -> None:
    ward = parse.ward
    parse.back_up()
    ward.destroy()
    before = set(ward.velero_has("restores"))
    parse.bot.tell(*RESTORE)
    request = parse.bot.reach("Velero restores", "before")
    parse.bot.kill()
    parse.bot.killed()
    parse.start()
    told = next(one for one in parse.bot.ended if one["id"] == request)
    assert told["state"] == "done", told
    assert "parse is restored and ready on main" in " ".join(told["text"].split())
    (made,) = set(ward.velero_has("restores")) - before
    assert made.endswith(request)
    assert "5 of 5 pods ready" in parse.works("status", "parse")
