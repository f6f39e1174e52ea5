"""Conditions of rules."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conditions import Comparison, Condition, parse
from bot.errors import UsageError

TYPES = {"replicas": int, "name": str, "reset": bool, "chart_version": str}


@pytest.mark.parametrize(
    ("text", "params", "holds"),
    [
        ("", {}, True),
        ("replicas <= 10", {"replicas": 10}, True),
        ("replicas <= 10", {"replicas": 11}, False),
        ("replicas<=10", {"replicas": 3}, True),
        ("replicas > -1 and replicas < 5", {"replicas": 5}, False),
        ("replicas in (1, 3,5)", {"replicas": 3}, True),
        ("replicas in (1)", {"replicas": 3}, False),
        ("name == mongodb", {"name": "mongodb"}, True),
        ("name != mongodb", {"name": "parse"}, True),
        ("name != mongodb", {}, False),
        ('name == "and in (x)"', {"name": "and in (x)"}, True),
        (r"name == 'it\'s'", {"name": "it's"}, True),
        ("name in (a, 'b c')", {"name": "b c"}, True),
        ("reset == false", {"reset": False}, True),
        ("reset == true", {"reset": 1}, False),
        ("chart-version == 1.2.3", {"chart_version": "1.2.3"}, True),
        ("name in (a, b)", {"name": ("a", "b")}, True),
        ("name in (a, b)", {"name": ("a", "c")}, False),
        ("name in (a, b)", {"name": ()}, False),
        ("replicas <= 10", {}, False),
        ("replicas <= 10", {"replicas": None}, False),
        ("replicas <= 10", {"replicas": "3"}, False),
        ("replicas <= 10", {"replicas": True}, False),
    ],
)
def test_a_condition_holds_or_not(text, params, holds):
    assert parse(text, TYPES).holds(params) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("replicas", "ends too early"),
        ("replicas <=", "ends too early"),
        ("replicas <= ten", "is a number"),
        ("replicas <= 1e9", "is a number"),
        ("replicas in (1, x)", "is a number"),
        ("name == 5", "in quotes"),
        ("name < b", "for numbers"),
        ("reset < true", "for numbers"),
        ("size <= 3", "no argument 'size'"),
        ("replicas <= 10 or name == a", "'or' stands where"),
        ("replicas <= 10 and", "ends too early"),
        ("replicas = 3", "cannot be read"),
        ("replicas in 1", "a list"),
        ("replicas in (1", "not closed"),
        ("replicas in ()", "commas"),
        ("replicas in (1 2)", "commas"),
        ("replicas in (1,)", "commas"),
        ("name == 'open", "cannot be read"),
        ("name == )", "not a value"),
        ("(replicas) <= 3", "not the name"),
        ("replicas and 3", "not an operator"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_reason(text, why):
    with pytest.raises(UsageError, match=why) as raised:
        parse(text, TYPES)
    assert text in str(raised.value)


ops = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(list(ops)), st.integers(-20, 20)),
        min_size=1,
        max_size=4,
    ),
    st.fixed_dictionaries({"a": st.integers(-20, 20), "b": st.integers(-20, 20)}),
)
def test_numbers_compare_as_in_python(comparisons, params):
    text = " and ".join(f"{arg} {op} {value}" for arg, op, value in comparisons)
    expected = all(ops[op](params[arg], value) for arg, op, value in comparisons)
    assert parse(text, {"a": int, "b": int}).holds(params) is expected


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        assert isinstance(parse(text), Condition)
    except UsageError as error:
        assert error.why  # noqa: PT017


@given(st.text(max_size=15))
def test_any_word_can_be_compared_when_quoted(word):
    quoted = word.replace("\\", "\\\\").replace('"', '\\"')
    (comparison,) = parse(f'name == "{quoted}"', TYPES).comparisons
    assert comparison == Comparison("name", "==", word)
    assert comparison.holds({"name": word})
