"""`--save FILE`: a picture that came with an answer, written where the person sits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from bot.render.document import Document, Image

FLAG = "--save"


def wanted(words: Sequence[str]) -> Path | None:
    """Where the words ask for a picture to be saved; the bot itself checks that they may."""
    for place, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if word == "--":
            return None
        if flag in (FLAG, FLAG[1:]):
            following = "".join(words[place + 1 : place + 2])
            found = value if equals else following
            return Path(found).expanduser() if found else None
    return None


def save(document: Document, file: Path, err: TextIO) -> bool:
    """Writes the picture of an answer; False when there is none, or the file cannot be written."""
    picture = next((e for e in document.elements if isinstance(e, Image)), None)
    if picture is None:
        err.write("Nothing was saved: no picture came with the answer.\n")
        return False
    try:
        file.write_bytes(picture.png)
    except OSError as error:
        err.write(f"The picture could not be written to {file}: {error.strerror}.\n")
        return False
    err.write(f"Saved {file} ({len(picture.png) / 1000:.0f} kB).\n")
    return True
