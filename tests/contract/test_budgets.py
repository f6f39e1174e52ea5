"""PodDisruptionBudgets: what the API server checks, and how the controller counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import MERGE, Api, Json, Objects
from tests.contract.test_autoscalers import causes
from tests.contract.test_tables import cells

Make = Callable[..., Json]

BUDGETS = "policy/v1/poddisruptionbudgets"
DEPLOYMENTS = "apps/v1/deployments"


def budget(name: str = "web", **spec: Any) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


def counts(found: Objects, name: str = "web") -> tuple[int, int, int, int]:
    """Expected, desired and healthy pods, and how many may go; all missing before the first."""
    status = found[name].get("status", {})
    if status.get("observedGeneration") != found[name]["metadata"]["generation"]:
        return -1, -1, -1, -1
    names = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    expected, desired, healthy, allowed = (status[n] for n in names)
    return expected, desired, healthy, allowed


async def becomes(api: Api, *wanted: int, name: str = "web") -> Json:
    seen = await api.until(api.path(BUDGETS), lambda found: counts(found, name) == wanted)
    return seen[-1][name]


@pytest.mark.parametrize(
    ("spec", "desired"),
    [
        ({"minAvailable": 3}, 3),
        ({"minAvailable": "60%"}, 3),
        ({"maxUnavailable": 1}, 3),
        ({"maxUnavailable": "30%"}, 2),
        ({"maxUnavailable": 0}, 4),
        ({"minAvailable": 9}, 9),
    ],
    ids=lambda v: "-".join(f"{k}={x}" for k, x in v.items()) if isinstance(v, dict) else str(v),
)
async def test_how_many_may_go(api: Api, workload: Make, spec: Json, desired: int) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=4), expect=201)
    await api("POST", api.path(BUDGETS), budget(**spec), expect=201)
    allowed = max(0, 4 - desired)
    found = await becomes(api, 4, desired, 4, allowed)
    (condition,) = found["status"]["conditions"]
    told = (condition["type"], condition["status"], condition["reason"], condition["message"])
    words = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    assert told == ("DisruptionAllowed", *words, "")
    assert condition["observedGeneration"] == 1
    row = (await cells(api, api.path(BUDGETS)))["web"]
    assert row["Allowed-Disruptions"] == allowed
    assert row["Min-Available"] == str(spec.get("minAvailable", "N/A"))
    assert row["Max-Unavailable"] == str(spec.get("maxUnavailable", "N/A"))


async def test_it_counts_again_when_pods_or_wishes_change(api: Api, workload: Make) -> None:
    await api("POST", api.path(DEPLOYMENTS), workload("Deployment", replicas=2), expect=201)
    await api("POST", api.path(BUDGETS), budget(minAvailable=1), expect=201)
    await becomes(api, 2, 1, 2, 1)
    scale = api.path(DEPLOYMENTS, "web", "scale")
    await api("PATCH", scale, {"spec": {"replicas": 3}}, kind=MERGE)
    await becomes(api, 3, 1, 3, 2)
    await api("PATCH", api.path(BUDGETS, "web"), {"spec": {"minAvailable": 3}}, kind=MERGE)
    await becomes(api, 3, 3, 3, 0)
    await api("PATCH", scale, {"spec": {"replicas": 0}}, kind=MERGE)
    await becomes(api, 0, 3, 0, 0)


async def test_pods_that_are_not_ready_are_not_healthy(api: Api, workload: Make) -> None:
    body = workload("Deployment", image="example.com/web:does-not-exist", replicas=2)
    await api("POST", api.path(DEPLOYMENTS), body, expect=201)
    await api("POST", api.path(BUDGETS), budget(maxUnavailable=1), expect=201)
    await becomes(api, 2, 1, 0, 0)


async def test_bare_pods_can_be_counted_only_by_number(api: Api, pod: Make) -> None:
    await api("POST", api.path("pods"), pod("one", app="web"), expect=201)
    await api("POST", api.path(BUDGETS), budget(minAvailable=0), expect=201)
    await becomes(api, 1, 0, 1, 1)
    await api("POST", api.path(BUDGETS), budget("share", maxUnavailable=1), expect=201)
    await becomes(api, 0, 0, 1, 0, name="share")


async def test_pods_of_a_workload_without_a_scale_cannot_be_counted(
    api: Api, workload: Make
) -> None:
    await api("POST", api.path("apps/v1/daemonsets"), workload("DaemonSet"), expect=201)
    await api.until(api.path("pods"), lambda found: found)
    await api("POST", api.path(BUDGETS), budget(maxUnavailable=1), expect=201)

    def failed(found: Objects) -> bool:
        told = found["web"].get("status", {}).get("conditions", [{}])
        return bool(told[0].get("reason") == "SyncFailed")

    seen = await api.until(api.path(BUDGETS), failed)
    status = seen[-1]["web"]["status"]
    assert status["disruptionsAllowed"] == 0
    assert status["conditions"][0]["status"] == "False"
    why = "daemonsets.apps does not implement the scale subresource"
    assert status["conditions"][0]["message"] == why
    seen = await api.until(
        api.path("events"), lambda found: told(found, "CalculateExpectedPodCountFailed")
    )
    assert told(seen[-1], "CalculateExpectedPodCountFailed") == {
        ("Warning", "controllermanager", f"Failed to calculate the number of expected pods: {why}")
    }


def told(found: Objects, reason: str) -> set[tuple[str, str, str]]:
    """Type, source and message of the events with this reason."""
    return {
        (event["type"], event["source"]["component"], event["message"])
        for event in found.values()
        if event["reason"] == reason
    }


async def test_over_no_pods_nothing_may_go(api: Api) -> None:
    await api("POST", api.path(BUDGETS), budget(maxUnavailable=1), expect=201)
    await becomes(api, 0, 0, 0, 0)
    seen = await api.until(api.path("events"), lambda found: told(found, "NoPods"))
    assert told(seen[-1], "NoPods") == {("Normal", "controllermanager", "No matching pods found")}


async def test_what_is_refused(api: Api, same_words: Callable[[str, str], None]) -> None:
    both = budget(minAvailable=1, maxUnavailable=1)
    said = await api.fails("POST", api.path(BUDGETS), both, expect=422)
    (cause,) = causes(said)
    assert cause.startswith("spec: Invalid value: ")
    assert cause.endswith(": minAvailable and maxUnavailable cannot be both set")
    said = await api.fails("POST", api.path(BUDGETS), budget(minAvailable=-1), expect=422)
    assert causes(said) == [
        "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"
    ]
    said = await api.fails("POST", api.path(BUDGETS), budget(minAvailable="110%"), expect=422)
    (cause,) = causes(said)
    same_words(cause, 'spec.minAvailable: Invalid value: "110%": must not be greater than 100%')
    said = await api.fails("POST", api.path(BUDGETS), budget(maxUnavailable="few"), expect=422)
    (cause,) = causes(said)
    same_words(
        cause,
        'spec.maxUnavailable: Invalid value: "few": a valid percent string must be a numeric '
        "string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is "
        "'[0-9]+%')",
    )
