"""restore on a practice cluster: what the plan says, what comes back, what is told."""

from __future__ import annotations

from typing import Any

import pytest

from bot.context import Weight
from bot.errors import Failed, Refused, UsageError
from bot.render.blockkit import render
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import (
    CONFIG_MAP,
    NAMESPACE,
    PERSISTENT_VOLUME_CLAIM,
    STATEFUL_SET,
)
from tests.commands.conftest import Office, text_of
from tests.commands.recovery import Recovery


async def backed_up(office: Office, recovery: Recovery, rows: Any = (1, 2, 3)) -> str:
    """The shop with data, and a backup of it; returns the backup's name."""
    await recovery.shop()
    recovery.server.write_volume("shop", "data-db-0", {"rows": list(rows)})
    result, _ = await office.run("backup create shop")
    return str(result.checked.name)


async def lost(recovery: Recovery) -> None:
    await recovery.kube.delete(NAMESPACE, None, "shop")
    from sandbox.kube.resources import NAMESPACES

    await recovery.practice.wait_for(
        lambda: recovery.practice.store.peek(NAMESPACES, None, "shop") is None, 20
    )


async def test_a_lost_namespace_comes_back_with_its_data(
    recoverable: Office, recovery: Recovery
) -> None:
    name = await backed_up(recoverable, recovery)
    await lost(recovery)
    plan = await recoverable.plan("restore shop-backup")
    assert plan.summary.startswith(f"Restore shop on main from {name}, made ")
    assert (plan.weight, plan.typed) == (Weight.CONFIRM, "")
    assert [(c.what, c.before, c.after) for c in plan.changes] == [
        ("namespace shop", "not there", "made"),
        ("6 objects", "not there", "6 made"),
        ("data of 1 volume", "not there", "restored"),
    ]
    assert plan.warnings == ()
    assert plan.details is not None
    assert f"{name} is the newest good backup called shop-backup." in text_of(plan.details)

    result, document = await recoverable.run("restore shop-backup")
    assert result.ok
    assert document.headline == "shop is restored and ready on main"
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]
    said = text_of(document)
    assert "Helm knows it as revision 1." in said
    assert "statefulset/db" in said
    assert render(document).blocks
    (made,) = await recovery.velero.restores()
    assert made.annotations["onprem.io/asked-by"] == "slack:T1/ANN"
    assert made.labels["onprem.io/app"] == "shop"


async def test_over_a_live_namespace_nothing_goes_back_and_the_plan_says_so(
    recoverable: Office, recovery: Recovery
) -> None:
    name = await backed_up(recoverable, recovery)
    recovery.server.write_volume("shop", "data-db-0", {"rows": ["corrupt"]})
    await recovery.kube.patch(CONFIG_MAP, "shop", "settings", {"data": {"a": "changed"}})
    plan = await recoverable.plan(f"restore {name}")
    assert (plan.weight, plan.typed) == (Weight.TYPE, "shop")
    rows = {c.what: c.after for c in plan.changes}
    assert rows["StatefulSet db"] == "stays as it is"
    assert rows["data of data-db-0"] == "stays as it is"
    first, second = plan.warnings
    assert first == (
        "1 volume (data-db-0) exists: its data is NOT rolled back. "
        f"`restore {name} --replace` deletes and refills."
    )
    assert second.endswith("even where the backup differs; --update patches them.")

    result, document = await recoverable.run(f"restore {name}", plan)
    assert result.ok
    assert "ConfigMap settings" in result.done.restored.left
    assert result.done.restored.failed == (), "what exists and differs has not failed"
    assert recovery.server.volume("shop", "data-db-0")["rows"] == ["corrupt"]
    said = text_of(document)
    assert document.headline == "Nothing of shop was missing on main, so nothing was restored"
    assert "The data of data-db-0 was NOT rolled back." in said
    assert "from the backup, and stay as they are: " in said


async def test_update_patches_what_differs(recoverable: Office, recovery: Recovery) -> None:
    name = await backed_up(recoverable, recovery)
    await recovery.kube.patch(CONFIG_MAP, "shop", "settings", {"data": {"a": "changed"}})
    plan = await recoverable.plan(f"restore {name} --update")
    assert "patched where it differs" in {c.after for c in plan.changes}
    result, _ = await recoverable.run(f"restore {name} --update", plan)
    assert result.ok
    assert result.done.restored.updated >= 1
    settings = await recovery.kube.get(CONFIG_MAP, "shop", "settings")
    assert settings["data"] == {"a": "b"}


async def test_only_some_kinds_come_back(recoverable: Office, recovery: Recovery) -> None:
    name = await backed_up(recoverable, recovery)
    await lost(recovery)
    with pytest.raises(UsageError, match="holds nothing of the kind ingresses"):
        await recoverable.plan(f"restore {name} --only ingresses")
    plan = await recoverable.plan(f"restore {name} --only ConfigMap,secret")
    assert plan.facts["resources"] == ["configmaps", "secrets"]
    result, _ = await recoverable.run(f"restore {name} --only ConfigMap,secret", plan)
    assert result.ok
    assert await recovery.kube.get(CONFIG_MAP, "shop", "settings")
    with pytest.raises(NotFound):
        await recovery.kube.get(STATEFUL_SET, "shop", "db")


async def test_a_copy_goes_into_another_namespace(recoverable: Office, recovery: Recovery) -> None:
    await backed_up(recoverable, recovery)
    plan = await recoverable.plan("restore shop --to copy")
    assert plan.weight is Weight.CONFIRM
    assert " into namespace copy on main " in plan.summary
    result, _ = await recoverable.run("restore shop --to copy", plan)
    assert result.ok
    assert result.done.revision is None
    assert recovery.server.volume("copy", "data-db-0")["rows"] == [1, 2, 3]
    assert (await recovery.kube.get(STATEFUL_SET, "copy", "db"))["status"]["readyReplicas"] == 1


async def test_replace_rolls_the_data_back(recoverable: Office, recovery: Recovery) -> None:
    name = await backed_up(recoverable, recovery)
    recovery.server.write_volume("shop", "data-db-0", {"rows": ["corrupt"]})
    old = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", "data-db-0")
    plan = await recoverable.plan("restore shop --replace")
    assert (plan.weight, plan.typed) == (Weight.TYPE, "shop")
    assert plan.summary.startswith(f"Replace shop on main from {name}")
    rows = {c.what: c.after for c in plan.changes}
    assert rows["StatefulSet db"] == "deleted, restored"
    assert rows["volume of data-db-0"] == "deleted, refilled"
    assert plan.warnings[0].startswith("The app stops, and everything written after the backup ")

    result, document = await recoverable.run("restore shop --replace", plan)
    assert result.ok, document
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]
    new = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", "data-db-0")
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert result.done.safety.startswith("shop-backup-safety-20")
    assert f"restore {result.done.safety} --replace --cluster main" in text_of(document)
    assert "goes back to how it was before" in text_of(document)
    # The safety backup holds what was corrupt; no series takes it for a good one.
    again = await recoverable.plan("restore shop --replace")
    assert again.facts["backup"] == name


async def test_a_safety_backup_that_fails_leaves_everything_as_it_is(
    recoverable: Office, recovery: Recovery
) -> None:
    await backed_up(recoverable, recovery)
    recovery.server.fault("backup_partial")
    with pytest.raises(Failed, match="not complete, so nothing was touched") as caught:
        await recoverable.run("restore shop --replace")
    assert "--replace --skip-safety` goes on without one" in str(caught.value)
    assert (await recovery.kube.get(STATEFUL_SET, "shop", "db"))["spec"]["replicas"] == 1

    result, _ = await recoverable.run("restore shop --replace --skip-safety")
    assert result.ok
    assert result.done.safety == ""


async def test_a_replace_that_fails_in_the_middle_says_where_it_stands(
    recoverable: Office, recovery: Recovery
) -> None:
    name = await backed_up(recoverable, recovery)
    recovery.server.fault("restore_fails")
    with pytest.raises(Failed) as caught:
        await recoverable.run("restore shop --replace")
    said = str(caught.value)
    assert said.startswith("The workloads and volumes of shop are deleted, and not restored yet: ")
    assert f"`restore {name} --replace --skip-safety` goes on" in said
    assert "`restore shop-backup-safety-20" in said

    recovery.server.fault("restore_fails", False)
    result, _ = await recoverable.run(f"restore {name} --replace --skip-safety")
    assert result.ok
    assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]


async def test_replace_is_for_an_app_in_its_place(recoverable: Office, recovery: Recovery) -> None:
    for words in ("shop --to copy --replace", "some-backup --replace"):
        with pytest.raises(UsageError, match="in its own namespace"):
            recoverable.parsed(f"restore {words}")


async def test_an_object_that_fails_is_named(recoverable: Office, recovery: Recovery) -> None:
    await backed_up(recoverable, recovery)
    await lost(recovery)
    recovery.server.fault("restore_partial")
    result, document = await recoverable.run("restore shop --only configmaps")
    assert not result.ok
    assert result.done.restored.failed == ("ConfigMap settings",)
    assert document.headline.startswith("shop was not restored completely on main: 1 error: ")
    assert "a fault was asked for" in text_of(document)
    assert render(document).blocks
    name = result.done.restored.name
    assert f"backup logs {name}" in text_of(document)
    log, shown = await recoverable.read(f"backup logs {name}")
    assert log.name == name
    assert "a fault was asked for" in text_of(shown)
    assert recoverable.parsed(f"backup logs {name}")[2].target.app == "shop"


async def test_an_app_that_does_not_come_up_is_told_though_velero_says_completed(
    recoverable: Office, recovery: Recovery
) -> None:
    await backed_up(recoverable, recovery)
    await lost(recovery)
    recovery.practice.controllers.world.fail_image("*db:1")
    result, document = await recoverable.run("restore shop")
    assert result.done.restored.phase == "Completed"
    assert not result.ok
    assert document.headline.startswith("shop was restored on main, but is not ready: ")


async def test_a_server_that_is_away_is_told_and_nothing_is_left_behind(
    recoverable: Office, recovery: Recovery
) -> None:
    await backed_up(recoverable, recovery)
    plan = await recoverable.plan("restore shop")
    recovery.server.fault("away")
    with pytest.raises(Failed, match="Velero's server does not answer") as caught:
        await recoverable.run("restore shop", plan)
    assert "the request was withdrawn" in str(caught.value)
    assert await recovery.velero.restores() == ()


GITOPS = {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "f"}


async def test_what_a_gitops_controller_owns_is_refused(
    recoverable: Office, recovery: Recovery
) -> None:
    await backed_up(recoverable, recovery)
    body = {"metadata": {"labels": GITOPS}}
    await recovery.kube.patch(CONFIG_MAP, "shop", "settings", body)
    plan = await recoverable.plan("restore shop")
    assert plan.summary, "marks of a controller that is not there do not count"
    kind = await define_kustomizations(recovery)
    await recovery.kube.create(kind, "f", {"metadata": {"name": "shop"}, "spec": {}})
    with pytest.raises(Refused, match="belongs to Flux's Kustomization f/shop") as caught:
        await recoverable.plan("restore shop")
    assert "flux suspend kustomization shop -n f" in str(caught.value)
    await recovery.kube.patch(kind, "f", "shop", {"spec": {"suspend": True}})
    await recoverable.plan("restore shop")


async def define_kustomizations(recovery: Recovery) -> Any:
    from integrations.kubernetes.kinds import CUSTOM_RESOURCE_DEFINITION, Kind

    group = "kustomize.toolkit.fluxcd.io"
    names = {"kind": "Kustomization", "plural": "kustomizations", "singular": "kustomization"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    meta = {"name": f"kustomizations.{group}"}
    await recovery.kube.create(CUSTOM_RESOURCE_DEFINITION, None, {"metadata": meta, "spec": spec})
    await recovery.kube.create(NAMESPACE, None, {"metadata": {"name": "f"}})
    return Kind(f"{group}/v1", "kustomizations", "Kustomization")


async def test_another_apps_backup_in_disguise_is_refused(
    recoverable: Office, recovery: Recovery
) -> None:
    from integrations.velero.models import BackupSpec

    await recovery.shop()
    name = "shop-backup-20300101000000"
    spec = BackupSpec(namespaces=["shop"], labels={"onprem.io/app": "bare"})
    await recovery.velero.create_backup(name, spec)
    await recovery.velero.follow_backup(name)
    with pytest.raises(Refused, match="is of bare, although it is called as those of shop"):
        await recoverable.plan(f"restore {name}")


async def test_the_scope_is_the_app_the_namespace_or_the_cluster(recoverable: Office) -> None:
    def path(words: str) -> str:
        return recoverable.parsed(f"restore {words}")[2].target.path

    assert path("shop") == "main/shop/shop"
    assert path("shop-backup") == "main/shop/shop"
    assert path("shop-backup-20261122010000") == "main/shop/shop"
    assert path("shop-backup-safety-20261122010000") == "main/shop/shop"
    assert path("shop --to copy") == "main/copy"
    assert path("weekly-everything") == "main"
    assert path("weekly-everything --to copy") == "main/copy"
