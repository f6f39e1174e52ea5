"""A folder lives as long as its owner; after a kill the next owner removes it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.build import HERE
from tests.cluster.folders import own_folder, sweep

PREFIX = "onprem-lab-"
OWNER = """
import sys
from pathlib import Path
from tests.cluster.folders import own_folder
with own_folder(sys.argv[1], Path(sys.argv[2])) as folder:
    (folder / "data").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another run with its folder."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, PREFIX, str(tmp_path)],
        cwd=HERE.parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        yield run, Path(run.stdout.readline().strip())
        run.kill()


def test_it_is_gone_at_the_end(tmp_path: Path) -> None:
    with own_folder(PREFIX, tmp_path) as folder:
        (folder / "kubeconfig").write_text("")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_after_an_error_its_logs_stay_until_the_next_start(tmp_path: Path) -> None:
    def fail() -> None:
        with own_folder(PREFIX, tmp_path) as folder:
            (folder / "etcd.log").write_text("the disk is full")
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    (left,) = tmp_path.iterdir()
    assert (left / "etcd.log").is_file()
    with own_folder(PREFIX, tmp_path):
        assert not left.exists()


def test_nothing_stays_after_an_error_that_left_no_logs(tmp_path: Path) -> None:
    with pytest.raises(ValueError), own_folder(PREFIX, tmp_path):
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_owner_left_goes_with_the_next_start(
    owner: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    run, left = owner
    run.send_signal(signal.SIGKILL)
    run.wait(30)
    assert (left / "data").is_dir()
    with own_folder(PREFIX, tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_the_folder_of_a_living_owner_and_what_is_none_are_left(
    owner: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    _, used = owner
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / f"{PREFIX}file").write_text("")
    assert sweep(PREFIX, tmp_path) == []
    assert (used / "data").is_dir()
    assert len(list(tmp_path.iterdir())) == 4
