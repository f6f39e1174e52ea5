"""What Alertmanager posts is read, and what is no such thing is refused in words."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts.webhook import ANNOTATIONS, LABELS, NEVER, TEXT, BadPayload, moment, read
from tests.bot.alerts.payloads import alert, body, payload

AT = 1_800_000_000_000_000


def test_a_notification_is_read_whole() -> None:
    one = alert(AT, pod="web-1", ended=AT + 5_000_000)
    found = read("main", body(one, receiver="team\\-a/onprem\\.1", notification_reason="repeat"))
    assert (found.cluster, found.receiver, found.truncated) == ("main", "team-a/onprem.1", 0)
    assert found.labels == {"alertname": "PodsNotReady", "namespace": "parse"}
    (read_one,) = found.alerts
    assert read_one.status == "resolved"
    assert (read_one.starts_at, read_one.ends_at) == (AT, AT + 5_000_000)
    assert read_one.fingerprint == one["fingerprint"]
    assert read_one.labels["pod"] == "web-1"
    assert read_one.source.endswith("g0.expr=up")


def test_the_end_of_what_fires_is_no_time() -> None:
    (found,) = read("main", body(alert(AT))).alerts
    assert found.ends_at == NEVER


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b'{"version": "4", "x": NaN}', "no JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[]", "must be an object"),
        (b"{}", "its version is none"),
        (b'{"version": "3"}', "its version is 3"),
        (b'{"version": {"a": 1}}', "its version is"),
        (b'{"version": "4", "alerts": {}}', "`alerts` must be a list"),
        (b'{"version": "4", "alerts": []}', "`groupKey` must be text"),
        (b'{"version": "4", "alerts": [], "groupKey": 3}', "`groupKey` must be text"),
        (body(groupLabels=["a"]), "groupLabels must be an object"),
        (body({**alert(AT), "status": "odd"}), "neither firing nor resolved"),
        (body({**alert(AT), "labels": {"a": 1}}), "every value must be text"),
        (body({**alert(AT), "fingerprint": ""}), "`fingerprint` must be text"),
        (json.dumps(payload(alerts=[7])).encode(), "alert 1 must be an object"),
        (json.dumps(payload(alerts=[{}] * 5001)).encode(), "at most 5000"),
    ],
)
def test_what_is_no_notification_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(BadPayload, match=words):
        read("main", content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=20,
    ),
    st.sampled_from(["alerts", "groupKey", "groupLabels", "receiver", "truncatedAlerts", "x"]),
)
def test_any_json_is_read_or_refused(value: Any, place: str) -> None:
    content = json.dumps({**payload(alert(AT)), place: value}).encode()
    with contextlib.suppress(BadPayload):
        assert read("main", content).alerts is not None


def test_ten_thousand_labels_are_cut_and_counted_the_ones_that_matter_stay() -> None:
    many = {f"a{n:05}": "x" for n in range(10_000)}
    one = {**alert(AT), "labels": {**many, "namespace": "parse", "alertname": "Many"}}
    (found,) = read("main", body(one)).alerts
    assert len(found.labels) == LABELS
    assert found.cut == 10_002 - LABELS
    assert found.labels["alertname"] == "Many"
    assert found.labels["namespace"] == "parse"


def test_long_texts_are_cut_and_control_characters_go() -> None:
    one = alert(AT, annotations={"summary": "\x1b[31mred\x00\u202e" + "x" * 100_000})
    (found,) = read("main", body(one)).alerts
    assert len(found.annotations["summary"]) <= TEXT
    assert found.annotations["summary"].startswith("redx")
    assert found.annotations["summary"].endswith("…")
    many = {f"n{n}": "x" for n in range(100)}
    (found,) = read("main", body(alert(AT, annotations=many))).alerts
    assert len(found.annotations) == ANNOTATIONS


def test_what_no_database_takes_as_text_is_taken_all_the_same() -> None:
    found = read("main", body(alert(AT), groupKey='{}:{a="\ud800"}', receiver="\ud800x"))
    assert (found.group_key, found.receiver) == ('{}:{a="?"}', "?x")
    whole = read("main", body(alert(AT), receiver="\U0001f525"))
    assert whole.receiver == "\U0001f525"
    with pytest.raises(BadPayload, match="no JSON"):
        read("main", body(alert(AT)).replace(b"onprem", b"\xed\xa0\x80"))


def test_an_endless_group_key_stays_one_of_a_kind() -> None:
    keys = {read("m", body(alert(AT), groupKey="x" * 5_000 + end)).group_key for end in "ab"}
    assert len(keys) == 2
    assert all(len(key) < 400 for key in keys)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://runbooks.example/a?b=c", True),
        ("javascript:alert(1)", False),
        ("https://x.example/|<!channel>", False),
        ("https://x.example/ <!here>", False),
        ("http://" + "x" * 5_000, False),
    ],
)
def test_only_web_addresses_are_links(url: str, kept: bool) -> None:
    (found,) = read("main", body(alert(AT, source=url))).alerts
    assert bool(found.source) is kept


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2018-08-03T09:52:26.739266876+02:00", 1_533_282_746_739_266),
        ("2018-08-03T07:52:26Z", 1_533_282_746_000_000),
        ("0001-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000_000),
        ("yesterday", 0),
        ("", 0),
        (None, 0),
        (7, 0),
        ("2018-08-03T07:52:26Z" + "0" * 100, 0),
    ],
)
def test_times_are_read_or_unknown(text: Any, at: int) -> None:
    assert moment(text) == at
