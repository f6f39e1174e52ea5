"""HorizontalPodAutoscalers, what the API server does: defaults, two versions, checks, status."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.contract.client import MERGE, Api, Json
from tests.contract.conftest import Cluster
from tests.contract.scalers import V1, V2, hpa, says
from tests.contract.test_tables import cells

KEPT = "autoscaling.alpha.kubernetes.io/"
CPU: Json = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


async def test_what_is_filled_in(api: Api) -> None:
    made = await api("POST", api.path(V2), hpa(), expect=201)
    assert made["spec"]["minReplicas"] == 1
    assert made["spec"]["metrics"] == [CPU]
    assert "behavior" not in made["spec"]
    assert made["status"] == {"currentMetrics": None, "desiredReplicas": 0}
    assert "generation" not in made["metadata"]


async def test_what_is_filled_in_for_a_behaviour(api: Api) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    made = await api("POST", api.path(V2), hpa(behavior=behavior), expect=201)
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    assert made["spec"]["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 60,
            "selectPolicy": "Max",
            "policies": [percent],
        },
    }
    two = await api("POST", api.path(V2), hpa("two", behavior={}), expect=201)
    assert "stabilizationWindowSeconds" not in two["spec"]["behavior"]["scaleDown"]


@pytest.mark.parametrize("percent", [None, 60])
async def test_made_as_v1_and_read_as_v2(api: Api, percent: int | None) -> None:
    asked = {} if percent is None else {"targetCPUUtilizationPercentage": percent}
    made = await api("POST", api.path(V1), hpa(**asked), expect=201)
    assert made["apiVersion"] == "autoscaling/v1"
    assert made["spec"]["targetCPUUtilizationPercentage"] == (percent or 80)
    assert made["status"] == {"currentReplicas": 0, "desiredReplicas": 0}
    new = await api("GET", api.path(V2, "web"))
    assert new["apiVersion"] == "autoscaling/v2"
    (metric,) = new["spec"]["metrics"]
    target = {"type": "Utilization", "averageUtilization": percent or 80}
    assert metric == {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    assert "targetCPUUtilizationPercentage" not in new["spec"]


def rich() -> Json:
    """With everything that autoscaling/v1 has no field for."""
    average = {"type": "AverageValue", "averageValue": "5"}
    value = {"type": "Value", "value": "5"}
    half = {"type": "Utilization", "averageUtilization": 50}
    size = {"type": "AverageValue", "averageValue": "100Mi"}
    about = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    sources: list[Json] = [
        {"resource": {"name": "memory", "target": size}},
        {"containerResource": {"name": "cpu", "container": "main", "target": half}},
        {"pods": {"metric": {"name": "rate"}, "target": average}},
        {"external": {"metric": {"name": "queue"}, "target": value}},
        {"object": {"describedObject": about, "metric": {"name": "hits"}, "target": value}},
    ]
    kinds = [next(iter(source)) for source in sources]
    others = [
        {"type": kind[0].upper() + kind[1:], **source}
        for kind, source in zip(kinds, sources, strict=True)
    ]
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    return hpa(behavior=behavior, metrics=[CPU, *others])


async def test_v1_tells_the_rest_in_annotations(api: Api) -> None:
    await api("POST", api.path(V2), rich(), expect=201)
    old = await api("GET", api.path(V1, "web"))
    assert old["spec"]["targetCPUUtilizationPercentage"] == 80
    assert not {"metrics", "behavior"} & set(old["spec"])
    notes = old["metadata"]["annotations"]
    about = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    container = {"name": "cpu", "targetAverageUtilization": 50, "container": "main"}
    assert json.loads(notes[f"{KEPT}metrics"]) == [
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "100Mi"}},
        {"type": "ContainerResource", "containerResource": container},
        {"type": "Pods", "pods": {"metricName": "rate", "targetAverageValue": "5"}},
        {"type": "External", "external": {"metricName": "queue", "targetValue": "5"}},
        {"type": "Object", "object": {"target": about, "metricName": "hits", "targetValue": "5"}},
    ]
    down = json.loads(notes[f"{KEPT}behavior"])["ScaleDown"]
    assert (down["StabilizationWindowSeconds"], down["SelectPolicy"]) == (60, "Max")
    assert down["Policies"] == [{"Type": "Percent", "Value": 100, "PeriodSeconds": 15}]
    assert "annotations" not in (await api("GET", api.path(V2, "web")))["metadata"]


async def test_a_write_as_v1_keeps_what_only_v2_knows(api: Api) -> None:
    made = await api("POST", api.path(V2), rich(), expect=201)
    await api("PATCH", api.path(V1, "web"), {"spec": {"maxReplicas": 9}}, kind=MERGE)
    new = await api("GET", api.path(V2, "web"))
    assert new["spec"]["maxReplicas"] == 9
    assert new["spec"]["behavior"] == made["spec"]["behavior"]
    first, *others = made["spec"]["metrics"]
    assert new["spec"]["metrics"] == [*others, first]
    assert "annotations" not in new["metadata"]


async def test_v1_tells_the_conditions_in_an_annotation(api: Api) -> None:
    await api("POST", api.path(V2), hpa("nobody"), expect=201)
    await api.until(api.path(V2), lambda found: says(found["nobody"]))
    old = await api("GET", api.path(V1, "nobody"))
    (told,) = json.loads(old["metadata"]["annotations"][f"{KEPT}conditions"])
    assert (told["type"], told["status"]) == ("AbleToScale", "False")
    assert "conditions" not in old["status"]


REFUSED = {
    "no maximum": (
        {"maxReplicas": 0},
        [
            "spec.maxReplicas: Invalid value: 0: must be greater than 0",
            "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
        ],
    ),
    "maximum below minimum": (
        {"minReplicas": 3, "maxReplicas": 2},
        ["spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`"],
    ),
    "minimum 0": (
        {"minReplicas": 0},
        [
            "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
            "spec.metrics: Forbidden: must specify at least one Object or External metric to "
            "support scaling to zero replicas",
        ],
    ),
    "negative minimum": (
        {"minReplicas": -1},
        ["spec.minReplicas: Invalid value: -1: must be greater than or equal to 1"],
    ),
    "nameless target": (
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "", "name": ""}},
        [
            "spec.scaleTargetRef.kind: Required value",
            "spec.scaleTargetRef.name: Required value",
        ],
    ),
    "a path as target": (
        {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "De/p", "name": "w%b"}},
        [
            "spec.scaleTargetRef.kind: Invalid value: \"De/p\": may not contain '/'",
            "spec.scaleTargetRef.name: Invalid value: \"w%b\": may not contain '%'",
        ],
    ),
    "unknown metric": (
        {"metrics": [{"type": "Nope"}]},
        [
            # Two of its rules find the same fault.
            'spec.metrics[0].type: Unsupported value: "Nope": supported values: '
            '"ContainerResource", "External", "Object", "Pods", "Resource"',
        ]
        * 2,
    ),
    "metric without source": (
        {"metrics": [{"type": "Resource"}]},
        [
            "spec.metrics[0].resource: Required value: must populate information for the given "
            "metric source"
        ],
    ),
    "metric without target": (
        {
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}
            ]
        },
        [
            "spec.metrics[0].resource.target.averageUtilization: Required value: must set either "
            "a target raw value or a target utilization"
        ],
    ),
    "target of two kinds": (
        {
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Much", "averageUtilization": 0, "averageValue": "5"},
                    },
                }
            ]
        },
        [
            'spec.metrics[0].resource.target.type: Invalid value: "Much": must be either '
            "Utilization, Value, or AverageValue",
            "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be "
            "greater than 0",
            "spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target "
            "raw value and a target utilization",
        ],
    ),
    "behaviour": (
        {
            "behavior": {
                "scaleUp": {"policies": [], "stabilizationWindowSeconds": -1},
                "scaleDown": {
                    "stabilizationWindowSeconds": 3601,
                    "selectPolicy": "X",
                    "policies": [{"type": "Y", "value": 0, "periodSeconds": 1801}],
                },
            }
        },
        [
            "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: -1: must be greater "
            "than or equal to zero",
            "spec.behavior.scaleUp.policies: Required value: must specify at least one Policy",
            "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be "
            "less than or equal to 3600",
            'spec.behavior.scaleDown.selectPolicy: Unsupported value: "X": supported values: '
            '"Disabled", "Max", "Min"',
            'spec.behavior.scaleDown.policies[0].type: Unsupported value: "Y": supported values: '
            '"Percent", "Pods"',
            "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than "
            "zero",
            "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less "
            "than or equal to 1800",
        ],
    ),
}


def causes(status: Json) -> list[str]:
    return [f"{c['field']}: {c['message']}" for c in status["details"]["causes"]]


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_refused(api: Api, case: str) -> None:
    spec, wanted = REFUSED[case]
    said = await api.fails("POST", api.path(V2), hpa(**spec), expect=422)
    assert said["reason"] == "Invalid"
    assert causes(said) == wanted


async def test_v1_is_refused_in_the_words_of_v2(api: Api) -> None:
    body = hpa(targetCPUUtilizationPercentage=0)
    said = await api.fails("POST", api.path(V1), body, expect=422)
    assert causes(said) == [
        "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater "
        "than 0"
    ]


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("v1", "apiVersion must specify API group"),
        ("a/b/c", "unexpected GroupVersion string: a/b/c"),
    ],
)
async def test_a_target_in_no_group(
    api: Api, cluster: Cluster, differs: Callable[[str], None], version: str, why: str
) -> None:
    ref = {"apiVersion": version, "kind": "Deployment", "name": "web"}
    if cluster.minor < 34:
        differs("it does not look at the target's apiVersion")
        await api("POST", api.path(V2), hpa(scaleTargetRef=ref), expect=201)
        return
    said = await api.fails("POST", api.path(V2), hpa(scaleTargetRef=ref), expect=422)
    assert causes(said) == [f'spec.scaleTargetRef.apiVersion: Invalid value: "{version}": {why}']


async def test_the_status_is_written_apart(api: Api) -> None:
    mine = {**hpa("nobody"), "status": {"currentReplicas": 7, "desiredReplicas": 7}}
    made = await api("POST", api.path(V2), mine, expect=201)
    assert made["status"] == {"currentMetrics": None, "desiredReplicas": 0}
    both = {"spec": {"maxReplicas": 9}, "status": {"desiredReplicas": 4}}
    new = await api("PATCH", api.path(V2, "nobody", "status"), both, kind=MERGE, dryRun="All")
    assert (new["spec"]["maxReplicas"], new["status"]["desiredReplicas"]) == (5, 4)
    new = await api("PATCH", api.path(V2, "nobody"), both, kind=MERGE)
    assert (new["spec"]["maxReplicas"], new["status"]["desiredReplicas"]) == (9, 0)
    negative = {"status": {"currentReplicas": -1}}
    said = await api.fails(
        "PATCH", api.path(V2, "nobody", "status"), negative, kind=MERGE, expect=422
    )
    assert causes(said) == [
        "status.currentReplicas: Invalid value: -1: must be greater than or equal to 0"
    ]


async def test_its_row(api: Api) -> None:
    await api("POST", api.path(V2), rich(), expect=201)
    row = (await cells(api, api.path(V2)))["web"]
    assert row["Reference"] == "Deployment/web"
    assert row["Targets"] == "cpu: <unknown>/80%, memory: <unknown>/100Mi + 4 more..."
    assert (row["MinPods"], row["MaxPods"], row["Replicas"]) == ("1", 5, 0)
