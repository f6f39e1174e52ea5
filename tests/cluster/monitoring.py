"""What watches a cluster, as real servers: Prometheus, promtool, Alertmanager, exporters.

    with kube_state_metrics(lab, folder / "state") as state:
        config = {"scrape_configs": [apiserver_job(lab, folder), job("state", state)]}
        with prometheus(folder / "prometheus", config) as server:
            server.json("/api/v1/query?query=up")

Each runs on the loopback address, keeps its log in its folder, and is ready when it is yielded.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import servers
from tests.cluster.build import Builder
from tests.cluster.lab import Lab
from tests.cluster.process import Ledger, Process, free_port

Json = dict[str, Any]

TOOLS = (
    "prometheus",
    "promtool",
    "alertmanager",
    "kube-state-metrics",
    "node_exporter",
    "metrics-server",
)


@dataclass
class Server:
    """A running server.

    Attributes:
        process: To pause, kill and start again; it keeps its address and data.
        url: Where it answers.
        certificate: Whom to trust there, if it speaks TLS.
    """

    process: Process
    url: str
    _ready: str = field(repr=False)
    certificate: Path | None = None

    def start(self) -> None:
        """Start it (again) and wait until it is ready."""
        self.process.start()
        self.process.wait_until(lambda: servers.answers(self._ready, self.certificate))

    def stop(self) -> None:
        """Let nobody reach it."""
        self.process.stop()

    def text(self, path: str, body: object = None) -> str:
        """Ask over plain HTTP; with a body, which is sent as JSON, it is a POST.

        Raises:
            OSError: There is no answer, or it is an error.
        """
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data else {}
        request = urllib.request.Request(self.url + path, data=data, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            said: bytes = answer.read()
            return said.decode()

    def json(self, path: str, body: object = None) -> Any:
        """Ask as ``text`` does, and read the answer as JSON."""
        return json.loads(self.text(path, body))


Made = Callable[[Path, int], servers.Command]


@contextmanager
def _running(name: str, folder: Path, command: Made, ready: str) -> Iterator[Server]:
    """Build a server, run it, and end it at the end.

    Args:
        name: Of the tool.
        folder: For configuration, data and log; it is made, and left as it is.
        command: Makes the command line from binary and port.
        ready: Path that answers 200 once the server is ready.
    """
    builder = Builder()
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    words = command(builder.build([name])[name], port)
    process = Process(name, words, folder / f"{name}.log", Ledger(builder.cache / "labs"))
    url = f"http://127.0.0.1:{port}"
    server = Server(process, url, url + ready)
    try:
        server.start()
        yield server
    finally:
        process.stop(grace=2.0)


@contextmanager
def prometheus(folder: Path, config: Json) -> Iterator[Server]:
    """Run a Prometheus with this configuration; it begins to scrape 5 s later.

    Args:
        folder: For configuration, data and log; files that the configuration names are found here.
        config: What `prometheus.yml` has.
    """
    file = _written(folder / "prometheus.yml", config)

    def command(binary: Path, port: int) -> servers.Command:
        return [
            binary,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]

    with _running("prometheus", folder, command, "/-/ready") as server:
        yield server


@contextmanager
def alertmanager(folder: Path, config: Json) -> Iterator[Server]:
    """Run an Alertmanager of its own, without peers, with this configuration."""
    file = _written(folder / "alertmanager.yml", config)

    def command(binary: Path, port: int) -> servers.Command:
        return [
            binary,
            f"--config.file={file}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    with _running("alertmanager", folder, command, "/-/ready") as server:
        yield server


@contextmanager
def kube_state_metrics(lab: Lab, folder: Path) -> Iterator[Server]:
    """Run a kube-state-metrics that tells of a lab's objects."""
    own = free_port()

    def command(binary: Path, port: int) -> servers.Command:
        return [
            binary,
            f"--kubeconfig={lab.kubeconfig}",
            "--host=127.0.0.1",
            f"--port={port}",
            "--telemetry-host=127.0.0.1",
            f"--telemetry-port={own}",
        ]

    # `/readyz` is at the other port and tells the same.
    with _running("kube-state-metrics", folder, command, "/livez") as server:
        yield server


@contextmanager
def node_exporter(folder: Path) -> Iterator[Server]:
    """Run a node_exporter; its numbers are those of this machine."""

    def command(binary: Path, port: int) -> servers.Command:
        return [binary, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]

    with _running("node_exporter", folder, command, "/") as server:
        yield server


def job(name: str, server: Server, seconds: int = 2) -> Json:
    """A scrape configuration for a server that speaks plain HTTP."""
    target = server.url.removeprefix("http://")
    return {
        "job_name": name,
        "scrape_interval": f"{seconds}s",
        "scrape_timeout": f"{seconds}s",
        "static_configs": [{"targets": [target]}],
    }


def apiserver_job(lab: Lab, folder: Path, seconds: int = 2) -> Json:
    """A scrape configuration for a lab's API server; its token goes into a file in ``folder``."""
    return _secure_job("apiserver", lab, folder, [_target(lab.url)], seconds)


def control_plane_jobs(lab: Lab, folder: Path, seconds: int = 2) -> list[Json]:
    """Scrape configurations for API server, controller-manager and scheduler."""
    others = ("kube-controller-manager", "kube-scheduler")
    return [
        apiserver_job(lab, folder, seconds),
        *(
            _secure_job(
                name, lab, folder, [_target(f"https://127.0.0.1:{lab.ports[name]}")], seconds
            )
            for name in others
        ),
    ]


def kubelet_job(lab: Lab, folder: Path, seconds: int = 2) -> Json:
    """A scrape configuration for what kwok says of the nodes' containers (`kwok/config/usage`)."""
    nodes = (node["metadata"]["name"] for node in lab.api("GET", "/api/v1/nodes")["items"])
    url = f"https://127.0.0.1:{lab.ports['kwok']}"
    path = "/metrics/nodes/{}/metrics/resource"
    targets = [
        _target(url, node=name, __metrics_path__=path.format(name), instance=name) for name in nodes
    ]
    return _secure_job("kubelet", lab, folder, targets, seconds)


def _target(url: str, **labels: str) -> Json:
    return {"targets": [url.removeprefix("https://")], "labels": labels}


def _secure_job(name: str, lab: Lab, folder: Path, targets: list[Json], seconds: int) -> Json:
    file = folder / "lab.token"
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(lab.token)
    return {
        "job_name": name,
        "scheme": "https",
        "scrape_interval": f"{seconds}s",
        "scrape_timeout": f"{seconds}s",
        "authorization": {"credentials_file": str(file)},
        "tls_config": {"ca_file": str(lab.files.certificate)},
        "static_configs": targets,
    }


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end, whatever it thinks; ``check rules FILE``, ``test rules FILE``."""
    binary = Builder().build(["promtool"])["promtool"]
    return subprocess.run([binary, *words], capture_output=True, text=True, check=False, timeout=60)


def _written(file: Path, config: Json) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file
