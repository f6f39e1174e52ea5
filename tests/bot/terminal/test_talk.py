"""Both sides of the terminal's socket: a real server, a real client, an engine made for tests."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import io
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.engine import Admission, Answer, Incoming, Notice, Press
from bot.render.document import Actions, Button, Document, Image, Progress, Step, Title
from bot.store.requests import Request
from bot.terminal.client import Interrupted, Screen
from bot.terminal.client import talk as talk_here
from bot.terminal.server import TerminalReplier, TerminalServer
from bot.terminal.zone import local_zone

QUESTION = Document.of(
    Title("Scale from 3 to 2?"),
    Actions((Button("Go on", "confirm", token="go"), Button("Leave it", "dismiss", token="no"))),
)
TYPED = Document.of(
    Title("Remove parse?"),
    Actions(
        (
            Button("Go on …", "type", typed="parse", token="go"),
            Button("Leave it", "dismiss", token="no"),
        )
    ),
)


async def talk(path: Path, words: tuple[str, ...], screen: Screen, stop: int | None = None) -> int:
    """A person's side beside the bot's in one process."""
    return await asyncio.to_thread(talk_here, path, words, screen, stop)


def request(asker: Any) -> Request:
    return Request("r1", "k1", asker.actor, asker.person, "scale", 0, {"kind": "terminal"}, {}, "")


@dataclass
class FakeEngine:
    """Answers as scripted; tells the replier what a real engine would."""

    replier: TerminalReplier = field(default_factory=TerminalReplier)
    question: Document | None = None
    pictures: tuple[Image, ...] = ()
    incoming: list[Incoming] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    lost_ones: list[Admission] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def admit(self, incoming: Incoming) -> Admission:
        self.incoming.append(incoming)
        word = incoming.words[0]
        if word == "denied":
            return Admission(incoming.asker, {}, reply=Document.of(Title("No")), exit_code=3)
        if word == "broken":
            raise RuntimeError("nobody thought of this")
        if word == "read":
            return Admission(incoming.asker, {})
        return Admission(incoming.asker, {}, request=request(incoming.asker))

    async def press(self, press: Press) -> Admission:
        self.presses.append(press)
        if press.token == "unknown":
            return Admission(press.asker, {}, reply=Document.of(Title("Unknown")), exit_code=1)
        return Admission(press.asker, {}, request=request(press.asker))

    async def proceed(self, admission: Admission) -> Answer | None:
        if admission.request is None:
            return Answer(Document.of(Title("Seen"), *self.pictures), {"size": 3})
        if self.question is not None and not self.presses:
            self.replier.deliver(admission.request, Notice("r1", self.question))
            return None
        for state in ("running", "running", "done"):
            steps = Progress((Step("wait", state),))
            live = Notice("r1", Document.of(Title("…"), steps))
            self.replier.deliver(admission.request, live)
        pressed = self.presses[-1].token if self.presses else "go"
        title = "Left alone" if pressed == "no" else "Scaled"
        final = Notice("r1", Document.of(Title(title)), final=True)
        self.replier.deliver(admission.request, final)
        self.replier.finished(admission.request, {"after": 2}, 0)
        return None

    async def lost(self, admission: Admission) -> None:
        self.lost_ones.append(admission)


@dataclass
class Desk:
    """A terminal before which somebody sits."""

    path: Path
    engine: FakeEngine
    server: TerminalServer
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)

    async def run(
        self,
        *words: str,
        types: str | None = None,
        as_json: bool = False,
        save: Path | None = None,
    ) -> int:
        answers, person = socket.socketpair()
        with answers, person, answers.makefile() as reader:
            if types is not None:
                person.send(types.encode())
            screen = Screen(self.out, self.err, reader, as_json, types is not None, save)
            return await asyncio.wait_for(talk(self.path, words, screen), 5)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    engine = FakeEngine()
    server = TerminalServer(engine, engine.replier, lambda actor: "ann", lambda: 0)  # type: ignore[arg-type]
    await server.listen(tmp_path / "onprem.sock")
    yield Desk(tmp_path / "onprem.sock", engine, server)
    await server.close()


async def test_who_asks_is_what_the_kernel_says(desk: Desk) -> None:
    assert await desk.run("read", "os:elsewhere/root") == 0
    asker = desk.engine.incoming[0].asker
    assert asker.actor == f"os:{socket.gethostname()}/{getpass.getuser()}"
    assert asker.person == "ann"
    assert tuple(desk.engine.incoming[0].words) == ("read", "os:elsewhere/root")
    assert asker.timezone == local_zone()


async def test_a_read_for_people_and_for_machines(desk: Desk) -> None:
    assert await desk.run("read") == 0
    assert "Seen" in desk.out.getvalue()
    desk.out.truncate(0)
    desk.out.seek(0)
    assert await desk.run("read", as_json=True) == 0
    assert json.loads(desk.out.getvalue()) == {"size": 3}


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_picture_is_saved_on_this_side(desk: Desk, tmp_path: Path, as_json: bool) -> None:
    desk.engine.pictures = (Image(b"PNG", "cpu.png", "now 7"),)
    file = tmp_path / "mine.png"
    assert await desk.run("read", save=file, as_json=as_json) == 0
    assert file.read_bytes() == b"PNG"
    assert str(file) in desk.err.getvalue()


async def test_a_fault_nobody_thought_of_is_an_answer(desk: Desk) -> None:
    assert await desk.run("broken") == 1
    assert "Something unexpected went wrong" in desk.err.getvalue()


async def test_nothing_to_save_is_a_failure(desk: Desk, tmp_path: Path) -> None:
    assert await desk.run("read", save=tmp_path / "mine.png") == 1
    assert "Nothing was saved" in desk.err.getvalue()
    assert await desk.run("denied", save=tmp_path / "mine.png") == 3


async def test_what_fails_goes_to_standard_error_with_its_code(desk: Desk) -> None:
    for as_json in (False, True):
        assert await desk.run("denied", as_json=as_json) == 3
    assert desk.err.getvalue().count("No") == 2
    assert "No" not in desk.out.getvalue()


async def test_a_change_is_followed_to_its_end(desk: Desk) -> None:
    assert await desk.run("scale") == 0
    lines = desk.err.getvalue().splitlines()
    assert [line.split() for line in lines] == [["running", "wait"], ["done", "wait"]]
    assert "Scaled" in desk.out.getvalue()


async def test_a_machine_gets_the_outcome_alone(desk: Desk) -> None:
    assert await desk.run("scale", as_json=True) == 0
    assert json.loads(desk.out.getvalue()) == {"after": 2}
    assert "running" not in desk.err.getvalue()


@pytest.mark.parametrize(
    ("question", "types", "token", "typed", "code"),
    [
        (QUESTION, "y\n", "go", "", 0),
        (QUESTION, "Yes\n", "go", "", 0),
        (QUESTION, "\n", "no", "", 1),
        (QUESTION, "parse\n", "no", "", 1),
        (TYPED, "parse\n", "go", "parse", 0),
        (TYPED, "y\n", "no", "", 1),
        (TYPED, "Parse\n", "no", "", 1),
    ],
)
async def test_questions(
    desk: Desk, question: Document, types: str, token: str, typed: str, code: int
) -> None:
    desk.engine.question = question
    assert await desk.run("scale", types=types) == code
    (press,) = desk.engine.presses
    assert (press.token, press.typed) == (token, typed)


async def test_without_anybody_to_ask_a_question_is_closed(desk: Desk) -> None:
    desk.engine.question = TYPED
    assert await desk.run("scale") == 1
    assert "Add --confirm parse to go on" in desk.err.getvalue()
    assert [press.token for press in desk.engine.presses] == ["no"]


async def test_ctrl_c_at_a_question_means_no(desk: Desk) -> None:
    desk.engine.question = QUESTION
    answers, person = socket.socketpair()
    with answers, person, answers.makefile() as reader:
        screen = Screen(desk.out, desk.err, reader, interactive=True)
        hears, tells = os.pipe()
        talking = asyncio.create_task(talk(desk.path, ("scale",), screen, hears))
        await until(lambda: "Go on? [y/N]" in desk.err.getvalue())
        os.write(tells, b"\n")
        assert await talking == 1
        os.close(hears)
        os.close(tells)
    assert [press.token for press in desk.engine.presses] == ["no"]


async def test_ctrl_c_while_nothing_is_asked_ends_the_conversation(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        heard.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    hears, tells = os.pipe()
    talking = asyncio.create_task(talk(tmp_path / "s", ("scale",), Screen(), hears))
    await heard.wait()
    os.write(tells, b"\n")
    with pytest.raises(Interrupted):
        await talking
    os.close(hears)
    os.close(tells)
    server.close()
    await server.wait_closed()


async def test_a_question_is_shown_beside_the_json_that_a_machine_reads(desk: Desk) -> None:
    desk.engine.question = QUESTION
    await desk.run("scale", types="n\n", as_json=True)
    shown = desk.err.getvalue()
    assert QUESTION.headline in shown
    assert shown.index(QUESTION.headline) < shown.index("Go on? [y/N]")
    assert QUESTION.headline not in desk.out.getvalue()


async def test_a_bot_that_goes_away_is_told(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    err = io.StringIO()
    assert await talk(tmp_path / "s", ("scale",), Screen(io.StringIO(), err)) == 1
    assert "The bot has gone away" in err.getvalue()
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "line", [b"{}\n", b"[]\n", b"not json\n", b'{"words": 1}\n', b"\xff\n", b"[" * 99999 + b"\n"]
)
async def test_nonsense_on_the_socket_harms_nobody(desk: Desk, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(desk.path)
    writer.write(line)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert await desk.run("read") == 0


async def test_a_line_without_end_is_cut_off(desk: Desk) -> None:
    reader, writer = await asyncio.open_unix_connection(desk.path)
    writer.write(b"x" * 1_500_000)
    with contextlib.suppress(ConnectionResetError):  # there is more that it did not read
        assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert await desk.run("read") == 0


async def test_only_the_bots_user_and_group_reach_the_socket(desk: Desk) -> None:
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o660


async def test_a_socket_left_by_a_killed_bot_is_replaced(desk: Desk, tmp_path: Path) -> None:
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    with pytest.raises(ConnectionRefusedError):
        await talk(stale, ("read",), Screen())
    other = TerminalServer(desk.engine, desk.engine.replier, str, lambda: 0)  # type: ignore[arg-type]
    await other.listen(stale)
    assert await talk(stale, ("read",), Screen(desk.out, desk.err)) == 0
    await other.close()


async def test_paths_longer_than_the_kernel_takes(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("longer" * 20)
    folder.mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    server = TerminalServer(desk.engine, desk.engine.replier, str, lambda: 0)  # type: ignore[arg-type]
    await server.listen(folder / "onprem.sock")
    assert await talk(folder / "onprem.sock", ("read",), Screen(desk.out, desk.err)) == 0
    await server.close()
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)
