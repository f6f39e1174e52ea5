"""`--save`: the picture is written where the person sits, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bot.render.document import Document, Image, Title
from bot.terminal.saving import save, wanted

PICTURE = Document.of(Title("CPU"), Image(b"\x89PNG", "cpu.png", "now 1"))


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["graph", "cpu", "--save", "a.png"], "a.png"),
        (["graph", "cpu", "--save=b c.png"], "b c.png"),
        (["graph", "-save", "a.png"], "a.png"),
        (["graph", "cpu"], None),
        (["graph", "cpu", "--save"], None),
        (["graph", "--", "--save", "a.png"], None),
    ],
)
def test_what_the_words_ask_for(words: list[str], file: str | None) -> None:
    assert wanted(words) == (Path(file) if file else None)


def test_it_is_written(tmp_path: Path) -> None:
    err = io.StringIO()
    assert save(PICTURE, tmp_path / "cpu.png", err)
    assert (tmp_path / "cpu.png").read_bytes() == b"\x89PNG"
    assert str(tmp_path / "cpu.png") in err.getvalue()


def test_no_picture_writes_no_file(tmp_path: Path) -> None:
    err = io.StringIO()
    assert not save(Document.of(Title("no data")), tmp_path / "cpu.png", err)
    assert not (tmp_path / "cpu.png").exists()
    assert "Nothing was saved" in err.getvalue()


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    err = io.StringIO()
    assert not save(PICTURE, tmp_path / "none" / "cpu.png", err)
    assert "No such file or directory" in err.getvalue()
