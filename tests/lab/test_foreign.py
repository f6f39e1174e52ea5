"""Charts that nobody here wrote, deployed by the bot with the rights that `deploy/` ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab.charts import begun, published
from tests.lab.conftest import Site, helm_settings, running
from tests.lab.grounds import Grounds

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(240)]

Run = Callable[..., Site]


@pytest.fixture
def host(grounds: Grounds, tmp_path: Path) -> Iterator[Run]:
    """Makes a host whose bot deploys one app, from the chart given."""

    def make(name: str, chart: Path, *, helm: str = "helm3", **app: Any) -> Site:
        apps = {name: {"namespace": "parse", "chart": str(chart), "timeout": 60, **app}}
        config = grounds.config(tmp_path, apps=apps, helm=helm_settings(helm))
        service.enter_context(running(config))
        return Site(grounds, config)

    with ExitStack() as service:
        yield make
    grounds.clear()


def alias(workload: str, replicas: str) -> dict[str, Any]:
    return {"workload": workload, "replicas_value": replicas}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_what_helm_create_begins_lives_its_whole_life(host: Run, tmp_path: Path, helm: str) -> None:
    web = alias("deployment/web", "replicaCount")
    site = host("web", begun(helm, tmp_path), helm=helm, aliases={"www": web})
    deployment = "apps/v1/deployments/web"
    assert "revision 1" in site.works("deploy", "web")
    assert "1 of 1 pod ready" in site.works("status", "web")
    assert "from 1 to 3" in site.works("scale", "www", "3")
    assert "nginx:1.27.0" in site.works("diff", "web", "--version", "1.27.0")
    assert "revision 2" in site.works("deploy", "web", "--version", "1.27.0")
    assert site.get(deployment)["spec"]["replicas"] == 3

    said = site.bot("deploy", "web", "--version", "crash")
    assert said.code == 1
    assert "it was rolled back to revision 2" in said.text
    assert "keeps crashing" in said.text
    assert "did not come up" in site.works("history", "web")
    site.works("rollback", "web", "--yes")
    containers = site.get(deployment)["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "nginx:1.16.0"
    assert "Restarted deployment/web" in site.works("restart", "www")
    assert "It had no volumes" in site.works("uninstall", "web", "--confirm", "web")
    assert site.get("pods")["items"] == []
    assert site.get("services")["items"] == []


def test_a_published_chart_is_deployed_as_far_as_the_rights_go(host: Run) -> None:
    site = host(
        "metrics",
        published("metrics-server"),
        values={"rbac": {"create": False}, "apiService": {"create": False}},
        aliases={"server": alias("deployment/metrics-metrics-server", "replicas")},
    )
    assert "is running on main, revision 1" in site.works("deploy", "metrics")
    assert "from 1 to 2" in site.works("scale", "server", "2")
    assert "metrics: 2 of 2 pods ready" in site.works("status", "metrics")
    assert "metrics.enabled" in site.works("diff", "metrics", "--set", "metrics.enabled=true")
    said = site.works("deploy", "metrics", "--set", "metrics.enabled=true")
    assert "= 2, metrics.enabled = true." in said
    site.works("uninstall", "metrics", "--confirm", "metrics")
    assert site.get("pods")["items"] == []


def test_a_chart_that_needs_more_rights_fails_and_says_which(host: Run) -> None:
    site = host("metrics", published("metrics-server"))
    said = site.bot("deploy", "metrics")
    assert said.code == 1
    assert "The cluster does not allow helm to do this" in said.text
    assert (
        "Give the bot's account the missing right (deploy/rbac.yaml): "
        "get clusterroles.rbac.authorization.k8s.io."
    ) in said.text
    # Helm looks before it makes anything, so there is nothing to clear away.
    assert "is not deployed on main" in site.works("status", "metrics")
    assert site.get("apps/v1/deployments")["items"] == []


def test_a_chart_whose_kinds_are_not_there_fails_and_says_so(host: Run) -> None:
    said = host("stages", published("stage-fast")).bot("deploy", "stages")
    assert said.code == 1
    assert "does not know all kinds of objects that stages has" in said.text
    assert "Install what defines them first: Stage (kwok.x-k8s.io/v1alpha1)." in said.text


def test_a_published_chart_with_a_stateful_set_and_a_hook(host: Run) -> None:
    site = host(
        "objects",
        published("minio"),
        values={
            "mode": "distributed",
            "replicas": 4,
            "persistence": {"size": "1Gi"},
            "resources": {"requests": {"memory": "64Mi"}},
        },
        secret_values=["rootPassword", "rootUser"],
    )
    workload = "apps/v1/statefulsets/objects-minio"
    site.works("deploy", "objects")
    assert site.get(workload)["status"]["readyReplicas"] == 4
    assert "Restarted statefulset/objects-minio" in site.works("restart", "objects")

    said = site.bot("deploy", "objects", "--version", "does-not-exist")
    assert said.code == 1
    assert "it was rolled back to revision 1" in said.text
    status = site.get(workload)["status"]
    assert (status["readyReplicas"], status["updatedReplicas"]) == (4, 4)

    # A bucket is made by a Job that runs as a hook.
    site.works("deploy", "objects", "--set", "buckets[0].name=x")
    said = site.works("uninstall", "objects", "--confirm", "objects")
    assert "PersistentVolumeClaim/export-objects-minio-3" in said
    assert site.get("pods")["items"] == []
