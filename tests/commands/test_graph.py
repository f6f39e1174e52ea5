"""`graph` and `graph list` on a practice Prometheus: numbers, pictures, refusals, faults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.context import Target
from bot.errors import Failed, Refused, UsageError
from bot.render.document import Document, Image, Note, Table, Title
from bot.store import outside_changes
from bot.store.outside_changes import OutsideChange
from integrations.kubernetes.kinds import POD
from integrations.prometheus import PrometheusUnreachable, QueryRefused
from tests.commands.conftest import ANN, Measured, Office, configuration, text_of


def of(document: Document, kind: type) -> list[Any]:
    return [element for element in document.elements if isinstance(element, kind)]


async def test_a_terminal_gets_the_course_and_the_numbers(measured: Measured) -> None:
    result, document = await measured.office.read("graph cpu --last 1h")
    (table,) = of(document, Table)
    assert table.columns == ("line", "course", "now", "least", "most", "trend")
    assert table.rows
    for name, course, now, least, most, trend in table.rows:
        assert name
        assert any(block in course for block in "▁▂▃▄▅▆▇█")
        assert all(value.endswith("%") for value in (now, least, most))
        assert trend in ("rising", "falling", "steady")
    assert of(document, Title)[0].text == "CPU used of each node: main, last 1 h"
    assert not of(document, Image)
    assert (result.step, result.end - result.start) == (10, 3600 * 1_000_000)


async def test_a_channel_gets_the_picture_with_its_numbers_in_words(measured: Measured) -> None:
    _, document = await measured.office.read("graph cpu --last 1h", channel="C1")
    (image,) = of(document, Image)
    assert image.png.startswith(b"\x89PNG")
    assert image.shared
    assert image.name == "cpu.png"
    assert "now" in image.alt
    assert "least" in image.alt
    assert not of(document, Table)


async def test_a_picture_that_cannot_be_drawn_leaves_the_numbers(measured: Measured) -> None:
    await measured.office.artist.close()
    _, document = await measured.office.read("graph cpu", channel="C1")
    assert of(document, Table)
    assert "could not be drawn" in text_of(document)


async def test_saving_draws_in_a_terminal_and_is_refused_in_a_chat(measured: Measured) -> None:
    _, document = await measured.office.read("graph cpu --save cpu.png")
    assert of(document, Table)
    assert of(document, Image)
    with pytest.raises(UsageError, match="works in a terminal only"):
        await measured.office.read("graph cpu --save cpu.png", channel="C1")


async def test_an_app_sees_its_own_pods(measured: Measured) -> None:
    everybody, _ = await measured.office.read("graph raw --last 5m")
    assert len(everybody.numbers) >= 2
    own, _ = await measured.office.read("graph raw --app parse --last 5m")
    found = await measured.world.kube.list(POD, "parse")
    pods = sorted(str(pod["metadata"]["name"]) for pod in found.items)
    assert [one.label for one in own.numbers] == pods
    assert own.about == "parse on main"
    narrowed, _ = await measured.office.read("graph memory --app parse --last 5m")
    assert (narrowed.name, [one.label for one in narrowed.numbers]) == ("app-memory", pods)


async def test_leave_is_asked_for_what_is_shown(measured: Measured) -> None:
    def target(line: str) -> Target:
        _, _, ctx = measured.office.parsed(line)
        return ctx.target

    assert target("graph cpu") == Target("main")
    assert target("graph app-cpu --app parse") == Target("main", "parse", "parse")
    assert target("dashboard app") == Target("main", "parse", "parse")


async def test_what_changed_in_that_time_is_told(measured: Measured) -> None:
    at = measured.office.now - 600 * 1_000_000
    changes = [
        OutsideChange(at, "main", space, app, "deployment/web", "scale", text, "kubectl")
        for space, app, text in (
            ("parse", "parse", "web scaled from 1 to 3"),
            ("other", "", "web scaled from 1 to 9"),
        )
    ]
    await measured.office.store.write(lambda db: outside_changes.record(db, at, changes))
    _, document = await measured.office.read("graph app-cpu --app parse --last 1h")
    (_, table) = of(document, Table)
    assert table.rows == (("10 min ago", "web scaled from 1 to 3", "kubectl"),)
    _, document = await measured.office.read("graph app-cpu --app parse --last 5m")
    assert len(of(document, Table)) == 1


async def test_no_data_is_told_apart_from_zero(measured: Measured) -> None:
    result, document = await measured.office.read("graph volumes --app parse --last 5m")
    assert result.numbers == ()
    assert "no data for parse on main" in of(document, Title)[0].text
    (note,) = of(document, Note)
    assert "No data in this time. It needs" in text_of(Document.of(note))
    assert not of(document, Table)


async def test_the_nearest_name_is_offered(measured: Measured) -> None:
    with pytest.raises(UsageError, match="Did you mean memory"):
        await measured.office.read("graph memroy")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("graph app-cpu", "is a graph of an app"),
        ("graph api-latency --app parse", "cannot be narrowed to an app"),
        ("graph api-latency --node w1", "cannot be narrowed to a node"),
        ("graph cpu --app nothing", "There is no app called nothing"),
        ("graph cpu --cluster nowhere", "There is no cluster called nowhere"),
        ("graph cpu --last 6y", "is not a length of time"),
        ("graph cpu --from yesterday", "is not a time"),
        ("graph cpu --last 1h --from 2h", "cannot be given together"),
        ("graph cpu --from 1h --to 2h", "must be before"),
    ],
)
async def test_what_cannot_be_shown_is_refused_in_words(
    measured: Measured, line: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        await measured.office.read(line)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "node", ['w1"} or up{job="', "w1' or '", "w1`", "w1\\", "w1\n", ".*", "w1)|(.*", "$node", "🧨"]
)
async def test_text_cannot_leave_its_label(measured: Measured, node: str) -> None:
    """What is no name is refused before anything is asked; and a query would only find nothing."""
    with pytest.raises(UsageError, match="--node is wrong"):
        await measured.office.read(["graph", "cpu", "--node", node])  # type: ignore[arg-type]


async def test_a_node_that_is_not_there_has_no_data(measured: Measured) -> None:
    result, _ = await measured.office.read("graph cpu --node w.1")
    assert result.numbers == ()


async def test_times_are_the_askers_own(measured: Measured) -> None:
    berlin = replace(ANN, timezone="Europe/Berlin")
    result, document = await measured.office.read("graph cpu --from 2h --to 1h", berlin)
    assert result.said.endswith(("CET", "CEST"))
    assert result.said in of(document, Title)[0].text


async def test_a_prometheus_that_is_down_is_told(measured: Measured) -> None:
    await measured.prometheus.away()
    with pytest.raises(PrometheusUnreachable, match=r"cannot be reached: connection refused"):
        await measured.office.read("graph cpu")
    await measured.prometheus.back()
    result, _ = await measured.office.read("graph cpu")
    assert result.numbers


async def test_a_graph_of_ones_own_that_is_no_promql_is_told_with_its_place(
    measured: Measured, tmp_path: Path
) -> None:
    wrong = {"mine": {"title": "Mine", "query": "sum(up"}}
    measured.office.config = configuration(tmp_path, graphs=wrong)
    with pytest.raises(QueryRefused, match=r"refused the query: .*parse error") as caught:
        await measured.office.read("graph mine")
    assert caught.value.hint == "Correct graphs.mine.query in onprem.yaml."


async def test_no_prometheus_is_told_with_what_to_do(shop: Office) -> None:
    with pytest.raises(Refused, match="No Prometheus is configured for main") as caught:
        await shop.read("graph cpu")
    assert "clusters.main.prometheus" in caught.value.hint


async def test_nan_is_no_number(measured: Measured) -> None:
    measured.prometheus.nan = True
    result, document = await measured.office.read("graph cpu --last 5m")
    assert result.numbers == ()
    assert "have no number (NaN)" in text_of(document)


async def test_too_many_series_are_refused_with_their_number_and_a_way_out(
    measured: Measured,
) -> None:
    measured.prometheus.copies = 1200
    with pytest.raises(Failed, match=r"Pods would have 1,200 lines") as caught:
        await measured.office.read("graph raw --app parse --last 5m")
    assert "at most 500" in caught.value.why
    assert "shorter time" in caught.value.hint
    with pytest.raises(Failed) as caught:
        await measured.office.read("graph raw --last 5m")
    assert caught.value.hint == "Ask for one app: graph raw --app NAME"


async def test_the_list_tells_what_each_takes(measured: Measured) -> None:
    result, document = await measured.office.read("graph list")
    by_name = {graph.name: graph for graph in result.graphs}
    assert by_name["cpu"].flags == ("--node",)
    assert by_name["app-cpu"].flags == ("--app",)
    (table,) = of(document, Table)
    assert len(table.rows) == len(by_name)
