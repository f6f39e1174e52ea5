"""What rules allow and cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sandbox.kube.jsonutil import Json
from sandbox.kube.rights.attributes import Attributes
from sandbox.kube.rights.rules import allows, described, missing


def rule(verbs: str, resources: str, group: str = "", *names: str) -> Json:
    made: Json = {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
    return {**made, "resourceNames": list(names)} if names else made


def paths(*urls: str) -> Json:
    return {"verbs": ["get"], "nonResourceURLs": list(urls)}


@pytest.mark.parametrize(
    ("held", "path", "allowed"),
    [
        ("/logs", "/logs", True),
        ("/logs", "/logs/one", False),
        ("/logs/*", "/logs/one", True),
        ("/logs/*", "/logs", False),
        ("*", "/anything", True),
    ],
)
def test_paths(held: str, path: str, allowed: bool) -> None:
    assert allows(paths(held), Attributes("get", path=path)) is allowed
    assert not allows(paths(held), Attributes("post", path=path))


def test_a_rule_for_paths_says_nothing_of_resources() -> None:
    assert not allows(paths("*"), Attributes("get", resource="pods"))
    assert not allows(rule("*", "*", "*"), Attributes("get", path="/logs"))


def test_rules_cover_each_other_together() -> None:
    held = [rule("get", "pods"), rule("list", "pods")]
    assert missing(held, [rule("get list", "pods")]) == []
    assert missing(held, [rule("get", "pods", "", "one")]) == []
    assert missing([rule("get", "pods", "", "one")], held[:1]) == held[:1]
    assert missing([rule("get", "*/scale", "*")], [rule("get", "a/scale b/scale", "x")]) == []
    assert missing([paths("/a/*")], [paths("/a/b/*")]) == []
    assert missing([paths("/a/*")], [paths("/*")]) == [paths("/*")]


def test_what_is_missing_is_gathered_by_resource() -> None:
    lacking = missing([], [rule("get list", "pods"), paths("/x"), rule("watch", "pods")])
    assert described(lacking) == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list" "watch"]}',
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
    ]


WORDS = some.sampled_from(["*", "get", "list"])
RESOURCES = some.sampled_from(["*", "pods", "pods/log", "*/log"])
NAMES = some.lists(some.sampled_from(["one", "two"]), max_size=2, unique=True)
RULES = some.builds(
    lambda verbs, groups, resources, names: {
        "verbs": verbs,
        "apiGroups": groups,
        "resources": resources,
        "resourceNames": names,
    },
    some.lists(WORDS, min_size=1, max_size=2),
    some.lists(some.sampled_from(["*", "", "apps"]), min_size=1, max_size=2),
    some.lists(RESOURCES, min_size=1, max_size=2),
    NAMES,
)
WISHES = some.builds(
    Attributes,
    some.sampled_from(["get", "list", "delete"]),
    some.sampled_from(["", "apps"]),
    some.sampled_from(["pods", "services"]),
    some.sampled_from(["", "log"]),
    name=some.sampled_from(["", "one", "two"]),
)


@given(some.lists(RULES, max_size=3), RULES, WISHES)
def test_who_gives_only_what_he_covers_gives_nothing_new(
    held: list[Json], granted: Json, wish: Attributes
) -> None:
    if not missing(held, [granted]) and allows(granted, wish):
        assert any(allows(one, wish) for one in held)
