"""Charts that nobody here wrote: Helm's own beginning of one, and what lies in Go modules."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

from integrations.helm.binary import find_helm
from tests.cluster.build import HERE, Builder

CHARTS = {
    "metrics-server": ("metrics-server", "sigs.k8s.io/metrics-server", "charts/metrics-server"),
    "minio": ("minio", "github.com/minio/minio", "helm/minio"),
    "stage-fast": ("kwok", "sigs.k8s.io/kwok", "charts/stage-fast"),
}
"""Chart → family of servers whose go.mod names the version, its module, its folder therein."""


def published(chart: str) -> Path:
    """Return the folder of a chart in the module cache, fetching the module when it is missing."""
    family, module, inside = CHARTS[chart]
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=HERE / family, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = Path(json.loads(done.stdout)["Dir"]) / inside
    assert (folder / "Chart.yaml").is_file()
    return folder


def begun(helm: str, folder: Path) -> Path:
    """Have a helm begin a chart (`helm create`); returns its folder."""
    built = str(Builder().build(["helm4"])["helm4"]) if helm == "helm4" else None
    binary = asyncio.run(find_helm(built)).path
    done = subprocess.run(
        [str(binary), "create", str(folder / "web")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return folder / "web"
