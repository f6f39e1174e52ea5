"""An answer read in parts is the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.prometheus.decoding import document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just('"result":['),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
ANSWERS = st.fixed_dictionaries(
    {"status": st.text(max_size=9), "data": st.fixed_dictionaries({"result": st.lists(JSON)})},
    optional={"warnings": st.lists(st.text()), "error": JSON},
)


@settings(deadline=None)
@given(ANSWERS | st.dictionaries(st.sampled_from(["result", "data", "x"]), JSON))
def test_it_is_what_json_says(answer: dict[str, Any]) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        assert document(json.dumps(answer, separators=separators).encode()) == answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"\xff",
        b'{"data":{"result":[1,]}}',
        b'{"data":{"result":[1 2]}}',
        b'{"data":{"result":[1',
        b'{"data":{"result":[1]',
        b'{"data":{"result":[' + b"[" * 100_000,
    ],
)
def test_what_is_no_answer(body: bytes) -> None:
    assert document(body) == {}


def test_an_answer_of_another_shape() -> None:
    for text in (
        '{"x":{"result":[1]}}',
        '{"x":{"result":[1]},"data":{"result":[]}}',
        '{"data":[{"result":[1]}]}',
        '{"data":7,"result":[1]}',
    ):
        assert document(text.encode()) == json.loads(text)
