"""The builder, with a compiler that only pretends, so that it needs no Go."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.alertmanager import notifying as alertmanager
from sandbox.kube import server as kubernetes
from sandbox.prometheus import api as prometheus
from sandbox.velero import site as velero
from tests.cluster.build import HERE, Builder, BuildError, tools

GO = """#!/bin/sh
if [ "$1" = env ]; then
  if [ "$PRETENDED_VERSION" = old ]; then echo "go: go.mod requires go >= 1.26" >&2; exit 1; fi
  echo "${PRETENDED_VERSION:-go1.99} linux amd64"; exit 0
fi
echo "$@" >> "$PRETENDED_LOG"
if [ -n "$PRETENDED_FAILURE" ]; then echo "main.go:1: $PRETENDED_FAILURE" >&2; exit 1; fi
while [ "$1" != -o ]; do shift; done
if [ -n "$PRETENDED_ENDLESS" ]; then echo half > "$2"; fi
while [ -n "$PRETENDED_ENDLESS" ]; do echo example.com/thing >&2; sleep 0.1; done
sleep 0.2
echo made > "$2"
"""

MODULE = """module example.com/family

go 1.25.0

tool (
	example.com/thing/cmd/one // a remark
	example.com/thing/cmd/two
)

require (
	example.com/thing v1.2.3 // indirect
	example.com/thing/sub v9.9.9 // indirect
)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One family, and a `go` on PATH that notes how it was called."""
    for name, text in (("family/go.mod", MODULE), ("family/go.sum", "sums\n"), ("bin/go", GO)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin" / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("PRETENDED_LOG", str(tmp_path / "calls"))
    return tmp_path


@pytest.fixture
def builder(root: Path) -> Callable[[], Builder]:
    return lambda: Builder(root / "cache", root)


def calls(root: Path) -> list[str]:
    log = root / "calls"
    return log.read_text().splitlines() if log.exists() else []


def test_every_program_has_a_version_from_its_module() -> None:
    found = {name: tool.version for name, tool in tools(HERE).items()}
    assert found["kubectl"] == found["kube-apiserver"]
    assert found["helm4"].startswith("4.")
    assert {"etcd", "kwok", "minio", "prometheus", "promtool", "velero"} <= set(found)


def test_the_practice_world_is_of_the_versions_that_it_is_compared_with() -> None:
    found = {name: tool.version for name, tool in tools(HERE).items()}
    assert f"v{found['kube-apiserver']}" == kubernetes.VERSION
    assert f"v{found['velero']}" == velero.VERSION
    assert found["alertmanager"] == alertmanager.VERSION
    # Prometheus 3.8.1 is the module v0.308.1.
    major, minor, patch = prometheus.VERSION.split(".")
    assert found["prometheus"] == f"0.{major}{minor.zfill(2)}.{patch}"


def test_a_program_is_built_once(root: Path, builder: Callable[[], Builder]) -> None:
    path = builder().build(["one"])["one"]
    assert path.read_text() == "made\n"
    assert path.name.startswith("one-1.2.3-")
    assert builder().missing(["one", "two"]) == ["two"]
    assert builder().build(["one"]) == {"one": path}
    assert len(calls(root)) == 1


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "compiler"])
def test_what_decides_its_content_is_in_its_name(
    root: Path, builder: Callable[[], Builder], changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = builder().build(["one"])["one"]
    if changed == "compiler":
        monkeypatch.setenv("PRETENDED_VERSION", "go2.0")
    else:
        with (root / "family" / changed).open("a") as file:
            file.write("// more\n")
    assert builder().build(["one"])["one"] != before


RUN = """
import sys
from pathlib import Path
from tests.cluster.build import Builder
root = Path(sys.argv[1])
print(Builder(root / "cache", root).build(["one"])["one"])
"""


def another_run(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(root)],
        cwd=HERE.parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_two_runs_at_once_build_it_once(root: Path) -> None:
    runs = [another_run(root) for _ in range(3)]
    paths = {run.communicate(timeout=60)[0].strip() for run in runs}
    assert len(paths) == 1
    assert Path(paths.pop()).is_file()
    assert len(calls(root)) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_build_is_done_by_the_next_run(
    root: Path,
    builder: Callable[[], Builder],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    monkeypatch.setenv("PRETENDED_ENDLESS", "yes")
    with another_run(root) as run:
        while not list((root / "cache").glob(".build-*/one")):
            assert run.poll() is None
            time.sleep(0.01)
        run.send_signal(number)
        assert run.wait(30) != 0
    monkeypatch.delenv("PRETENDED_ENDLESS")
    others = root / "cache" / ".build-family-1.33+x"
    others.mkdir()
    assert builder().missing(["one"]) == ["one"]
    path = builder().build(["one"])["one"]
    assert path.read_text() == "made\n"
    left = {entry.name for entry in (root / "cache").iterdir()}
    assert left == {".family.lock", path.name, others.name}


def test_a_failed_build_leaves_nothing_and_says_why(
    root: Path, builder: Callable[[], Builder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETENDED_FAILURE", "no such package")
    with pytest.raises(BuildError, match=r"one 1\.2\.3 did not build.*\n.*no such package"):
        builder().build(["one"])
    assert [path.name for path in (root / "cache").iterdir()] == [".family.lock"]


def test_without_go_it_says_so(
    builder: Callable[[], Builder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"Go is needed.*https://go\.dev"):
        builder().build(["one"])


def test_with_an_old_go_it_says_what_is_asked_for(
    builder: Callable[[], Builder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETENDED_VERSION", "old")
    with pytest.raises(BuildError, match=r"requires go >= 1\.26\n.*GOTOOLCHAIN=auto"):
        builder().build(["one"])


def test_an_unknown_program_is_named(builder: Callable[[], Builder]) -> None:
    with pytest.raises(BuildError, match=r"Nothing here builds three\. Known: one, two"):
        builder().build(["three"])
