"""Servers that are started, awaited, frozen and ended, and never outlive who started them."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.process import Ledger, Process, ServerFailed, free_port, started_at

SERVER = """
import socket, sys
print("starting", flush=True)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        listener.accept()[0].close()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Process, int]]:
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    made = Process("echo", command, tmp_path / "echo.log", Ledger(tmp_path / "ledger"))
    yield made, port
    made.stop()


def answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        return connection.recv(1) == b""


def gone(pid: int) -> bool:
    """Waits until a process has ended, by a descriptor of it."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 60)[0])
    finally:
        os.close(watched)


def test_it_gets_ready_ends_and_starts_again_on_its_port(server: tuple[Process, int]) -> None:
    process, port = server
    for end in (process.kill, process.stop):
        process.start()
        process.wait_until(lambda: answers(port))
        pid = process.pid
        end()
        assert started_at(pid) is None
    assert process.log.read_text() == "starting\nstarting\n"


def test_one_that_runs_is_not_started_twice(server: tuple[Process, int]) -> None:
    process, port = server
    process.start()
    process.wait_until(lambda: answers(port))
    pid = process.pid
    process.start()
    assert process.pid == pid
    process.stop()
    assert started_at(pid) is None


def test_one_that_ends_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('the disk is full')"]
    process = Process("etcd", command, tmp_path / "etcd.log", Ledger(tmp_path / "ledger"))
    process.start()
    with pytest.raises(ServerFailed, match=r"etcd does not run(.|\n)*the disk is full"):
        process.wait_until(lambda: False)


def test_one_that_never_gets_ready(server: tuple[Process, int]) -> None:
    process, _ = server
    process.start()
    with pytest.raises(ServerFailed, match="echo was not ready after 0 s"):
        process.wait_until(lambda: False, timeout=0.1)


def test_a_frozen_one_keeps_silent(server: tuple[Process, int]) -> None:
    process, port = server
    process.start()
    process.wait_until(lambda: answers(port))
    process.pause()
    with pytest.raises(TimeoutError), socket.create_connection(("127.0.0.1", port), 0.3) as line:
        line.recv(1)
    process.resume()
    process.wait_until(lambda: answers(port))


STARTER = """
import sys
from pathlib import Path
from tests.cluster.process import Ledger, Process
folder = Path(sys.argv[1])
command = [sys.executable, "-c", sys.argv[2]]
process = Process("sleep", command, folder / "log", Ledger(folder / "ledger"))
process.start()
print(process.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another test run with one server, which ignores requests to end."""
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), stubborn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        yield run, int(run.stdout.readline())
        run.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal to orphans is Linux's")
def test_a_killed_run_takes_its_servers_with_it(
    starter: tuple[subprocess.Popen[str], int],
) -> None:
    run, pid = starter
    assert started_at(pid) is not None
    run.send_signal(signal.SIGKILL)
    assert gone(pid)


def test_the_next_run_ends_what_a_dead_one_left(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as left:
        note = tmp_path / "1.json"
        since = started_at(left.pid)
        note.write_text(f'{{"owner": [{left.pid}, 1], "servers": [[{left.pid}, {since}]]}}')
        assert Ledger(tmp_path).reap() == [left.pid]
        assert left.wait(60) == -signal.SIGKILL
        assert not note.exists()


def test_two_labs_of_one_run_are_both_on_record(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    labs = [
        Process(name, command, tmp_path / name, Ledger(tmp_path / "ledger"))
        for name in ("one", "two")
    ]
    try:
        for process in labs:
            process.start()
        noted = [json.loads(file.read_text()) for file in (tmp_path / "ledger").iterdir()]
        assert {pid for one in noted for pid, _ in one["servers"]} == {p.pid for p in labs}
    finally:
        for process in labs:
            process.kill()
    assert list((tmp_path / "ledger").iterdir()) == []


def test_a_number_that_was_given_away_again_is_left_alone(tmp_path: Path) -> None:
    me = os.getpid()
    (tmp_path / "1.json").write_text(f'{{"owner": [{me}, 1], "servers": [[{me}, 1]]}}')
    assert Ledger(tmp_path).reap() == []


def test_a_living_run_keeps_its_servers(
    starter: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    _, pid = starter
    assert Ledger(tmp_path / "ledger").reap() == []
    assert started_at(pid) is not None
