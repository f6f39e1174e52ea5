"""Merge patches and JSON patches."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.patch.merge import json_patch, merge_patch


def test_merge_adds_replaces_and_removes() -> None:
    target = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    patch = {"a": {"b": None, "c": [3], "e": {"f": None, "g": 1}}, "d": {"x": 1}}
    assert merge_patch(target, patch) == {"a": {"c": [3], "e": {"g": 1}}, "d": {"x": 1}}
    assert target == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ({"op": "add", "path": "/l/1", "value": 9}, {"l": [1, 9, 2], "m": {"a/b": 1}}),
        ({"op": "add", "path": "/l/-", "value": 9}, {"l": [1, 2, 9], "m": {"a/b": 1}}),
        ({"op": "remove", "path": "/m/a~1b"}, {"l": [1, 2], "m": {}}),
        ({"op": "replace", "path": "/l/0", "value": 5}, {"l": [5, 2], "m": {"a/b": 1}}),
        ({"op": "move", "from": "/l/0", "path": "/x"}, {"l": [2], "m": {"a/b": 1}, "x": 1}),
        ({"op": "copy", "from": "/l", "path": "/m/l"}, {"l": [1, 2], "m": {"a/b": 1, "l": [1, 2]}}),
        ({"op": "test", "path": "/l", "value": [1, 2]}, {"l": [1, 2], "m": {"a/b": 1}}),
    ],
)
def test_json_patch_operations(operation: dict[str, Any], after: dict[str, Any]) -> None:
    assert json_patch({"l": [1, 2], "m": {"a/b": 1}}, [operation]) == after


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/nothing"},
        {"op": "replace", "path": "/a/b", "value": 1},
        {"op": "add", "path": "/l/7", "value": 1},
        {"op": "add", "path": "/x"},
        {"op": "jump", "path": "/a"},
    ],
)
def test_json_patch_that_cannot_be_done_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch({"a": 1, "l": []}, [operation])
    assert caught.value.code == 422


@pytest.mark.parametrize("patch", [{}, "x", [1], [{"op": "add"}]])
def test_malformed_json_patch_is_a_bad_request(patch: Any) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch({}, patch)
    assert caught.value.code == 400
