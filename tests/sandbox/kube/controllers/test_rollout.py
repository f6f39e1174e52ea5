from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.controllers import rollout

Json = dict[str, Any]


def sized(name: str, wanted: int, available: int) -> Json:
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": name},
        "spec": {"replicas": wanted},
        "status": {"availableReplicas": available},
    }


def deployment(replicas: int, surge: str | int, unavailable: str | int) -> Json:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"spec": {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}}


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "bounds"),
    [
        (4, "25%", "25%", (1, 1)),
        (3, "25%", "25%", (1, 0)),
        (10, "30%", "15%", (3, 1)),
        (2, 0, 0, (0, 1)),
        (2, 5, 5, (5, 2)),
    ],
)
def test_bounds(
    replicas: int, surge: str | int, unavailable: str | int, bounds: tuple[int, int]
) -> None:
    assert rollout.bounds(deployment(replicas, surge, unavailable)) == bounds


@pytest.mark.parametrize(
    ("new", "old", "keeps"),
    [
        (sized("3", 1, 0), [sized("1", 4, 4)], [3]),
        (sized("3", 1, 1), [sized("1", 4, 4)], [2]),
        (sized("3", 2, 0), [sized("1", 3, 3)], [3]),
        (sized("3", 0, 0), [sized("1", 4, 2)], [3]),  # sick ones go first, but not below 3
        (sized("3", 1, 0), [sized("1", 2, 0), sized("2", 3, 3)], [0, 3]),
        (sized("3", 4, 4), [sized("1", 1, 1)], [0]),
    ],
)
def test_how_far_old_sets_shrink(new: Json, old: list[Json], keeps: list[int]) -> None:
    sizes = rollout.old_sizes(deployment(4, 1, 1), new, old)
    assert [sizes[rs["metadata"]["uid"]] for rs in old] == keeps


def test_a_change_of_size_is_spread_over_a_running_rollout() -> None:
    big, small = sized("1", 8, 8), sized("2", 2, 2)
    assert rollout.proportions(deployment(20, 0, 1), [big, small]) == {"1": 16, "2": 4}
    assert rollout.proportions(deployment(5, 0, 1), [big, small]) == {"1": 4, "2": 1}
    assert rollout.proportions(deployment(5, 3, 1), [big]) == {"1": 5}
