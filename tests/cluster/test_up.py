"""`make lab`, used as its own words say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.build import HERE
from tests.cluster.fixtures import need
from tests.cluster.lab import SERVERS
from tests.cluster.process import started_at
from tests.cluster.test_process import gone

ROOT = HERE.parents[1]
UP = [sys.executable, "-m", "tests.cluster", "up", "--nodes", "1"]


@pytest.mark.lab
@pytest.mark.timeout(240)
def test_the_printed_lines_work_and_a_request_to_end_leaves_nothing(tmp_path: Path) -> None:
    need(SERVERS)
    with subprocess.Popen(UP, cwd=ROOT, stdout=subprocess.PIPE, text=True) as lab:
        try:
            assert lab.stdout is not None
            lines = [lab.stdout.readline().strip() for _ in range(4)]
            assert lines[0].endswith("nodes ready: 1.")
            kubeconfig = Path(lines[1].removeprefix("export KUBECONFIG="))
            assert str(kubeconfig) in lines[2]
            bot, *words = lines[2].split()
            words[-2:] = ["status", "parse"]
            said = subprocess.run([bot, *words], cwd=tmp_path, capture_output=True, text=True)
            assert "is not deployed" in said.stdout, said.stderr
            servers = children(lab.pid)
            assert len(servers) == len(SERVERS)
        finally:
            lab.send_signal(signal.SIGTERM)
        assert lab.wait(60) == 0
    assert not kubeconfig.parent.exists()
    assert [pid for pid in servers if started_at(pid)] == []


@pytest.mark.lab
@pytest.mark.timeout(240)
def test_what_a_killed_one_leaves_is_gone_after_the_next(tmp_path: Path) -> None:
    need(SERVERS)
    here = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(UP, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=here) as lab:
        assert lab.stdout is not None
        assert lab.stdout.readline().strip().endswith("nodes ready: 1.")
        servers = children(lab.pid)
        assert len(servers) == len(SERVERS)
        lab.send_signal(signal.SIGKILL)
    assert all(gone(pid) for pid in servers)
    (left,) = tmp_path.glob("onprem-lab-*")
    with subprocess.Popen(UP, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=here) as lab:
        try:
            assert lab.stdout is not None
            assert lab.stdout.readline().strip().endswith("nodes ready: 1.")
            assert not left.exists()
        finally:
            lab.send_signal(signal.SIGHUP)  # as when its terminal is closed
        assert lab.wait(60) == 0
    assert list(tmp_path.glob("onprem-lab-*")) == []


def test_without_go_it_says_so() -> None:
    said = subprocess.run(
        UP, cwd=ROOT, env={**os.environ, "PATH": "/nowhere"}, capture_output=True, text=True
    )
    assert said.returncode == 1
    assert said.stderr.startswith("Go is needed to build the servers of the lab")


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in listed.split()]
