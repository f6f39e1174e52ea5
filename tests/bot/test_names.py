"""What Kubernetes, Helm and registries would refuse is refused here, with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot import names

GOOD: list[tuple[Callable[[str], str | None], str]] = [
    (names.check_name, "parse"),
    (names.check_name, "a" * 53),
    (names.check_name, "0-a"),
    (names.check_namespace, "a" * 63),
    (names.check_object, "node-1.lab.example"),
    (names.check_workload, "statefulset/parse-mongodb"),
    (names.check_workload, "parse-mongodb"),
    (names.check_tag, "9.1.0-alpine_1"),
    (names.check_tag, "_x"),
    (names.check_set, "image.tag=1.2"),
    (names.check_set, "ingress.hosts[0].host="),
    (names.check_set, "a-b.c_d=x=y"),
]
BAD: list[tuple[Callable[[str], str | None], str, str]] = [
    (names.check_name, "", "cannot be empty"),
    (names.check_name, "a" * 54, "at most 53 characters, this one has 54"),
    (names.check_name, "Parse", "lower-case"),
    (names.check_name, "a_b", "lower-case"),
    (names.check_name, "-a", "lower-case"),
    (names.check_name, "a-", "lower-case"),
    (names.check_name, "a.b", "lower-case"),
    (names.check_name, "a\n", "“a\\u000a”"),
    (names.check_name, "ａ", "lower-case"),
    (names.check_name, "a/../b", "lower-case"),
    (names.check_namespace, "a" * 64, "at most 63"),
    (names.check_object, "a..b", "not a name that Kubernetes accepts"),
    (names.check_object, "a" * 254, "at most 253"),
    (names.check_workload, "pod/web", "“pod” is not a kind of workload"),
    (names.check_workload, "statefulset/", "cannot be empty"),
    (names.check_workload, "statefulset/x/y", "not a kind"),
    (names.check_tag, "", "cannot be empty"),
    (names.check_tag, "a" * 129, "at most 128"),
    (names.check_tag, ".a", "not an image tag"),
    (names.check_tag, "a:b", "not an image tag"),
    (names.check_tag, "a b", "not an image tag"),
    (names.check_set, "image.tag", "sets nothing"),
    (names.check_set, "=x", "not the path"),
    (names.check_set, "a..b=x", "not the path"),
    (names.check_set, "a,b=x", "not the path"),
    (names.check_set, "a\\.b=x", "not the path"),
]


@pytest.mark.parametrize(("check", "value"), GOOD)
def test_good_names(check: Callable[[str], str | None], value: str) -> None:
    assert check(value) is None


@pytest.mark.parametrize(("check", "value", "sentence"), BAD)
def test_bad_names(check: Callable[[str], str | None], value: str, sentence: str) -> None:
    problem = check(value)
    assert problem is not None
    assert sentence in problem


def test_outside_text_in_a_sentence_is_short_and_printable() -> None:
    assert names.clip("x" * 500) == "“" + "x" * 59 + "…”"
    assert names.clip("\x1b[31m") == "“\\u001b[31m”"
