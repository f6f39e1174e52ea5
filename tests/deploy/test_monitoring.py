"""What `deploy/` gives for Prometheus, Alertmanager and Grafana, against what the bot shows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from bot.alerts.webhook import Delivery, read
from bot.config import Config
from bot.config.alerting import WatchdogConfig
from bot.metrics import Exposition
from bot.wiring import build
from tests.cluster.fixtures import need
from tests.cluster.monitoring import alertmanager, promtool
from tests.postbox import Postbox

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = yaml.safe_load((DEPLOY / "onprem-rules.yaml").read_text())["groups"][0]["rules"]
BOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
ROUTES = yaml.safe_load((DEPLOY / "alertmanager.yaml").read_text())
NAME = re.compile(r"\b(onprem_\w+)")

Json = dict[str, Any]


@pytest.fixture
async def shown(tmp_path: Path) -> frozenset[str]:
    """Names of all samples that a bot can show, those without a value yet included."""
    slack = {"bot_token": "xoxb-1", "app_token": "xapp-1"}
    state = {"directory": str(tmp_path / "state")}
    config = Config.model_validate({"state": state, "clusters": {"main": {}}, "slack": slack})
    product = await build(config)
    exposition = Exposition(product, "127.0.0.1:0")
    await exposition.start()
    try:
        url = f"http://127.0.0.1:{exposition.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
    finally:
        await exposition.close()
        await product.close()
    names: set[str] = set()
    for family in text_string_to_metric_families(text):
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        names |= {family.name + end for end in ends.get(family.type, ("",))}
    return frozenset(name for name in names if not name.endswith("_created"))


def panels() -> Iterator[tuple[str, str]]:
    """Title and query of each target."""
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


async def test_rules_and_dashboard_ask_for_what_the_bot_shows(shown: frozenset[str]) -> None:
    asked = {name for rule in RULES for name in NAME.findall(rule["expr"])}
    drawn = {name for _, query in panels() for name in NAME.findall(query)}
    assert asked <= shown
    assert drawn <= shown
    # The counterpart: nothing is shown that nobody can see.
    families = {re.sub("_(bucket|count|sum)$", "", name) for name in shown}
    assert families <= {re.sub("_(bucket|count|sum)$", "", name) for name in drawn}


def test_each_rule_says_what_it_is_and_what_to_do() -> None:
    guide = (DEPLOY.parent / "docs" / "alerts.md").read_text().splitlines()
    for rule in RULES:
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert notes["runbook_url"].endswith(f"#{rule['alert'].lower()}")
        assert f"### {rule['alert']}" in guide, f"no paragraph about {rule['alert']}"


def test_the_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert BOARD["uid"]
    variables = {one["name"] for one in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(BOARD["panels"])))
    assert used <= variables | {"__rate_interval"}
    cells: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        covered = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & covered, f"{panel['title']} lies on another panel"
        cells |= covered
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_alertmanager_keeps_below_what_the_bot_takes() -> None:
    [receiver] = [r for r in ROUTES["receivers"] if r["name"] == ROUTES["route"]["receiver"]]
    [hook] = receiver["webhook_configs"]
    assert hook["send_resolved"] is True
    assert hook["max_alerts"] == 200
    assert hook["url"].endswith(":9095/alerts/main")
    assert "credentials" not in hook["http_config"]["authorization"], "the token is in a file"
    assert ROUTES["route"]["group_by"] == ["alertname", "namespace"]
    watchdog = ROUTES["route"]["routes"][0]
    assert watchdog["matchers"] == [f"alertname = {WatchdogConfig().alertname}"]
    assert _seconds(watchdog["repeat_interval"]) * 3 <= WatchdogConfig().after


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


@pytest.mark.lab
def test_prometheus_takes_the_rules_and_they_fire_in_time() -> None:
    need(["promtool"])
    checked = promtool("check", "rules", DEPLOY / "onprem-rules.yaml")
    assert f"{len(RULES)} rules found" in checked.stdout, checked.stderr
    tested = promtool("test", "rules", Path(__file__).with_name("onprem-rules.test.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.lab
def test_prometheus_takes_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    need(["promtool"])
    queries = [
        query.replace("$__rate_interval", "5m").replace("$instance", ".*") for _, query in panels()
    ]
    rules = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    said = promtool("check", "rules", file)
    assert f"{len(queries)} rules found" in said.stdout, said.stderr


class Hook:
    """Takes what Alertmanager posts."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        await self.told.put((request.headers.get("Authorization", ""), await request.read()))
        return web.Response()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made, app = Hook(), web.Application()
    app.router.add_post("/alerts/main", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts/main"
    yield made
    await runner.cleanup()


def _here(hook: Hook, postbox: Postbox, token: Path) -> Json:
    """The configuration as it is shipped, but for addresses of this machine, and at once."""
    config: Json = json.loads(json.dumps(ROUTES))
    config["global"] |= {"smtp_smarthost": postbox.address, "smtp_require_tls": False}
    webhook = config["receivers"][0]["webhook_configs"][0]
    webhook["url"] = hook.url
    webhook["http_config"]["authorization"]["credentials_file"] = str(token)
    for route in (config["route"], *config["route"]["routes"]):
        route["group_wait"] = "0s"
    return config


FIRING = [
    {"labels": {"alertname": name, "namespace": "parse", "severity": "critical"}}
    for name in ("Watchdog", "PodDown", "OnpremDown")
]


@pytest.mark.lab
async def test_a_real_alertmanager_tells_the_bot_and_of_the_bot_by_mail(
    hook: Hook, tmp_path: Path
) -> None:
    need(["alertmanager"])
    token = tmp_path / "token"
    token.write_text("alerts-token-of-this-test\n")
    told: dict[str, Delivery] = {}
    async with Postbox() as postbox:
        config = _here(hook, postbox, token)
        with alertmanager(tmp_path / "alertmanager", config) as server:
            await asyncio.to_thread(server.text, "/api/v2/alerts", FIRING)
            async with asyncio.timeout(20):
                while len(told) < len(FIRING):
                    authorization, body = await hook.told.get()
                    assert authorization == "Bearer alerts-token-of-this-test"
                    delivery = read("main", body)
                    told[delivery.alerts[0].name] = delivery
            mail = await postbox.next()
    assert told["PodDown"].receiver == "onprem"
    assert set(told["PodDown"].labels) == {"alertname", "namespace"}
    assert set(told["Watchdog"].labels) == {"alertname"}
    assert "OnpremDown" in str(mail["Subject"])
    assert postbox.mails.empty(), "only what the bot cannot tell itself goes by mail"
