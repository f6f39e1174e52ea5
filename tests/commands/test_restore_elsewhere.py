"""restore into another cluster that shares the bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import Config
from bot.context import Weight
from bot.errors import Failed, Refused, UsageError
from bot.store.db import Store
from integrations.kubernetes.kinds import STATEFUL_SET
from integrations.velero import kinds
from sandbox.kube.faults import Fault
from tests.commands.conftest import Cut, Office, text_of
from tests.commands.recovery import Recovery, open_recovery, shop_config
from tests.commands.test_restore import backed_up


def two_clusters(tmp_path: Path, places: tuple[str, ...] = ("main", "spare")) -> Config:
    """As docs/recovery.md says; no places mean an app of main alone."""
    body = shop_config(tmp_path).model_dump(mode="json", exclude_unset=True)
    body["clusters"] = {"main": {}, "spare": {}}
    body["default_cluster"] = "main"
    if places:
        body["apps"]["shop"]["clusters"] = list(places)
    return Config.model_validate(body, context={"base": tmp_path})


@pytest.fixture
async def main(tmp_path: Path) -> AsyncIterator[Recovery]:
    async with open_recovery(tmp_path, two_clusters(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def spare(tmp_path: Path, main: Recovery) -> AsyncIterator[Recovery]:
    config = two_clusters(tmp_path)
    async with open_recovery(tmp_path, config, "spare", main.objects) as opened:
        yield opened


@pytest.fixture
def both(tmp_path: Path, store: Store, main: Recovery, spare: Recovery) -> Office:
    import time

    clusters = {"main": main.cluster, "spare": spare.cluster}
    office = Office(two_clusters(tmp_path), store, clusters)
    office.now = time.time_ns() // 1000
    return office


async def mode(recovery: Recovery) -> str:
    return (await recovery.velero.location("default")).access_mode


async def test_an_app_comes_up_in_the_other_cluster(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    name = await backed_up(both, main)
    line = "restore shop --cluster spare"
    plan = await both.plan(line)
    assert plan.weight is Weight.CONFIRM
    assert plan.summary.startswith(f"Restore shop on spare from {name}")
    assert plan.facts["close"] is True
    assert "The backup is of main, not of spare." in plan.warnings
    assert any("cannot write to storage location default" in text for text in plan.warnings)
    modes: list[str] = []

    async def told() -> None:
        async for event in spare.velero.watch(kinds.LOCATION).events():
            if event.object:
                modes.append(event.object["spec"].get("accessMode") or "ReadWrite")

    import asyncio

    task = asyncio.create_task(told())
    result, _ = await both.run(line, plan)
    assert result.ok
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "ReadOnly" in modes
    assert await mode(spare) == "ReadWrite", "as it was"
    assert await mode(main) == "ReadWrite"
    assert spare.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]
    assert (await spare.kube.get(STATEFUL_SET, "shop", "db"))["status"]["readyReplicas"] == 1
    assert [r.backup for r in await spare.velero.restores()] == [name]
    assert await main.velero.restores() == ()


@pytest.mark.parametrize(
    "step",
    [
        "make location default read-only",
        "wait for",
        "ask Velero for the restore",
        "Velero restores",
        "make location default writable again",
    ],
)
async def test_a_cut_leaves_the_location_as_it_was(
    both: Office, main: Recovery, spare: Recovery, step: str
) -> None:
    name = await backed_up(both, main)
    if step == "wait for":
        step = f"wait for {name} to show up"
    result, _ = await both.run_cut("restore shop --cluster spare", step, "acted")
    assert result.ok
    assert await mode(spare) == "ReadWrite"
    assert len(await spare.velero.restores()) == 1


async def test_a_failure_leaves_the_location_as_it_was(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await backed_up(both, main)
    spare.server.fault("restore_fails")
    with pytest.raises(Failed, match="Velero did not restore"):
        await both.run("restore shop --cluster spare")
    assert await mode(spare) == "ReadWrite"


async def test_a_location_that_was_read_only_stays_so(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await backed_up(both, main)
    await spare.velero.set_access_mode("default", "ReadOnly")
    plan = await both.plan("restore shop --cluster spare")
    assert plan.facts["close"] is False
    result, _ = await both.run("restore shop --cluster spare", plan)
    assert result.ok
    assert await mode(spare) == "ReadOnly"


async def test_a_lost_home_cluster_does_not_matter_once_its_backups_are_known(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    name = await backed_up(both, main)
    spare.server.look()
    await spare.practice.wait_for(lambda: known(spare, name), 20)
    await main.practice.server.close()
    plan = await both.plan("restore shop --cluster spare")
    assert any(text.startswith("main was not asked which backups it has") for text in plan.warnings)
    result, _ = await both.run("restore shop --cluster spare", plan)
    assert result.ok


def known(recovery: Recovery, name: str) -> bool:
    from sandbox.velero.definitions import BACKUPS

    return recovery.practice.store.peek(BACKUPS, "velero", name) is not None


async def test_clusters_that_share_no_bucket_are_told(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await backed_up(both, main)
    body = {"spec": {"objectStorage": {"prefix": "elsewhere"}}}
    await spare.kube.patch(kinds.LOCATION, "velero", "default", body)
    with pytest.raises(Refused, match="Cluster spare does not share the bucket of main"):
        await both.plan("restore shop --cluster spare")


async def test_an_app_that_is_configured_for_the_first_cluster_alone(
    both: Office, main: Recovery, spare: Recovery, tmp_path: Path
) -> None:
    both.config = two_clusters(tmp_path, ())
    name = await backed_up(both, main)
    plan = await both.plan("restore shop --cluster spare")
    assert (plan.facts["backup"], plan.facts["close"]) == (name, True)


async def test_of_a_shared_bucket_each_cluster_takes_its_own(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    """Both know both backups, under the same name before the time."""
    mine = await backed_up(both, main)
    both.now += 60_000_000
    await spare.shop()
    result, _ = await both.run("backup create shop --cluster spare")
    theirs = str(result.checked.name)
    assert theirs != mine
    main.server.look()
    await main.practice.wait_for(lambda: known(main, theirs), 20)
    for words in ("shop", "shop-backup", "shop --replace"):
        assert (await both.plan(f"restore {words} --cluster main")).facts["backup"] == mine
    spare.server.look()
    await spare.practice.wait_for(lambda: known(spare, mine), 20)
    plan = await both.plan("restore shop --replace --cluster spare")
    assert plan.facts["backup"] == theirs
    assert "location" not in plan.facts
    exact = await both.plan(f"restore {mine} --cluster spare")
    assert exact.facts["close"] is True
    assert "The backup is of main, not of spare." in exact.warnings

    listed, document = await both.read("backup list shop --cluster main")
    assert {(r.name, r.home) for r in listed.rows} == {(mine, ""), (theirs, "spare")}
    assert "shop on spare" in text_of(document)
    covered, _ = await both.read("recovery")
    (line,) = (x for x in covered.lines if (x.app, x.cluster) == ("shop", "main"))
    assert line.backup == mine


async def test_a_lost_home_cluster_whose_backups_have_not_shown_up(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await backed_up(both, main)
    await main.practice.server.close()
    with pytest.raises(Refused, match="could not be asked, and spare knows no such") as caught:
        await both.plan("restore shop --cluster spare")
    said = str(caught.value)
    assert "spare looks into velero" in said
    assert "backup create" not in said, "there is nothing left to back up"


async def test_offered_commands_mean_the_same_cluster(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await spare.shop()
    await both.run("backup create shop --cluster spare")
    plan = await both.plan("restore shop --cluster spare")
    assert any("--replace --cluster spare` deletes and refills" in text for text in plan.warnings)
    spare.server.fault("restore_fails")
    with pytest.raises(Failed) as caught:
        await both.run("restore shop --replace --cluster spare")
    assert caught.value.hint.count("--replace --skip-safety --cluster spare`") == 2
    spare.server.fault("backup_partial")
    with pytest.raises(Failed) as caught:
        await both.run("restore shop --replace --cluster spare")
    assert "`restore shop --replace --skip-safety --cluster spare` goes on" in caught.value.hint


async def test_the_last_of_two_restores_makes_the_location_writable_again(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await backed_up(both, main)
    body = {"metadata": {"annotations": {"closed-by.onprem.io/other": ""}}}
    await spare.kube.patch(kinds.LOCATION, "velero", "default", body)
    await spare.velero.set_access_mode("default", "ReadOnly")
    plan = await both.plan("restore shop --cluster spare")
    assert plan.facts["close"] is True, "the other job's end would open it under this one"
    result, _ = await both.run("restore shop --cluster spare", plan)
    assert result.ok
    assert await mode(spare) == "ReadOnly", "the other job still needs it so"
    left = (await spare.velero.location("default")).annotations
    assert [key for key in left if key.startswith("closed-by")] == ["closed-by.onprem.io/other"]


async def test_a_location_that_stays_closed_does_not_hide_what_was_restored(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await backed_up(both, main)

    class Then(Cut):
        def boundary(self, request_id: str, step: str, edge: str) -> None:
            if (step, edge) == ("read what became of each object", "after"):
                path = "*/backupstoragelocations/*"
                spare.practice.server.faults.add(Fault(403, None, method="PATCH", path=path))

    result, document = await both.run("restore shop --cluster spare", cut=Then())
    assert result.ok
    assert document.headline == "shop is restored and ready on spare"
    said = text_of(document)
    assert "Storage location default on spare is still read-only" in said
    assert "accessMode" in said


async def test_commands_about_backups_and_schedules_offer_the_same_cluster(
    both: Office, main: Recovery, spare: Recovery
) -> None:
    await spare.shop()
    line = 'backup schedule create shop --cron "0 3 * * *" --name nightly --cluster spare'
    plan = await both.plan(line)
    assert any("`restore nightly --cluster spare` takes them" in text for text in plan.warnings)
    await both.run(line, plan)
    (made,) = await spare.velero.schedules()
    assert made.template["metadata"]["labels"]["onprem.io/cluster"] == "spare"
    with pytest.raises(Refused, match="`backup schedule delete nightly --cluster spare` first"):
        await both.plan(line)
    paused = await both.plan("backup schedule pause nightly --cluster spare")
    assert "`backup schedule resume nightly --cluster spare`" in paused.warnings[0]
    with pytest.raises(UsageError, match="`backup list --all --cluster spare` shows"):
        await both.read("backup logs shpo --cluster spare")
