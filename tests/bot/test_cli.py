"""`onprem` before any command runs: help, options, exit codes. Real processes where it matters."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bot import cli
from bot.outline import summaries
from bot.registry import COMMANDS

ROOT = Path(__file__).parents[2]


def onprem(*words: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ONPREM_")}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **environ},
    )


def test_the_outline_says_what_the_declarations_say() -> None:
    assert summaries() == sorted((c.name, c.summary) for c in COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["-h"], []])
def test_help_lists_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    for name in [*(c.name for c in COMMANDS), *cli.HOST_COMMANDS]:
        assert f"\n  {name} " in told


def test_help_is_at_once_there() -> None:
    """CPU time, because other tests run beside this one; importing the commands takes 0.2 s."""
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert onprem("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(used) <= 0.2


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from bot import cli; cli.main(['--help']); "
        "heavy = {'pydantic', 'slack_bolt', 'kubernetes', 'aiohttp', 'rich', 'click'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--frob", "status"], "There is no option --frob"),
        (["--config"], "--config needs a file"),
        (["--config", "absent.yaml", "status"], "absent.yaml: there is no such file"),
        (["state", "polish"], "absent"),
    ],
)
def test_wrong_words_end_with_2(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONPREM_CONFIG", "absent.yaml")
    assert cli.main(words) == 2
    assert why in capsys.readouterr().err


def test_without_a_configuration_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = onprem("status", cwd=tmp_path)
    assert done.returncode == 2
    assert "`onprem init` writes one" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_problems_at_once_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "onprem.yaml").write_text(
        "state:\n  directory: state\nclusters:\n  main:\n    kubeconfig: absent\n"
        "apps:\n  parse:\n    namespace: Parse!\n    chart: builtin:parse-server\nfrob: 1\n"
        "policy: {deploi: run}\ngraphs:\n  list: {title: Mine, query: up}\n"
    )
    done = onprem("run", cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert sum("onprem.yaml:" in line for line in lines) == 5, done.stderr
    for number in (5, 8, 10, 11, 13):
        assert f"onprem.yaml:{number}:" in done.stderr


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    piped = f"{sys.executable} -m bot.cli --help | head -1"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("Usage: onprem")
    assert done.stderr == ""


def test_init_and_manifest(tmp_path: Path) -> None:
    assert onprem("init", cwd=tmp_path).returncode == 0
    again = onprem("init", cwd=tmp_path)
    assert again.returncode != 0
    assert "it is there already" in again.stderr
    manifest = onprem("manifest", cwd=tmp_path)
    assert manifest.returncode == 0, manifest.stderr
    assert "/onprem" in manifest.stdout
