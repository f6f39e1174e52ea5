"""Helm in two forms: a stand-in program for the process rules, and the real one."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.helm.binary import HelmBinary
from integrations.helm.client import Helm


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[..., Helm]:
    """A Helm whose program is the given Python source (``sys.argv`` is helm's)."""

    def make(source: str, *, major: int = 3, timeout: int = 20, grace: float = 5.0) -> Helm:
        path = tmp_path / "helm"
        path.write_text(f"#!{sys.executable} -S\n{source}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        binary = HelmBinary(path, f"v{major}.0.0", major)
        return Helm(
            binary,
            run_directory=tmp_path / "run",
            kubeconfig=tmp_path / "kubeconfig",
            timeout=timeout,
            grace=grace,
        )

    return make
