"""`docs/graphs.md` says what the catalogue has, and shows each graph."""

from __future__ import annotations

import re

from bot.graphs.catalogue import load
from tests.lab.graphs.absent import ABSENT
from tests.lab.graphs.page import PAGE, page


def test_the_page_is_not_stale() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text, load()), "run `make docs`"


def test_every_graph_has_its_picture() -> None:
    shown = re.findall(r"!\[[^]]*\]\(([^)]*)\)", PAGE.read_text(encoding="utf-8"))
    assert len(shown) == len(load()) + len(load().dashboards)
    assert [name for name in shown if not (PAGE.parent / name).is_file()] == []


def test_each_reason_is_one_of_a_graph() -> None:
    assert set(ABSENT) <= set(load())
