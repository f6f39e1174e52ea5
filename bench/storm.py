"""An alert storm: does every alert arrive once, is Slack right soon, are commands acknowledged?

10,000 alerts in 60 s as 2,000 webhooks of 5, in 300 groups over 3 channels, each webhook delivered
by both Alertmanagers of a pair. The practice Slack keeps Slack's own limits and answers 429 above
them, and to every 20th second's calls besides; commands are typed all the while, every fifth one a
restart. Then it is waited until what stands in Slack is right.

    python -m bench.storm [--folder DIR] [--short] [--away SECONDS]     DIR must be on a real disk
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bench import ack, rig

CHANNELS = ("ops", "incidents", "partners")
TOKEN = "storm-token"
COPY_AFTER = 0.2
RIGHT_WITHIN, WEBHOOK_P99, MEMORY, ACK_P99 = 600.0, 50.0, 200.0, 50.0
ROOT = re.compile(r"(?:– (\d+) firing)")
SUMMARY = re.compile(r"Alert storm: (\d+) alerts? in (\d+) groups?")


@dataclass(frozen=True)
class Plan:
    """How much, how fast."""

    webhooks: int
    alerts: int
    groups: int
    seconds: float
    commands: int
    away: float = 0.0


FULL = Plan(2_000, 5, 300, 60.0, 300)
SHORT = Plan(200, 5, 60, 6.0, 30)
LIMITED = ("chat.postMessage", "chat.update")


@dataclass
class Measured:
    """What came out."""

    webhooks: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    acks: list[float] = field(default_factory=list)
    unacked: int = 0
    right_after: float | None = None


def main() -> int:
    """Runs the storm and prints the figures; non-zero when a promise is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=None)
    options.add_argument("--short", action="store_true", help="a tenth of it, to try it out")
    options.add_argument("--away", type=float, default=0.0, help="Slack is gone from the middle on")
    options.add_argument("--groups", type=int, default=0, help="in place of 300")
    chosen = options.parse_args()
    print(rig.machine())
    plan = replace(SHORT if chosen.short else FULL, away=chosen.away)
    plan = replace(plan, groups=chosen.groups or plan.groups)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        return _measure(Path(folder), plan)


def _measure(folder: Path, plan: Plan) -> int:
    with (
        rig.announced(["-m", "bench.cluster"], folder / "cluster.log") as kube,
        rig.announced(
            ["-m", "sandbox.slack", "--connections-per-minute", "100"], folder / "slack.log"
        ) as slack,
    ):
        people = rig.get(f"{slack['sandbox']}people")["people"]
        slack["admin"] = next(p["id"] for p in people if p["name"] == "adam")
        kubeconfig = Path(kube["kubeconfig"])
        asyncio.run(ack.deployments(kubeconfig, plan.commands // 5))
        config = _configured(rig.configuration(folder, kubeconfig, slack, {}), slack)
        log = folder / "bot.log"
        with rig.bot(config, log) as bot:
            rig.post(f"{slack['sandbox']}slash", ack.command(slack, "whoami"))
            print(f"bot ready, RSS {rig.rss(bot.pid):.0f} MB")
            port = _port(log)
            found = Measured()
            disturbing = threading.Thread(target=_disturb, args=(slack, plan))
            commanding = threading.Thread(target=_command, args=(slack, plan, found))
            commanding.start()
            disturbing.start()
            asyncio.run(_storm(plan, port, found))
            ended = time.monotonic()
            commanding.join()
            disturbing.join()
            database = folder / "state" / "onprem.db"
            ended = max(ended, time.monotonic()) if plan.away else ended
            found.right_after = _right(database, slack, ended)
            memory = rig.most_rss(bot.pid)
            limited = sum(one.get("event") == "Slack asks to wait" for one in _lines(log))
            return _told(plan, found, memory, database, limited)


def _configured(path: Path, slack: dict[str, Any]) -> Path:
    content = yaml.safe_load(path.read_text())
    ids = {c["name"]: c["id"] for c in _channels(slack)}
    content["slack"]["ops_channel"] = ids["ops"]
    content["alerts"] = {
        "listen": "127.0.0.1:0",
        "token": TOKEN,
        "routes": [{"match": {"team": name}, "channel": ids[name]} for name in CHANNELS],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def _channels(slack: dict[str, Any]) -> list[dict[str, Any]]:
    # alice is in all of the three
    state = rig.get(f"{slack['sandbox']}state?user=alice")
    return list(state["channels"])


def _port(log: Path) -> int:
    for line in _lines(log):
        if line.get("event") == "alerts are taken":
            return int(line["port"])
    raise SystemExit(f"the bot takes no alerts:\n{log.read_text()}")


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _command(slack: dict[str, Any], plan: Plan, found: Measured) -> None:
    commands = [
        ack.command(
            slack, "whoami" if n % 5 else f"restart deployment/web-{n // 5} --namespace bench"
        )
        for n in range(plan.commands if not plan.away else plan.commands // 2)
    ]
    body = {"commands": commands, "per_second": plan.commands / plan.seconds}
    for delivery in rig.post(f"{slack['sandbox']}burst", body, timeout=600)["deliveries"]:
        if delivery["ok"]:
            found.acks.append(delivery["milliseconds"])
        else:
            found.unacked += 1


def _disturb(slack: dict[str, Any], plan: Plan) -> None:
    """Slack says 429 now and then; when asked for, it is gone from the middle of the storm on."""
    control = f"{slack['sandbox']}control"
    for _ in range(3):
        time.sleep(plan.seconds / 6)
        faults = [
            {"kind": "ratelimited", "method": method, "times": 2, "retry_after": 5}
            for method in LIMITED
        ]
        rig.post(control, {"faults": faults})
    if plan.away:
        rig.post(control, {"away": True})
        time.sleep(plan.away)
        rig.post(control, {"away": False})


async def _storm(plan: Plan, port: int, found: Measured) -> None:
    """Both Alertmanagers of a pair post everything, the second one a little later."""
    bodies = [json.dumps(one).encode() for one in _notifications(plan)]
    url = f"http://127.0.0.1:{port}/alerts/lab"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    start = time.monotonic() + 0.5
    async with aiohttp.ClientSession() as one, aiohttp.ClientSession() as two:

        async def post(session: aiohttp.ClientSession, body: bytes, at: float) -> None:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            for _ in range(100):
                began = time.perf_counter()
                async with session.post(url, data=body, headers=headers) as answer:
                    await answer.read()
                    found.statuses[answer.status] += 1
                    found.webhooks.append((time.perf_counter() - began) * 1000)
                    if answer.status < 500:
                        return
                await asyncio.sleep(1.0)  # as Alertmanager does

        await asyncio.gather(
            *(
                post(session, body, start + number * plan.seconds / plan.webhooks + late)
                for number, body in enumerate(bodies)
                for session, late in ((one, 0.0), (two, COPY_AFTER))
            )
        )


def _notifications(plan: Plan) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for number in range(plan.webhooks):
        group = number % plan.groups
        shared = {
            "alertname": f"KubePodNotReady{group % 7}",
            "namespace": f"team-{group:03}",
            "team": CHANNELS[group % len(CHANNELS)],
            "severity": "critical" if group % 2 else "warning",
        }
        named = {k: shared[k] for k in ("alertname", "namespace")}
        yield {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{named["alertname"]}", namespace="team-{group:03}"}}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "onprem",
            "groupLabels": named,
            "commonLabels": shared,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.example:9093",
            "alerts": [_alert(shared, number, n, now) for n in range(plan.alerts)],
        }


def _alert(shared: dict[str, str], number: int, n: int, now: str) -> dict[str, Any]:
    labels = {**shared, "pod": f"web-{number}-{n}", "container": "web", "job": "kubelet"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": "Pod has been in a non-ready state for more than 15 minutes.",
            "description": f"Pod {labels['namespace']}/{labels['pod']} is not ready. " * 3,
            "runbook_url": "https://runbooks.example/kubepodnotready",
        },
        "startsAt": now,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        "fingerprint": f"{number * 100 + n:016x}",
    }


def _right(database: Path, slack: dict[str, Any], ended: float) -> float | None:
    """Seconds from the last webhook until Slack shows what is so; None when it takes too long."""
    while time.monotonic() - ended < RIGHT_WITHIN + 60:
        wrong = _wrong(database, slack)
        if not wrong:
            return time.monotonic() - ended
        time.sleep(2.0)
    print("still wrong: " + "; ".join(wrong[:10]))
    return None


def _wrong(database: Path, slack: dict[str, Any]) -> list[str]:
    """What Slack does not show as it is."""
    shown = {c["name"]: _messages(slack, c["id"]) for c in _channels(slack)}
    said = [text for texts in shown.values() for text in texts]
    wrong = []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        folded: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in db.execute("SELECT * FROM episodes"):
            if row["storm"]:
                folded[row["storm"]].append(row)
                continue
            roots = [text for text in said if row["id"] in text]
            wanted = f"– {row['firing']} firing" if row["total"] > 1 else row["title"]
            if len(roots) != 1 or wanted not in roots[0]:
                wrong.append(f"{row['title']}: {len(roots)} roots, not {wanted}")
        sums = [(sum(r["total"] for r in rows), len(rows)) for rows in folded.values()]
        found = [tuple(map(int, m.groups())) for m in map(SUMMARY.search, said) if m]
        if Counter(sums) != Counter(found):
            wrong.append(f"summaries {sorted(found)}, not {sorted(sums)}")
    return wrong


def _messages(slack: dict[str, Any], channel: str) -> list[str]:
    url = f"{slack['sandbox']}messages?user=alice&channel={channel}"
    return [json.dumps(m, ensure_ascii=False) for m in rig.get(url)["messages"]]


def _told(plan: Plan, found: Measured, memory: float, database: Path, limited: int) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT count(*), count(DISTINCT fingerprint) FROM alerts").fetchone()
        groups = db.execute("SELECT count(*), sum(storm <> '') FROM episodes").fetchone()
        storms = db.execute("SELECT count(*) FROM storms").fetchone()[0]
        states = dict(db.execute("SELECT kind || ' ' || state, count(*) FROM outbox GROUP BY 1"))
    wanted = plan.webhooks * plan.alerts
    webhook, ack99 = rig.percentile(found.webhooks, 0.99), rig.percentile(found.acks, 0.99)
    print(
        f"webhooks {dict(found.statuses)}  p50 {rig.percentile(found.webhooks, 0.5):.1f} ms  "
        f"p99 {webhook:.1f} ms  max {max(found.webhooks):.1f} ms\n"
        f"alerts sent {wanted} twice, kept {rows[0]}, distinct {rows[1]}\n"
        f"groups {groups[0]}, of them {groups[1]} in {storms} summaries\n"
        f"commands acked {len(found.acks)}, not {found.unacked}  "
        f"p50 {rig.percentile(found.acks, 0.5):.1f} ms  p99 {ack99:.1f} ms  "
        f"max {max(found.acks):.1f} ms\n"
        f"outbox {states}; Slack answered 429 {limited} times\n"
        f"right after {found.right_after and round(found.right_after)} s; most RSS {memory:.0f} MB"
    )
    kept: Sequence[bool] = (
        rows[0] == rows[1] == wanted,
        groups[0] == plan.groups,
        found.right_after is not None and found.right_after <= RIGHT_WITHIN,
        webhook <= WEBHOOK_P99,
        memory <= MEMORY,
        not found.unacked and ack99 <= ACK_P99,
    )
    print("every promise kept" if all(kept) else f"promises kept: {kept}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
