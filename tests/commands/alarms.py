"""A practice Alertmanager, what it notified, and the commands about it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from bot.alerts import intake, webhook
from bot.alerts.silencing import Silences
from bot.context import Cluster
from bot.desk import Desk, Powers
from bot.registry import COMMANDS
from bot.render import terminal
from bot.render.document import Document
from bot.store import alerts, messages, requests
from bot.store.alerts import Episode
from bot.store.db import Store
from bot.store.requests import Request, State
from integrations.alertmanager import Alertmanager
from sandbox.alertmanager.server import PracticeAlertmanager
from sandbox.alertmanager.timing import Route
from tests.commands.conftest import ANN, Office, configuration

GROUP_BY = Route().group_by
CHANNEL, ROOT = "C0OPS", "1800000000.000100"


@dataclass
class Told:
    """Threads of alerts that only remember what was said in them."""

    replies: list[tuple[str, Document]] = field(default_factory=list)
    awake: int = 0

    def reply(self, db: Any, thread: str, document: Document, *, channel: str = "") -> None:
        self.replies.append((thread, document))

    def wake(self) -> None:
        self.awake += 1

    @property
    def words(self) -> list[str]:
        return [terminal.plain(document).strip() for _, document in self.replies]


@dataclass
class Alarms:
    """What a test of these commands works with.

    Attributes:
        office: Runs commands.
        practice: Alertmanager of the cluster main.
        told: What was said in threads.
    """

    office: Office
    practice: PracticeAlertmanager
    client: Alertmanager
    told: Told

    async def fire(self, *labels: Mapping[str, str], cluster: str = "main") -> Episode:
        """Alerts of one group fire, and are notified to the bot."""
        now = datetime.fromtimestamp(self.office.clock() / 1_000_000, UTC).isoformat()
        await self.put([{"labels": dict(one), "startsAt": now} for one in labels])
        return await self.notify(*labels, cluster=cluster)

    async def put(self, alerts: list[dict[str, Any]]) -> None:
        """What Prometheus tells Alertmanager."""
        self.practice.put(alerts)

    async def notify(
        self, *labels: Mapping[str, str], cluster: str = "main", status: str = "firing"
    ) -> Episode:
        """Alertmanager tells the bot of a group, as its webhook does."""
        group = {name: labels[0][name] for name in GROUP_BY if name in labels[0]}
        known = {json.dumps(a.labels, sort_keys=True): a for a in await self.client.alerts()}
        found = [known[json.dumps(dict(one), sort_keys=True)] for one in labels]
        body = {
            "version": "4",
            "receiver": "onprem",
            "groupKey": f"{{}}:{json.dumps(group, sort_keys=True)}",
            "status": status,
            "groupLabels": group,
            "externalURL": "http://alertmanager.example",
            "alerts": [
                {
                    "status": status,
                    "labels": dict(alert.labels),
                    "annotations": {},
                    "startsAt": _stamp(alert.starts_at),
                    "endsAt": _stamp(self.office.now) if status == "resolved" else "",
                    "fingerprint": alert.fingerprint,
                }
                for alert in found
            ],
        }
        delivery = webhook.read(cluster, json.dumps(body).encode())
        store, now = self.office.store, self.office.clock()

        def work(db: Any) -> Episode:
            intake.record(db, delivery, now, 0)
            where = (cluster, "onprem", delivery.group_key)
            return cast(Episode, alerts.open_of(db, *where) or alerts.closed_since(db, *where, 0))

        return await store.write(work)

    async def post(self, episode: Episode, ts: str = ROOT) -> Episode:
        """The episode gets its root message."""
        key = f"episode/{episode.id}"
        posted = replace(episode, message_key=key, channel=CHANNEL)

        def work(db: Any) -> None:
            alerts.put(db, posted)
            messages.put(db, messages.Handle(key, "T1", CHANNEL, ts, 0))

        await self.office.store.write(work)
        return posted

    async def asked(self, text: str, origin: Mapping[str, Any], **changes: Any) -> str:
        """The id of a request as the engine keeps it."""
        made = Request(
            id=requests.new_id(self.office.clock),
            key=f"key-{self.office.now}",
            actor=ANN.actor,
            person=ANN.person,
            command=text.split()[0],
            created_at=self.office.now,
            text=text,
            params={},
            cluster="main",
            namespace="",
            app="",
            origin=origin,
            **{"state": State.RUNNING, **changes},
        )
        await self.office.store.write(lambda db: requests.insert(db, made))
        return made.id

    async def episode(self, name: str) -> Episode:
        """Its newest state."""
        return cast(Episode, await self.office.desk.episode(name))

    async def look(self, cluster: str = "main") -> None:
        """What the bot does every minute about silences."""
        office = self.office
        silences = Silences(
            office.store, office.open, cast(Any, self.told), office.clock, self.told.wake
        )
        await silences.look(cluster)

    @property
    def silences(self) -> list[Any]:
        """What Alertmanager holds, those that ended too."""
        now = self.practice.clock()
        return [one.to_json(now) for one in self.practice.silences.all()]


class AlarmOffice(Office):
    """An office whose clusters have an Alertmanager, and whose threads are remembered."""

    def __init__(self, tmp_path: Path, store: Store, told: Told) -> None:
        config = configuration(tmp_path, clusters={"main": {}, "other": {}}, default_cluster="main")
        self.open_clusters: dict[str, Cluster] = {}
        super().__init__(config, store, self.open_clusters)
        powers = Powers(COMMANDS, lambda: self.config, self._cancel, self._probe, lambda: told)
        self.desk = Desk(store, powers)

    def open(self, name: str) -> Cluster:
        """A cluster by its name."""
        return self.open_clusters[name]


@asynccontextmanager
async def open_alarms(tmp_path: Path, store: Store) -> AsyncIterator[Alarms]:
    """Starts the practice Alertmanager; it shares its clock with the office."""
    told = Told()
    office = AlarmOffice(tmp_path, store, told)
    practice = PracticeAlertmanager(
        Route(), clock=lambda: datetime.fromtimestamp(office.now / 1_000_000, UTC)
    )
    await practice.start(waiting=False)
    client = Alertmanager(practice.url)
    none = cast(Any, None)
    for name, server in (("main", client), ("other", None)):
        settings = office.config.clusters[name]
        office.open_clusters[name] = Cluster(name, settings, none, none, alertmanager=server)
    try:
        yield Alarms(office, practice, client, told)
    finally:
        await client.close()
        await practice.close()


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat()
