"""The bot's own client: the same from the practice Prometheus and from a real one."""

from __future__ import annotations

import math
import re
import time
from collections.abc import AsyncIterator

import pytest

from integrations.prometheus import Prometheus, QueryRefused, TooManySeries
from tests.contract.prometheus.conftest import Answers

NOW = 1_700_000_000


@pytest.fixture
async def client(server: Answers) -> AsyncIterator[Prometheus]:
    opened = Prometheus(server.url)
    yield opened
    opened.close()


async def test_its_version(client: Prometheus) -> None:
    assert re.match(r"\d+\.\d+\.\d+", await client.probe())


async def test_a_range_of_numbers_and_of_what_is_none(client: Prometheus) -> None:
    found = await client.range(
        "label_replace(vector(time()), 'a', 'x', '', '')"
        " or label_replace(vector(0) / 0, 'a', 'y', '', '')"
        " or label_replace(vector(1) / 0, 'a', 'z', '', '')",
        start=NOW,
        end=NOW + 60,
        step=30,
    )
    by_name = {series.labels["a"]: series for series in found.series}
    assert by_name["x"].times == (NOW, NOW + 30, NOW + 60)
    assert by_name["x"].values == by_name["x"].times
    assert all(map(math.isnan, by_name["y"].values))
    assert all(map(math.isinf, by_name["z"].values))


async def test_moments_without_a_value_are_left_out(client: Prometheus) -> None:
    found = await client.range(
        f"vector(1) unless vector(time() == bool {NOW + 30}) == 1", start=NOW, end=NOW + 60, step=30
    )
    assert [series.times for series in found.series] == [(NOW, NOW + 60)]


async def test_nothing_is_nothing(client: Prometheus) -> None:
    assert (await client.range("nothing_like_it", start=NOW, end=NOW + 60, step=30)).series == ()


async def test_more_series_than_are_taken_are_counted(client: Prometheus) -> None:
    three = " or ".join(f"label_replace(vector({n}), 'a', '{n}', '', '')" for n in range(3))
    with pytest.raises(TooManySeries, match=r"too many series: 3, and at most 2"):
        await client.range(three, start=NOW, end=NOW + 60, step=30, most=2)
    assert len((await client.range(three, start=NOW, end=NOW + 60, step=30, most=3)).series) == 3


async def test_what_cannot_be_read_or_answered_is_refused_in_its_words(client: Prometheus) -> None:
    with pytest.raises(QueryRefused, match="parse error"):
        await client.range("sum(", start=NOW, end=NOW + 60, step=30)
    with pytest.raises(QueryRefused, match=r"11,000|exceeded maximum resolution"):
        await client.range("vector(1)", start=NOW, end=NOW + 60, step=0.005)


async def test_the_present(client: Prometheus) -> None:
    found = await client.query("up")
    assert found.type == "vector"
    at, value = found.result[0]["value"]
    assert abs(at - time.time()) < 60
    assert value in ("0", "1")
