"""How fast Slack is acknowledged, measured at the practice Slack in a process of its own.

Commands are `restart` of as many distinct Deployments; each intent is committed with
`synchronous=FULL` before its acknowledgement. Beside it, in the same run, a plain synchronous
slack-bolt app whose listeners acknowledge and then work for four seconds.

    python -m bench.ack [--folder DIR]     DIR must be on a real disk
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import rig
from bot.store.connect import connect

LOADS = (
    ("50 a second for 10 s", 500, 50),
    ("100 at one instant", 100, 0),
    ("500 at one instant", 500, 0),
)


def main() -> int:
    """Runs all loads and prints the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=None)
    options.add_argument("--runs", type=int, default=3)
    chosen = options.parse_args()
    print(rig.machine())
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        return _measure(Path(folder), chosen.runs)


def _measure(folder: Path, runs: int) -> int:
    total = runs * sum(count for _, count, _ in LOADS)
    with (
        rig.announced(["-m", "bench.cluster"], folder / "cluster.log") as kube,
        rig.announced(
            ["-m", "sandbox.slack", "--no-limits", "--connections-per-minute", "100"],
            folder / "slack.log",
        ) as slack,
    ):
        kubeconfig = Path(kube["kubeconfig"])
        people = rig.get(f"{slack['sandbox']}people")["people"]
        slack["admin"] = next(p["id"] for p in people if p["name"] == "adam")
        asyncio.run(deployments(kubeconfig, total))
        config = rig.configuration(folder, kubeconfig, slack, {})
        lost = 0
        with rig.bot(config, folder / "bot.log") as bot:
            print(f"bot ready, RSS {rig.rss(bot.pid):.0f} MB")
            rig.post(f"{slack['sandbox']}slash", command(slack, "whoami"))  # warms identities
            first = 0
            for name, count, rate in LOADS * runs:
                lost += _load(folder, slack, name, first, count, rate)
                first += count
            print(f"RSS after the load {rig.rss(bot.pid):.0f} MB")
        _accounts(folder / "state" / "onprem.db", total)
        _plain(folder, slack)
        return 1 if lost else 0


def command(slack: dict[str, Any], text: str) -> dict[str, Any]:
    """What adam types in the ops channel."""
    return {"user": slack["admin"], "channel": "ops", "text": f"/onprem {text}"}


def _load(folder: Path, slack: dict[str, Any], name: str, first: int, count: int, rate: int) -> int:
    commands = [
        command(slack, f"restart deployment/web-{n} --namespace bench")
        for n in range(first, first + count)
    ]
    body = {"commands": commands, "per_second": rate}
    deliveries = rig.post(f"{slack['sandbox']}burst", body)["deliveries"]
    times = [d["milliseconds"] for d in deliveries if d["ok"]]
    print(
        f"{name:24} acked {len(times)}/{count}  p50 {rig.percentile(times, 0.5):6.1f} ms  "
        f"p99 {rig.percentile(times, 0.99):6.1f} ms  max {max(times):6.1f} ms"
    )
    _settled(folder / "state" / "onprem.db", first + count)
    return count - len(times)


def _settled(database: Path, ended: int) -> None:
    """Waits until as many requests have ended, so that one load does not weigh on the next."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
            sql = "SELECT count(*) FROM requests WHERE finished_at IS NOT NULL"
            if db.execute(sql).fetchone()[0] >= ended:
                return
        time.sleep(0.2)
    raise SystemExit("requests did not end within 180 s")


def _accounts(database: Path, total: int) -> None:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        states = dict(db.execute("SELECT state, count(*) FROM requests GROUP BY state"))
        kinds = dict(db.execute("SELECT kind, count(*) FROM audit GROUP BY kind"))
        twice = db.execute(
            "SELECT count(*) FROM (SELECT request_id FROM audit WHERE kind = 'outcome' "
            "GROUP BY request_id HAVING count(*) > 1)"
        ).fetchone()[0]
    print(
        f"asked {total}  states {states}  intents {kinds.get('intent')}  "
        f"outcomes {kinds.get('outcome')}  outcomes twice {twice}"
    )
    for path in (database, database.with_name("workflows.db")):
        writer = connect(path, timeout=1.0)  # as the writer's connection is made
        names = ("journal_mode", "synchronous", "wal_autocheckpoint", "foreign_keys")
        read = {name: writer.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
        writer.conn.close()
        print(f"{path.name}: {read}   (synchronous 2 is FULL)")


def _plain(folder: Path, slack: dict[str, Any]) -> None:
    """The same Slack, a plain synchronous slack-bolt app: 12 commands at one instant."""
    log = folder / "plain.log"
    environment = {
        **os.environ,
        "API": slack["api"],
        "BOT": slack["bot_token"],
        "APP": slack["app_token"],
    }
    with (
        log.open("w") as stream,
        rig.process(
            [sys.executable, "-m", "bench.plain_bolt"],
            stdout=subprocess.PIPE,
            stderr=stream,
            env=environment,
        ) as child,
    ):
        assert child.stdout is not None
        child.stdout.readline()
        commands = [command(slack, f"restart {n}") for n in range(12)]
        answer = rig.post(f"{slack['sandbox']}burst", {"commands": commands, "per_second": 0})
        times = [d["milliseconds"] for d in answer["deliveries"] if d["ok"]]
        print(
            f"plain slack-bolt, 12 at one instant: acked in time {len(times)}/12, "
            f"worst {max(times, default=0):.0f} ms"
        )


async def deployments(kubeconfig: Path, count: int) -> None:
    """Makes so many Deployments to restart."""
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import DEPLOYMENT, NAMESPACE
    from integrations.kubernetes.sdk import Access

    async with KubeClient(Access("lab", kubeconfig)) as client:
        await client.create(NAMESPACE, None, {"metadata": {"name": "bench"}})
        for n in range(count):
            labels = {"app": f"web-{n}"}
            await client.create(
                DEPLOYMENT,
                "bench",
                {
                    "metadata": {"name": f"web-{n}"},
                    "spec": {
                        "replicas": 1,
                        "selector": {"matchLabels": labels},
                        "template": {
                            "metadata": {"labels": labels},
                            "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
                        },
                    },
                },
            )


if __name__ == "__main__":
    sys.exit(main())
