"""backup create, list, describe, logs on a practice cluster: what is saved, what is told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.errors import Failed, Refused, UsageError
from bot.render.blockkit import render
from commands.backups import Log, view_log
from integrations.kubernetes.kinds import NAMESPACE, PERSISTENT_VOLUME_CLAIM, POD
from integrations.velero import kinds
from integrations.velero.errors import ServerAway, VeleroMissing
from sandbox.kube.resources import PODS
from tests.commands.conftest import VIC, Cut, Journal, Killed, Office, text_of
from tests.commands.recovery import LABELS, Recovery

STEPS = ("ask Velero for a backup", "wait for", "check what was stored")


async def test_a_backup_is_made_and_its_volumes_are_checked(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    recovery.server.write_volume("shop", "data-db-0", {"rows": [1, 2, 3]})
    result, document = await recoverable.run("backup create shop --ttl 2d")

    (backup,) = await recovery.velero.backups()
    assert backup.name.startswith("shop-backup-20")
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
    assert proof.size > 4000
    said = text_of(document)
    assert "Secret/forgotten" in said
    assert "1 of 1, 4.2 kB" in said or "1 of 1, 4.1 kB" in said
    assert render(document).blocks


async def test_the_plan_counts_what_matches_and_names_what_does_not(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    plan = await recoverable.plan("backup create shop")
    assert plan.summary == "Back up shop on main as shop-backup-… into default, kept 30 d"
    matching = {change.what: change.before for change in plan.changes}
    assert matching["StatefulSet"] == "1"
    assert matching["Secret"] == "1"
    assert matching["volume of data-db-0"] == "in use"
    (warning,) = plan.warnings
    assert warning == "Without the label app=shop, and so not in it, is Secret/forgotten."
    assert await recovery.velero.backups() == (), "a plan only reads"


@pytest.mark.parametrize(
    ("pod", "cause"),
    [
        (
            {"annotations": {"backup.velero.io/backup-volumes-excludes": "data"}},
            "an annotation of pod db-0 leaves it out",
        ),
        ({"containers": [{"name": "db", "image": "x"}]}, "no container of pod db-0 mounts it"),
    ],
)
async def test_a_volume_without_data_is_named_with_cause_and_mend(
    recoverable: Office, recovery: Recovery, pod: dict[str, Any], cause: str
) -> None:
    await recovery.shop(**pod)
    result, document = await recoverable.run("backup create shop")
    assert result.checked.phase == "Completed", "Velero says nothing"
    (lost,) = result.checked.proof.unprotected
    assert (lost.claim, lost.cause) == ("data-db-0", cause)
    assert document.headline.endswith("of shop lacks the data of 1 volume")
    assert lost.mend.replace("`", "")[:40] in text_of(document)


async def test_a_claim_that_no_pod_mounts_is_named(recoverable: Office, recovery: Recovery) -> None:
    await recovery.shop()
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await recovery.make(PERSISTENT_VOLUME_CLAIM, "old", LABELS, spec=spec)
    result, _ = await recoverable.run("backup create shop")
    (lost,) = result.checked.proof.unprotected
    assert lost.claim == "old"
    assert lost.cause.startswith("no pod mounts it")


async def test_a_dump_by_a_hook_protects_the_volume_that_is_left_out(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop(
        annotations={
            "backup.velero.io/backup-volumes": "dump",
            "backup.velero.io/backup-volumes-excludes": "data",
            "pre.hook.backup.velero.io/command": '["true"]',
        }
    )
    pod = await recovery.kube.get(POD, "shop", "db-0")
    disks = recovery.server._site.disks
    disks.write(disks.key(pod, "dump"), {"archive": "x" * 100})
    result, document = await recoverable.run("backup create shop")
    assert result.checked.proof.unprotected == ()
    assert "data-db-0: saved by a hook as a dump in db-0's volume dump." in text_of(document)

    await recovery.kube.delete(NAMESPACE, None, "shop")
    await recovery.practice.wait_for(
        lambda: recovery.practice.store.peek(PODS, "shop", "db-0") is None, 20
    )
    result, _ = await recoverable.read("backup describe shop")
    assert result.checked.proof.unprotected == (), "as when it was made: the app is gone by now"
    (line,) = (await recoverable.read("recovery shop"))[0].lines
    assert line.unprotected == ()


def test_progress_is_told_in_objects_and_bytes() -> None:
    from bot.recovery.words.wording import progress
    from integrations.velero.models import Backup, VolumeBackup

    copy = VolumeBackup("v", "b", "shop", "db-0", "data", "data", "InProgress", 35_000_000,
                        80_000_000, "")  # fmt: skip
    backup = Backup("b", phase="InProgress", items_total=300, items_done=120)
    assert progress(backup, [copy]) == "InProgress, 120 of 300 objects, 35 MB of 80 MB"
    assert progress(Backup("b", phase="Queued", queue_position=2), []) == (
        "Queued, place 2 in the queue"
    )


async def test_a_failed_backup_says_what_why_and_what_next(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    recovery.server.fault("backup_partial")
    with pytest.raises(Failed) as caught:
        await recoverable.run("backup create shop")
    (backup,) = await recovery.velero.backups()
    assert str(caught.value).startswith(f"Backup {backup.name} is incomplete: 1 error: ")
    assert f"`backup logs {backup.name}`" in str(caught.value)
    recovery.server.heal()
    recovery.server.fault("backup_fails")
    with pytest.raises(Failed, match=r"failed: .*a fault was asked for"):
        await recoverable.run("backup create shop --name again")


async def test_a_failed_copy_is_the_reason_and_the_claim_is_named(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    recovery.server.fault("volumes_fail")
    with pytest.raises(Failed, match="incomplete"):
        await recoverable.run("backup create shop")
    recovery.server.heal()
    result, document = await recoverable.read("backup describe shop")
    (lost,) = result.checked.proof.unprotected
    assert lost.cause.startswith("its copy failed")
    assert document.headline.endswith("is incomplete")


async def test_a_server_that_is_away_is_told_at_plan_time_within_ten_seconds(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    recovery.server.fault("away")
    began = time.monotonic()
    with pytest.raises(ServerAway, match="does not answer"):
        await recoverable.plan("backup create shop")
    assert time.monotonic() - began < 10


async def test_a_store_that_is_away_is_told_in_words(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    await recovery.objects.away()
    recovery.server.look()
    from sandbox.velero.definitions import LOCATIONS

    def unavailable() -> bool:
        found = recovery.practice.store.peek(LOCATIONS, "velero", "default")
        return bool(found and found["status"]["phase"] == "Unavailable")

    await recovery.practice.wait_for(unavailable, 10)
    with pytest.raises(Refused) as caught:
        await recoverable.plan("backup create shop")
    assert str(caught.value).startswith(
        "Storage location default is not available: the store cannot be reached."
    )


async def test_what_cannot_be_backed_up_is_refused(recoverable: Office, recovery: Recovery) -> None:
    with pytest.raises(Refused, match="Nothing of shop is in namespace shop"):
        await recoverable.plan("backup create shop")
    with pytest.raises(Refused, match="are has no backup settings"):
        await recoverable.plan("backup create bare")
    await recovery.shop()
    with pytest.raises(UsageError, match="backups of bare are called"):
        await recoverable.plan("backup create shop --name bare-backup")
    for bad in ("--ttl 0d", "--ttl soon", "--name 'x;rm'", "--name app=shop"):
        with pytest.raises(UsageError):
            await recoverable.plan(f"backup create shop {bad}")
    await recovery.velero.set_access_mode("default", "ReadOnly")
    with pytest.raises(Refused, match="read-only"):
        await recoverable.plan("backup create shop")


async def test_a_cluster_without_velero_is_told(shop: Office) -> None:
    with pytest.raises(VeleroMissing, match="has no Velero"):
        await shop.read("backup list")


@pytest.mark.parametrize("edge", ["before", "acted", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_cut_backup_is_made_once(
    recoverable: Office, recovery: Recovery, step: str, edge: str
) -> None:
    await recovery.shop()
    line, journal = "backup create shop", Journal()
    plan = await recoverable.plan(line)
    where = CutAt(step, edge)
    with pytest.raises(Killed):
        await recoverable.run(line, plan, cut=where, request_id="r1", journal=journal)
    recoverable.now += 5_000_000  # another second: a name by the clock would differ
    result, _ = await recoverable.run(line, plan, resumed=True, request_id="r1", journal=journal)
    assert [b.name for b in await recovery.velero.backups()] == [result.checked.name]
    assert result.checked.complete


class CutAt(Cut):
    """Ends the process at a boundary of a step whose name begins so."""

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        if step.startswith(self.step) and edge == self.edge:
            raise Killed(f"{step} {edge}")


async def test_two_backups_of_one_second_have_two_names(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    begun = recoverable.now - recoverable.now % 1_000_000
    for _ in range(2):
        recoverable.now = begun
        await recoverable.run("backup create shop")
    assert len({b.name for b in await recovery.velero.backups()}) == 2


async def test_without_its_look_a_cut_backup_would_be_made_twice(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    line, plan, journal = (
        "backup create shop",
        await recoverable.plan("backup create shop"),
        Journal(),
    )
    with pytest.raises(Killed):
        await recoverable.run(
            line, plan, cut=CutAt(STEPS[0], "acted"), request_id="r1", journal=journal
        )
    recoverable.now += 5_000_000
    await recoverable.run(
        line, plan, resumed=True, request_id="r1", journal=journal, blind=STEPS[0]
    )
    assert len(await recovery.velero.backups()) == 2


async def test_backups_are_listed_newest_first(recoverable: Office, recovery: Recovery) -> None:
    await recovery.shop()
    first, _ = await recoverable.run("backup create shop")
    recovery.server.fault("backup_partial")
    recoverable.now += 1_000_000
    with pytest.raises(Failed):
        await recoverable.run("backup create shop --name by-hand")
    from integrations.velero.models import BackupSpec

    await recovery.velero.create_backup("foreign", BackupSpec(["default"]))
    await recovery.velero.follow_backup("foreign")

    result, document = await recoverable.read("backup list", VIC)
    assert [(r.app, r.phase) for r in result.rows] == [
        ("shop", "PartiallyFailed"), ("shop", "Completed"),
    ]  # fmt: skip
    assert result.rows[1].name == first.checked.name
    assert result.rows[1].size == first.checked.proof.size
    assert "incomplete" in text_of(document)
    everything, _ = await recoverable.read("backup list --all")
    assert {r.name for r in everything.rows} >= {"foreign", first.checked.name}
    of_bare, document = await recoverable.read("backup list bare")
    assert of_bare.rows == ()
    assert "none yet" in text_of(document)


async def test_a_description_tells_volumes_hooks_and_restores(
    recoverable: Office, recovery: Recovery
) -> None:
    from integrations.velero.models import RestoreSpec

    await recovery.shop()
    made, _ = await recoverable.run("backup create shop")
    name = made.checked.name
    await recovery.velero.create_restore("copy-1", RestoreSpec(name, mapping={"shop": "copy"}))
    await recovery.velero.follow_restore("copy-1")
    result, document = await recoverable.read(f"backup describe {name}")
    said = text_of(document)
    assert document.headline == f"{name} is complete"
    assert "copy-1" in said
    assert "data-db-0" in said
    assert "No drill has proved it yet." in said
    assert result.selectors == ("app=shop", "owner=helm,name=shop", "onprem.io/rights=app")
    for word in ("shop", "shop-backup"):
        assert (await recoverable.read(f"backup describe {word}"))[0].name == name
    with pytest.raises(UsageError, match=f"did you mean {name[:-1]}"):
        await recoverable.read(f"backup describe {name[:-2]}x")


async def test_a_description_survives_a_store_that_is_away(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    await recoverable.run("backup create shop")
    await recovery.objects.away()
    result, document = await recoverable.read("backup describe shop")
    assert [p.claim for p in result.checked.proof.protected] == ["data-db-0"], "by its record"
    assert "could not be read from the store" in text_of(document)


async def test_a_log_begins_with_what_went_wrong(recoverable: Office, recovery: Recovery) -> None:
    await recovery.shop()
    recovery.server.fault("backup_partial")
    with pytest.raises(Failed):
        await recoverable.run("backup create shop")
    result, document = await recoverable.read("backup logs shop")
    assert result.lines[0].level == "error"
    assert "a fault was asked for" in result.lines[0].text
    assert document.headline.endswith("1 error")
    assert result.text.count("level=info") > 5
    long = view_log(Log(result.name, result.lines, result.text * 10), 0)
    assert [f.name for f in render(long).files] == [f"{result.name}.log"], "whole, as a file"


async def test_a_backup_that_poses_as_another_apps_is_not_shown_under_its_name(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    name = "shop-backup-20260101000000"
    await recovery.kube.create(
        kinds.BACKUP,
        "velero",
        {
            "metadata": {"name": name, "labels": {"onprem.io/app": "bare"}},
            "spec": {"includedNamespaces": ["bare"]},
        },
    )
    with pytest.raises(Refused, match="is of bare"):
        await recoverable.read(f"backup describe {name}")
