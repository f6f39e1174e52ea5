"""The tour, run as a user runs it: as a process, to its end, under failures, and interrupted."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.tour.bot import BotFailed, children, running

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "bot.cli", "demo"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Temporary files go where the test can see what is left of them."""
    (tmp_path / "tmp").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONUNBUFFERED": "1"}


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "tmp").iterdir()]


def gone(pids: list[int]) -> bool:
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids):
        if time.monotonic() > end:
            return False
        select.select([], [], [], 0.02)
    return True


def play(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environ,
        cwd=ROOT,
        timeout=110,
    )


@contextmanager
def started(environ: dict[str, str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    options = {"text": True, "env": environ, "cwd": ROOT, "start_new_session": True, **options}
    with subprocess.Popen(DEMO, **options) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.helm
def test_the_story_goes_as_it_should(environ: dict[str, str], tmp_path: Path) -> None:
    done = play(environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Watch it here: http://127.0.0.1:")
    told = [
        "/onprem deploy parse",
        "is running on main, revision 1",
        "from 3 to 2",
        "only vera sees this",
        "You may not deploy",
        "it was rolled back to revision 2",
        "clicks “Roll back to 1”",
        "is back at revision 1",
        "~ The object store refuses connections",
        "#ops  onprem, by itself",
        "Storage location default is not available",
        "Over: Storage location default is not available",
        "~ Somebody, in a terminal: kubectl patch deployment parse-server, to 0 replicas",
        "DeploymentScaledToZero: parse",
        "clicks “Ack”",
        "clicks “Scale to 2”",
        "Scaled deployment/parse-server from 0 to 2",
        "Over: DeploymentScaledToZero: parse",
        "250 documents in parse._User",
        "no pod mounts it",
        "is complete",
        "kubectl delete namespace parse",
        "parse is not deployed on main",
        "parse is restored and ready on main",
        "All 250 documents are there again",
        "of parse on main is proved",
        "parse._User   250          250",
        "Recovery: 1 protected",
        "The audit log is whole",
        "All of it went as it should.",
    ]
    places = [done.stdout.find(words) for words in told]
    assert places == sorted(places), dict(zip(told, places, strict=True))
    assert -1 not in places, dict(zip(told, places, strict=True))
    assert done.stderr == ""
    assert left(tmp_path) == []


@pytest.mark.helm
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("api-503", "“is running” is not in the answer"),
        ("image-missing=*parse-server:8*", "“is running” is not in the answer"),
        ("slack-away", "failed with the error"),
        ("volumes-fail", "“no pod mounts it” is not in the answer"),
    ],
)
@pytest.mark.slow
def test_under_a_failure_it_names_what_went_wrong(
    environ: dict[str, str], tmp_path: Path, fault: str, why: str
) -> None:
    done = play(environ, "--fault", fault)
    assert done.returncode == 1
    end = done.stdout.partition("The story ends here")[2]
    assert why in end
    assert "All of it went" not in done.stdout
    assert "Traceback" not in done.stderr
    assert left(tmp_path) == []


def test_a_failure_that_does_not_exist_is_refused(environ: dict[str, str]) -> None:
    done = play(environ, "--fault", "gremlins")
    assert done.returncode == 2
    assert "no failure of the practice world" in done.stderr
    assert "image-missing=PATTERN" in done.stderr


@pytest.mark.helm
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_interrupted_in_a_deploy_it_leaves_nothing(
    environ: dict[str, str], tmp_path: Path, number: int
) -> None:
    with started(environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "/onprem deploy parse" in line:
                break
        started_by_it = children(demo.pid)
        assert started_by_it
        demo.send_signal(number)
        assert demo.wait(30) == 130
        assert gone(started_by_it)
    assert left(tmp_path) == []


@pytest.mark.helm
@pytest.mark.slow
def test_with_a_terminal_it_stays_up_for_the_user(environ: dict[str, str], tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with started(environ, stdin=theirs, stdout=theirs, stderr=theirs) as demo:
        os.close(theirs)
        seen = _until(ours, "Ctrl-C ends all of it")
        config = re.search(r"export ONPREM_CONFIG=(\S+)", seen)
        assert config
        status = subprocess.run(
            [sys.executable, "-m", "bot.cli", "status", "parse"],
            env={**environ, "ONPREM_CONFIG": config[1]},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert "parse: 5 of 5 pods ready" in status.stdout, status.stderr
        bots = children(demo.pid)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 0
        assert gone(bots)
    os.close(ours)
    assert left(tmp_path) == []


def _until(terminal: int, words: str) -> str:
    seen, end = "", time.monotonic() + 50
    while words not in seen:
        ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
        assert ready, seen
        seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


async def test_a_bot_that_cannot_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "onprem.yaml"
    config.write_text("state: {}\n")
    with pytest.raises(BotFailed, match=r"ended at its start(.|\n)*directory"):
        async with running(config, tmp_path / "log"):
            raise AssertionError("it runs")
