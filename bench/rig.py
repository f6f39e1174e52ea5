"""Processes for benchmarks: practice Kubernetes, practice Slack and the bot, each on its own."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml


def machine() -> str:
    """One line about where the figures were taken."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if "model name" in line),
        platform.machine(),
    )
    memory = next(line.split()[1] for line in _lines("/proc/meminfo") if "MemTotal" in line)
    return (
        f"{os.cpu_count()} cores ({model}), {int(memory) / 1e6:.0f} GB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


@contextlib.contextmanager
def process(arguments: Sequence[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A child in a group of its own, ended with the block."""
    child = subprocess.Popen(arguments, text=True, **more)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def announced(arguments: Sequence[str], log: Path) -> Iterator[dict[str, Any]]:
    """A child that prints one line of JSON when it is ready; gives that line and its pid."""
    with (
        log.open("w") as stream,
        process([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=stream) as child,
    ):
        assert child.stdout is not None
        yield {**json.loads(child.stdout.readline()), "pid": child.pid}


@contextlib.contextmanager
def bot(config: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """The running bot; the block begins when it is ready. Its log goes to a file."""
    with log.open("w") as stream:
        command = [sys.executable, "-m", "bot.cli", "--config", str(config), "run"]
        with process(command, stderr=stream) as child:
            deadline = time.monotonic() + 30
            while "ready" not in log.read_text():
                if child.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the bot did not start:\n{log.read_text()}")
                time.sleep(0.02)
            yield child


def configuration(
    folder: Path,
    kubeconfig: Path,
    slack: dict[str, Any] | None,
    apps: dict[str, Any],
    helm: Path | None = None,
) -> Path:
    """Writes an `onprem.yaml` and returns its path; the bot finds a helm unless one is given."""
    content: dict[str, Any] = {
        "state": {"directory": str(folder / "state")},
        "clusters": {"lab": {"kubeconfig": str(kubeconfig)}},
        "apps": apps,
        "admins": [f"os:{platform.node()}/{os.environ.get('USER', 'root')}"],
    }
    if helm is not None:
        content["helm"] = {"executable": str(helm)}
    if slack is not None:
        content["slack"] = {
            "api_url": slack["api"],
            "bot_token": slack["bot_token"],
            "app_token": slack["app_token"],
        }
        content["admins"].append(f"slack:{slack['team_id']}/{slack['admin']}")
    path = folder / "onprem.yaml"
    path.write_text(yaml.safe_dump(content))
    path.chmod(0o600)
    return path


def onprem(config: Path, *words: str) -> list[str]:
    """The command line of a command that the running bot is asked for."""
    return [sys.executable, "-m", "bot.cli", "--config", str(config), *words]


def timed(line: Sequence[str]) -> float:
    """Seconds of a whole process, which must succeed."""
    started = time.perf_counter()
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    took = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}\n{done.stdout}{done.stderr}")
    return took


def summary(seconds: Sequence[float]) -> str:
    """Median and bounds in words."""
    return (
        f"median {statistics.median(seconds):5.2f} s  "
        f"least {min(seconds):5.2f}  most {max(seconds):5.2f}"
    )


def post(url: str, body: dict[str, Any], timeout: float = 120) -> Any:
    """POSTs JSON to one of our own servers."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.load(answer)


def get(url: str) -> Any:
    """GETs JSON from one of our own servers."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rss(pid: int) -> float:
    """Resident memory of a process in megabytes (10⁶ bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def most_rss(pid: int) -> float:
    """The most resident memory that a process has had, in megabytes (10⁶ bytes)."""
    line = next(s for s in _lines(f"/proc/{pid}/status") if s.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6
