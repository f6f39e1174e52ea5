"""Restores: what comes back, what is left alone, where it goes."""

from __future__ import annotations

import pytest

from integrations.kubernetes import kinds as kube_kinds
from integrations.velero.errors import NoSuchRestore
from integrations.velero.models import Backup, BackupSpec, Restore, RestoreSpec
from tests.contract.velero.world import APP, Hands, eventually

ORDER = ["New", "InProgress", "Finalizing", "Completed"]

pytestmark = pytest.mark.timeout(180)


async def saved(hands: Hands, name: str = "saved") -> Backup:
    await hands.velero.create_backup(
        hands.name(name), BackupSpec(namespaces=[hands.namespace], selectors=[APP])
    )
    made = await hands.velero.follow_backup(hands.name(name))
    assert made.completed, made
    return made


async def restored(hands: Hands, name: str, **more: object) -> Restore:
    asked = RestoreSpec(hands.name("saved"), **more)  # type: ignore[arg-type]
    await hands.velero.create_restore(hands.name(name), asked)
    return await hands.velero.follow_restore(hands.name(name))


async def test_a_deleted_namespace_comes_back(hands: Hands) -> None:
    await hands.app()
    await saved(hands)
    await hands.delete_namespace()
    seen: list[Restore] = []

    async def told(restore: Restore) -> None:
        seen.append(restore)

    asked = RestoreSpec(hands.name("saved"))
    await hands.velero.create_restore(hands.name("r"), asked)
    done = await hands.velero.follow_restore(hands.name("r"), on_progress=told)

    phases = list(dict.fromkeys(r.phase for r in seen))
    assert phases == [p for p in ORDER if p in phases]
    assert done.completed
    assert (done.errors, done.warnings) == (0, 0)
    assert done.items_done == done.items_total > 0
    assert done.backup == hands.name("saved")

    settings = await hands.get(kube_kinds.CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"colour": "red"}
    assert await hands.get(kube_kinds.SECRET, "keys")
    assert await hands.get(kube_kinds.CONFIG_MAP, "unlabelled") is None, "it was not saved"

    async def ready() -> bool:
        found = await hands.get(kube_kinds.DEPLOYMENT, "server")
        return bool(found and (found.get("status") or {}).get("readyReplicas") == 1)

    await eventually(ready)


async def test_what_was_restored_says_so(hands: Hands) -> None:
    await hands.app(replicas=0)
    await saved(hands)
    await hands.delete_namespace()
    await restored(hands, "r")
    for kind, name in ((kube_kinds.CONFIG_MAP, "settings"), (kube_kinds.DEPLOYMENT, "server")):
        found = await hands.get(kind, name)
        assert found is not None
        labels = found["metadata"]["labels"]
        assert labels["velero.io/backup-name"] == hands.name("saved")
        assert labels["velero.io/restore-name"] == hands.name("r")
        assert labels["app"] == "parseserver"


async def test_the_list_tells_what_became_of_each_object(hands: Hands) -> None:
    await hands.app(replicas=0)
    await saved(hands)
    await hands.delete_namespace()
    await restored(hands, "r")
    found = {(e.kind, e.name): e for e in await hands.velero.entries("Restore", hands.name("r"))}
    assert found["v1/Namespace", hands.namespace].action == "created"
    assert found["v1/ConfigMap", "settings"].action == "created"
    assert found["v1/ConfigMap", "settings"].namespace == hands.namespace
    assert found["apps/v1/Deployment", "server"].action == "created"


async def test_an_object_that_exists_and_differs_is_left_alone_with_a_warning(hands: Hands) -> None:
    await hands.config_map("settings", {"colour": "red"})
    await hands.config_map("same", {"colour": "red"})
    await saved(hands)
    changed = {"data": {"colour": "blue"}}
    await hands.kube.patch(kube_kinds.CONFIG_MAP, hands.namespace, "settings", changed)
    done = await restored(hands, "r")

    assert done.phase == "Completed", "a warning is no failure"
    assert (done.warnings, done.errors) == (1, 0)
    settings = await hands.get(kube_kinds.CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"colour": "blue"}
    (warning,) = (await hands.velero.results("Restore", hands.name("r"))).warnings
    assert (warning.scope, warning.namespace) == ("namespace", hands.namespace)
    assert warning.text == (
        "could not restore, ConfigMap:settings already exists. Warning: the in-cluster version "
        "is different than the backed-up version"
    )
    found = {e.name: e.action for e in await hands.velero.entries("Restore", hands.name("r"))}
    assert found["settings"] == "failed", "Velero's word for it"
    assert found["same"] == "skipped", "an object as it was is no warning"


async def test_update_brings_the_saved_content_back(hands: Hands) -> None:
    await hands.config_map("settings", {"colour": "red"})
    await saved(hands)
    changed = {"data": {"colour": "blue", "size": "large"}}
    await hands.kube.patch(kube_kinds.CONFIG_MAP, hands.namespace, "settings", changed)
    done = await restored(hands, "r", update=True)

    assert (done.warnings, done.errors) == (0, 0)
    settings = await hands.get(kube_kinds.CONFIG_MAP, "settings")
    assert settings is not None
    assert settings["data"] == {"colour": "red"}
    assert settings["metadata"]["labels"]["velero.io/restore-name"] == hands.name("r")
    found = {e.name: e.action for e in await hands.velero.entries("Restore", hands.name("r"))}
    assert found["settings"] == "updated"


async def test_a_copy_goes_into_another_namespace(hands: Hands) -> None:
    await hands.app(replicas=0)
    await saved(hands)
    copy = hands.name("copy")
    done = await restored(hands, "r", mapping={hands.namespace: copy})
    try:
        assert done.mapping == {hands.namespace: copy}
        assert (done.warnings, done.errors) == (0, 0)
        there = await hands.get(kube_kinds.CONFIG_MAP, "settings", copy)
        assert there is not None
        assert there["data"] == {"colour": "red"}
        here = await hands.get(kube_kinds.CONFIG_MAP, "settings")
        assert here is not None
        assert "velero.io/restore-name" not in here["metadata"]["labels"], "untouched"
        found = {
            (e.kind, e.namespace) for e in await hands.velero.entries("Restore", hands.name("r"))
        }
        assert ("v1/ConfigMap", copy) in found
        assert ("v1/ConfigMap", hands.namespace) not in found
    finally:
        await hands.delete_namespace(copy)


async def test_kinds_can_be_left_out_or_chosen(hands: Hands) -> None:
    await hands.app(replicas=0)
    await saved(hands)
    await hands.delete_namespace()
    await restored(hands, "some", excluded_resources=["secrets", "deployments.apps"])
    assert await hands.get(kube_kinds.CONFIG_MAP, "settings")
    assert await hands.get(kube_kinds.SECRET, "keys") is None
    assert await hands.get(kube_kinds.DEPLOYMENT, "server") is None
    await restored(hands, "one", resources=["secrets"])
    assert await hands.get(kube_kinds.SECRET, "keys")
    assert await hands.get(kube_kinds.DEPLOYMENT, "server") is None


async def test_a_selector_chooses_within_the_backup(hands: Hands) -> None:
    await hands.config_map("one", {"a": "1"}, {**APP, "part": "one"})
    await hands.config_map("two", {"a": "1"}, {**APP, "part": "two"})
    await saved(hands)
    await hands.delete_namespace()
    await restored(hands, "r", selectors=[{"part": "one"}])
    assert await hands.get(kube_kinds.CONFIG_MAP, "one")
    assert await hands.get(kube_kinds.CONFIG_MAP, "two") is None


async def test_a_restore_of_an_unknown_backup_fails_its_validation(hands: Hands) -> None:
    await hands.velero.create_restore(hands.name("r"), RestoreSpec("nowhere"))
    done = await hands.velero.follow_restore(hands.name("r"))
    assert done.phase == "FailedValidation"
    assert "nowhere" in " ".join(done.problems)


async def test_an_unknown_restore_is_told(hands: Hands) -> None:
    with pytest.raises(NoSuchRestore, match="nowhere"):
        await hands.velero.restore("nowhere")
