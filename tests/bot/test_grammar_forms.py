"""What a button leaves open: asked for, checked field by field, put into the command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.grammar import filled, form, mistakes, parse
from bot.registry import COMMANDS
from bot.spec import Arg, resolve


def silence(words: str = "silence k7m2 --namespace parse --for 12h") -> Any:
    return parse(words, COMMANDS)


def test_a_form_asks_for_what_the_declaration_says_and_offers_what_is_there() -> None:
    wanted = form(silence())
    assert wanted.command == "silence"
    assert wanted.line == "silence k7m2 --for=12h --namespace=parse"
    assert wanted.summary.startswith("Hold alerts back for a while")
    assert [(f.name, f.value, f.needed) for f in wanted.fields] == [
        ("for_", "12h", True),
        ("comment", "", False),
    ]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"for_": "2h"}, {}),
        ({"for_": " 2h\n", "comment": ""}, {}),
        ({"for_": "2 hours"}, {"for_": "write a length of time as 30m, 2h or 1d"}),
        ({"for_": "  "}, {"for_": "this must not be empty"}),
        ({}, {"for_": "this must not be empty"}),
        (
            {"for_": "-1h", "comment": "a\0"},
            {
                "for_": "write a length of time as 30m, 2h or 1d",
                "comment": "it holds a control character (U+0000)",
            },
        ),
    ],
)
def test_each_mistake_is_told_at_its_field(given: dict[str, str], wrong: dict[str, str]) -> None:
    assert mistakes(silence(), given) == wrong


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"))))
def test_whatever_is_typed_stays_in_its_own_field(comment: str) -> None:
    words = filled(silence(), {"for_": "90m", "comment": comment, "cluster": "other"})
    params = parse(words, COMMANDS, terminal=False).params
    assert params == parse(words, COMMANDS).params
    assert (params.alert, params.for_, params.namespace) == ("k7m2", "90m", "parse")
    assert (params.comment, params.cluster) == (comment.strip(), "")


def test_a_form_asks_for_plain_text_only() -> None:
    @dataclass(frozen=True)
    class Numbers:
        number: Annotated[int, Arg("How many", ask=True)] = 1

    @dataclass(frozen=True)
    class Hidden:
        word: Annotated[str, Arg("A secret", flag=True, secret=True, ask=True)] = ""

    for wrong in (Numbers, Hidden):
        with pytest.raises(TypeError, match="a form cannot ask for it"):
            resolve(wrong)
