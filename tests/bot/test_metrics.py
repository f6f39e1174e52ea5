"""What `/metrics` tells of alerts: of a bot that has taken them, without a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.alerts.webhook import read
from bot.config import Config
from bot.metrics import Exposition
from bot.store import alerts, messages
from bot.wiring import Product, build
from tests.bot.alerts.conftest import START, Clock
from tests.bot.alerts.payloads import alert, body

MINUTE = 60_000_000
UNTOLD, OLDEST = "onprem_alert_groups_untold", "onprem_alert_groups_untold_oldest_seconds"


def configured(directory: Path, **changes: Any) -> Config:
    settings: dict[str, Any] = {
        "state": {"directory": str(directory)},
        "clusters": {"main": {"alertmanager": "http://127.0.0.1:9"}, "spare": {}, "lab": {}},
        "default_cluster": "main",
        "slack": {"bot_token": "xoxb-1", "app_token": "xapp-1", "ops_channel": "C0123456789"},
        "alerts": {"token": "t"},
    }
    return Config.model_validate({**settings, **changes})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def product(tmp_path: Path, clock: Clock) -> AsyncIterator[Product]:
    made = await build(configured(tmp_path / "state"), clock=clock)
    yield made
    await made.close()


async def scraped(product: Product) -> dict[str, float]:
    """Each sample as `name{label="value"}` → value."""
    exposition = Exposition(product, "127.0.0.1:0")
    await exposition.start()
    try:
        url = f"http://127.0.0.1:{exposition.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 200
            text = await answer.text()
    finally:
        await exposition.close()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def take(product: Product, *found: dict[str, Any], cluster: str = "main", **of: Any) -> None:
    await product.alerts.take(read(cluster, body(*found, **of)))


async def test_alerts_that_were_taken_and_not_told_are_counted_with_their_age(
    product: Product, clock: Clock
) -> None:
    first = await scraped(product)
    assert (first[UNTOLD], first[OLDEST]) == (0, 0)
    await take(product, alert(START, pod="a"), alert(START, pod="b"))
    clock.now += 4 * MINUTE
    await take(product, alert(START, alertname="Other"), groupKey="other")
    clock.now += MINUTE
    late = await scraped(product)
    assert (late[UNTOLD], late[OLDEST]) == (2, 300)
    await product.alerts.teller.step()
    queued = await scraped(product)
    assert (queued[UNTOLD], queued[OLDEST]) == (2, 300), "a queued message is not in Slack"

    def sent(db: Any) -> None:
        for one in alerts.standing(db):
            messages.put(db, messages.Handle(one.message_key, "T1", "C1", one.id, clock.now))

    await product.store.write(sent)
    told = await scraped(product)
    assert (told[UNTOLD], told[OLDEST]) == (0, 0)


async def test_groups_are_counted_by_cluster_severity_and_state(product: Product) -> None:
    await take(product, alert(START))
    await take(product, alert(START), cluster="spare")
    for word in ("Sev1", "P0 <!channel>"):
        await take(product, alert(START, alertname=word, severity=word), groupKey=word)
    (name, *_) = [e.id for e in await product.store.read(lambda db: alerts.standing(db, "spare"))]
    await product.store.write(lambda db: alerts.own(db, name, "slack:T1/U1", "ada", START))
    told = {k: v for k, v in (await scraped(product)).items() if "alert_groups{" in k}
    assert told == {
        'onprem_alert_groups{cluster="main",severity="critical",state="waiting"}': 1,
        'onprem_alert_groups{cluster="main",severity="other",state="waiting"}': 2,
        'onprem_alert_groups{cluster="spare",severity="critical",state="taken"}': 1,
    }


async def test_each_cluster_says_when_its_heartbeat_came_last(
    product: Product, clock: Clock
) -> None:
    beat = 'onprem_heartbeat_timestamp_seconds{{cluster="{}"}}'.format
    first = await scraped(product)
    assert first[beat("main")] == 0, "one should come, and none did"
    assert beat("spare") not in first
    await take(product, alert(START, alertname="Watchdog"))
    await take(product, alert(START), cluster="spare")
    clock.now += 7 * MINUTE
    then = await scraped(product)
    assert then[beat("main")] == START / 1_000_000
    assert then[beat("spare")] == 0, "its Alertmanager is there, its heartbeat is not"
    assert beat("lab") not in then


@pytest.mark.parametrize("missing", ["slack", "alerts"])
async def test_where_nothing_is_to_be_told_nothing_is_overdue(
    tmp_path: Path, clock: Clock, missing: str
) -> None:
    product = await build(configured(tmp_path / "state", **{missing: None}), clock=clock)
    try:
        await take(product, alert(START))
        clock.now += 60 * MINUTE
        told = await scraped(product)
    finally:
        await product.close()
    assert not {UNTOLD, OLDEST} & told.keys()
