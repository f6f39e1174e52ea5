"""`dashboard`: several graphs at once, of which some may not be had."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import UsageError
from bot.render.document import Document, Image, Table, Title
from integrations.prometheus import PrometheusUnreachable
from tests.commands.conftest import Measured, configuration, text_of


def of(document: Document, kind: type) -> list[Any]:
    return [element for element in document.elements if isinstance(element, kind)]


async def test_a_terminal_gets_the_numbers_of_all(measured: Measured) -> None:
    result, document = await measured.office.read("dashboard cluster --last 1h")
    (table,) = of(document, Table)
    assert table.columns[:3] == ("graph", "line", "course")
    shown = {row[0] for row in table.rows}
    assert shown == {part.name for part in result.parts if part.numbers}
    assert len(shown) >= 4
    for part in result.parts:
        assert sum(row[0] == part.name for row in table.rows) <= 3
        assert part.numbers or part.missing


async def test_a_channel_gets_one_picture(measured: Measured) -> None:
    _, document = await measured.office.read("dashboard --last 1h", channel="C1")
    (image,) = of(document, Image)
    assert image.png.startswith(b"\x89PNG")
    assert image.shared
    assert "CPU used of each node" in image.alt
    assert not of(document, Table)


async def test_the_only_app_need_not_be_named(measured: Measured) -> None:
    result, document = await measured.office.read("dashboard app --last 5m")
    assert (result.board, result.about) == ("app", "parse on main")
    assert "Dashboard of parse on main" in of(document, Title)[0].text
    assert any(part.numbers for part in result.parts)


async def test_which_app_is_asked_for_when_there_are_several(
    measured: Measured, tmp_path: Any
) -> None:
    apps = {name: {"namespace": name, "chart": "builtin:parse-server"} for name in ("a", "b")}
    measured.office.config = configuration(tmp_path, apps=apps)
    with pytest.raises(UsageError, match="not clear which app") as caught:
        await measured.office.read("dashboard app")
    assert "a and b" in caught.value.hint
    result, _ = await measured.office.read("dashboard app b --last 5m")
    assert result.about == "b on main"


async def test_the_clusters_takes_no_app(measured: Measured) -> None:
    with pytest.raises(UsageError, match="takes no app"):
        await measured.office.read("dashboard cluster parse")


async def test_a_graph_that_cannot_be_had_says_why_and_the_others_are_shown(
    measured: Measured, tmp_path: Any
) -> None:
    broken = {"title": "Broken", "query": "sum("}
    measured.office.config = configuration(tmp_path, graphs={"load": broken})
    result, document = await measured.office.read("dashboard cluster --last 5m")
    (part,) = (part for part in result.parts if part.name == "load")
    assert "Prometheus refused the query" in part.missing
    assert "Broken: Prometheus refused" in text_of(document)
    assert of(document, Table)[0].rows


async def test_when_nothing_answers_that_is_the_answer(measured: Measured) -> None:
    await measured.prometheus.away()
    with pytest.raises(PrometheusUnreachable, match="cannot be reached"):
        await measured.office.read("dashboard")
