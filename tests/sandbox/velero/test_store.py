"""The object store, expiry, schedules, requests, and backups of another cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.cluster import PracticeCluster
from sandbox.kube.clock import timestamp
from sandbox.kube.controllers import Pace
from sandbox.kube.resources import CONFIGMAPS
from sandbox.velero import ObjectStore
from sandbox.velero.artefacts import URL_LIVES, Artefacts
from sandbox.velero.definitions import (
    BACKUPS,
    DELETIONS,
    DOWNLOADS,
    LOCATIONS,
    SCHEDULES,
    STATUS_REQUESTS,
    VOLUME_BACKUPS,
)
from sandbox.velero.objectstore import BUCKET, StoreError
from sandbox.velero.schedules import parse
from tests.sandbox.velero.conftest import Hands

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


async def fetched(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, (await answer.read()).decode(errors="replace")


async def test_an_address_expires() -> None:
    now = NOON
    objects = ObjectStore(clock=lambda: now)
    await objects.start()
    artefacts = Artefacts(objects, objects.url, BUCKET)
    artefacts.put("BackupLog", "b", "hello")
    url = artefacts.url("BackupLog", "b")
    assert (await fetched(url))[0] == 200
    now += URL_LIVES + timedelta(seconds=1)
    status, text = await fetched(url)
    assert status == 403
    assert "Request has expired" in text
    status, text = await fetched(artefacts.url("BackupLog", "nowhere"))
    assert (status, "NoSuchKey" in text) == (404, True)
    await objects.close()


async def test_it_comes_back_at_its_address(objects: ObjectStore) -> None:
    artefacts = Artefacts(objects, objects.url, BUCKET)
    artefacts.put("BackupLog", "b", "hello")
    url = artefacts.url("BackupLog", "b")
    await objects.away()
    with pytest.raises(aiohttp.ClientConnectorError):
        await fetched(url)
    with pytest.raises(StoreError, match="connection refused"):
        artefacts.validate()
    await objects.back()
    assert (await fetched(url))[0] == 200


@pytest.mark.parametrize(
    ("where", "prefix", "said"),
    [
        ("", "", "usable"),
        ("", "deep/er", "usable"),
        ("nowhere", "", "NoSuchBucket"),
        ("", "shared", "invalid top-level directories: [photos]"),
    ],
    ids=["plain", "prefix", "no-bucket", "somebody-elses"],
)
async def test_a_location_says_why_it_is_unavailable(
    objects: ObjectStore, where: str, prefix: str, said: str
) -> None:
    content = objects.buckets[BUCKET]
    content["deep/er/backups/b/velero-backup.json"] = b"{}"
    content["shared/photos/cat"] = b""
    if not prefix:
        content.clear()
    assert said in refusal(Artefacts(objects, objects.url, where or BUCKET, prefix))


def refusal(artefacts: Artefacts) -> str:
    try:
        artefacts.validate()
    except StoreError as error:
        return str(error)
    return "usable"


async def test_a_location_that_leads_nowhere_is_unavailable(hands: Hands) -> None:
    spec = {
        "provider": "aws",
        "objectStorage": {"bucket": "velero"},
        "config": {"s3Url": "http://127.0.0.1:9"},
    }
    hands.store.create(
        LOCATIONS, {"metadata": {"name": "other", "namespace": "velero"}, "spec": spec}
    )
    await hands.until(lambda: hands.status(LOCATIONS, "other").get("phase") == "Unavailable")
    message = hands.status(LOCATIONS, "other")["message"]
    assert message.startswith('BackupStorageLocation "other" is unavailable: ')
    assert "dial tcp 127.0.0.1:9: connect: connection refused" in message


async def test_the_server_looks_by_itself(hands: Hands) -> None:
    await hands.objects.away()
    await hands.until(lambda: hands.status(LOCATIONS, "default")["phase"] == "Unavailable")
    await hands.objects.back()
    await hands.until(lambda: hands.status(LOCATIONS, "default")["phase"] == "Available")


# --- expiry and removal -------------------------------------------------------------------------


async def test_an_expired_backup_goes_with_its_volumes(hands: Hands) -> None:
    await hands.database()
    await hands.back_up(defaultVolumesToFsBackup=True)
    assert any("/kopia/" in f"/{key}" for key in hands.objects.buckets[BUCKET])
    expire(hands)
    await hands.until(lambda: hands.store.peek(BACKUPS, "velero", "b") is None)
    await hands.until(lambda: not hands.store.scan(DELETIONS, "velero"))
    assert not hands.objects.buckets[BUCKET]
    assert not hands.store.scan(VOLUME_BACKUPS, "velero")


def expire(hands: Hands) -> None:
    backup = hands.store.get(BACKUPS, "velero", "b")
    backup["status"]["expiration"] = timestamp(datetime.now(UTC) - timedelta(seconds=5))
    hands.store.update(BACKUPS, backup)


async def test_in_a_read_only_location_it_stays_and_is_labelled(hands: Hands) -> None:
    await hands.back_up()
    location = hands.store.get(LOCATIONS, "velero", "default")
    location["spec"]["accessMode"] = "ReadOnly"
    hands.store.update(LOCATIONS, location)
    expire(hands)

    def labelled() -> bool:
        backup = hands.store.peek(BACKUPS, "velero", "b")
        assert backup is not None
        return bool(backup["metadata"]["labels"].get("velero.io/gc-failure") == "BSLReadOnly")

    await hands.until(labelled)


@pytest.mark.parametrize(
    ("backup", "said"), [("", "spec.backupName is required"), ("nowhere", "backup not found")]
)
async def test_a_removal_that_cannot_be_says_why(hands: Hands, backup: str, said: str) -> None:
    hands.ask(DELETIONS, "d", backupName=backup)
    await hands.until(lambda: hands.status(DELETIONS, "d").get("phase") == "Processed")
    assert hands.status(DELETIONS, "d")["errors"] == [said]


async def test_a_running_backup_is_not_removed(hands: Hands) -> None:
    hands.velero.fault("sticks")
    hands.ask(BACKUPS, "b", includedNamespaces=["shop"])
    await hands.until(lambda: hands.status(BACKUPS, "b").get("phase") == "InProgress")
    hands.ask(DELETIONS, "d", backupName="b")
    await hands.until(lambda: hands.status(DELETIONS, "d").get("phase") == "Processed")
    assert hands.status(DELETIONS, "d")["errors"] == ["backup is still in progress"]


# --- requests -----------------------------------------------------------------------------------


async def test_the_server_says_who_it_is(hands: Hands) -> None:
    hands.ask(STATUS_REQUESTS, "who")
    await hands.until(lambda: hands.status(STATUS_REQUESTS, "who").get("phase") == "Processed")
    status = hands.status(STATUS_REQUESTS, "who")
    assert status["serverVersion"] == "v1.18.3"
    assert {"name": "velero.io/aws", "kind": "ObjectStore"} in status["plugins"]


async def test_an_address_for_nothing_is_never_given(hands: Hands) -> None:
    hands.ask(DOWNLOADS, "d", target={"kind": "BackupLog", "name": "nowhere"})
    await hands.until(lambda: hands.status(DOWNLOADS, "d").get("expiration"))
    assert "phase" not in hands.status(DOWNLOADS, "d")


# --- schedules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 2 * * *", "2026-11-23T02:00:00Z"),
        ("@hourly", "2026-11-22T13:00:00Z"),
        ("@every 90m", "2026-11-22T13:30:05Z"),
        ("@every 100ms", "2026-11-22T12:00:06Z"),
        ("CRON_TZ=Europe/Berlin 0 2 * * *", "2026-11-23T01:00:00Z"),
        ("TZ=Asia/Tokyo 30 9 * * mon", "2026-11-23T00:30:00Z"),
    ],
)
def test_when_a_schedule_is_due(text: str, due: str) -> None:
    found = parse(text).after(NOON)
    assert found is not None
    assert timestamp(found) == due


@pytest.mark.parametrize("text", ["", "soon", "* * * *", "61 * * * *", "TZ=Mars/Base 0 2 * * *"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid schedule|non-empty"):
        parse(text)


async def test_backups_of_a_schedule_do_not_overlap(hands: Hands) -> None:
    hands.velero.fault("sticks")
    template = {"includedNamespaces": ["shop"], "metadata": {"labels": {"by": "night"}}}
    hands.ask(SCHEDULES, "night", schedule="@every 1s", template=template,
              useOwnerReferencesInBackup=True)  # fmt: skip
    made = await hands.until(lambda: hands.store.scan(BACKUPS, "velero"))
    assert made[0]["metadata"]["labels"]["by"] == "night"
    assert made[0]["metadata"]["ownerReferences"][0]["kind"] == "Schedule"
    await hands.until(lambda: hands.status(BACKUPS, made[0]["metadata"]["name"]).get("phase")
                      == "InProgress")  # fmt: skip
    last = hands.status(SCHEDULES, "night")["lastBackup"]
    hands.velero.look()
    assert len(hands.store.scan(BACKUPS, "velero")) == 1
    hands.velero.fault("sticks", False)
    await hands.until(lambda: hands.status(SCHEDULES, "night")["lastBackup"] > last)
    assert len(hands.store.scan(BACKUPS, "velero")) == 2


# --- two clusters -------------------------------------------------------------------------------


@asynccontextmanager
async def another(objects: ObjectStore, folder: Path) -> AsyncIterator[Hands]:
    cluster = await PracticeCluster.started(
        "spare", folder / "kubeconfig-spare", pace=Pace().scaled(0), objects=objects
    )
    made = Hands(cluster, objects)
    await made.until(lambda: made.velero.ready)
    yield made
    await cluster.close()


async def test_data_goes_to_another_cluster(hands: Hands, tmp_path: Path) -> None:
    await hands.database()
    await hands.back_up(defaultVolumesToFsBackup=True)
    async with another(hands.objects, tmp_path) as there:
        await there.until(lambda: there.status(BACKUPS, "b").get("phase") == "Completed")
        copies: list[Any] = there.store.scan(VOLUME_BACKUPS, "velero")
        assert copies[0]["status"]["phase"] == "Completed"
        status = await there.restore()
        assert status["phase"] == "Completed"
        assert there.velero.volume("shop", "data") == {"orders": 3}
        assert there.get(CONFIGMAPS, "settings")


async def test_a_backup_removed_in_one_cluster_goes_in_the_other(
    hands: Hands, tmp_path: Path
) -> None:
    await hands.back_up()
    async with another(hands.objects, tmp_path) as there:
        await there.until(lambda: there.status(BACKUPS, "b"))
        hands.ask(DELETIONS, "d", backupName="b")
        await hands.until(lambda: hands.store.peek(BACKUPS, "velero", "b") is None)
        await there.until(lambda: there.store.peek(BACKUPS, "velero", "b") is None)
