"""What the autoscalers' controller does where there is a metrics API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from integrations.kubernetes.autoscaling import find_autoscaler
from integrations.kubernetes.client import KubeClient
from tests.cluster.build import Builder
from tests.cluster.lab import Lab
from tests.cluster.metrics import CPU, metrics_server
from tests.contract.client import MERGE, Api, Json
from tests.contract.conftest import Cluster
from tests.contract.scalers import V2, hpa, says
from tests.contract.test_autoscaling import DEPLOYMENTS, events, sized

Make = Callable[..., Json]
Use = Callable[[str, int], Awaitable[None]]

ASKED = 100
"""Millicores that each pod requests, so that a millicore is a percent."""

METRIC = "cpu resource utilization (percentage of request)"


@pytest.fixture
def use(
    api: Api, cluster: Cluster, world: tuple[str, str, Lab | None], tmp_path: Path
) -> Iterator[Use]:
    """Has each pod of a Deployment that is there now use this many millicores, and measures it.

    Pods that come later take over none of it.
    """
    with ExitStack() as until_the_end:

        async def use(name: str, millicores: int) -> None:
            pods = (await api("GET", api.path("pods"), labelSelector=f"app={name}"))["items"]
            if cluster.practice is not None:
                total = len(pods) * millicores * 100 / ASKED
                cluster.practice.controllers.world.load(api.namespace, name, total)
                return
            lab = world[2]
            assert lab is not None
            if Builder().missing(["metrics-server"]):
                pytest.skip("not built yet: metrics-server. Run `make test-lab`.")
            notes = {"metadata": {"annotations": {CPU: f"{millicores}m"}}}
            for pod in pods:
                await api("PATCH", api.path("pods", pod["metadata"]["name"]), notes, kind=MERGE)
            until_the_end.enter_context(metrics_server(lab, tmp_path / "metrics-server"))

        yield use


@pytest.mark.timeout(240)
async def test_a_load_above_the_target_is_met_with_the_computed_size(
    api: Api, client: KubeClient, use: Use, workload: Make
) -> None:
    body = workload("Deployment", replicas=2)
    (container,) = body["spec"]["template"]["spec"]["containers"]
    container["resources"] = {"requests": {"cpu": f"{ASKED}m"}}
    await api("POST", api.path(DEPLOYMENTS), body, expect=201)
    await api.until(
        api.path(DEPLOYMENTS), lambda found: found["web"]["status"].get("availableReplicas") == 2
    )
    await use("web", 140)
    await api("POST", api.path(V2), hpa(maxReplicas=9), expect=201)
    seen = await api.until(
        api.path(V2), lambda found: found["web"]["status"].get("desiredReplicas") == 4
    )
    found = seen[-1]["web"]
    words = f"the HPA was able to successfully calculate a replica count from {METRIC}"
    assert says(found)["ScalingActive"] == ("True", "ValidMetricFound", words)
    assert says(found)["AbleToScale"][:2] == ("True", "SucceededRescale")
    assert says(found)["ScalingLimited"][:2] == ("False", "DesiredWithinRange")
    (metric,) = found["status"]["currentMetrics"]
    assert (metric["type"], metric["resource"]["name"]) == ("Resource", "cpu")
    assert metric["resource"]["current"]["averageUtilization"] == pytest.approx(140, abs=5)
    # 2 pods at 140 % of their request, where 80 % are wanted: 3.5, rounded up.
    await sized(api, 4)
    told = await events(api, "web", "SuccessfulRescale")
    assert told["SuccessfulRescale"] == [("Normal", f"New size: 4; reason: {METRIC} above target")]
    scaler = await find_autoscaler(client, api.namespace, "Deployment", "web")
    assert scaler is not None
    assert scaler.active
