"""Backups: phases, what they hold, what the server fills in, what it refuses."""

from __future__ import annotations

import time

import pytest

from integrations.velero import kinds
from integrations.velero.errors import AlreadyThere, NoSuchBackup, RequestRefused, ServerAway
from integrations.velero.models import Backup, BackupSpec
from tests.contract.velero.world import APP, Hands

pytestmark = pytest.mark.timeout(180)

ORDER = ["New", "Queued", "ReadyToStart", "InProgress", "Finalizing", "Completed"]


def spec(hands: Hands, **more: object) -> BackupSpec:
    return BackupSpec(namespaces=[hands.namespace], selectors=[APP], **more)  # type: ignore[arg-type]


async def test_a_backup_goes_through_its_phases_to_completed(hands: Hands) -> None:
    await hands.app()
    seen: list[Backup] = []

    async def told(backup: Backup) -> None:
        seen.append(backup)

    await hands.velero.create_backup(hands.name("a"), spec(hands))
    done = await hands.velero.follow_backup(hands.name("a"), on_progress=told)

    phases = list(dict.fromkeys(b.phase for b in seen))
    assert phases == [p for p in ORDER if p in phases], "in Velero's order"
    assert phases[-1] == "Completed"
    assert "InProgress" in phases
    assert done.completed
    assert done.items_done == done.items_total > 0
    assert done.errors == done.warnings == 0


async def test_the_server_fills_in_what_was_not_asked_for(hands: Hands) -> None:
    await hands.app()
    await hands.velero.create_backup(
        hands.name("a"), spec(hands, labels={"by": "me"}, annotations={"who": "me"})
    )
    done = await hands.velero.follow_backup(hands.name("a"))

    assert done.location == "default"
    assert done.ttl > 0
    assert done.labels == {"by": "me", "velero.io/storage-location": "default"}
    assert done.annotations["who"] == "me"
    assert done.source_version == await hands.kube.version()
    assert done.started_at is not None
    assert done.completed_at is not None
    assert done.expires_at == pytest.approx(done.started_at + done.ttl * 1_000_000, abs=2_000_000)
    assert done.duration is not None


async def test_a_time_to_live_decides_the_expiry(hands: Hands) -> None:
    await hands.velero.create_backup(hands.name("a"), spec(hands, ttl=7200))
    done = await hands.velero.follow_backup(hands.name("a"))
    assert done.ttl == 7200
    assert done.expires_at is not None
    assert done.started_at is not None
    assert done.expires_at - done.started_at == pytest.approx(7200e6, abs=2e6)


async def test_labels_decide_what_is_saved(hands: Hands) -> None:
    await hands.app(replicas=0)
    await hands.velero.create_backup(hands.name("a"), spec(hands))
    await hands.velero.follow_backup(hands.name("a"))

    saved = {
        (e.kind, e.namespace, e.name) for e in await hands.velero.entries("Backup", hands.name("a"))
    }
    assert ("v1/ConfigMap", hands.namespace, "settings") in saved
    assert ("v1/Secret", hands.namespace, "keys") in saved
    assert ("apps/v1/Deployment", hands.namespace, "server") in saved
    assert ("v1/Namespace", "", hands.namespace) in saved, "it comes along"
    assert not [name for _, _, name in saved if name == "unlabelled"]


async def test_any_one_of_several_selectors_suffices(hands: Hands) -> None:
    await hands.config_map("first", {"a": "1"}, {"app": "parseserver"})
    await hands.config_map("second", {"a": "1"}, {"owner": "helm", "name": "parse"})
    await hands.config_map("half", {"a": "1"}, {"owner": "helm"})
    both = [{"app": "parseserver"}, {"owner": "helm", "name": "parse"}]
    asked = BackupSpec(namespaces=[hands.namespace], selectors=both)
    await hands.velero.create_backup(hands.name("a"), asked)
    done = await hands.velero.follow_backup(hands.name("a"))

    maps = [
        e for e in await hands.velero.entries("Backup", hands.name("a")) if "ConfigMap" in e.kind
    ]
    assert {e.name for e in maps} == {"first", "second"}
    assert sorted(map(sorted, done.selectors)) == [["app"], ["name", "owner"]]


async def test_kinds_can_be_included_or_left_out(hands: Hands) -> None:
    await hands.app(replicas=0)
    only, without = hands.name("only"), hands.name("without")
    await hands.velero.create_backup(only, spec(hands, resources=["configmaps"]))
    await hands.velero.follow_backup(only)
    await hands.velero.create_backup(without, spec(hands, excluded_resources=["secrets"]))
    await hands.velero.follow_backup(without)

    kinds_only = {e.kind for e in await hands.velero.entries("Backup", only)}
    assert "v1/ConfigMap" in kinds_only
    assert not kinds_only & {"v1/Secret", "apps/v1/Deployment"}
    kinds_without = {e.kind for e in await hands.velero.entries("Backup", without)}
    assert {"v1/ConfigMap", "apps/v1/Deployment"} <= kinds_without
    assert "v1/Secret" not in kinds_without


async def test_an_empty_backup_completes(hands: Hands) -> None:
    await hands.velero.create_backup(hands.name("a"), spec(hands))
    assert (await hands.velero.follow_backup(hands.name("a"))).completed


async def test_a_name_is_given_once(hands: Hands) -> None:
    await hands.velero.create_backup(hands.name("a"), spec(hands))
    with pytest.raises(AlreadyThere, match=hands.name("a")):
        await hands.velero.create_backup(hands.name("a"), spec(hands))
    await hands.velero.follow_backup(hands.name("a"))


@pytest.mark.parametrize(
    "name", ["a;rm -rf", "x=y", "Großes", "a/b", "..", "-a", "A", "a" * 254, ""]
)
async def test_a_name_that_cannot_be_one_is_refused_before_it_is_sent(
    hands: Hands, name: str
) -> None:
    with pytest.raises(RequestRefused):
        await hands.velero.create_backup(name, spec(hands))
    with pytest.raises(RequestRefused):
        await hands.velero.backup(name)


async def test_an_unknown_backup_is_told(hands: Hands) -> None:
    with pytest.raises(NoSuchBackup, match="nowhere"):
        await hands.velero.backup("nowhere")
    with pytest.raises(NoSuchBackup):
        await hands.velero.follow_backup("nowhere")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"storageLocation": "nowhere"}, "nowhere"),
        (
            {
                "labelSelector": {"matchLabels": {"a": "b"}},
                "orLabelSelectors": [{"matchLabels": {"a": "b"}}],
            },
            "labelSelector as well as orLabelSelectors",
        ),
        (
            {"includedResources": ["pods"], "includedNamespaceScopedResources": ["pods"]},
            "cannot be used together",
        ),
        ({"includedResources": ["pods"], "excludedResources": ["pods"]}, "pods"),
        ({"includedNamespaces": ["a"], "excludedNamespaces": ["a"]}, "a"),
    ],
    ids=["no-location", "both-selectors", "mixed-filters", "kinds-twice", "namespaces-twice"],
)
async def test_an_impossible_request_fails_its_validation(
    hands: Hands, asked: dict[str, object], said: str
) -> None:
    name = hands.name("a")
    body = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {"name": name},
        "spec": asked,
    }
    await hands.kube.create(kinds.BACKUP, hands.world.namespace, body)
    done = await hands.velero.follow_backup(name)

    assert done.phase == "FailedValidation"
    assert said in " ".join(done.problems)
    assert done.completed_at is None
    assert not done.usable


async def test_backups_are_listed_newest_first(hands: Hands) -> None:
    names = [hands.name(str(n)) for n in range(3)]
    for name in names:
        await hands.velero.create_backup(name, spec(hands))
        await hands.velero.follow_backup(name)
    times = [b.started_at for b in await hands.velero.backups() if b.name in names]
    assert len(times) == 3
    assert times == sorted(times, reverse=True)  # type: ignore[type-var]


async def test_a_server_that_is_down_is_told_within_ten_seconds(hands: Hands) -> None:
    await hands.world.server_stop()
    try:
        await hands.velero.create_backup(hands.name("a"), spec(hands))
        began = time.monotonic()
        with pytest.raises(ServerAway):
            await hands.velero.follow_backup(hands.name("a"))
        assert time.monotonic() - began < hands.world.soon
    finally:
        await hands.world.server_start()
    done = await hands.velero.follow_backup(hands.name("a"))
    assert done.completed, "it is taken up when the server is back"


async def test_one_runs_at_a_time_and_the_others_have_a_place_in_the_queue(hands: Hands) -> None:
    first, second, third = (hands.name(n) for n in ("first", "second", "third"))
    await hands.app()
    places: list[int] = []

    async def told(backup: Backup) -> None:
        if backup.queue_position is None:
            return
        places.append(backup.queue_position)
        if len(places) == 1:
            await hands.velero.follow_backup(first)
            # The server looks at its queue when a new one comes; else only each minute.
            await hands.velero.create_backup(third, spec(hands))

    await hands.velero.create_backup(first, spec(hands))
    await hands.velero.create_backup(second, spec(hands))
    done = await hands.velero.follow_backup(second, on_progress=told)
    assert done.completed
    assert done.queue_position is None
    assert places
    assert set(places) <= {1, 2}
    assert (await hands.velero.follow_backup(third)).completed
