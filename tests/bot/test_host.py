"""`onprem COMMAND` on a host, as processes: the bot's socket, in-process, trials, Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.instance import InstanceLock

ROOT = Path(__file__).parents[2]
ONPREM = [sys.executable, "-m", "bot.cli"]
ENVIRON = {k: v for k, v in os.environ.items() if not k.startswith("ONPREM_")}
PIPES: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
    "text": True,
    "cwd": ROOT,
    "env": ENVIRON,
}

pytestmark = pytest.mark.helm


@dataclass
class Place:
    """A practice world of its own process, and configurations for it."""

    kubeconfig: Path
    config: Path

    def onprem(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*ONPREM, "--config", str(self.config), *words], **PIPES)


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[Place]:
    words = [sys.executable, "-m", "sandbox", "--until-eof", "--state", str(folder), *options]
    pipes = {**PIPES, "stdin": subprocess.PIPE, "stderr": None}
    with subprocess.Popen(words, **pipes) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        told = json.loads(process.stdout.readline())
        try:
            yield Place(Path(told["kubeconfig"]), Path(told["config"]))
        finally:
            process.stdin.close()
        assert process.wait(20) == 0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sandbox(tmp_path / "world") as place:
        yield place


@pytest.fixture
def slowly(tmp_path: Path) -> Iterator[Place]:
    """A world where a job takes as long as a person needs to press Ctrl-C."""
    with sandbox(tmp_path / "world", "--pace", "real") as place:
        yield place


@contextmanager
def bot(place: Place) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([*ONPREM, "--config", str(place.config), "run"], **PIPES) as process:
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        lines = [line for line in iter(lambda: next(said, "ready\n"), "ready\n")]
        assert process.poll() is None, lines
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)
        assert process.returncode == 0


@contextmanager
def terminal(words: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a terminal in front."""
    ours, theirs = pty.openpty()
    pipes = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "cwd": ROOT, "env": ENVIRON}
    with subprocess.Popen(words, **pipes, start_new_session=True) as process:  # type: ignore[call-overload]
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
    os.close(ours)


def until(screen: int, words: str) -> str:
    seen, end = "", time.monotonic() + 40
    while words not in seen:
        ready, _, _ = select.select([screen], [], [], max(0, end - time.monotonic()))
        assert ready, seen
        try:
            seen += os.read(screen, 65536).decode(errors="replace")
        except OSError:  # the other end has gone
            assert words in seen, seen
    return seen


@pytest.mark.slow
def test_alone_and_through_the_bot_it_is_one_state(place: Place) -> None:
    deployed = place.onprem("deploy", "parse")
    assert deployed.returncode == 0, deployed.stderr
    assert "is running on main, revision 1" in deployed.stdout
    assert "done     helm upgrade" in deployed.stderr
    with bot(place):
        status = place.onprem("status", "parse", "--json")
        (state,) = json.loads(status.stdout)["states"]
        assert (state["revision"], state["state"]) == (1, "deployed")
        jobs = place.onprem("jobs", "--json")
        assert "deploy parse" in jobs.stdout
        assert place.onprem("audit", "verify").returncode == 0

        typo = place.onprem("deploy", "prase")
        assert (typo.returncode, typo.stdout) == (2, "")
        wrong = place.onprem("scale", "mongodb", "two")
        assert wrong.returncode == 2
        assert "whole number" in wrong.stderr

        unasked = place.onprem("scale", "mongodb", "2")
        assert unasked.returncode == 1
        assert "Add --yes to go on" in unasked.stderr
        assert "waiting" not in place.onprem("jobs").stdout
        scaled = place.onprem("scale", "mongodb", "2", "--yes", "--json")
        assert scaled.returncode == 0, scaled.stderr
        assert json.loads(scaled.stdout)["after"] == 2


def test_whoever_asks_the_running_bot_needs_none_of_its_tokens(place: Place) -> None:
    with bot(place):
        token = place.config.parent / "bot-token"
        token.chmod(0o644)  # not to be read: as good as forbidden, for root too
        assert place.onprem("whoami").returncode == 0
    alone = place.onprem("whoami")
    assert alone.returncode == 2
    assert "bot_token_file" in alone.stderr


@pytest.mark.slow
def test_who_has_no_role_is_denied_with_3(place: Place) -> None:
    settings = yaml.safe_load(place.config.read_text())
    settings["admins"] = [a for a in settings["admins"] if a.startswith("slack:")]
    settings["persons"] = {}
    place.config.write_text(yaml.safe_dump(settings))
    denied = place.onprem("deploy", "parse")
    assert denied.returncode == 3
    assert "You may not deploy" in denied.stderr
    assert "operator" in denied.stderr
    assert place.onprem("whoami").returncode == 0


def test_a_state_that_another_process_holds(place: Place) -> None:
    directory = place.config.parent / "state"
    directory.mkdir(mode=0o700)
    lock = InstanceLock(directory)
    try:
        refused = place.onprem("status")
    finally:
        lock.release()
    assert refused.returncode == 1
    assert f"in use by process {os.getpid()}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_state_that_cannot_be_there(place: Place) -> None:
    settings = yaml.safe_load(place.config.read_text())
    settings["state"]["directory"] = str(place.config / "state")  # below a file
    place.config.write_text(yaml.safe_dump(settings))
    refused = place.onprem("status")
    assert refused.returncode == 1
    assert "cannot be used here" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_trials_leave_no_state(place: Place, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    pipes = {**PIPES, "env": {**ENVIRON, "TMPDIR": str(tmp_path / "tmp")}}
    words = [*ONPREM, "--kubeconfig", str(place.kubeconfig)]
    deployed = subprocess.run([*words, "deploy", "parse"], **pipes)
    assert deployed.returncode == 0, deployed.stderr
    seen = subprocess.run([*words, "status", "parse"], **pipes)
    assert "5 of 5 pods ready" in seen.stdout
    alone = subprocess.run([*ONPREM, "--sandbox", "status"], **pipes)
    assert alone.returncode == 0, alone.stderr
    assert "not deployed" in alone.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.slow
def test_a_practice_world_for_one_command_has_graphs(tmp_path: Path) -> None:
    picture = tmp_path / "cpu.png"
    words = [*ONPREM, "--sandbox", "graph", "cpu", "--save", str(picture)]
    shown = subprocess.run(words, **PIPES)
    assert shown.returncode == 0, shown.stderr
    assert "node-1" in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_at_a_terminal_the_name_is_asked_for(place: Place) -> None:
    assert place.onprem("deploy", "parse").returncode == 0
    words = [*ONPREM, "--config", str(place.config), "uninstall", "parse"]
    with bot(place):
        with terminal(words) as (process, screen):
            until(screen, "Type parse to go on: ")
            os.write(screen, b"prase\n")
            until(screen, "Left alone")
            assert process.wait(10) == 1
        with terminal(words) as (process, screen):
            until(screen, "Type parse to go on: ")
            process.send_signal(signal.SIGINT)
            until(screen, "Left alone")
            assert process.wait(10) == 1
        assert "5 of 5" in place.onprem("status", "parse").stdout
        with terminal(words) as (process, screen):
            until(screen, "Type parse to go on: ")
            os.write(screen, b"parse\n")
            until(screen, "Took ")
            assert process.wait(10) == 0
        assert "not deployed" in place.onprem("status").stdout


@pytest.mark.slow
def test_ctrl_c_leaves_the_job_to_the_bot(slowly: Place) -> None:
    place = slowly
    with bot(place):
        words = [*ONPREM, "--config", str(place.config), "deploy", "parse"]
        with subprocess.Popen(words, **PIPES) as process:
            assert process.stderr is not None
            assert any("running" in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            _, rest = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "goes on: onprem jobs" in rest
        assert place.onprem("status", "parse").returncode == 0
    # The bot drains before it ends, so that the job has ended too.
    assert (
        "is running" in place.onprem("jobs", "--json").stdout
        or "done" in place.onprem("jobs").stdout
    )


@pytest.mark.slow
def test_ctrl_c_without_a_bot_lets_the_job_end(slowly: Place) -> None:
    place = slowly
    words = [*ONPREM, "--config", str(place.config), "deploy", "parse"]
    with subprocess.Popen(words, **PIPES) as process:
        assert process.stderr is not None
        assert any("running  helm" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "goes on here until it ends" in rest
    assert "5 of 5" in place.onprem("status", "parse").stdout


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_it_to_the_next_start(tmp_path: Path) -> None:
    with sandbox(tmp_path / "world", "--pace", "real") as place:
        words = [*ONPREM, "--config", str(place.config), "deploy", "parse"]
        with subprocess.Popen(words, **PIPES) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if "running  wait" in line:
                    break
            else:
                raise AssertionError("".join(said))
            process.send_signal(signal.SIGINT)
            assert any("goes on here" in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 130
        assert place.onprem("whoami").returncode == 0  # which ends when the job has ended
        jobs = place.onprem("jobs").stdout
        assert "done" in jobs
        assert "running" not in jobs
