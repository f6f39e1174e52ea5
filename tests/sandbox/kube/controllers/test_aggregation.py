"""Which rules a gathering role takes from others."""

from __future__ import annotations

from typing import Any

from sandbox.kube.controllers.aggregation import gathered

Json = dict[str, Any]


def role(name: str, *verbs: str, **labels: str) -> Json:
    rules = [{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]} for verb in verbs]
    return {"metadata": {"name": name, "labels": labels}, "rules": rules}


def test_each_rule_once_in_the_order_of_names_and_nothing_of_its_own() -> None:
    selectors = [
        {"matchLabels": {"a": "1"}},
        {"matchExpressions": [{"key": "b", "operator": "Exists"}]},
    ]
    every = {
        **role("every", "patch", a="1"),
        "aggregationRule": {"clusterRoleSelectors": selectors},
    }
    roles = [
        every,
        role("one", "get", "list", a="1"),
        role("two", "list", "watch", b=""),
        role("three", "delete"),
    ]
    assert [rule["verbs"] for rule in gathered(every, roles)] == [["get"], ["list"], ["watch"]]
