"""PromQL as text: whatever a person types stays inside its literal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import promql

TEXT = st.text(st.characters(codec=None)) | st.text(st.sampled_from("\"\\'`#$}{,=~ \n\x00rate"))
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}


def unquoted(query: str) -> tuple[str, list[str]]:
    """What a query says outside its literals, and what the literals mean, read as Go reads them.

    A reader of its own, one character after the other.
    """
    outside, inside = "", []
    rest = iter(query)
    for char in rest:
        if char == "#":
            raise AssertionError(f"a comment begins in {query!r}")
        if char != '"':
            outside += char
            continue
        meant = ""
        while (char := next(rest)) != '"':
            assert char != "\n", "a literal ends with its line"
            if char == "\\":
                kind = next(rest)
                code = "".join(next(rest) for _ in range(4)) if kind == "u" else ""
                char = chr(int(code, 16)) if code else ESCAPES[kind]
            meant += char
        inside.append(meant)
        outside += "…"
    return outside, inside


def said(text: str) -> str:
    """The text as UTF-8 can say it."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


@settings(deadline=None)
@given(TEXT)
def test_a_literal_means_exactly_its_text(text: str) -> None:
    assert unquoted(promql.quote(text)) == ("…", [said(text)])
    promql.quote(text).encode()


def test_what_the_lexer_takes_for_an_error_is_escaped() -> None:
    assert promql.quote("\ufffd\ud83d") == r'"\ufffd\ufffd"'


@settings(deadline=None)
@given(TEXT, TEXT)
def test_no_value_changes_what_stands_around_it(first: str, second: str) -> None:
    values = {"a": promql.quote(first), "b": promql.quote(second)}
    filled = promql.fill("sum(up{x=~$a,y=~$b}) > 1", values)
    assert unquoted(filled) == ("sum(up{x=~…,y=~…}) > 1", [said(first), said(second)])


@settings(deadline=None)
@given(TEXT, TEXT)
def test_an_escaped_text_matches_itself_and_nothing_else(text: str, other: str) -> None:
    pattern = re.compile(promql.escape(text))
    assert pattern.fullmatch(text)
    assert bool(pattern.fullmatch(other)) == (other == text)


def test_every_character_that_means_something_in_a_pattern_is_escaped() -> None:
    # Go's regexp.QuoteMeta escapes these.
    special = "\\.+*?()|[]{}^$"
    assert promql.escape(special) == "".join(f"\\{c}" for c in special)


def test_places_are_found_outside_of_literals_and_comments() -> None:
    query = 'rate(x{a=~$a,b="$1 #",c=\'"$c"\',d=`"`}[$b]) # not $here'
    assert promql.places(query, {"a", "b"}) == {"a", "b"}


def test_a_value_that_looks_like_a_place_is_not_filled_again() -> None:
    values = {"a": promql.quote("$b"), "b": promql.quote("x")}
    assert promql.fill("m{a=$a,b=$b}", values) == 'm{a="$b",b="x"}'


def test_comments_are_left_out_so_that_they_hide_nothing() -> None:
    assert promql.fill("sum(  # all\n  up\n)", {}) == "sum(  \n  up\n)"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('up{a="$a"}', "write $a without quotes: they come with its value"),
        ("up{a='x$a'}", "write $a without quotes: they come with its value"),
        ("rate(x[$__interval])", "there is no $__interval; there is $a"),
        ('up{a="x}', 'the quote " is not closed'),
        ("up{a='x\n'}", "the quote ' is not closed"),
        ("up{a=`x}", "the quote ` is not closed"),
    ],
)
def test_a_query_that_cannot_be_filled_says_why(query: str, message: str) -> None:
    for used in (lambda: promql.places(query, {"a"}), lambda: promql.fill(query, {"a": '""'})):
        with pytest.raises(ValueError, match=re.escape(message)):
            used()


@pytest.mark.parametrize("text", ["30s", "5m", "2h", "1d", "500ms"])
def test_a_duration_stays_as_it_is(text: str) -> None:
    assert promql.duration(text) == text


@pytest.mark.parametrize("text", ["", "5", "0m", "m", "5m]", "5m\n", "-5m", "1e3s", "٥m"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 5m or 2h"):
        promql.duration(text)
