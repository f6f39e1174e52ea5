"""The bot's own client: the same from the practice Alertmanager and from a real one."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator

import pytest

from integrations.alertmanager import (
    Alertmanager,
    AlertmanagerRefused,
    Matcher,
    SilenceNotFound,
)
from tests.contract.alertmanager.conftest import Manager

SECOND = 1_000_000
AWKWARD = ['say "hi"', "back\\slash", "two\nlines", "{a=~'.*'}", "日本 🧨", ",=~!", " "]


@pytest.fixture
async def client(manager: Manager) -> AsyncIterator[Alertmanager]:
    opened = Alertmanager(manager.url)
    yield opened
    await opened.close()


def now() -> int:
    return time.time_ns() // 1000


async def silenced(client: Alertmanager, *matchers: Matcher, hours: float = 1) -> str:
    return await client.silence(
        matchers,
        starts=now(),
        ends=now() + int(hours * 3600) * SECOND,
        created_by="ann",
        comment="known",
    )


async def test_its_version(client: Alertmanager) -> None:
    status = await client.status()
    assert re.match(r"\d+\.\d+\.\d+", status.version)
    assert status.cluster


async def test_an_alert_is_read(manager: Manager, client: Alertmanager) -> None:
    starts = await manager.fire(pod="web-1")
    (alert,) = await client.alerts([Matcher("alertname", manager.name)])
    assert alert.labels == {"alertname": manager.name, "namespace": "parse", "pod": "web-1"}
    assert alert.annotations["summary"] == "A pod is not ready."
    assert alert.starts_at == int(starts.timestamp()) * SECOND
    assert alert.ends_at == alert.starts_at + 3600 * SECOND
    assert alert.state in ("active", "unprocessed")
    assert alert.receivers == ("onprem.bot",)


@pytest.mark.parametrize("value", AWKWARD)
async def test_an_exact_matcher_means_that_text_and_no_other(
    manager: Manager, client: Alertmanager, value: str
) -> None:
    await manager.fire(pod=value)
    await manager.fire(pod="other")
    mine = Matcher("alertname", manager.name)
    (alert,) = await client.alerts([mine, Matcher("pod", value)])
    assert alert.labels["pod"] == value
    await silenced(client, mine, Matcher("pod", value))
    (left,) = await client.alerts([mine], silenced=False)
    assert left.labels["pod"] == "other"


async def test_a_silence_from_its_beginning_to_its_end(
    manager: Manager, client: Alertmanager
) -> None:
    await manager.fire(pod="web-1")
    mine = Matcher("alertname", manager.name)
    made = await silenced(client, mine, Matcher("pod", "web-.*", is_regex=True))
    (alert,) = await client.alerts([mine])
    assert (alert.state, alert.silenced_by) == ("suppressed", (made,))
    (silence,) = [one for one in await client.silences() if one.id == made]
    assert set(silence.matchers) == {mine, Matcher("pod", "web-.*", is_regex=True)}
    assert (silence.created_by, silence.comment, silence.state) == ("ann", "known", "active")
    assert abs(silence.ends_at - now() - 3600 * SECOND) < 60 * SECOND
    await client.expire(made)
    (after,) = [one for one in await client.silences() if one.id == made]
    assert after.state == "expired"
    (alert,) = await client.alerts([mine])
    assert alert.silenced_by == ()


async def test_what_it_does_not_take_is_told_in_its_words(client: Alertmanager) -> None:
    with pytest.raises(AlertmanagerRefused, match="Alertmanager refused it"):
        await silenced(client, Matcher("pod", "(", is_regex=True))
    with pytest.raises(AlertmanagerRefused, match="Alertmanager refused it"):
        await silenced(client, Matcher("pod", ""))
    with pytest.raises(AlertmanagerRefused, match="Alertmanager refused it"):
        await silenced(client, Matcher("pod", "x"), hours=-1)
    with pytest.raises(AlertmanagerRefused, match="Alertmanager refused it"):
        await silenced(client)


async def test_a_silence_that_is_not_there(client: Alertmanager) -> None:
    with pytest.raises(SilenceNotFound):
        await client.expire("6a1b1c1e-0000-4000-8000-000000000000")


async def test_a_silence_may_be_ended_twice(manager: Manager, client: Alertmanager) -> None:
    made = await silenced(client, Matcher("alertname", manager.name))
    await client.expire(made)
    await client.expire(made)
