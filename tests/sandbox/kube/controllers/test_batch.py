from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.kube.controllers.cronjobs import Schedule
from sandbox.kube.resources import CRONJOBS, JOBS, PODS

from ..living import Cluster, Json, condition


def job(name: str = "work", image: str = "busybox:1", command: Any = (), **spec: Any) -> Json:
    container = {"name": "run", "image": image, "command": list(command)}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": template, **spec},
    }


async def test_a_job_completes(cluster: Cluster) -> None:
    cluster.store.create(JOBS, job(completions=3, parallelism=2))
    found = await cluster.until(
        lambda: (j := cluster.get(JOBS, "work")) and condition(j, "Complete") and j
    )
    assert found["status"]["succeeded"] == 3
    assert condition(found, "Complete")["reason"] == "CompletionsReached"
    assert found["status"]["completionTime"]
    assert {p["status"]["phase"] for p in cluster.pods()} == {"Succeeded"}


async def test_a_failing_job_gives_up_at_its_limit(cluster: Cluster) -> None:
    cluster.store.create(JOBS, job(command=["sh", "-c", "exit 2"], backoffLimit=2))
    found = await cluster.until(
        lambda: (j := cluster.get(JOBS, "work")) and condition(j, "Failed") and j
    )
    assert condition(found, "Failed")["reason"] == "BackoffLimitExceeded"
    assert found["status"]["failed"] == 3


async def test_a_finished_job_is_removed_after_its_time(cluster: Cluster) -> None:
    cluster.store.create(JOBS, job(ttlSecondsAfterFinished=0))
    await cluster.until(lambda: cluster.get(JOBS, "work") is None and not cluster.pods())


async def test_a_cronjob_makes_its_job_when_due(cluster: Cluster) -> None:
    cron = {
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": job()["spec"]}},
    }
    made = cluster.store.create(CRONJOBS, cron)
    made["status"] = {"lastScheduleTime": "2026-01-01T00:00:00Z"}
    cluster.store.update(CRONJOBS, made, subresource="status")
    await cluster.until(lambda: cluster.store.scan(JOBS))
    [found] = cluster.store.list(JOBS)
    assert found["metadata"]["name"].startswith("tick-")
    await cluster.until(
        lambda: cluster.get(CRONJOBS, "tick")["status"].get("lastSuccessfulTime")  # type: ignore[index]
    )
    assert cluster.store.scan(PODS)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("*/15 * * * *", "2026-03-01T10:15"),
        ("0 2 * * *", "2026-03-02T02:00"),
        ("@hourly", "2026-03-01T11:00"),
        ("30 6 * * mon-fri", "2026-03-02T06:30"),
        ("0 0 13 * 5", "2026-03-06T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("5,10 10 1 mar 7", "2026-03-01T10:10"),
    ],
)
def test_cron_schedules(text: str, due: str) -> None:
    start = datetime(2026, 3, 1, 10, 7, tzinfo=UTC)  # a Sunday
    assert Schedule(text).after(start) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "a * * * *"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError):
        Schedule(text)
