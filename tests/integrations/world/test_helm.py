"""The real helm on a practice cluster: releases, their history, failures, recovery."""

from __future__ import annotations

import asyncio
import base64
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from integrations.helm import errors, orphan, stored
from integrations.helm.client import Helm
from integrations.helm.diff import diff_manifests, parse_manifest
from integrations.helm.recovery import (
    Adopt,
    DropPending,
    Intent,
    RunAgain,
    clear_pending,
    decide,
    revisions_labelled,
)
from integrations.kubernetes.follow import follow_workloads, workload_targets
from integrations.kubernetes.kinds import DEPLOYMENT, SECRET
from tests.integrations.world.conftest import Cluster

pytestmark = pytest.mark.helm
IN: dict[str, Any] = {"namespace": "parse"}


async def deploy(helm: Helm, chart: Path, operation: str = "op-1", **values: Any) -> None:
    await helm.install_or_upgrade("demo", chart, values, operation=operation, **IN)


async def test_a_releases_life(helm: Helm, chart: Path, cluster: Cluster) -> None:
    assert await helm.history("demo", **IN) == []
    await deploy(helm, chart, "op-1", key="s3cret")
    await deploy(helm, chart, "op-2", key="s3cret", replicas=3)
    history = await helm.history("demo", **IN)
    assert [(r.number, r.status, r.description) for r in history] == [
        (1, "superseded", "op-1"),
        (2, "deployed", "op-2"),
    ]
    assert (history[1].chart, history[1].app_version) == ("demo-1.0.0", "8")
    assert await helm.get_values("demo", **IN) == {"key": "s3cret", "replicas": 3}
    assert (await helm.get_values("demo", revision=1, **IN)) == {"key": "s3cret"}
    assert (await helm.get_values("demo", computed=True, **IN))["image"] == "example/app:1"
    assert "replicas: 3" in await helm.get_manifest("demo", **IN)

    await helm.rollback("demo", 1, operation="op-3", **IN)
    newest = (await helm.history("demo", **IN))[-1]
    assert (newest.number, newest.status, newest.description) == (3, "deployed", "Rollback to 1")
    assert (await cluster.client.get(DEPLOYMENT, "parse", "demo"))["spec"]["replicas"] == 2

    (release,) = await helm.list_releases()
    assert (release.name, release.namespace, release.revision) == ("demo", "parse", 3)
    await helm.uninstall("demo", operation="op-4", **IN)
    assert await helm.list_releases() == []
    with pytest.raises(errors.ReleaseNotFound):
        await helm.uninstall("demo", operation="op-5", **IN)


async def test_a_deploy_is_followed_to_its_end(helm: Helm, chart: Path, cluster: Cluster) -> None:
    await deploy(helm, chart)
    targets = workload_targets(await parse_manifest(await helm.get_manifest("demo", **IN)))
    result = await follow_workloads(cluster.client, "parse", targets, timeout=20)
    assert result.ok, result.message
    assert result.workloads[0].rollout is not None
    assert result.workloads[0].rollout.ready == 2


async def test_a_bad_image_is_told_and_a_rollback_mends_it(
    helm: Helm, chart: Path, cluster: Cluster
) -> None:
    await deploy(helm, chart)
    await deploy(helm, chart, "op-2", image="example/app:broken")
    targets = workload_targets(await parse_manifest(await helm.get_manifest("demo", **IN)))
    result = await follow_workloads(cluster.client, "parse", targets, timeout=20)
    assert not result.ok
    assert not result.timed_out
    assert "example/app:broken" in result.message
    await helm.rollback("demo", 1, operation="op-2", **IN)
    result = await follow_workloads(cluster.client, "parse", targets, timeout=20)
    assert result.ok, result.message


async def test_a_preview_shows_the_change_and_no_secret(
    helm: Helm, chart: Path, cluster: Cluster
) -> None:
    fresh = await helm.render("demo", chart, {"key": "first-key"}, **IN)
    assert "kind: Deployment" in fresh.manifest
    assert await helm.history("demo", **IN) == []
    await deploy(helm, chart, key="first-key")
    after = await helm.render("demo", chart, {"key": "second-key", "replicas": 5}, **IN)
    before = await helm.get_manifest("demo", **IN)
    found = await diff_manifests(before, after.manifest, namespace="parse")
    assert [d.title for d in found] == ["Deployment parse/demo", "Secret parse/demo"]
    assert "+  replicas: 5" in found[0].text
    assert "(secret, changed)" in found[1].text
    assert not any("-key" in d.text for d in found)
    assert len(await helm.history("demo", **IN)) == 1


async def test_secret_values_reach_the_cluster_but_no_file(
    helm: Helm, chart: Path, cluster: Cluster, tmp_path: Path
) -> None:
    await deploy(helm, chart, key="s3cret-master-key")
    stored = await cluster.client.get(SECRET, "parse", "demo")
    assert stored["data"]["key"]
    for file in (tmp_path / "run").iterdir():
        assert "s3cret" not in file.read_text()


async def test_refused_values_name_their_path(helm: Helm, chart: Path) -> None:
    with pytest.raises(errors.SchemaRefused) as caught:
        await deploy(helm, chart, replicas="two")
    assert caught.value.paths == ("replicas",)


async def test_a_chart_that_is_not_there(helm: Helm, tmp_path: Path) -> None:
    with pytest.raises(errors.ChartNotFound):
        await deploy(helm, tmp_path / "absent")


async def test_a_chart_that_does_not_render(helm: Helm, chart: Path) -> None:
    (chart / "templates" / "bad.yaml").write_text("{{ required `a key is required` .Values.no }}")
    with pytest.raises(errors.ChartInvalid, match="a key is required"):
        await deploy(helm, chart)


async def test_a_cluster_that_is_not_there(helm: Helm, chart: Path, cluster: Cluster) -> None:
    await cluster.server.close()
    with pytest.raises(errors.Unreachable):
        await deploy(helm, chart)


async def cut(helm: Helm, chart: Path, operation: str, **values: Any) -> None:
    """Start a deploy that waits in its hook, and kill helm there as a crash would."""
    started: list[orphan.Process] = []
    task = asyncio.create_task(
        helm.install_or_upgrade(
            "demo",
            chart,
            {"hook": True, "hookImage": "example/hook:broken", **values},
            operation=operation,
            on_spawn=lambda pid, at: started.append(orphan.Process(pid, at)),
            **IN,
        )
    )
    async with asyncio.timeout(20):
        while not [r for r in await helm.history("demo", **IN) if r.pending]:
            await asyncio.sleep(0.02)
    orphan.signal_group(started[0].pid, signal.SIGKILL)
    with pytest.raises(errors.HelmError):
        await task


@pytest.mark.kill
async def test_a_killed_upgrade_is_recognised_cleared_and_repeated(
    helm: Helm, chart: Path, cluster: Cluster
) -> None:
    await deploy(helm, chart, "op-1")
    intent = Intent("op-2", "upgrade", base_revision=1)
    await cut(helm, chart, "op-2", replicas=4)
    with pytest.raises(errors.AnotherOperationInProgress):
        await deploy(helm, chart, "op-9")

    history = await helm.history("demo", **IN)
    labelled = await revisions_labelled(cluster.client, "demo", "parse", "op-2")
    assert labelled == {2}
    decision = decide(intent, history, labelled=labelled)
    assert decision == DropPending(2)
    await clear_pending(cluster.client, "demo", "parse", decision)

    history = await helm.history("demo", **IN)
    labelled = await revisions_labelled(cluster.client, "demo", "parse", "op-2")
    assert decide(intent, history, labelled=labelled) == RunAgain(1)
    await deploy(helm, chart, "op-2", replicas=4)
    history = await helm.history("demo", **IN)
    assert [(r.number, r.status) for r in history] == [(1, "superseded"), (2, "deployed")]
    assert decide(intent, history, labelled=labelled) == Adopt(history[-1])
    assert (await cluster.client.get(DEPLOYMENT, "parse", "demo"))["spec"]["replicas"] == 4


@pytest.mark.kill
async def test_a_killed_first_install_is_removed(helm: Helm, chart: Path, cluster: Cluster) -> None:
    await cut(helm, chart, "op-1")
    history = await helm.history("demo", **IN)
    labelled = await revisions_labelled(cluster.client, "demo", "parse", "op-1")
    decision = decide(Intent("op-1", "upgrade", 0), history, labelled=labelled)
    assert decision == DropPending(1)
    await clear_pending(cluster.client, "demo", "parse", decision)
    assert await helm.history("demo", **IN) == []
    await deploy(helm, chart, "op-1")


async def test_cancelling_lets_helm_mark_the_release_failed(
    helm: Helm, chart: Path, cluster: Cluster
) -> None:
    operation = uuid.uuid4().hex  # looked up among all processes of this machine
    task = asyncio.create_task(
        deploy(helm, chart, operation, hook=True, hookImage="example/hook:broken")
    )
    async with asyncio.timeout(20):
        while not await helm.history("demo", **IN):
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (revision,) = await helm.history("demo", **IN)
    assert revision.status == "failed"
    assert orphan.find_by_operation(operation) == []
    labelled = await revisions_labelled(cluster.client, "demo", "parse", operation)
    assert decide(Intent(operation, "upgrade", 0), [revision], labelled=labelled) == Adopt(revision)


async def test_the_newest_revision_knows_its_operation(helm: Helm, chart: Path) -> None:
    await deploy(helm, chart, "op-1")
    assert await helm.made_by("demo", "op-1", **IN) == 1
    assert await helm.made_by("demo", "op-2", **IN) is None


async def test_helm_test_tells_pass_and_failure(helm: Helm, chart: Path) -> None:
    (chart / "templates" / "tests.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: demo-test\n"
        "  annotations: {helm.sh/hook: test}\n"
        "spec:\n  restartPolicy: Never\n"
        "  containers: [{name: main, image: {{ .Values.testImage }}, command: ['true']}]\n"
    )
    await deploy(helm, chart, "op-1", testImage="example/test:1")
    passed = await helm.test("demo", operation="op-2", **IN)
    assert passed.ok, passed.output
    await deploy(helm, chart, "op-3", testImage="example/test:crash")
    failed = await helm.test("demo", operation="op-4", **IN)
    assert not failed.ok
    assert failed.failed == ("demo-test",)


async def test_what_is_on_record_can_be_read_without_helm(
    helm: Helm, chart: Path, cluster: Cluster
) -> None:
    """The same as helm itself tells, in every status that a release gets here."""
    assert await stored.records(cluster.client, "demo", "parse") == []
    assert await stored.newest(cluster.client, "demo", "parse") is None
    await deploy(helm, chart, "op-1", key="s3cret")
    await deploy(helm, chart, "op-2", key="s3cret", replicas=3)
    await helm.rollback("demo", 1, operation="op-3", **IN)

    records = await stored.records(cluster.client, "demo", "parse")
    assert [r.revision for r in records] == await helm.history("demo", **IN)
    for record in records:
        number = record.revision.number
        assert record.values == await helm.get_values("demo", revision=number, **IN)
    (listed,) = await helm.list_releases()
    newest = await stored.newest(cluster.client, "demo", "parse")
    assert newest is not None
    assert (newest.revision, newest.status, newest.chart) == (3, "deployed", listed.chart)
    assert newest.app_version == listed.app_version
    assert "s3cret" not in repr(records)


async def test_a_record_that_is_none_is_told(helm: Helm, chart: Path, cluster: Cluster) -> None:
    await deploy(helm, chart)
    name, nonsense = "sh.helm.release.v1.demo.v1", base64.b64encode(b"nonsense").decode()
    await cluster.client.patch(SECRET, "parse", name, {"data": {"release": nonsense}})
    with pytest.raises(errors.HelmError, match=f"record {name} cannot be read"):
        await stored.newest(cluster.client, "demo", "parse")
