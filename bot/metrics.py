"""The bot's own metrics, in Prometheus' text format at `/metrics`.

Only numbers and configured names are told: no person, no text of a message. What `deploy/` alerts
on and draws is made of these (onprem-rules.yaml, grafana-dashboard.json).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bot.alerts import heartbeat
from bot.alerts.routing import SEVERITIES
from bot.errors import Failed
from bot.store import alert_counts, alert_threads, audit, outbox, requests
from bot.store.alert_counts import Untold
from bot.store.requests import ENDED, PENDING, State

if TYPE_CHECKING:
    from sqlite_utils import Database

    from bot.config import Config
    from bot.wiring import Product


class Kept(NamedTuple):
    """What the state tells.

    Attributes:
        requests: How many stand where.
        head: The audit log's newest row.
        results: (command, result) → how many ended so since the row that was newest before.
        broken: The audit log is known to be broken.
        waiting: Unsent messages.
        oldest: Microseconds that the oldest of them waits.
        threads: Cluster → open threads of what the bot found itself; its own under no cluster.
        groups: (cluster, severity, state) → groups of alerts that fire.
        untold: Groups of alerts that Slack has not heard of.
        beats: Cluster → its last heartbeat, microseconds UTC; 0 before the first.
    """

    requests: dict[State, int]
    head: int
    results: dict[tuple[str, str], int]
    broken: bool
    waiting: int
    oldest: int
    threads: dict[str, int]
    groups: dict[tuple[str, str, str], int]
    untold: Untold
    beats: dict[str, int]


class Exposition:
    """Answers `/metrics`.

    Args:
        product: Whose.
        listen: `host:port`; port 0 for a free one.
    """

    def __init__(self, product: Product, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        self._product, self._host, self._port = product, host.strip("[]"), int(port)
        self._runner: web.AppRunner | None = None
        self._results: Counter[tuple[str, str]] = Counter()
        self._seen = 0

    async def start(self) -> None:
        """Listens from now on.

        Raises:
            Failed: The address cannot be used.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._get)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise Failed(
                f"Metrics cannot be shown at {self._host}:{self._port}",
                why=error.strerror or str(error),
                hint="Free the address, or set another one as metrics.listen",
            ) from error

    async def close(self) -> None:
        """Listens no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            RuntimeError: It does not.
        """
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("metrics are not shown")
        return int(self._runner.addresses[0][1])

    async def _get(self, request: web.Request) -> web.Response:
        seen = self._seen
        now, config = self._product.clock(), self._product.current()
        kept = await self._product.store.read(lambda db: _kept(db, seen, now, config))
        if self._seen == seen:  # else another scrape has counted them meanwhile
            self._results.update(kept.results)
            self._seen = kept.head
        registry = CollectorRegistry()
        owed = self._product.slack is not None and config.alerts is not None
        alerts = _alerts(kept, now, owed=owed)
        families = [*_from_state(kept), *alerts, _jobs(self._results)]
        families += _from_process(self._product)
        registry.register(_Once(families))
        body = generate_latest(self._product.meters.registry) + generate_latest(registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class _Once:
    """Metrics that have been gathered already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _kept(db: Database, seen: int, now: int, config: Config) -> Kept:
    threads: dict[str, int] = {}
    for thread in alert_threads.standing(db):
        threads[thread.cluster] = threads.get(thread.cluster, 0) + 1
    return Kept(
        requests.count_states(db),
        *audit.results(db, seen),
        audit.known_break(db) is not None,
        outbox.unsent(db),
        outbox.age(db, now),
        threads,
        alert_counts.standing(db),
        alert_counts.untold(db),
        heartbeat.last(db, config),
    )


def _from_state(kept: Kept) -> Iterator[Metric]:
    queue = GaugeMetricFamily(
        "onprem_requests", "Requests that have not ended, by state.", labels=["state"]
    )
    for state in sorted((PENDING | {State.RECEIVED, State.STUCK}) - ENDED):
        queue.add_metric([state.value], kept.requests[state])
    yield queue
    yield GaugeMetricFamily("onprem_outbox_messages", "Messages not sent yet.", value=kept.waiting)
    yield GaugeMetricFamily(
        "onprem_outbox_oldest_seconds",
        "How long the oldest unsent message has waited; 0 without one.",
        value=kept.oldest / 1_000_000,
    )
    yield GaugeMetricFamily(
        "onprem_audit_broken",
        "1 once the audit log is known to be broken.",
        value=int(kept.broken),
    )
    threads = GaugeMetricFamily(
        "onprem_alert_threads",
        "Open threads of what the bot found itself, by cluster.",
        labels=["cluster"],
    )
    for cluster, number in sorted(kept.threads.items()):
        threads.add_metric([cluster], number)
    yield threads


def _alerts(kept: Kept, now: int, *, owed: bool) -> Iterator[Metric]:
    groups = GaugeMetricFamily(
        "onprem_alert_groups",
        "Groups of alerts that fire, by cluster, severity and what became of them.",
        labels=["cluster", "severity", "state"],
    )
    found: Counter[tuple[str, str, str]] = Counter()
    for (cluster, severity, state), number in kept.groups.items():
        # A label of alerts may say anything, and each value here is a series for ever.
        found[cluster, severity if severity in SEVERITIES else "other", state] += number
    for labels, number in sorted(found.items()):
        groups.add_metric(labels, number)
    yield groups
    waiting = GaugeMetricFamily(
        "onprem_alert_groups_untold",
        "Groups of alerts that were taken in and do not stand in Slack as they are.",
    )
    oldest = GaugeMetricFamily(
        "onprem_alert_groups_untold_oldest_seconds",
        "How long the first of them has waited to be told; 0 without one.",
    )
    if owed:
        waiting.add_metric([], kept.untold.groups)
        since = now if kept.untold.since is None else kept.untold.since
        oldest.add_metric([], max(now - since, 0) / 1_000_000)
    yield from (waiting, oldest)
    beats = GaugeMetricFamily(
        "onprem_heartbeat_timestamp_seconds",
        "Unix time of Alertmanager's last heartbeat, by cluster; 0 before the first.",
        labels=["cluster"],
    )
    for cluster, at in sorted(kept.beats.items()):
        beats.add_metric([cluster], at / 1_000_000)
    yield beats


def _jobs(results: Counter[tuple[str, str]]) -> Metric:
    jobs = CounterMetricFamily(
        "onprem_jobs",
        "Requests that ended, by command and result, as the audit log has them.",
        labels=["command", "result"],
    )
    for (command, result), number in sorted(results.items()):
        jobs.add_metric([command, result or "refused"], number)
    return jobs


def _from_process(product: Product) -> Iterator[Metric]:
    settings = product.config.slack
    if product.slack is not None and settings is not None and settings.mode == "socket":
        yield GaugeMetricFamily(
            "onprem_slack_sockets",
            "Open sockets of Slack's Socket Mode.",
            value=product.slack.sockets_open,
        )
    stale = GaugeMetricFamily(
        "onprem_watch_stale_seconds",
        "Since the API server's last sign of life on the stalest watch, by cluster and kind.",
        labels=["cluster", "kind"],
    )
    for (cluster, kind), seconds in sorted(product.clusters.staleness().items()):
        stale.add_metric([cluster, kind], seconds)
    yield stale
