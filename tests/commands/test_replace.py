"""restore --replace: nothing goes that could not come back, and what is in the way does go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.errors import Failed, Refused
from integrations.kubernetes.kinds import (
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    STATEFUL_SET,
    Kind,
)
from tests.commands.conftest import Cut, Journal, Killed, Office
from tests.commands.recovery import LABELS, Recovery
from tests.commands.test_restore import backed_up, lost
from tests.commands.test_restore_cancelled import At

CRON_JOB = Kind("batch/v1", "cronjobs", "CronJob")


async def uid(recovery: Recovery, name: str = "data-db-0") -> str:
    claim = await recovery.kube.get(PERSISTENT_VOLUME_CLAIM, "shop", name)
    return str(claim["metadata"]["uid"])


async def broken_pod(recovery: Recovery) -> None:
    """The database cannot start any more: what a corrupt volume often looks like."""
    from sandbox.kube.resources import PODS

    old = (await recovery.kube.get(POD, "shop", "db-0"))["metadata"]["uid"]
    recovery.practice.controllers.world.fail_image("*db:1")
    await recovery.kube.delete(POD, "shop", "db-0")

    def pending() -> bool:
        pod = recovery.practice.store.peek(PODS, "shop", "db-0")
        return (
            pod is not None
            and pod["metadata"]["uid"] != old
            and pod["status"]["phase"] == "Pending"
        )

    await recovery.practice.wait_for(pending, 20)


async def test_a_safety_backup_without_the_volumes_data_leaves_everything_as_it_is(
    recoverable: Office, recovery: Recovery
) -> None:
    """Velero passes over volumes of pods that do not run, and says Completed."""
    await backed_up(recoverable, recovery)
    before = await uid(recovery)
    await broken_pod(recovery)
    with pytest.raises(
        Failed, match="lacks the data of 1 volume, so nothing was touched"
    ) as caught:
        await recoverable.run("restore shop --replace")
    assert "data-db-0: its pod is not running" in caught.value.why
    assert "`restore shop --replace --skip-safety` goes on without one" in caught.value.hint
    assert await uid(recovery) == before
    assert (await recovery.kube.get(STATEFUL_SET, "shop", "db"))["spec"]["replicas"] == 1


def uses(claim: str) -> dict[str, Any]:
    """A pod that mounts a claim."""
    mount = {"name": "v", "mountPath": "/v"}
    container = {"name": "main", "image": "example.com/tool:1", "volumeMounts": [mount]}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    return {"containers": [container], "volumes": [volume]}


def workload(claim: str, **rest: Any) -> dict[str, Any]:
    labels = {"app": "shop", "what": rest.pop("what")}
    template = {"metadata": {"labels": labels}, "spec": {**uses(claim), **rest.pop("pod", {})}}
    return {"selector": {"matchLabels": labels}, "template": template, **rest}


async def one_of_each_kind(recovery: Recovery) -> None:
    """Everything that may run pods, all of the app, all on its volume."""
    from sandbox.kube.resources import PODS

    claim = "data-db-0"
    await recovery.make(DAEMON_SET, "agent", LABELS, spec=workload(claim, what="agent"))
    deployment = workload(claim, what="web", replicas=1)
    await recovery.make(DEPLOYMENT, "web", LABELS, spec=deployment)
    pod = {**uses(claim), "restartPolicy": "OnFailure"}
    pod["containers"][0]["image"] = "example.com/tool:crash"  # so that the Job does not end
    once = {"backoffLimit": 99, "template": {"metadata": {"labels": LABELS}, "spec": pod}}
    await recovery.make(JOB, "import", LABELS, spec=once)
    cron = {"schedule": "0 3 * * *", "jobTemplate": {"spec": once}}
    await recovery.make(CRON_JOB, "nightly", LABELS, spec=cron)
    await recovery.make(POD, "toolbox", LABELS, spec=uses(claim))

    def all_run() -> bool:
        pods = recovery.practice.store.scan(PODS, "shop")
        return sum(p["status"].get("phase") == "Running" for p in pods) >= 5

    await recovery.practice.wait_for(all_run, 20)


async def test_all_that_runs_is_stopped_whatever_its_kind(
    recoverable: Office, recovery: Recovery
) -> None:
    await recovery.shop()
    await one_of_each_kind(recovery)
    await recoverable.run("backup create shop")
    before = await uid(recovery)
    result, document = await recoverable.run("restore shop --replace --skip-safety")
    assert result.ok, document
    assert await uid(recovery) != before
    for kind, name in ((DAEMON_SET, "agent"), (DEPLOYMENT, "web"), (CRON_JOB, "nightly")):
        assert await recovery.kube.get(kind, "shop", name)


async def test_a_volume_that_somebody_else_uses_is_refused_by_name(
    recoverable: Office, recovery: Recovery
) -> None:
    """An operator's pods, or a foreign one: nothing here ends them, so it would wait for ever."""
    await backed_up(recoverable, recovery)
    other = {"labels": {"app": "other"}}
    spec = workload("data-db-0", what="spy", replicas=1)
    spec["selector"], spec["template"]["metadata"] = {"matchLabels": other["labels"]}, other
    await recovery.make(DEPLOYMENT, "spy", {}, spec=spec)

    from sandbox.kube.resources import PODS

    await recovery.practice.wait_for(
        lambda: any("spy" in p["metadata"]["name"] for p in recovery.practice.store.scan(PODS)), 20
    )
    with pytest.raises(Refused, match="cannot stop all that uses the volumes of shop") as caught:
        await recoverable.plan("restore shop --replace")
    assert "data-db-0 by pod spy-" in caught.value.why
    assert "of Deployment spy" in caught.value.why


async def test_waiting_for_pods_ends_when_somebody_cancels(
    recoverable: Office, recovery: Recovery
) -> None:
    """A pod that does not go is waited for as long as the app's timeout says."""
    await backed_up(recoverable, recovery)
    body = {"metadata": {"finalizers": ["example.com/held"]}}
    await recovery.kube.patch(POD, "shop", "db-0", body)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_later(0.2, recoverable.operation.cancel, "ann")

    at = At("wait until its pods are gone", "before", act=stop)
    with pytest.raises(Failed, match="is stopped or stopping, and not restored") as caught:
        await recoverable.run("restore shop --replace --skip-safety", cut=at)
    assert "ann cancelled it" in caught.value.why
    assert await uid(recovery), "its volume is there"
    await recovery.kube.patch(POD, "shop", "db-0", {"metadata": {"finalizers": None}})


async def test_what_took_the_names_after_it_was_stopped_stays(
    recoverable: Office, recovery: Recovery
) -> None:
    """Then it must not be said that nothing was touched, nor be waited for what has come."""
    await backed_up(recoverable, recovery)
    line = "restore shop --replace --skip-safety"
    plan, journal = await recoverable.plan(line), Journal()
    cut = Cut("stop the workloads", "acted")
    with pytest.raises(Killed):
        await recoverable.run(line, plan, cut=cut, request_id="job1", journal=journal)
    await lost(recovery)
    await recovery.shop()
    fresh = await uid(recovery)
    result, document = await recoverable.run(
        line, plan, resumed=True, request_id="job1", journal=journal
    )
    assert result.ok
    assert document.headline.startswith("Nothing of shop was missing")
    assert await uid(recovery) == fresh
    assert (await recovery.kube.get(STATEFUL_SET, "shop", "db"))["spec"]["replicas"] == 1
