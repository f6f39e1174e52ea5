"""The person's side of the terminal: words out, documents in, questions answered.

Plain sockets: one conversation at a time needs no event loop, and loading one takes longer than
most answers.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from bot.errors import Refused
from bot.render import terminal
from bot.render.document import Actions, Button, Document, Progress, from_json
from bot.render.text import clean
from bot.terminal import saving
from bot.terminal.address import short
from bot.terminal.zone import local_zone

SOCKET = "onprem.sock"
"""The socket's name in the state directory."""
UNANSWERED = UNSAVED = 1


class Interrupted(Exception):
    """Somebody wants to stop listening, and no question was waiting."""


@dataclass
class Screen:
    """Where things are shown, and who is asked.

    Attributes:
        out: For answers and outcomes.
        err: For everything else.
        answers: Where a person types; it must be a terminal.
        as_json: Only the result, as JSON, on standard output.
        interactive: Whether somebody is there to ask.
        save: Where the picture of an answer is to be written.
        left: Whether a question was answered with no.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    answers: TextIO = field(default_factory=lambda: sys.stdin)
    as_json: bool = False
    interactive: bool = False
    save: Path | None = None
    left: bool = False
    _shown: dict[str, tuple[str, str]] = field(default_factory=dict)

    def document(self, document: Document, *, failed: bool = False) -> None:
        """Shows a document; failures go to standard error when a machine reads."""
        stream = self.err if failed or self.as_json else self.out
        if self.as_json and not failed:
            return
        terminal.show(document, stream)
        stream.flush()

    def progress(self, document: Document) -> None:
        """Shows the steps that are new or have moved on since the last state."""
        if self.as_json:
            return
        for step in (s for e in document.elements if isinstance(e, Progress) for s in e.steps):
            seen = (step.state, step.detail)
            if self._shown.get(step.name) != seen:
                self._shown[step.name] = seen
                detail = f"  {step.detail}" if step.detail else ""
                line = f"  {step.state:8} {step.name}{detail}"
                self.err.write(clean(line) + "\n")
        self.err.flush()

    def data(self, data: Any) -> None:
        """Prints the result for machines."""
        if self.as_json:
            self.out.write(json.dumps(data, indent=2, default=str) + "\n")


def screen_for(words: Sequence[str]) -> Screen:
    """The terminal that this process was started in."""
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    save = saving.wanted(words)
    return Screen(as_json="--json" in words, interactive=interactive, save=save)


def reach(directory: Path, words: Sequence[str]) -> int | None:
    """A command through the bot whose state is there; None when no bot runs.

    Raises:
        Refused: One may run, but not for this user.
    """
    path = directory / SOCKET
    try:
        return talk(path, words, screen_for(words))
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return None
    except PermissionError:
        raise Refused(
            "The running bot may not be asked",
            why=f"{path} belongs to another user",
            hint="Join its group, or ask through Slack",
        ) from None


def talk(path: Path, words: Sequence[str], screen: Screen, stop: int | None = None) -> int:
    """Runs one command through the bot behind a socket; returns the exit code.

    Args:
        path: The socket.
        words: The command.
        screen: Where answers are shown.
        stop: A file descriptor; a byte that comes there means what Ctrl-C means.

    Raises:
        Interrupted: A byte came there, and no question was waiting.
        OSError: Nobody listens at the socket.
    """
    with socket.socket(socket.AF_UNIX) as bot:
        with short(path) as address:
            bot.connect(address)
        _send(bot, {"words": list(words), "timezone": local_zone()})
        for line in _lines(bot, stop):
            code = _hear(json.loads(line), bot, screen, stop)
            if code is not None:
                return UNANSWERED if screen.left and code == 0 else code
    screen.err.write("The bot has gone away. The job goes on when it is back: onprem jobs\n")
    return UNANSWERED


def _lines(bot: socket.socket, stop: int | None) -> Iterator[bytes]:
    rest = b""
    while _ready(bot.fileno(), stop):
        try:
            chunk = bot.recv(1 << 20)
        except ConnectionResetError:
            return
        if not chunk:
            return
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole


def _ready(source: int, stop: int | None) -> bool:
    """Waits until there is something to read.

    Raises:
        Interrupted: There is something at `stop`.
    """
    if stop is not None and stop in select.select([source, stop], [], [])[0]:
        os.read(stop, 1)
        raise Interrupted
    return True


def _hear(
    message: Mapping[str, Any], bot: socket.socket, screen: Screen, stop: int | None
) -> int | None:
    kind = message["kind"]
    if kind == "end":
        screen.data(message["data"])
        return int(message["exit_code"])
    if kind == "answer":
        code = int(message["exit_code"])
        document = from_json(message["document"])
        screen.document(document, failed=code != 0)
        screen.data(message["data"])
        if screen.save is not None and code == 0:
            return 0 if saving.save(document, screen.save, screen.err) else UNSAVED
        return code
    if kind == "notice":
        document = from_json(message["document"])
        question = None if message["final"] else _question(document)
        if question is not None:
            _decide(document, question, bot, screen, stop)
            return None
        if message["final"]:
            screen.document(document)
        else:
            screen.progress(document)
    return None


def _question(document: Document) -> Sequence[Button] | None:
    for element in document.elements:
        if isinstance(element, Actions):
            acts = {button.act for button in element.buttons}
            if acts & {"confirm", "type"}:
                return element.buttons
    return None


def _decide(
    document: Document,
    buttons: Sequence[Button],
    bot: socket.socket,
    screen: Screen,
    stop: int | None,
) -> None:
    """Asks, and presses the button that was chosen; what comes of it is heard as the rest is."""
    screen.document(document, failed=screen.as_json)  # nobody may say yes to what he has not seen
    go = next(b for b in buttons if b.act in ("confirm", "type"))
    leave = next(b for b in buttons if b.act == "dismiss")
    said = ""
    if screen.interactive:
        prompt = f"Type {go.typed} to go on: " if go.act == "type" else "Go on? [y/N] "
        said = _read(prompt, screen, stop)
    else:
        how = f"--confirm {go.typed}" if go.act == "type" else "--yes"
        screen.err.write(f"Not run: nobody is here to ask. Add {how} to go on.\n")
    yes = said == go.typed if go.act == "type" else said.lower() in ("y", "yes")
    screen.left = not yes
    typed = said if yes and go.act == "type" else ""
    _send(bot, {"press": (go if yes else leave).token, "typed": typed})


def _read(prompt: str, screen: Screen, stop: int | None) -> str:
    """Reads a line from the terminal. Its end, and Ctrl-C, mean that nothing is said."""
    source = screen.answers.fileno()
    try:  # from the first letter of the question on
        screen.err.write(prompt)
        screen.err.flush()
        _ready(source, stop)
        return os.read(source, 4096).decode(errors="replace").strip()
    except (KeyboardInterrupt, Interrupted):
        screen.err.write("\n")
        return ""


def _send(bot: socket.socket, message: Mapping[str, Any]) -> None:
    bot.sendall(json.dumps(message).encode() + b"\n")
