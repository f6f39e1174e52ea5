"""Label and field selectors."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.errors import ApiError
from sandbox.kube.resources import CONFIGMAPS, PODS
from sandbox.kube.selectors import field_test, label_test


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=web,tier=back", False),
        ("app!=db", True),
        ("missing!=x", True),
        ("app in (web, api)", True),
        ("app notin (web)", False),
        ("missing notin (web)", True),
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("size>5", True),
        ("size<5", False),
        ("example.com/part=x_1.y", True),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    labels = {"app": "web", "tier": "front", "size": "9", "example.com/part": "x_1.y"}
    assert label_test(selector)({"metadata": {"labels": labels}}) is matches


@pytest.mark.parametrize("selector", ["a b", "=x", "app in web", "a=b,,", "!"])
def test_bad_label_selectors_are_refused(selector: str) -> None:
    with pytest.raises(ApiError) as caught:
        label_test(selector)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("metadata.name=a", True),
        ("metadata.name!=a", False),
        ("spec.nodeName=", True),
        ("status.phase!=Running,metadata.namespace=x", True),
        ("spec.nodeName=n1", False),
    ],
)
def test_field_selectors(selector: str, matches: bool) -> None:
    pod: dict[str, Any] = {
        "metadata": {"name": "a", "namespace": "x"},
        "status": {"phase": "Failed"},
    }
    assert field_test(selector, PODS)(pod) is matches


def test_fields_that_cannot_be_selected_are_named() -> None:
    with pytest.raises(ApiError, match='field label not supported: "spec'):
        field_test("spec.nodeName=x", CONFIGMAPS)
