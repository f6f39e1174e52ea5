"""Chart values: paths, merging, comparing, and what may be shown."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import UsageError
from bot.releases import values
from bot.releases.values import MASK


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", 1),
        ("b.c", [1, {"d": 2}]),
        ("b.c[1].d", 2),
        ("b.c[5]", None),
        ("b.c.d", None),
        ("x.y", None),
        ("a.b", None),
    ],
)
def test_a_path_finds_its_value(path: str, expected: Any) -> None:
    assert values.get({"a": 1, "b": {"c": [1, {"d": 2}]}}, path) == expected


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ({}, "a.b", {"a": {"b": 9}}),
        ({"a": {"c": 1}}, "a.b", {"a": {"c": 1, "b": 9}}),
        ({"a": "text"}, "a.b", {"a": {"b": 9}}),
        ({}, "a[1]", {"a": [None, 9]}),
        ({"a": [{"x": 1}]}, "a[0].b", {"a": [{"x": 1, "b": 9}]}),
    ],
)
def test_put_makes_what_is_missing_and_changes_no_original(
    before: dict[str, Any], path: str, after: dict[str, Any]
) -> None:
    copy = repr(before)
    assert values.put(before, path, 9) == after
    assert repr(before) == copy


def test_merge_replaces_lists_and_joins_mappings() -> None:
    base = {"a": {"x": 1, "l": [1, 2]}, "b": 1}
    over = {"a": {"y": 2, "l": [3]}, "b": None}
    assert values.merge(base, over) == {"a": {"x": 1, "y": 2, "l": [3]}, "b": None}
    assert base["a"] == {"x": 1, "l": [1, 2]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("null", None),
        ("10", 10),
        ("-3", -3),
        ("010", "010"),
        ("1.10", "1.10"),
        ("8.2.0", "8.2.0"),
        ('["a", 1]', ["a", 1]),
        ('"10"', "10"),
        ("{a", "{a"),
        ("", ""),
    ],
)
def test_a_value_is_typed_as_helm_does(text: str, value: Any) -> None:
    found = values.parse_value(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("db.password", True),
        ("db.rootPasswords", True),
        ("auth.masterKey", True),
        ("api_key", True),
        ("smtp.token", True),
        ("tls.privateKey", True),
        ("mongodb.keyFile", True),
        ("existingSecret", False),
        ("tls[0].secretName", False),
        ("tokenRef", False),
        ("image.tag", False),
        ("keyboard", False),
        ("externalDatabase.uri", True),
        ("externalDatabase", True),
        ("externalDatabase.uriSuffix", False),
    ],
)
def test_what_is_secret_by_name_or_by_the_app(path: str, secret: bool) -> None:
    assert values.is_secret(path, ("externalDatabase.uri",)) is secret


@pytest.mark.parametrize(
    "words",
    [
        ["db.password=x"],
        ["externalDatabase.uri=mongodb://x"],
        ['externalDatabase={"uri": "x"}'],
        ['smtp={"token": "x"}'],
        ["a=1", "a=2"],
    ],
)
def test_set_refuses_secrets_and_contradictions(words: list[str]) -> None:
    with pytest.raises(UsageError):
        values.parse_set(words, ("externalDatabase.uri",))


def test_a_comparison_hides_secrets_and_names_what_would_be_dropped() -> None:
    before = {
        "image": {"tag": "1"},
        "db": {"password": "old"},
        "extra": 5,
        "users": [{"token": "t"}],
    }
    after = {"image": {"tag": "2"}, "db": {"password": "new"}, "size": "1", "users": []}
    delta = values.compare(before, after)
    changed = {c.what: (c.before, c.after) for c in delta.changed}
    assert changed == {
        "image.tag": ("1", "2"),
        "db.password": (MASK, MASK),
        "size": (values.ABSENT, "1"),
        "users": ('[{"token": "(hidden)"}]', "[]"),
    }
    assert [(c.what, c.before) for c in delta.dropped] == [("extra", "5")]


def test_equal_values_of_another_type_differ() -> None:
    delta = values.compare({"tag": "1"}, {"tag": 1})
    assert [(c.before, c.after) for c in delta.changed] == [("1", "1")]
    assert values.compare({"tag": 1}, {"tag": 1}).changed == ()


def test_a_digest_moves_with_any_value_but_not_with_the_order() -> None:
    assert values.digest({"a": 1, "b": 2}) == values.digest({"b": 2, "a": 1})
    assert values.digest({"a": 1}) != values.digest({"a": "1"})
