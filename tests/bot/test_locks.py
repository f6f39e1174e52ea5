"""Lock paths: who is in whose way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.locks import Endings, LockPath, conflicts

names = st.text(min_size=1, max_size=6) | st.sampled_from(["a", "b", "a/b", "%2F", "a%", "/", ".."])
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: LockPath(tuple(parts)))


@given(paths)
def test_text_is_read_back_to_the_same_path(path):
    assert LockPath.parse(path.text) == path
    assert path.text.count("/") == len(path.parts) - 1


@given(paths, paths)
def test_conflict_is_mutual_and_means_one_is_above_the_other(a, b):
    assert conflicts(a, b) == conflicts(b, a)
    short = min(len(a.parts), len(b.parts))
    assert conflicts(a, b) == (a.parts[:short] == b.parts[:short])


@given(paths, st.lists(names, min_size=1, max_size=2))
def test_a_place_covers_everything_below_it_and_nothing_above(path, below):
    deeper = LockPath((*path.parts, *below))
    assert path.covers(deeper)
    assert path.covers(path)
    assert not deeper.covers(path)


def test_names_that_begin_alike_do_not_conflict():
    assert not conflicts(LockPath.of("lab", "db"), LockPath.of("lab", "db2", "mongo"))
    assert not conflicts(LockPath.of("lab/db"), LockPath.of("lab", "db"))


def test_a_usual_path_reads_as_it_is_written():
    assert LockPath.of("lab", "parse", "parse-server").text == "lab/parse/parse-server"
    assert LockPath.of("lab").text == "lab"


@pytest.mark.parametrize("parts", [("",), ("", "ns"), ("lab", "", "app"), ("", "", "")])
def test_a_hole_in_the_path_is_told(parts):
    with pytest.raises(UsageError, match="CLUSTER/NAMESPACE"):
        LockPath.of(*parts)
    with pytest.raises(UsageError, match="CLUSTER/NAMESPACE"):
        LockPath.parse("/".join(parts))


@pytest.mark.parametrize(
    ("ended", "asked", "older"),
    [
        ("lab/shop/web", "lab/shop/web", True),
        ("lab/shop/web", "lab/shop", True),
        ("lab/shop/web", "lab", True),
        ("lab/shop", "lab/shop/web", True),
        ("lab", "lab/shop/web", True),
        ("lab/shop/web", "lab/shop/api", False),
        ("lab/shop", "lab/other/web", False),
        ("lab/shop/web", "prod/shop/web", False),
    ],
)
def test_endings_are_those_of_places_in_conflict(ended: str, asked: str, older: bool) -> None:
    endings = Endings()
    endings.note(LockPath.parse(ended), 100)
    assert endings.after(LockPath.parse(asked), 99) is older
    assert not endings.after(LockPath.parse(asked), 100)
