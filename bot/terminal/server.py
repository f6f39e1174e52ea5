"""The bot's side of the terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot.context import Asker
from bot.engine import Admission, Answer, Engine, Incoming, Notice, Press
from bot.engine.messages import failure
from bot.render.document import to_json
from bot.store.requests import Request
from bot.tasks import Tasks
from bot.terminal.address import short
from bot.terminal.zone import LONGEST
from bot.translation import translate

if TYPE_CHECKING:
    from sqlite_utils import Database

log = structlog.get_logger(__name__)

LINE_LIMIT = 1_000_000


class Session:
    """One terminal that is connected."""

    def __init__(self, asker: Asker, writer: asyncio.StreamWriter) -> None:
        self.asker, self._writer = asker, writer
        self.ended = asyncio.Event()

    def tell(self, kind: str, **body: Any) -> None:
        """Writes one line; a terminal that has gone away misses it."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps({"kind": kind, **body}).encode() + b"\n")

    async def flush(self) -> None:
        """Waits until the lines are on their way."""
        await self._writer.drain()


class TerminalReplier:
    """The engine's way to the terminals. A terminal may leave: the job goes on, `jobs` has it."""

    pace = 0.1

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def follow(self, request_id: str, session: Session) -> None:
        """Sends what becomes of a request to a terminal."""
        self._sessions[request_id] = session

    def forget(self, request_id: str) -> None:
        """Ends following a request that was answered to its asker alone."""
        self._sessions.pop(request_id, None)

    def store(self, db: Database, request: Request, notice: Notice) -> None:
        """Nothing to store: the request itself keeps the outcome."""

    def deliver(self, request: Request, notice: Notice) -> None:
        """Shows a state of the operation."""
        session = self._sessions.get(request.id)
        if session is not None:
            session.tell("notice", document=to_json(notice.document), final=notice.final)

    def finished(self, request: Request, data: Any, exit_code: int) -> None:
        """Ends the conversation."""
        session = self._sessions.pop(request.id, None)
        if session is not None:
            session.tell("end", data=data, exit_code=exit_code)
            session.ended.set()


class TerminalServer:
    """Listens on a Unix socket.

    Args:
        engine: Admits and goes on.
        replier: Follows requests of terminals.
        person_of: Actor → person.
        clock: Microseconds UTC.
    """

    def __init__(
        self,
        engine: Engine,
        replier: TerminalReplier,
        person_of: Callable[[str], str],
        clock: Callable[[], int],
    ) -> None:
        self._engine, self._replier = engine, replier
        self._person_of, self._clock = person_of, clock
        self._server: asyncio.Server | None = None
        self._tasks = Tasks()
        self._writers: set[asyncio.StreamWriter] = set()
        self._counter = 0

    async def listen(self, path: Path) -> None:
        """Begins to listen; only the bot's own user and group may connect."""
        path.unlink(missing_ok=True)
        with short(path) as address:
            self._server = await asyncio.start_unix_server(self._serve, address, limit=LINE_LIMIT)
        path.chmod(0o660)

    async def close(self) -> None:
        """Stops listening and ends the conversations."""
        if self._server is not None:
            self._server.close()
        await self._tasks.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        session = Session(self.asker_of(writer.get_extra_info("socket")), writer)
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                name = f"terminal {task.get_name() if task else ''}"
                self._tasks.spawn(self.take(session, _understood(line)), name)
        except (ConnectionError, ValueError, RecursionError) as error:
            log.warning("terminal left", why=type(error).__name__)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def take(self, session: Session, message: Mapping[str, Any]) -> None:
        """Handles one line of a terminal: words, or a press on a button it was shown."""
        try:
            await self._take(session, message)
        except Exception as error:  # somebody waits: also a fault nobody thought of is an answer
            problem = translate(error)
            self._answer(session, Answer(failure(problem), None, problem.exit_code))

    async def _take(self, session: Session, message: Mapping[str, Any]) -> None:
        self._counter += 1
        key = f"terminal:{os.getpid()}:{self._clock()}:{self._counter}"
        origin = {"kind": "terminal"}
        if zone := message.get("timezone"):
            session.asker = replace(session.asker, timezone=zone[:LONGEST])
        asker, now = session.asker, self._clock()
        if "press" in message:
            admission = await self._engine.press(
                Press(key, message["press"], asker, origin, now, typed=message.get("typed", ""))
            )
        else:
            admission = await self._engine.admit(
                Incoming(key, tuple(message["words"]), asker, origin, now)
            )
        await self._go_on(session, admission)

    async def _go_on(self, session: Session, admission: Admission) -> None:
        if admission.reply is not None:
            self._answer(session, Answer(admission.reply, None, admission.exit_code))
            return
        if admission.request is not None:
            self._replier.follow(admission.request.id, session)
            session.tell("accepted", id=admission.request.id)
            try:
                await session.flush()
            except ConnectionError:
                await self._engine.lost(admission)
                return
        answer = await self._engine.proceed(admission)
        if answer is not None:
            if admission.request is not None:
                self._replier.forget(admission.request.id)
            self._answer(session, answer)

    def _answer(self, session: Session, answer: Answer) -> None:
        session.tell(
            "answer",
            document=to_json(answer.document),
            data=answer.data,
            exit_code=answer.exit_code,
        )
        session.ended.set()

    def asker_of(self, sock: socket.socket) -> Asker:
        """Who is at the other end: what the kernel says, never what they say."""
        size = struct.calcsize("3i")
        _, uid, _ = struct.unpack(
            "3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = f"uid-{uid}"
        actor = f"os:{socket.gethostname()}/{name}"
        return Asker(actor, self._person_of(actor), name)


def _understood(line: bytes) -> Mapping[str, Any]:
    """Reads what a terminal sent.

    Raises:
        ValueError: It is neither words nor a press.
    """
    message = json.loads(line)
    if isinstance(message, dict):
        texts = [message.get(key, "") for key in ("press", "typed", "timezone")]
        words = message.get("words", [] if "press" in message else None)
        if isinstance(words, list) and all(isinstance(text, str) for text in [*texts, *words]):
            return message
    raise ValueError("neither words nor a press")
