"""A restore of a backup that Velero can read and the bot cannot: what is still possible."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bot.context import Weight
from bot.errors import Refused
from integrations.kubernetes.kinds import CONFIG_MAP, STATEFUL_SET, Kind
from tests.commands.conftest import Office, text_of
from tests.commands.recovery import Recovery
from tests.commands.test_restore import GITOPS, define_kustomizations, lost

LOCATION = Kind("velero.io/v1", "backupstoragelocations", "BackupStorageLocation")


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
async def unseen(recoverable: Office, recovery: Recovery, nowhere: str) -> Office:
    """The shop, backed up into a store whose address only Velero knows."""
    await recovery.shop()
    recovery.server.write_volume("shop", "data-db-0", {"rows": [1, 2, 3]})
    await recoverable.run("backup create shop")
    body = {"spec": {"config": {"publicUrl": nowhere}}}
    await recovery.kube.patch(LOCATION, "velero", "default", body)
    return recoverable


async def test_a_lost_app_comes_back_although_nobody_could_look(
    unseen: Office, recovery: Recovery
) -> None:
    await lost(recovery)
    plan = await unseen.plan("restore shop")
    assert (plan.weight, plan.typed) == (Weight.TYPE, "shop")
    said = " ".join(plan.warnings)
    assert "could not be fetched from 127.0.0.1" in plan.warnings[0]
    assert "So NOBODY HAS LOOKED at what it holds." in plan.warnings[0]
    assert "Velero reached its store" in plan.warnings[0]
    assert "Not known: whether all of the app is in it" in said
    assert "By Velero's records it has copies of data-db-0." in said
    assert "publicUrl" in plan.warnings[-1]
    rows = {c.what: (c.before, c.after) for c in plan.changes}
    assert rows["what the backup holds"] == ("not seen", "made where it is missing")
    assert rows["data of 1 volume"] == ("not there", "restored")
    result, document = await unseen.run("restore shop", plan)
    assert result.ok, text_of(document)
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]
    assert "What became of each object could not be read" in text_of(document)


async def test_what_is_there_is_told_and_stays(unseen: Office, recovery: Recovery) -> None:
    recovery.server.write_volume("shop", "data-db-0", {"rows": ["newer"]})
    await recovery.kube.delete(CONFIG_MAP, "shop", "settings")
    plan = await unseen.plan("restore shop")
    said = " ".join(plan.warnings)
    assert "1 volume (data-db-0) exists: its data is NOT rolled back." in said
    assert "--replace" not in said
    assert "--update" not in said
    assert {"StatefulSet db", "data of data-db-0"} <= {c.what for c in plan.changes}
    result, _ = await unseen.run("restore shop", plan)
    assert result.ok
    assert (await recovery.kube.get(CONFIG_MAP, "shop", "settings"))["data"] == {"a": "b"}
    assert recovery.server.volume("shop", "data-db-0")["rows"] == ["newer"]


async def test_a_volume_that_a_dump_might_overwrite_is_told(
    unseen: Office, recovery: Recovery
) -> None:
    await recovery.kube.delete(STATEFUL_SET, "shop", "db")

    await recovery.practice.wait_for(lambda: not pods(recovery), 20)
    plan = await unseen.plan("restore shop")
    (said,) = [w for w in plan.warnings if "OVER the data" in w]
    assert said.startswith("1 volume (data-db-0) exists and no pod uses it")
    assert "NOT rolled back" not in " ".join(plan.warnings), "nobody knows"
    assert plan.facts["untouched"] == []


def pods(recovery: Recovery) -> list[Any]:
    from sandbox.kube.resources import PODS

    return [p for p in recovery.practice.store.list(PODS) if p["metadata"]["namespace"] == "shop"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("--replace", "--replace deletes first"),
        ("--to copy", "--to makes a copy"),
        ("--only configmaps", "--only picks from what"),
        ("--update", "--update changes what exists"),
    ],
)
async def test_what_needs_the_content_is_refused(unseen: Office, flags: str, why: str) -> None:
    with pytest.raises(Refused, match="cannot be read, so this is refused") as caught:
        await unseen.plan(f"restore shop {flags}")
    assert caught.value.why.startswith(why)
    assert "could not be fetched from" in caught.value.why
    assert "publicUrl" in caught.value.hint
    assert "A plain `restore shop` is possible without" in caught.value.hint


async def test_when_velero_does_not_reach_the_store_either_it_is_refused(
    unseen: Office, recovery: Recovery
) -> None:
    await lost(recovery)
    body = {"status": {"phase": "Unavailable", "message": "dial tcp: connection refused"}}
    await recovery.kube.patch(LOCATION, "velero", "default", body)
    with pytest.raises(Refused, match="Storage location default is not available") as caught:
        await unseen.plan("restore shop")
    assert caught.value.why == "the store cannot be reached"


async def test_what_a_gitops_controller_owns_is_refused_unseen_too(
    unseen: Office, recovery: Recovery
) -> None:
    await recovery.kube.patch(STATEFUL_SET, "shop", "db", {"metadata": {"labels": GITOPS}})
    kind = await define_kustomizations(recovery)
    await recovery.kube.create(kind, "f", {"metadata": {"name": "shop"}, "spec": {}})
    with pytest.raises(Refused, match="belongs to Flux's Kustomization f/shop"):
        await unseen.plan("restore shop")


async def test_a_backup_of_no_app_is_refused_with_veleros_own_way(
    unseen: Office, recovery: Recovery
) -> None:
    from integrations.velero.models import BackupSpec

    await recovery.velero.create_backup("by-hand", BackupSpec(namespaces=("shop",)))
    await recovery.velero.follow_backup("by-hand")
    with pytest.raises(Refused, match="is of no app") as caught:
        await unseen.plan("restore by-hand")
    assert "`velero restore create --from-backup by-hand`" in caught.value.hint


async def test_nothing_that_came_back_is_no_success(unseen: Office, recovery: Recovery) -> None:
    await recovery.kube.delete(STATEFUL_SET, "shop", "db")
    made, _ = await unseen.run("backup create shop")  # holds no workload, and nobody sees that
    await lost(recovery)
    result, document = await unseen.run(f"restore {made.checked.name}")
    assert result.unseen
    assert "What the backup holds was not read, and no workload was found" in text_of(document)
