"""How long a deploy takes from the command to its success, beside `helm upgrade --install --wait`.

The chart has no hooks; its pods are ready 0.4 s after their creation. The bot runs, and the command
is given in a terminal: the start of that process counts. Also measured: from the moment at which
the API shows the Deployment as rolled out to the moment at which the terminal tells the success.

    python -m bench.deploy [--runs 7]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

from bench import rig
from integrations.helm.binary import find_helm
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.kinds import DEPLOYMENT
from integrations.kubernetes.rollout import rollout_status
from integrations.kubernetes.sdk import Access
from integrations.kubernetes.watch import watch

TEMPLATE = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: 3
  selector:
    matchLabels: {app: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
    spec:
      containers:
        - name: web
          image: "nginx:{{ .Values.image.tag }}"
          readinessProbe: {httpGet: {path: /, port: 80}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{port: 80}]
"""


def main() -> int:
    """Measures both in turn and prints medians; 1 when a figure of the issue is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=7)
    runs = options.parse_args().runs
    print(rig.machine())
    with (
        tempfile.TemporaryDirectory() as folder,
        rig.announced(["-m", "bench.cluster"], Path(folder) / "cluster.log") as kube,
    ):
        return _measure(Path(folder), Path(kube["kubeconfig"]), runs)


def _measure(folder: Path, kubeconfig: Path, runs: int) -> int:
    made = chart(folder / "chart")
    apps = {f"bot-{n}": {"namespace": f"bot-{n}", "chart": str(made)} for n in range(runs)}
    config = rig.configuration(folder, kubeconfig, None, apps)
    helm = asyncio.run(find_helm())
    theirs, again, ours, upgrades, told = [], [], [], [], []
    with rig.bot(config, folder / "bot.log"), Ready(kubeconfig) as ready:
        for n in range(runs):
            name = f"helm-{n}"
            line = [str(helm.path), "upgrade", "--install", name, str(made), "--wait"]
            line += ["--namespace", name, "--create-namespace", "--kubeconfig", str(kubeconfig)]
            theirs.append(rig.timed(line))
            again.append(rig.timed([*line, "--set", "image.tag=2"]))
            ours.append(_deploy(config, f"bot-{n}"))
            told.append(time.time() - ready.at(f"bot-{n}"))
            upgrades.append(_deploy(config, f"bot-{n}", "--version", "2"))
            told.append(time.time() - ready.at(f"bot-{n}"))
    share = statistics.median(ours) / statistics.median(theirs)
    print(f"helm {helm.version} upgrade --install --wait   {rig.summary(theirs)}")
    print(f"onprem deploy                          {rig.summary(ours)}   {share:.2f} of helm")
    print(f"the same helm, upgrading three pods    {rig.summary(again)}")
    print(f"onprem deploy --version 2              {rig.summary(upgrades)}")
    print(f"ready at the API until told            {rig.summary(told)}   (with the terminal's end)")
    return 0 if share <= 0.5 and statistics.median(told) <= 0.3 else 1


class Ready:
    """Notes when the API last told that a Deployment is rolled out, in a thread of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig, self._at = kubeconfig, dict[str, float]()
        self._begun = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Ready:
        self._thread.start()
        self._begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._watching.cancel)
        self._thread.join()

    def at(self, name: str) -> float:
        """Seconds since the epoch."""
        return self._at[name]

    def _run(self) -> None:
        self._watching = self._loop.create_task(self._watch())
        try:
            self._loop.run_until_complete(self._watching)
        except asyncio.CancelledError:
            self._loop.close()

    async def _watch(self) -> None:
        done: dict[str, bool] = {}
        async with (
            KubeClient(Access("lab", self._kubeconfig)) as client,
            aclosing(watch(client, DEPLOYMENT).events()) as events,
        ):
            async for event in events:
                self._begun.set()
                if not event.object:
                    continue
                name, now = event.object["metadata"]["name"], _rolled_out(event.object)
                if now and not done.get(name):
                    self._at[name] = time.time()
                done[name] = now


def _rolled_out(item: dict[str, Any]) -> bool:
    state = rollout_status(item)
    return state.done and state.extra == 0


def _deploy(config: Path, app: str, *more: str) -> float:
    return rig.timed(rig.onprem(config, "deploy", app, "--yes", *more))


def chart(folder: Path) -> Path:
    """Writes the chart: a Deployment of three pods, a Service, no hooks."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text("image: {tag: '1'}\n")
    (folder / "templates" / "web.yaml").write_text(TEMPLATE)
    return folder


if __name__ == "__main__":
    sys.exit(main())
