"""How soon the bot is there, and how much memory it takes.

`onprem --help` as whole processes, median of ten; from the bot's start to its "ready" with Slack
connected; resident memory when idle, and after `status` of an app with 5,000 pods of which one is
not ready, so that all of them are looked at.

    python -m bench.footprint [--pods 5000]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from bench import rig
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import DEPLOYMENT, NAMESPACE, POD
from integrations.kubernetes.sdk import Access
from integrations.kubernetes.watch import watch

CONTAINER = {"name": "web", "image": "nginx:1.27"}
LIMITS = {"help": 0.2, "ready": 3.0, "idle": 145.0, "after": 165.0}


def main() -> int:
    """Prints the figures; 1 when one of the issue's is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pods", type=int, default=5000)
    pods = options.parse_args().pods
    print(rig.machine())
    found = {"help": statistics.median(_help() for _ in range(10))}
    print(f"onprem --help                 {found['help']:.3f} s (median of 10)")
    with (
        tempfile.TemporaryDirectory() as folder,
        rig.announced(["-m", "bench.cluster", "--ready", "0"], Path(folder) / "c.log") as kube,
        rig.announced(["-m", "sandbox.slack"], Path(folder) / "slack.log") as slack,
    ):
        found |= _bot(Path(folder), Path(kube["kubeconfig"]), slack, pods)
    missed = [name for name, limit in LIMITS.items() if found[name] > limit]
    print(f"missed: {', '.join(missed)}" if missed else "all within the limits")
    return 1 if missed else 0


def _help() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bot.cli", "--help"], check=True, capture_output=True)
    return time.perf_counter() - started


def _bot(folder: Path, kubeconfig: Path, slack: dict[str, Any], pods: int) -> dict[str, float]:
    people = rig.get(f"{slack['sandbox']}people")["people"]
    slack["admin"] = next(p["id"] for p in people if p["name"] == "adam")
    made = chart(folder / "chart", pods)
    apps = {"crowd": {"namespace": "crowd", "chart": str(made), "timeout": 5}}
    config = rig.configuration(folder, kubeconfig, slack, apps)
    asyncio.run(_namespace(kubeconfig))
    helm = [sys.executable, "-m", "bot.cli", "--config", str(config), "deploy", "crowd", "--yes"]
    subprocess.run(helm, capture_output=True, stdin=subprocess.DEVNULL)  # ends with its time-out
    asyncio.run(_one_unready(kubeconfig, pods))
    started = time.perf_counter()
    with rig.bot(config, folder / "bot.log") as bot:
        ready = time.perf_counter() - started
        print(f"start to ready                {ready:.2f} s")
        time.sleep(5)
        idle = rig.rss(bot.pid)
        print(f"RSS idle                      {idle:.0f} MB")
        line = [sys.executable, "-m", "bot.cli", "--config", str(config), "status", "crowd"]
        told = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        after, most = rig.rss(bot.pid), rig.most_rss(bot.pid)
        print(told.stdout.strip() or told.stderr.strip())
        print(f"RSS after that status         {after:.0f} MB, at most {most:.0f} MB")
    return {"ready": ready, "idle": idle, "after": after}


async def _namespace(kubeconfig: Path) -> None:
    async with KubeClient(Access("lab", kubeconfig)) as client:
        await client.create(NAMESPACE, None, {"metadata": {"name": "crowd"}})


async def _one_unready(kubeconfig: Path, pods: int) -> None:
    """Waits until all pods run, and then asks for others so large that the first stays pending."""
    huge = CONTAINER | {"resources": {"requests": {"cpu": "100000"}}}
    path = "/spec/template/spec/containers/0"
    async with KubeClient(Access("lab", kubeconfig)) as client:
        await _until(client, lambda status: status.get("readyReplicas") == pods)
        change = [{"op": "replace", "path": path, "value": huge}]
        await client.patch(DEPLOYMENT, "crowd", "crowd", change, type="json")
        await _until(client, lambda status: status.get("updatedReplicas") == 1)
        print(f"{len((await client.table(POD, 'crowd')).rows)} pods")


async def _until(client: KubeClient, true: Callable[[dict[str, Any]], bool]) -> None:
    async with aclosing(watch(client, DEPLOYMENT, namespace="crowd").events()) as events:
        async for event in events:
            if true(event.object.get("status") or {}):
                return


def chart(folder: Path, pods: int) -> Path:
    """Writes a chart of one Deployment with that many pods."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: crowd\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text("{}\n")
    (folder / "templates" / "crowd.yaml").write_text(
        f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: crowd}}
spec:
  replicas: {pods}
  strategy: {{rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}}}
  selector: {{matchLabels: {{app: crowd}}}}
  template:
    metadata: {{labels: {{app: crowd}}}}
    spec:
      containers: [{{name: web, image: "nginx:1.27"}}]
"""
    )
    return folder


if __name__ == "__main__":
    sys.exit(main())
