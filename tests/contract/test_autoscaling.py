"""What the autoscalers' controller does where there is no metrics API, as in the lab."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integrations.kubernetes.autoscaling import find_autoscaler, set_bounds
from integrations.kubernetes.client import KubeClient
from tests.contract.client import MERGE, Api, Json, Objects
from tests.contract.scalers import V2, hpa, says
from tests.contract.test_tables import cells

Make = Callable[..., Json]

DEPLOYMENTS = "apps/v1/deployments"
NO_METRICS = (
    "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch "
    "metrics from resource metrics API: the server could not find the requested resource "
    "(get pods.metrics.k8s.io)"
)


def reasons(item: Json) -> dict[str, tuple[str, str]]:
    return {kind: words[:2] for kind, words in says(item).items()}


async def events(api: Api, name: str, *wanted: str) -> dict[str, list[tuple[str, str]]]:
    """Waits for events with these reasons about an autoscaler; returns type and message of all."""

    def about(found: Objects) -> dict[str, list[tuple[str, str]]]:
        told: dict[str, list[tuple[str, str]]] = {}
        for event in found.values():
            who = event["involvedObject"]
            if (who["kind"], who["name"]) == ("HorizontalPodAutoscaler", name):
                assert event["source"] == {"component": "horizontal-pod-autoscaler"}
                told.setdefault(event["reason"], []).append((event["type"], event["message"]))
        return told

    seen = await api.until(api.path("events"), lambda found: set(wanted) <= set(about(found)))
    return about(seen[-1])


async def sized(api: Api, replicas: int, kind: str = DEPLOYMENTS, name: str = "web") -> None:
    await api.until(api.path(kind), lambda found: found[name]["spec"]["replicas"] == replicas)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
async def test_too_few_are_raised_to_the_minimum(api: Api, workload: Make, kind: str) -> None:
    path = f"apps/v1/{kind.lower()}s"
    await api("POST", api.path(path), workload(kind, replicas=1), expect=201)
    await api("POST", api.path(V2), hpa(kind=kind, minReplicas=3), expect=201)
    await sized(api, 3, path)
    seen = await api.until(
        api.path(V2), lambda found: found["web"]["status"].get("currentReplicas") == 3
    )
    rescaled = [s["web"]["status"] for s in seen if "lastScaleTime" in s["web"]["status"]]
    assert rescaled[0]["desiredReplicas"] == 3
    assert (await events(api, "web", "SuccessfulRescale"))["SuccessfulRescale"] == [
        ("Normal", "New size: 3; reason: Current number of replicas below Spec.MinReplicas")
    ]


async def test_too_many_are_lowered_to_the_maximum(api: Api, workload: Make) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=5), expect=201)
    await api("POST", api.path(V2), hpa(maxReplicas=2), expect=201)
    seen = await api.until(api.path(V2), lambda found: says(found["web"]))
    status = seen[-1]["web"]["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (5, 2)
    words = "the HPA controller was able to update the target scale to 2"
    assert says(seen[-1]["web"]) == {"AbleToScale": ("True", "SucceededRescale", words)}
    await sized(api, 2)
    assert (await events(api, "web", "SuccessfulRescale"))["SuccessfulRescale"] == [
        ("Normal", "New size: 2; reason: Current number of replicas above Spec.MaxReplicas")
    ]


async def test_without_metrics_it_keeps_the_size_and_says_why(api: Api, workload: Make) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=2), expect=201)
    await api("POST", api.path(V2), hpa(), expect=201)
    seen = await api.until(
        api.path(V2), lambda found: found["web"]["status"].get("currentReplicas") == 2
    )
    found = seen[-1]["web"]
    why = f"the HPA was unable to compute the replica count: {NO_METRICS}"
    words = "the HPA controller was able to get the target's current scale"
    assert says(found) == {
        "AbleToScale": ("True", "SucceededGetScale", words),
        "ScalingActive": ("False", "FailedGetResourceMetric", why),
    }
    assert found["status"]["currentMetrics"] == [{"type": ""}]
    assert found["status"]["desiredReplicas"] == 0
    told = await events(api, "web", "FailedGetResourceMetric", "FailedComputeMetricsReplicas")
    assert told["FailedGetResourceMetric"] == [("Warning", NO_METRICS)]
    more = "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric"
    assert told["FailedComputeMetricsReplicas"] == [("Warning", f"{more} value: {NO_METRICS}")]
    assert "SuccessfulRescale" not in told
    row = (await cells(api, api.path(V2)))["web"]
    assert (row["Targets"], row["Replicas"]) == ("cpu: <unknown>/80%", 2)


async def test_a_target_at_zero_is_left_alone_until_someone_raises_it(
    api: Api, workload: Make
) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=0), expect=201)
    await api("POST", api.path(V2), hpa(minReplicas=2), expect=201)
    seen = await api.until(api.path(V2), lambda found: "ScalingActive" in says(found["web"]))
    words = "scaling is disabled since the replica count of the target is zero"
    assert says(seen[-1]["web"])["ScalingActive"] == ("False", "ScalingDisabled", words)
    assert "currentReplicas" not in seen[-1]["web"]["status"]
    one = {"spec": {"replicas": 1}}
    await api("PATCH", api.path(DEPLOYMENTS, "web", "scale"), one, kind=MERGE)
    await sized(api, 2)
    await api.until(
        api.path(V2),
        lambda found: (
            reasons(found["web"])["ScalingActive"] == ("False", "FailedGetResourceMetric")
        ),
    )


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        (
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"},
            'deployments.apps "nobody" not found',
        ),
        (
            {"apiVersion": "example.com/v1", "kind": "Thing", "name": "one"},
            'no matches for kind "Thing" in group "example.com"',
        ),
        (
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "one"},
            "the server could not find the requested resource",
        ),
    ],
    ids=["no such object", "no such kind", "no scale"],
)
async def test_a_target_that_is_not_there(api: Api, ref: Json, why: str) -> None:
    await api("POST", api.path(V2), hpa(scaleTargetRef=ref), expect=201)
    seen = await api.until(api.path(V2), lambda found: says(found["web"]))
    words = f"the HPA controller was unable to get the target's current scale: {why}"
    assert says(seen[-1]["web"]) == {"AbleToScale": ("False", "FailedGetScale", words)}
    assert (await events(api, "web", "FailedGetScale"))["FailedGetScale"] == [("Warning", why)]


async def test_it_begins_when_its_target_comes(api: Api, workload: Make) -> None:
    await api("POST", api.path(V2), hpa(minReplicas=2), expect=201)
    await api.until(
        api.path(V2),
        lambda found: reasons(found["web"]) == {"AbleToScale": ("False", "FailedGetScale")},
    )
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=1), expect=201)
    await sized(api, 2)


async def test_a_size_set_by_hand_stays_within_the_bounds_only(api: Api, workload: Make) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=2), expect=201)
    await api("POST", api.path(V2), hpa(minReplicas=2, maxReplicas=4), expect=201)
    scale = api.path(DEPLOYMENTS, "web", "scale")
    for asked, left in ((3, 3), (6, 4), (1, 2)):
        await api("PATCH", scale, {"spec": {"replicas": asked}}, kind=MERGE)
        await api.until(
            api.path(V2),
            lambda found, left=left: (  # type: ignore[misc]
                found["web"]["status"].get("currentReplicas") == left
                and reasons(found["web"])["AbleToScale"][1] == "SucceededGetScale"
            ),
        )
        assert (await api("GET", scale))["spec"]["replicas"] == left


async def test_two_for_the_same_pods_do_nothing(api: Api, workload: Make) -> None:
    path = api.path(DEPLOYMENTS)
    await api("POST", path, workload("Deployment", replicas=2), expect=201)
    await api.until(path, lambda found: found["web"]["status"].get("availableReplicas") == 2)
    for name in ("one", "two"):
        await api("POST", api.path(V2), hpa(name=name), expect=201)
    seen = await api.until(
        api.path(V2),
        lambda found: all(
            reasons(h).get("ScalingActive") == ("False", "AmbiguousSelector")
            for h in found.values()
        ),
    )
    words = says(seen[-1]["one"])["ScalingActive"][2]
    assert words.startswith("pods by selector app=web are controlled by multiple HPAs: [")
    assert all(f"{api.namespace}/{name}" in words for name in ("one", "two"))
    assert "AmbiguousSelector" in await events(api, "one", "AmbiguousSelector")


async def test_what_the_bot_reads_and_sets(api: Api, client: KubeClient, workload: Make) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=2), expect=201)
    await api("POST", api.path(V2), hpa(name="auto"), expect=201)
    await api.until(api.path(V2), lambda found: "ScalingActive" in says(found["auto"]))
    found = await find_autoscaler(client, api.namespace, "Deployment", "web")
    assert found is not None
    assert (found.name, found.minimum, found.maximum, found.current) == ("auto", 1, 5, 2)
    assert not found.active
    assert NO_METRICS in found.message
    await set_bounds(client, api.namespace, "auto", minimum=3, maximum=3)
    await sized(api, 3)
