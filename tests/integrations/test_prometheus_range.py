"""Ranges: what is asked and understood; answers that are late, cut, endless or too much."""

from __future__ import annotations

import gzip
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from integrations.prometheus import (
    Prometheus,
    PrometheusUnreachable,
    QueryRefused,
    QueryTimeout,
    TooManySeries,
    client,
)
from integrations.server import Server
from tests.integrations.answers import Answers, listening

RANGE = {"start": 1000.0, "end": 1060.0, "step": 30.0}


@pytest.fixture
async def answers() -> Answers:
    return Answers()


@pytest.fixture
async def prometheus(answers: Answers) -> AsyncIterator[Prometheus]:
    async with listening(answers) as url:
        opened = Prometheus(Server(url, username="ann", password="p w"))
        yield opened
        answers.released.set()
        opened.close()


def matrix(*series: tuple[dict[str, str], list[list[Any]]], **more: Any) -> dict[str, Any]:
    result = [{"metric": labels, "values": values} for labels, values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}


async def test_a_range_is_asked_for_in_the_body_with_credentials(
    answers: Answers, prometheus: Prometheus
) -> None:
    answers.body = matrix(
        ({"pod": "a"}, [[1000, "1.5"], [1030, "NaN"], [1060, "+Inf"]]),
        warnings=["a store is away"],
        infos=["no counter"],
    )
    found = await prometheus.range("up", **RANGE)
    (series,) = found.series
    assert series.labels == {"pod": "a"}
    assert series.times == (1000.0, 1030.0, 1060.0)
    assert series.values[0] == 1.5
    assert math.isnan(series.values[1])
    assert series.values[2] == math.inf
    assert (found.warnings, found.infos) == (("a store is away",), ("no counter",))
    assert answers.request is not None
    assert answers.request.path == "/api/v1/query_range"
    assert not answers.request.query_string
    assert answers.request.headers["Authorization"] == "Basic YW5uOnAgdw=="
    assert answers.form == {
        "query": "up",
        "start": "1000.000",
        "end": "1060.000",
        "step": "30.000",
        "timeout": "9s",
        "limit": "1001",
    }


async def test_nothing_is_not_zero(answers: Answers, prometheus: Prometheus) -> None:
    answers.body = matrix()
    assert (await prometheus.range("up", **RANGE)).series == ()


async def test_histograms_are_left_out_and_told(answers: Answers, prometheus: Prometheus) -> None:
    answers.body = matrix(({"pod": "a"}, [[1000, "1"]]))
    answers.body["data"]["result"].append({"metric": {}, "histograms": [[1000, {}]]})
    found = await prometheus.range("up", **RANGE)
    assert len(found.series) == 1
    assert found.warnings == ("1 series without plain numbers are left out",)


async def test_too_many_series_are_refused_with_their_number(
    answers: Answers, prometheus: Prometheus
) -> None:
    answers.at["/api/v1/query_range"] = matrix(
        *(({"pod": str(n)}, [[1000, "1"]]) for n in range(3))
    )
    answers.at["/api/v1/query"] = {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1060, "50000"]}]},
    }
    with pytest.raises(TooManySeries, match="50,000, and at most 2 are taken") as caught:
        await prometheus.range("up # all", **RANGE, most=2)
    assert caught.value.count == 50_000
    assert "one app or one node" in caught.value.hint
    assert answers.form["query"] == "count(up # all\n)"
    assert answers.form["time"] == "1060.000"


async def test_too_many_series_are_refused_even_when_they_cannot_be_counted(
    answers: Answers, prometheus: Prometheus
) -> None:
    answers.at["/api/v1/query_range"] = matrix(
        *(({"pod": str(n)}, [[1000, "1"]]) for n in range(3))
    )
    answers.at["/api/v1/query"] = {"status": "error", "errorType": "timeout", "error": "late"}
    with pytest.raises(TooManySeries, match="more than 2, and at most 2"):
        await prometheus.range("up", **RANGE, most=2)


async def test_an_endless_answer_is_not_read_to_its_end(
    answers: Answers, prometheus: Prometheus
) -> None:
    answers.at["/api/v1/query_range"] = gzip.compress(b" " * (client.MOST_BYTES + 1), 1)
    answers.headers["Content-Encoding"] = "gzip"
    answers.at["/api/v1/query"] = {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1060, "70000"]}]},
    }
    with pytest.raises(TooManySeries, match="70,000"):
        await prometheus.range("up", **RANGE)


async def test_an_answer_that_comes_drop_by_drop_ends_by_the_deadline(
    answers: Answers, prometheus: Prometheus
) -> None:
    answers.trickle = True
    with pytest.raises(QueryTimeout, match=r"did not answer in 0\.3 seconds"):
        await prometheus.range("up", **RANGE, timeout=0.3)


async def test_a_slow_server_is_not_waited_for(answers: Answers, prometheus: Prometheus) -> None:
    answers.slow = True
    with pytest.raises(QueryTimeout, match=r"did not answer in 0\.2 seconds"):
        await prometheus.range("up", **RANGE, timeout=0.2)


async def test_a_cut_answer_is_no_answer(answers: Answers, prometheus: Prometheus) -> None:
    answers.cut = True
    with pytest.raises(PrometheusUnreachable, match="cannot be reached"):
        await prometheus.range("up", **RANGE)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"status": "success", "data": {"resultType": "mat', PrometheusUnreachable),
        ("<html>", PrometheusUnreachable),
        ("[" * 100_000, PrometheusUnreachable),
        (
            {"status": "success", "data": {"resultType": "vector", "result": []}},
            PrometheusUnreachable,
        ),
        (matrix(({"a": "b"}, [[1000]])), PrometheusUnreachable),
        (matrix(({"a": "b"}, [[1000, "many"]])), PrometheusUnreachable),
        (
            {"status": "success", "data": {"resultType": "matrix", "result": [7]}},
            PrometheusUnreachable,
        ),
    ],
)
async def test_what_is_no_range_is_refused_in_words(
    answers: Answers, prometheus: Prometheus, body: Any, kind: type[Exception]
) -> None:
    answers.body = body
    with pytest.raises(kind, match="Prometheus"):
        await prometheus.range("up", **RANGE)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(400, "Correct the query"), (422, "shorter range"), (401, "token"), (403, "token")],
)
async def test_refusals_say_what_to_do_next(
    answers: Answers, prometheus: Prometheus, status: int, hint: str
) -> None:
    answers.status = status
    answers.body = {"status": "error", "errorType": "execution", "error": "the reason"}
    with pytest.raises((QueryRefused, PrometheusUnreachable), match="the reason") as caught:
        await prometheus.range("up", **RANGE)
    assert hint in caught.value.hint


async def test_a_ca_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    prometheus = Prometheus(Server("https://127.0.0.1:1", ca_file=tmp_path / "none.pem"))
    with pytest.raises(PrometheusUnreachable, match="cannot be reached"):
        await prometheus.range("up", **RANGE)
    prometheus.close()


def test_credentials_are_not_shown() -> None:
    server = Server("http://x", token="the token", password="the password")
    assert "the" not in repr(server)
    assert server.headers() == {"Authorization": "Bearer the token"}
    assert Server("http://x/").headers() == {}
    assert Server("http://x/").address == "http://x"
