"""Alertmanager's API v2: what is sent, what is understood, and answers that are none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integrations.alertmanager import (
    Alert,
    Alertmanager,
    AlertmanagerRefused,
    AlertmanagerUnreachable,
    Matcher,
    SilenceNotFound,
)
from integrations.server import Server
from tests.integrations.answers import Answers, listening

START = 1_800_000_000_000_000

ALERT = {
    "labels": {"alertname": "PodDown", "namespace": "parse"},
    "annotations": {"summary": "It is down"},
    "startsAt": "2027-01-15T08:00:00.123Z",
    "endsAt": "2027-01-15T08:05:00.000Z",
    "updatedAt": "2027-01-15T08:01:00.000Z",
    "fingerprint": "abc",
    "generatorURL": "http://prometheus/graph",
    "receivers": [{"name": "onprem"}],
    "status": {"state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": [], "mutedBy": []},
}
SILENCE = {
    "id": "s1",
    "matchers": [{"name": "a", "value": "b", "isRegex": False}],
    "startsAt": "2027-01-15T08:00:00Z",
    "endsAt": "2027-01-15T09:00:00Z",
    "updatedAt": "2027-01-15T08:00:00Z",
    "createdBy": "ann",
    "comment": "known",
    "status": {"state": "active"},
}


@pytest.fixture
async def answers() -> Answers:
    return Answers()


@pytest.fixture
async def manager(answers: Answers) -> AsyncIterator[Alertmanager]:
    async with listening(answers) as url:
        opened = Alertmanager(Server(f"{url}/prefix/", token="t"))
        yield opened
        await opened.close()


async def test_alerts_are_asked_for_with_filters(answers: Answers, manager: Alertmanager) -> None:
    answers.body = [ALERT]
    awkward = 'a"b\\c\nd{e=~".*"}'
    found = await manager.alerts([Matcher("pod", awkward)], silenced=False)
    assert found == (
        Alert(
            labels={"alertname": "PodDown", "namespace": "parse"},
            annotations={"summary": "It is down"},
            starts_at=START + 123_000,
            ends_at=START + 300_000_000,
            fingerprint="abc",
            generator_url="http://prometheus/graph",
            state="suppressed",
            silenced_by=("s1",),
            receivers=("onprem",),
        ),
    )
    assert answers.request is not None
    assert answers.request.path == "/prefix/api/v2/alerts"
    assert answers.request.headers["Authorization"] == "Bearer t"
    query = answers.request.query
    assert query["filter"] == 'pod="a\\"b\\\\c\\nd{e=~\\".*\\"}"'
    assert (query["active"], query["silenced"], query["inhibited"]) == ("true", "false", "true")


def test_matchers_are_written_as_alertmanager_reads_them() -> None:
    assert str(Matcher("a", "b")) == 'a="b"'
    assert str(Matcher("a", "b", is_equal=False)) == 'a!="b"'
    assert str(Matcher("a", "b.*", is_regex=True)) == 'a=~"b.*"'
    assert str(Matcher("a", "b.*", is_regex=True, is_equal=False)) == 'a!~"b.*"'


async def test_a_silence_is_written_exactly(answers: Answers, manager: Alertmanager) -> None:
    answers.body = {"silenceID": "s2"}
    made = await manager.silence(
        [Matcher("a", "b"), Matcher("c", "d.*", is_regex=True)],
        starts=START,
        ends=START + 3_600_000_000,
        created_by="ann",
        comment="known",
    )
    assert made == "s2"
    assert answers.sent == {
        "matchers": [
            {"name": "a", "value": "b", "isRegex": False, "isEqual": True},
            {"name": "c", "value": "d.*", "isRegex": True, "isEqual": True},
        ],
        "startsAt": "2027-01-15T08:00:00.000Z",
        "endsAt": "2027-01-15T09:00:00.000Z",
        "createdBy": "ann",
        "comment": "known",
    }


async def test_silences_are_read(answers: Answers, manager: Alertmanager) -> None:
    answers.body = [SILENCE]
    (silence,) = await manager.silences()
    assert silence.matchers == (Matcher("a", "b"),)
    assert (silence.starts_at, silence.ends_at) == (START, START + 3_600_000_000)
    assert (silence.created_by, silence.comment, silence.state) == ("ann", "known", "active")


async def test_a_silence_is_ended(answers: Answers, manager: Alertmanager) -> None:
    answers.body = ""
    await manager.expire("../s 1")
    assert answers.request is not None
    assert answers.request.method == "DELETE"
    assert answers.request.rel_url.raw_path == "/prefix/api/v2/silence/..%2Fs%201"


async def test_a_silence_that_is_not_there(answers: Answers, manager: Alertmanager) -> None:
    answers.status, answers.body = 404, '"silence not found"'
    with pytest.raises(SilenceNotFound, match="no such silence"):
        await manager.expire("gone")


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, '"bad matcher format: x"', AlertmanagerRefused, "bad matcher format: x"),
        (422, '{"code": 601, "message": "endsAt is required"}', AlertmanagerRefused, "endsAt"),
        (500, '"silence s1 already expired"', AlertmanagerRefused, "already expired"),
        (401, "Unauthorized", AlertmanagerUnreachable, "status 401"),
        (502, "<html>bad gateway</html>", AlertmanagerUnreachable, "no answer of its API"),
        (404, "<html>", AlertmanagerUnreachable, "status 404"),
        (200, "<html>", AlertmanagerUnreachable, "is not Alertmanager"),
        (200, "[" * 100_000, AlertmanagerUnreachable, "is not Alertmanager"),
        (200, [{"labels": {}}], AlertmanagerUnreachable, "is not Alertmanager"),
        (200, {"alerts": []}, AlertmanagerUnreachable, "is not Alertmanager"),
    ],
)
async def test_failures_are_told_in_words(
    answers: Answers,
    manager: Alertmanager,
    status: int,
    body: Any,
    kind: type[Exception],
    said: str,
) -> None:
    answers.status, answers.body = status, body
    with pytest.raises(kind, match="Alertmanager") as caught:
        await manager.alerts()
    assert said in str(caught.value)


async def test_a_cut_answer_is_no_answer(answers: Answers, manager: Alertmanager) -> None:
    answers.cut = True
    with pytest.raises(AlertmanagerUnreachable, match="cannot be used"):
        await manager.alerts()


async def test_nobody_there(unused_tcp_port: int) -> None:
    manager = Alertmanager(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(AlertmanagerUnreachable, match="cannot be used"):
        await manager.status()
    await manager.close()


async def test_groups_name_their_receiver_and_what_a_time_mutes(
    answers: Answers, manager: Alertmanager
) -> None:
    muted = {**ALERT, "status": {"state": "suppressed", "mutedBy": ["night"]}}
    labels = {"alertname": "PodDown"}
    answers.body = [{"labels": labels, "receiver": {"name": "onprem"}, "alerts": [muted]}]
    (group,) = await manager.groups()
    assert (group.labels, group.receiver) == (labels, "onprem")
    assert [(a.fingerprint, a.muted_by) for a in group.alerts] == [("abc", ("night",))]


async def test_groups_of_another_shape_are_no_answer(
    answers: Answers, manager: Alertmanager
) -> None:
    answers.body = [{"labels": {}}]
    with pytest.raises(AlertmanagerUnreachable):
        await manager.groups()
