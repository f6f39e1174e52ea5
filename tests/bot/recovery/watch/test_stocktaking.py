"""Backups that are complete for Velero and lack the data of a volume: told once, until mended."""

from __future__ import annotations

from bot.config import Config
from bot.recovery.backups.proof import Unprotected
from bot.recovery.watch.picture import Picture, Site
from bot.recovery.watch.stocktaking import judge, newest_complete
from bot.render.text import words
from bot.store import sightings
from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS
from sandbox.velero.definitions import BACKUPS, DOWNLOADS
from tests.bot.recovery.conftest import MINUTE, Ward
from tests.bot.recovery.watch.test_watchdog import CONFIG, HOUR, NOW, PARSE, SITE, backup, young

FIRST, SECOND, THIRD = (f"shop-backup-2026112{n}010000" for n in (1, 2, 3))
LACKS = "The newest backup of shop lacks the data of 1 volume"


def claim(ward: Ward) -> None:
    """A volume that no pod mounts: Velero passes over it, and calls the backup complete."""
    meta = {"name": "data", "namespace": "shop", "labels": {"app": "shop"}}
    spec = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}
    ward.cluster.store.create(PERSISTENTVOLUMECLAIMS, {"metadata": meta, "spec": spec})


async def backed_up(ward: Ward, name: str) -> None:
    ward.ask(name)
    await ward.ended(name)


async def test_a_volume_without_data_is_told_with_cause_and_mend_until_a_backup_holds_it(
    ward: Ward,
) -> None:
    claim(ward)
    await backed_up(ward, FIRST)
    async with ward.watched():
        told = await ward.told(LACKS)
        assert FIRST in told
        assert "data: no pod mounts it" in told
        assert "Start what uses it, or delete the claim" in told
        assert f"/onprem backup describe {FIRST}" in told
        assert "/onprem backup create shop" in told
        await backed_up(ward, SECOND)
        await ward.told(LACKS, SECOND)
        ward.cluster.store.delete(PERSISTENTVOLUMECLAIMS, "shop", "data")
        await backed_up(ward, THIRD)
        await ward.told(f"Over: {LACKS}", THIRD, "holds the data of all its volumes")
        await ward.nothing_stands()
    roots = [states[0].headline for states in ward.room.roots.values()]
    assert roots.count(LACKS) == 1


async def test_a_restart_asks_and_tells_nothing_again(ward: Ward) -> None:
    claim(ward)
    await backed_up(ward, FIRST)
    async with ward.watched():
        await ward.told(LACKS)
    told = len(ward.room.edits)
    before = asked(ward)
    assert before > 0
    await ward.store_away()
    async with ward.watched():
        await ward.told("Storage location default is not available")
        await ward.quiet()
    assert asked(ward) == before
    assert len(ward.room.edits) == told + 1


async def test_a_store_that_does_not_answer_closes_nothing_and_is_asked_again(ward: Ward) -> None:
    claim(ward)
    await backed_up(ward, FIRST)
    async with ward.watched():
        await ward.told(LACKS)
    ward.cluster.store.delete(PERSISTENTVOLUMECLAIMS, "shop", "data")
    await backed_up(ward, SECOND)
    before = asked(ward)
    await ward.objects.away()
    async with ward.watched():
        await ward.until(lambda: asked(ward) > before)
        await ward.quiet()
        assert ward.count(f"Over: {LACKS}") == 0
        await ward.objects.back()
        after = asked(ward)
        await ward.quiet()
        assert asked(ward) == after, "not at every look"
        ward.ahead += 6 * MINUTE
        await ward.told(f"Over: {LACKS}")


def asked(ward: Ward) -> int:
    """How many addresses Velero was asked for."""
    return len(ward.cluster.store.list(DOWNLOADS, "velero"))


async def test_what_was_said_of_backups_that_are_gone_is_forgotten(ward: Ward) -> None:
    await backed_up(ward, FIRST)
    async with ward.watched():
        await ward.until(lambda: said(ward, 1))
        ward.cluster.store.delete(BACKUPS, "velero", FIRST)
        await backed_up(ward, SECOND)
        await ward.until(lambda: said(ward, 1))
        uid = ward.cluster.store.get(BACKUPS, "velero", SECOND)["metadata"]["uid"]

        async def only_that() -> bool:
            return await names(ward) == [f"volumes/{uid}"]

        await ward.until(only_that)


async def said(ward: Ward, number: int) -> bool:
    return len(await names(ward)) == number


async def names(ward: Ward) -> list[str]:
    seen = await ward.store.read(lambda db: sightings.of(db, "main"))
    return [name for name in seen if name.startswith("volumes/")]


# -- the judgement -----------------------------------------------------------------------------

NONE = {**PARSE, "backup": {**PARSE["backup"], "volumes": "none"}}


def test_the_newest_complete_backup_of_each_app_counts() -> None:
    good, older = young(2 * HOUR), young(3 * HOUR)
    bad, gone = young(HOUR, "PartiallyFailed"), young(30 * MINUTE, expires_at=NOW)
    picture = Picture(backups=(gone, bad, good, older, backup(MINUTE, name="of-nobody")))
    assert newest_complete(SITE, picture, NOW) == {"parse": good}
    assert newest_complete(SITE, Picture(), NOW) == {"parse": None}


def test_who_saves_no_volumes_on_purpose_hears_nothing() -> None:
    config = Config.model_validate({**CONFIG.model_dump(), "apps": {"parse": NONE}})
    assert newest_complete(Site(config, "main"), Picture(backups=(young(),)), NOW) == {}


def test_what_the_store_did_not_tell_is_unsure() -> None:
    verdict = judge(SITE, "parse", young(), None)
    assert (verdict.unsure, verdict.broken) == (True, None)


def test_each_cause_and_each_mend_is_said_once() -> None:
    lost = tuple(Unprotected(f"data-{n}", "no pod mounts it", "Start it") for n in range(3))
    condition = judge(SITE, "parse", young(), lost).broken
    assert condition is not None
    assert condition.title == "The newest backup of parse lacks the data of 3 volumes"
    assert [words(item.text) for item in condition.items] == [
        f"data-{n}: no pod mounts it" for n in range(3)
    ]
    assert words(condition.todo) == "Start it."
