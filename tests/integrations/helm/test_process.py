"""How helm is run: arguments, secrets, output, cancel, and a bot that dies."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.helm import orphan
from integrations.helm.client import Helm
from integrations.helm.errors import BadArgument, HelmError, Timeout

# Reports how it was started.
REPORT = """
import json, os, sys
with open(os.path.join(os.path.dirname(sys.argv[0]), "report.json"), "w") as f:
    json.dump({"argv": sys.argv[1:], "stdin": sys.stdin.read(), "sid": os.getsid(0),
               "pid": os.getpid(), "env": dict(os.environ)}, f)
print("done")
"""

# Starts a child in its group, says so, then works for ever; both ignore what is asked.
STUBBORN = """
import os, signal, subprocess, sys, time
{ignore}
child = subprocess.Popen([sys.executable, "-S", "-c", "{child}"])
where = os.path.dirname(sys.argv[0])
with open(os.path.join(where, "pids.tmp"), "w") as f:
    f.write(f"{{os.getpid()}} {{child.pid}}")
os.rename(os.path.join(where, "pids.tmp"), os.path.join(where, "pids"))
while True:
    time.sleep(0.05)
"""
IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
SLEEP = "import time; time.sleep(600)"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


def report(helm: Helm) -> dict[str, object]:
    found: dict[str, object] = json.loads((helm.binary.path.parent / "report.json").read_text())
    return found


async def deploy(helm: Helm, **more: object) -> None:
    values = {"image": {"tag": "1"}, "key": "s3cret-master-key"}
    await helm.install_or_upgrade(
        "parse",
        "charts/parse",
        values,
        namespace="parse",
        operation="op-1",
        **more,  # type: ignore[arg-type]
    )


async def test_values_travel_by_stdin_and_never_by_arguments_or_logs(
    stand_in: Callable[..., Helm], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    helm = stand_in(REPORT)
    await deploy(helm, description="scale=3")
    seen = report(helm)
    assert json.loads(str(seen["stdin"])) == {"image": {"tag": "1"}, "key": "s3cret-master-key"}
    assert "s3cret" not in " ".join(map(str, seen["argv"]))  # type: ignore[call-overload]
    assert "s3cret" not in caplog.text
    assert "s3cret" not in json.dumps(seen["env"])
    for file in (tmp_path / "run").iterdir():
        assert "s3cret" not in file.read_text()


async def test_the_command_line(stand_in: Callable[..., Helm], tmp_path: Path) -> None:
    helm = stand_in(REPORT)
    await deploy(helm, description="by alice", chart_version="1.2.3")
    argv = report(helm)["argv"]
    assert argv == [
        *("upgrade", "parse", "charts/parse", "--install", "--namespace", "parse"),
        *("--timeout", "20s", "--version", "1.2.3", "--values", "-", "--history-max", "10"),
        *("--description", "op-1 by alice", "--labels", "onprem-operation=op-1"),
        *("--create-namespace", "--kubeconfig", str(tmp_path / "kubeconfig")),
    ]
    assert "--wait" not in argv


async def test_helm_4_applies_client_side(stand_in: Callable[..., Helm]) -> None:
    helm = stand_in(REPORT, major=4)
    await deploy(helm)
    assert "--server-side=false" in report(helm)["argv"]  # type: ignore[operator]
    await helm.rollback("parse", 2, namespace="parse", operation="op-1")
    assert "--server-side=false" in report(helm)["argv"]  # type: ignore[operator]


async def test_helm_has_its_own_session_and_knows_its_operation(
    stand_in: Callable[..., Helm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("ONPREM_KEY", "k")
    spawned: list[tuple[int, int]] = []
    helm = stand_in(REPORT)
    await deploy(helm, on_spawn=lambda pid, started: spawned.append((pid, started)))
    seen = report(helm)
    assert seen["sid"] == seen["pid"] == spawned[0][0]
    env = seen["env"]
    assert isinstance(env, dict)
    assert env["ONPREM_OPERATION"] == "op-1"
    assert "SLACK_BOT_TOKEN" not in env
    assert "ONPREM_KEY" not in env


@pytest.mark.parametrize(
    ("release", "chart", "namespace", "operation", "version"),
    [
        ("--debug", "c", "parse", "op", None),
        ("parse", "--post-renderer=/bin/sh", "parse", "op", None),
        ("parse", "c", "-n", "op", None),
        ("parse", "c", "parse", "op", "--devel"),
        ("parse", "c", "parse", "op,a=b", None),
        ("parse", "c", "parse", "x" * 64, None),
    ],
)
async def test_nothing_can_be_read_as_an_option(
    stand_in: Callable[..., Helm],
    release: str,
    chart: str,
    namespace: str,
    operation: str,
    version: str | None,
) -> None:
    helm = stand_in(REPORT)
    with pytest.raises(BadArgument):
        await helm.install_or_upgrade(
            release, chart, {}, namespace=namespace, operation=operation, chart_version=version
        )
    assert not (helm.binary.path.parent / "report.json").exists()


async def test_output_is_kept_in_private_files(
    stand_in: Callable[..., Helm], tmp_path: Path
) -> None:
    helm = stand_in("import sys; print('said'); print('warned', file=sys.stderr)")
    await deploy(helm)
    out, err = helm.output_files("op-1", "upgrade")
    assert out.read_text() == "said\n"
    assert err.read_text() == "warned\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    helm.forget_output("op-1")
    assert not out.exists()
    assert not err.exists()


async def test_a_failure_is_a_sentence_without_secrets(stand_in: Callable[..., Helm]) -> None:
    helm = stand_in("import sys; sys.exit('Error: something with s3cret-master-key went wrong')")
    with pytest.raises(HelmError) as caught:
        await deploy(helm, secrets=["s3cret-master-key"])
    assert caught.value.message == (
        "Helm failed on parse (exit code 1): something with (secret) went wrong."
    )
    assert "s3cret" not in caught.value.detail


def pids(helm: Helm) -> list[int]:
    return [int(p) for p in (helm.binary.path.parent / "pids").read_text().split()]


def all_gone(numbers: list[int]) -> bool:
    return all(orphan.start_time(pid) is None for pid in numbers)


async def test_cancel_ends_the_whole_group(stand_in: Callable[..., Helm]) -> None:
    helm = stand_in(STUBBORN.format(ignore="", child=SLEEP))
    task = asyncio.create_task(deploy(helm))
    await until((helm.binary.path.parent / "pids").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: all_gone(pids(helm)))


async def test_cancel_kills_what_ignores_it_even_if_cancelled_twice(
    stand_in: Callable[..., Helm],
) -> None:
    child = f"import signal; {IGNORE}; {SLEEP}"
    helm = stand_in(STUBBORN.format(ignore=IGNORE, child=child), grace=0.3)
    task = asyncio.create_task(deploy(helm))
    await until((helm.binary.path.parent / "pids").exists)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: all_gone(pids(helm)))


async def test_a_term_is_given_time(stand_in: Callable[..., Helm]) -> None:
    # Real helm marks the release failed on SIGTERM; that needs its grace.
    source = """
import os, signal, sys, time
def stop(*_):
    time.sleep(0.2)
    open(os.path.join(os.path.dirname(sys.argv[0]), "marked"), "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, stop)
open(os.path.join(os.path.dirname(sys.argv[0]), "pids"), "w").close()
while True: time.sleep(0.05)
"""
    helm = stand_in(source)
    task = asyncio.create_task(deploy(helm))
    await until((helm.binary.path.parent / "pids").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (helm.binary.path.parent / "marked").exists()


async def test_a_deadline_ends_helm(stand_in: Callable[..., Helm]) -> None:
    from integrations.helm.command import ExecCommand, Process

    helm = stand_in(STUBBORN.format(ignore="", child=SLEEP))
    command = ExecCommand(
        Process(release="parse", deadline=1.5, grace=1.0),
        executable=str(helm.binary.path),
        kubeconfig=None,
        context=None,
        timeout="1s",
        history_max=1,
        environ=os.environ,
    )
    with pytest.raises(Timeout, match="did not finish"):
        await command.run(["upgrade"])
    await until(lambda: all_gone(pids(helm)))


async def test_a_caller_that_cannot_store_the_pid_stops_helm(
    stand_in: Callable[..., Helm],
) -> None:
    def disk_full(pid: int, started: int) -> None:
        raise OSError("disk full")

    helm = stand_in(f"import signal; {SLEEP}")
    seen: list[int] = []

    def remember_then_fail(pid: int, started: int) -> None:
        seen.append(pid)
        disk_full(pid, started)

    with pytest.raises(OSError, match="disk full"):
        await deploy(helm, on_spawn=remember_then_fail)
    await until(lambda: all_gone(seen))


@pytest.mark.kill
async def test_an_orphan_survives_its_killed_reader(
    stand_in: Callable[..., Helm], tmp_path: Path
) -> None:
    # Helm writes more than a pipe holds after its bot was killed, then finishes its work.
    operation = uuid.uuid4().hex
    helm = stand_in(
        """
import os, sys, time
where = os.path.dirname(sys.argv[0])
open(os.path.join(where, "started"), "w").close()
while not os.path.exists(os.path.join(where, "go")): time.sleep(0.01)
sys.stdout.write("x" * 200_000); sys.stdout.flush()
sys.stderr.write("y" * 200_000); sys.stderr.flush()
data = sys.stdin.read()
with open(os.path.join(where, "finished.tmp"), "w") as f: f.write(data)
os.rename(os.path.join(where, "finished.tmp"), os.path.join(where, "finished"))
"""
    )
    bot = tmp_path / "bot.py"
    bot.write_text(
        f"""
import asyncio, pathlib
from integrations.helm.binary import HelmBinary
from integrations.helm.client import Helm

helm = Helm(HelmBinary(pathlib.Path({str(helm.binary.path)!r}), "v3.0.0", 3),
            run_directory=pathlib.Path({str(tmp_path / "run")!r}))
asyncio.run(helm.install_or_upgrade("parse", "c", {{"a": "b" * 300_000}},
                                    namespace="parse", operation={operation!r},
                                    on_spawn=lambda p, s: print(p, s, flush=True)))
"""
    )
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, str(bot)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    pid, started = map(int, (await asyncio.to_thread(process.stdout.readline)).split())
    await until((tmp_path / "started").exists)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()

    assert orphan.alive(pid, started)
    assert orphan.find_by_operation(operation) == [orphan.Process(pid, started)]
    assert orphan.find_by_operation(operation[:-1]) == []
    assert not await orphan.wait_gone(orphan.Process(pid, started), 0.1)
    (tmp_path / "go").touch()
    assert await orphan.wait_gone(orphan.Process(pid, started), 15)
    assert json.loads((tmp_path / "finished").read_text()) == {"a": "b" * 300_000}
    out, err = helm.output_files(operation, "upgrade")
    assert out.stat().st_size == 200_000
    assert err.stat().st_size == 200_000


async def test_an_orphan_can_be_ended(stand_in: Callable[..., Helm], tmp_path: Path) -> None:
    helm = stand_in(STUBBORN.format(ignore="", child=SLEEP))
    operation = uuid.uuid4().hex
    process = subprocess.Popen(
        [str(helm.binary.path)],
        start_new_session=True,
        env={**os.environ, orphan.VARIABLE: operation},
    )
    await until((tmp_path / "pids").exists)
    (leader, *_) = [p for p in orphan.find_by_operation(operation) if p.pid == process.pid]
    assert await orphan.terminate(leader, grace=5)
    await until(lambda: all_gone(pids(helm)))
    process.wait()


def test_a_reused_pid_is_not_mistaken() -> None:
    started = orphan.start_time(os.getpid())
    assert started is not None
    assert orphan.alive(os.getpid(), started)
    assert not orphan.alive(os.getpid(), started - 1)
    assert orphan.start_time(2**22 + 1) is None
