"""Speed on real servers, beside kubectl, Helm 3.17 and Helm 4 in the same run.

A control plane as the tests start it (etcd, API server, controllers, scheduler; kwok plays the
nodes) holds five apps with 5,000 pods. The bot is a process of its own.

- `status` of all apps, as a terminal command through the running bot, beside `kubectl get pods -A`:
  whole processes, from their start to their end.
- `scale`, one pod more each time, which runs without a question: from the moment at which the
  request is written to the bot's Unix socket to the moment at which the API server has answered the
  PATCH, as its own audit log says. Beside it the whole process of `kubectl scale`.
- `deploy` of a chart without hooks and three pods, installed and then upgraded, as a terminal
  command, beside `helm upgrade --install --wait` of Helm 3.17 and of Helm 4.

    python -m bench.lab [--folder DIR] [--pods 5000] [--runs 7] [--scales 50]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import deploy, footprint, rig
from bench.recording import AuditLog
from integrations.helm.binary import find_helm
from tests.cluster.build import Builder
from tests.cluster.lab import Lab

APPS = 5
BUSY = 3.0
"""Load average from which on figures say more about the other work than about ours."""


@dataclass
class Figures:
    """What was measured, and what of it was missed.

    Attributes:
        rows: Name, seconds, and what it is compared with.
        missed: Promises that do not hold.
    """

    rows: list[tuple[str, list[float], str]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, name: str, seconds: list[float], note: str = "") -> None:
        """A row of the table."""
        self.rows.append((name, seconds, note))
        print(f"{name:52} {rig.summary(seconds)}   {note}", flush=True)

    def promised(self, name: str, found: float, most: float) -> str:
        """Checks a promise; returns how it stands."""
        if found > most:
            self.missed.append(f"{name}: {found:.2f}, promised {most:g}")
        return f"{found:.2f} (promised {most:g})"

    def table(self) -> str:
        """All rows in Markdown."""
        lines = ["| | median | least | most | |", "|---|---|---|---|---|"]
        for name, seconds, note in self.rows:
            values = (statistics.median(seconds), min(seconds), max(seconds))
            lines.append(f"| {name} | {' | '.join(f'{v:.3f} s' for v in values)} | {note} |")
        return "\n".join(lines)


@dataclass(frozen=True)
class Place:
    """Where it is measured.

    Attributes:
        folder: For configurations, states and logs.
        lab: The control plane.
        audit: What its API server answered.
        helm3: Helm 3.17, also the one that the bot uses unless another one is named.
    """

    folder: Path
    lab: Lab
    audit: AuditLog
    kubectl: Path
    helm3: Path
    helm4: Path

    @contextlib.contextmanager
    def bot(
        self,
        name: str,
        apps: dict[str, object],
        *,
        helm: Path | None = None,
    ) -> Iterator[Path]:
        """A running bot with a state of its own; gives its configuration."""
        folder = self.folder / name
        folder.mkdir()
        config = rig.configuration(folder, self.lab.kubeconfig, None, apps, helm)
        with rig.bot(config, folder / "bot.log"):
            yield config

    def kube(self, *words: str) -> list[str]:
        """A command line of kubectl."""
        return [str(self.kubectl), "--kubeconfig", str(self.lab.kubeconfig), *words]

    def helm(self, binary: Path, *words: str) -> list[str]:
        """A command line of helm."""
        return [str(binary), "--kubeconfig", str(self.lab.kubeconfig), *words]


def main() -> int:
    """Measures everything in turn; 1 when a promise is missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", help="on the disk to measure; a temporary one without it")
    options.add_argument("--pods", type=int, default=5000)
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--scales", type=int, default=50)
    options.add_argument("--settle", type=float, default=90, help="seconds to wait for calm")
    given = options.parse_args()
    built = Builder().build(["kubectl", "helm4"])
    helm3 = asyncio.run(find_helm()).path
    loads = {"before": os.getloadavg()[0]}
    figures = Figures()
    with tempfile.TemporaryDirectory(dir=given.folder) as name, _lab(Path(name)) as (lab, audit):
        place = Place(Path(name), lab, audit, built["kubectl"], helm3, built["helm4"])
        _fill(place, given.pods)
        for what, measure, times in (
            ("status", _status, given.runs),
            ("scale", _scale, given.scales),
            ("deploy", _deploy, given.runs),
        ):
            _calm(given.settle)
            measure(place, figures, times)
            loads[what] = os.getloadavg()[0]
    print(f"\n{rig.machine()}; {given.pods} pods; load average ", end="")
    print(", ".join(f"{what} {load:.1f}" for what, load in loads.items()))
    if max(loads.values()) > BUSY:
        print(f"PRELIMINARY: the load average was above {BUSY:g}")
    print(f"\n{figures.table()}\n")
    for text in figures.missed:
        print(f"missed: {text}")
    return 1 if figures.missed else 0


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[tuple[Lab, AuditLog]]:
    audit = AuditLog(folder)
    with Lab.started(folder / "lab", nodes=4, apiserver=audit.options) as lab:
        yield lab, audit


def _calm(seconds: float) -> None:
    """Waits until the work of making pods has left the load average, but not for others' work."""
    deadline = time.monotonic() + seconds
    while os.getloadavg()[0] > 1.5 and time.monotonic() < deadline:
        time.sleep(1)


def _fill(place: Place, pods: int) -> None:
    """Installs the apps with helm and waits until all their pods are ready."""
    each = pods // APPS
    chart = footprint.chart(place.folder / "crowd", each)
    started = time.monotonic()
    for n in range(APPS):
        words = ("install", "crowd", str(chart), "--namespace", f"crowd-{n}", "--create-namespace")
        rig.timed(place.helm(place.helm3, *words))
    deadline = started + 900
    while (ready := _ready(place.lab)) < each * APPS:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {ready} of {each * APPS} pods are ready after 15 minutes")
        time.sleep(1)
    print(f"{each * APPS} pods ready after {time.monotonic() - started:.0f} s", flush=True)


def _ready(lab: Lab) -> int:
    items = lab.api("GET", "/apis/apps/v1/deployments", timeout=60)["items"]
    return sum(item["status"].get("readyReplicas", 0) for item in items)


def _status(place: Place, figures: Figures, runs: int) -> None:
    chart = str(place.folder / "crowd")
    apps: dict[str, object] = {
        f"crowd-{n}": {"namespace": f"crowd-{n}", "release": "crowd", "chart": chart}
        for n in range(APPS)
    }
    ours, theirs, full, bare = [], [], [], []
    with place.bot("status", apps) as config:
        for n in range(runs + 1):
            took = [
                rig.timed(place.kube("get", "pods", "-A")),
                rig.timed(rig.onprem(config, "status")),
                rig.timed(rig.onprem(config, "status", "crowd-0")),
                rig.timed([sys.executable, "-m", "bot.cli", "--help"]),
            ]
            if n:  # the first one warms both
                for figure, seconds in zip((theirs, ours, full, bare), took, strict=True):
                    figure.append(seconds)
    base = statistics.median(theirs)
    figures.add("`kubectl get pods -A`", theirs)
    note = figures.promised("status", statistics.median(ours) / base, 0.2)
    figures.add("`onprem status`: all five apps", ours, f"{note} of kubectl")
    note = figures.promised("status of one app", statistics.median(full) / base, 0.2)
    figures.add("`onprem status crowd-0`: one app in full", full, f"{note} of kubectl")
    figures.add("of which Python's start: `onprem --help`", bare)


def _scale(place: Place, figures: Figures, times: int) -> None:
    rig.timed(place.kube("create", "namespace", "sizes"))
    for name in ("ours", "theirs"):
        words = ("create", "deployment", name, "--image=nginx:1.27", "--namespace=sizes")
        rig.timed(place.kube(*words))
    ours, theirs = [], []
    with place.bot("scale", {}) as config:
        for n in range(times + 1):
            size = str(n + 2)
            took = _our_scale(config.parent / "state" / "onprem.sock", place.audit, size)
            words = ("scale", "deployment/theirs", "--namespace=sizes", f"--replicas={size}")
            also = rig.timed(place.kube(*words))
            # The bot follows its own to the end; what kubectl leaves behind must not burden it.
            rig.timed(place.kube("rollout", "status", *words[1:3]))
            if n:
                ours.append(took)
                theirs.append(also)
    share = statistics.median(ours) / statistics.median(theirs)
    figures.add("`kubectl scale`, whole process", theirs)
    note = figures.promised("scale", share, 0.5)
    figures.add("`scale`, request received to PATCH answered", ours, f"{note} of kubectl")


def _our_scale(path: Path, audit: AuditLog, size: str) -> float:
    words = ["scale", "deployment/ours", size, "--namespace", "sizes"]
    with socket.socket(socket.AF_UNIX) as talk, contextlib.chdir(path.parent):
        talk.connect(path.name)  # the whole path may be too long for a socket's address
        line = json.dumps({"words": words}).encode() + b"\n"
        began = time.time()
        talk.sendall(line)
        for answer in talk.makefile("rb"):
            said = json.loads(answer)
            if "exit_code" in said:
                break
        else:
            raise SystemExit("the bot has gone away")
    if said["exit_code"]:
        raise SystemExit(f"{' '.join(words)}: {said}")
    return audit.answered("ours") - began


def _deploy(place: Place, figures: Figures, runs: int) -> None:
    chart = deploy.chart(place.folder / "chart")
    names = {"helm3": place.helm3, "helm4": place.helm4}
    first: dict[str, list[float]] = {key: [] for key in ("helm3", "helm4", "bot3", "bot4")}
    again: dict[str, list[float]] = {key: [] for key in first}
    told: list[float] = []

    def apps(kind: str) -> dict[str, object]:
        return {f"{kind}-{n}": {"namespace": f"{kind}-{n}", "chart": str(chart)} for n in counts}

    counts = range(runs + 1)
    with (
        place.bot("bot3", apps("bot3"), helm=place.helm3) as bot3,
        place.bot("bot4", apps("bot4"), helm=place.helm4) as bot4,
        deploy.Ready(place.lab.kubeconfig) as ready,
    ):
        for n in counts:
            for kind, config in (("helm3", None), ("bot3", bot3), ("helm4", None), ("bot4", bot4)):
                name = f"{kind}-{n}"
                if config is None:
                    words = ("upgrade", "--install", name, str(chart), "--wait")
                    words += ("--namespace", name, "--create-namespace")
                    lines = [
                        place.helm(names[kind], *words, "--set", f"image.tag={tag}")
                        for tag in (1, 2)
                    ]
                else:
                    line = rig.onprem(config, "deploy", name, "--yes")
                    lines = [line, [*line, "--version", "2"]]
                for took, line in zip((first, again), lines, strict=True):
                    seconds = rig.timed(line)
                    if not n:
                        continue
                    took[kind].append(seconds)
                    if config is not None:
                        told.append(time.time() - ready.at(name))
    for what, took, half in (("install", first, True), ("upgrade", again, False)):
        middle = {kind: statistics.median(seconds) for kind, seconds in took.items()}
        figures.add(f"Helm 3.17 `upgrade --install --wait`, {what}", took["helm3"])
        figures.add(f"Helm 4 `upgrade --install --wait`, {what}", took["helm4"])
        for kind, word in (("bot3", "3.17"), ("bot4", "4")):
            whose = f"{what} with Helm {word}"
            old = middle[kind] / middle["helm3"]
            beside = (
                figures.promised(f"{whose} beside Helm 3.17", old, 0.5) if half else f"{old:.2f}"
            )
            new = middle[kind] / middle["helm4"]
            note = f"{beside} of Helm 3.17, "
            note += f"{figures.promised(f'{whose} beside Helm 4', new, 1.1)} of Helm 4"
            figures.add(f"`onprem deploy` with Helm {word}, {what}", took[kind], note)
    note = figures.promised("ready until told", statistics.median(told), 0.3)
    figures.add("ready at the API until told, with the terminal's end", told, note)


if __name__ == "__main__":
    sys.exit(main())
