"""What `make` says on machines that lack something."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on the PATH")


def make(tmp_path: Path, script: str, target: str) -> subprocess.CompletedProcess[str]:
    """Runs make with a Python that is this script; its environment would be in `tmp_path`."""
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o700)
    words = [f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
    return subprocess.run(
        ["make", target, *words], cwd=ROOT, capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_python_without_venv(tmp_path: Path, target: str) -> None:
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "ensurepip.py").write_text("raise ImportError('not packaged')\n")
    told = make(tmp_path, f'PYTHONPATH={lacking} exec {sys.executable} "$@"', target)
    assert told.returncode != 0
    assert "lacks venv" in told.stdout
    assert "apt install python3-venv" in told.stdout
    assert "Traceback" not in told.stdout + told.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    """Its `sys.version_info` says so; the rest of it is this one."""
    old = (
        "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (main)'; exec(sys.argv[1])"
    )
    told = make(tmp_path, f'shift; exec {sys.executable} -c "{old}" "$@"', "demo")
    assert told.returncode != 0
    assert "Python 3.11 or newer is needed; this is 3.9.2" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all(tmp_path: Path) -> None:
    told = subprocess.run(
        ["make", "demo", f"PYTHON={tmp_path / 'none'}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert told.returncode != 0
    assert "Python 3.11 or newer is needed" in told.stdout
