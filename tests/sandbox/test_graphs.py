"""The pictures of the documents are drawn by the bot itself, of a world with a past."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.graphs import NotDrawn, draw, main

pytestmark = [pytest.mark.helm, pytest.mark.slow, pytest.mark.timeout(120)]


async def test_a_graph_of_an_app_becomes_a_picture(tmp_path: Path) -> None:
    await draw(tmp_path / "pictures", ["app-cpu"])
    (file,) = (tmp_path / "pictures").iterdir()
    assert file.name == "app-cpu.png"
    assert file.read_bytes().startswith(b"\x89PNG")


async def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "app-cpu.png").mkdir()
    with pytest.raises((NotDrawn, OSError), match=r"app-cpu\.png"):
        await draw(tmp_path, ["app-cpu"])


def test_a_name_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "cpuu"]) == 1
    assert "there is no graph cpuu" in capsys.readouterr().err
