"""What people install: a wheel with all that the product needs, and nothing beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, "-w", str(folder), str(ROOT)], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(listed.stdout.splitlines())


def test_everything_that_is_shipped_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert tracked("bot", "commands", "integrations", "sandbox") <= names
    assert {f"bot/_data/{name}" for name in tracked("charts", "deploy")} <= names
    assert "sandbox/slack/page/index.html" in names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]
    assert not [name for name in names if name.endswith((".pyc", ".db", ".png"))]


@pytest.mark.helm
def test_the_tour_runs_from_it_alone(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, which borrows only the dependencies from this one."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    site = next(home.glob("lib/python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    zipfile.ZipFile(wheel).extractall(site)
    (home / "bin" / "helm").symlink_to(Path(sysconfig.get_path("scripts")) / "helm")
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, *words],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=150,
        )

    where = run("-c", "import bot, bot.data; print(bot.__file__, bot.data.shipped('charts'))")
    assert where.stdout.count(str(site)) == 2, where.stdout
    told = run("-m", "bot.cli", "demo")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "All of it went as it should." in told.stdout
