"""Prometheus' HTTP API: shapes of answers, formats of numbers and times, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.prometheus.conftest import Answers

AT = "1700000000"


async def test_a_vector(server: Answers) -> None:
    found = await server.data("query", query="vector(1)", time=AT)
    rows = [{"metric": {}, "value": [1700000000, "1"]}]
    assert found == {"resultType": "vector", "result": rows}


async def test_a_scalar_and_a_string(server: Answers) -> None:
    found = await server.data("query", query="1 + 1", time=AT)
    assert found == {"resultType": "scalar", "result": [1700000000, "2"]}
    found = await server.data("query", query='"a\\"b"', time=AT)
    assert found == {"resultType": "string", "result": [1700000000, 'a"b']}


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("1700000000.5", 1700000000.5),
        ("1700000000.123", 1700000000.123),
        ("2023-11-14T22:13:20Z", 1700000000),
        ("2023-11-14T23:13:20.25+01:00", 1700000000.25),
    ],
)
async def test_times(server: Answers, time: str, shown: float) -> None:
    found = await server.data("query", query="vector(1)", time=time)
    assert found["result"][0]["value"][0] == shown


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1e15", "1000000000000000"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1000000000000000000000"),
        ("vector(1e21)", "1e+21"),
        ("vector(1.5e300)", "1.5e+300"),
        ("0.000001", "0.000001"),
        ("0.00000025", "0.00000025"),
        ("vector(0.00000025)", "2.5e-07"),
        ("-0.5", "-0.5"),
        ("0 * -1", "-0"),
        ("0 / 0", "NaN"),
        ("1 / 0", "+Inf"),
        ("-1 / 0", "-Inf"),
        ("5 % 3", "2"),
        ("-5 % 3", "-2"),
        ("2 ^ 0.5", "1.4142135623730951"),
        ("1 == bool 1", "1"),
        ("0x1F", "31"),
    ],
)
async def test_numbers(server: Answers, expression: str, shown: str) -> None:
    found = await server.data("query", query=expression, time=AT)
    value = found["result"][0]["value"] if found["resultType"] == "vector" else found["result"]
    assert value[1] == shown


async def test_series_carry_their_name_and_labels(server: Answers) -> None:
    found = await server.data("query", query="up")
    assert found["resultType"] == "vector"
    for row in found["result"]:
        assert row["metric"]["__name__"] == "up"
        assert {"job", "instance"} <= set(row["metric"])
        assert row["value"][1] in ("0", "1")


async def test_a_range_selector_alone_gives_samples(server: Answers) -> None:
    found = await server.data("query", query="up[1m]")
    assert found["resultType"] == "matrix"
    times = [time for time, _ in found["result"][0]["values"]]
    assert times == sorted(times)


async def test_a_range(server: Answers) -> None:
    found = await server.data(
        "query_range", query="vector(time())", start="1700000000", end="1700000030", step="15"
    )
    rows = [
        {
            "metric": {},
            "values": [
                [1700000000, "1700000000"],
                [1700000015, "1700000015"],
                [1700000030, "1700000030"],
            ],
        }
    ]
    assert found == {"resultType": "matrix", "result": rows}


async def test_a_range_of_a_number(server: Answers) -> None:
    found = await server.data("query_range", query="3", start="0", end="1", step="500ms")
    values = [[0, "3"], [0.5, "3"], [1, "3"]]
    assert found == {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}


async def test_a_range_without_samples_is_empty(server: Answers) -> None:
    found = await server.data("query_range", query="up", start="0", end="600", step="1m")
    assert found == {"resultType": "matrix", "result": []}


async def test_a_form_is_taken_too(server: Answers) -> None:
    status, body = await server.ask("query", post=True, query="vector(1)", time=AT)
    assert status == 200
    assert body["data"]["result"][0]["value"] == [1700000000, "1"]


async def test_too_many_series_are_cut_and_told(server: Answers) -> None:
    status, body = await server.ask("query", query="vector(1) or absent(nothing{a='b'})", limit="1")
    assert status == 200
    assert len(body["data"]["result"]) == 1
    assert body["warnings"] == ["results truncated due to limit"]


async def test_a_limit_that_is_not_reached_says_nothing(server: Answers) -> None:
    _, body = await server.ask("query", query="vector(1)", limit="1")
    assert "warnings" not in body


RANGE = {"start": "0", "end": "60", "step": "15", "query": "up"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": "0"}, 'invalid parameter "step": zero or negative query resolution step widths'),
        ({"step": "-1"}, 'invalid parameter "step": zero or negative query resolution step'),
        ({"step": "soon"}, 'invalid parameter "step": cannot parse "soon" to a valid duration'),
        ({"end": "-60"}, 'invalid parameter "end": end timestamp must not be before start time'),
        ({"start": ""}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ({"end": "later"}, 'invalid parameter "end": cannot parse "later" to a valid timestamp'),
        ({"end": "11001", "step": "1"}, "exceeded maximum resolution of 11,000 points per"),
        ({"query": "up[5m]"}, 'invalid parameter "query": invalid expression type "range vector"'),
        ({"query": '"text"'}, 'invalid parameter "query": invalid expression type "string" for'),
        ({"limit": "-1"}, 'invalid parameter "limit":'),
    ],
    ids=[
        "no step",
        "a step back",
        "a step in words",
        "an end before the start",
        "no start",
        "an end in words",
        "too many points",
        "a range of a range",
        "a range of a text",
        "a negative limit",
    ],
)
async def test_what_makes_no_sense_is_refused(
    server: Answers, change: dict[str, str], said: str
) -> None:
    status, body = await server.ask("query_range", **(RANGE | change))
    assert (status, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert body["error"].startswith(said)


@pytest.mark.parametrize("query", ["", "sum(", "rate(up)", "up{", "nothing(up)", "1 + up["])
async def test_what_is_no_query_is_refused(server: Answers, query: str) -> None:
    status, body = await server.ask("query", query=query)
    assert (status, body["errorType"]) == (400, "bad_data")
    assert body["error"].startswith('invalid parameter "query": ')
    assert "parse error: " in body["error"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("vector(1) + on () (up or vector(0))", "many-to-many matching not allowed"),
        ('label_replace(up, "a-b", "", "", "")', "label_replace()"),
        ("label_replace(up, 'x', '', 'job', '(')", "invalid regular expression in label_replace()"),
    ],
)
async def test_what_fails_on_the_way_is_told(server: Answers, query: str, said: str) -> None:
    status, body = await server.ask("query", query=query)
    if status == 200 and len(body["data"]["result"]) < 2:
        return  # with one series alone nothing clashes
    assert (status, body["errorType"]) == (422, "execution")
    assert said in body["error"]


async def test_it_says_its_version(server: Answers) -> None:
    found: dict[str, Any] = await server.data("status/buildinfo")
    assert found["version"]
    assert {"revision", "branch", "goVersion"} <= set(found)


async def test_it_names_its_targets(server: Answers) -> None:
    found = await server.data("targets")
    for target in found["activeTargets"]:
        assert {"labels", "scrapePool", "scrapeUrl", "lastError", "health"} <= set(target)
        assert target["scrapePool"] == target["labels"]["job"]


async def test_it_lists_series_and_values(server: Answers) -> None:
    status, body = await server.ask("series", **{"match[]": "up"})
    assert status == 200
    assert {row["__name__"] for row in body["data"]} == {"up"}
    assert "up" in await server.data("label/__name__/values")
    assert {"__name__", "instance", "job"} <= set(await server.data("labels"))


async def test_what_it_does_not_have_is_404(server: Answers) -> None:
    status, _ = await server.ask("nothing")
    assert status == 404
