"""Finding and changing the autoscaler of a workload."""

from __future__ import annotations

import json

from integrations.kubernetes.autoscaling import find_autoscaler, set_bounds
from integrations.kubernetes.client import KubeClient
from tests.integrations.kubernetes.conftest import Api, says

HPA = {
    "metadata": {"name": "server-hpa"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "server"},
        "minReplicas": 2,
        "maxReplicas": 6,
    },
    "status": {
        "currentReplicas": 3,
        "conditions": [{"type": "ScalingActive", "status": "False", "message": "no metrics"}],
    },
}


async def test_the_autoscaler_is_found_by_its_target(api: Api, client: KubeClient) -> None:
    api.will(says({"items": [HPA]}))
    found = await find_autoscaler(client, "parse", "Deployment", "server")
    assert found is not None
    assert (found.name, found.minimum, found.maximum, found.current) == ("server-hpa", 2, 6, 3)
    assert not found.active
    assert found.message == "no metrics"
    assert await find_autoscaler(client, "parse", "StatefulSet", "server") is None


async def test_bounds_are_patched(api: Api, client: KubeClient) -> None:
    api.will(says(HPA))
    await set_bounds(client, "parse", "server-hpa", minimum=4, maximum=4)
    assert json.loads(api.bodies[0]) == {"spec": {"minReplicas": 4, "maxReplicas": 4}}
    assert api.requests[0].path.endswith("/horizontalpodautoscalers/server-hpa")
