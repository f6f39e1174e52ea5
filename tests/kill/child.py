"""A bot in a process of its own that can be told at which boundary to end itself by SIGKILL.

The product has no switch for it: only its observer is ours. What is told over the pipe:

    ←  {"ready": [ended requests]}            what an earlier process left has ended
    →  {"ask": [words], "number", "kill"}     admit, acknowledge, drive to the end
    ←  {"edge": [request, step, edge]}        at every boundary
    ←  {"ended": (number, request)}
    →  {"limit": bytes}                       no file may grow beyond this
    →  {"look": {...}}                        ←  {"seen": …}  the state database and the members
"""

from __future__ import annotations

import asyncio
import getpass
import io
import os
import resource
import signal
import socket
import time
import traceback
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bot.config import load
from bot.context import Asker, Target
from bot.engine import Incoming
from bot.render import terminal
from bot.render.document import Document, from_json
from bot.store import audit, locks, requests
from bot.store.requests import Request, State
from bot.wiring import Product, build
from integrations import mongodb
from integrations.kubernetes import sdk
from integrations.kubernetes.exec import exec_in_pod

OPEN = {State.RECEIVED, State.ACKED, State.PLANNING, State.RUNNING}
PAUSE = 0.01


@dataclass
class Fuse:
    """The observer: tells every boundary, and ends the process at one."""

    line: Connection
    kill: int | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def boundary(self, request_id: str, step: str, edge: str) -> None:
        self.line.send({"edge": (request_id, step, edge)})
        self.seen.append((step, edge))
        if len(self.seen) - 1 == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)


def main(config: str, line: Connection, slack: bool = False) -> None:
    """Runs the bot of this configuration until the pipe is closed."""
    asyncio.run(_serve(Path(config), line, slack))


async def _serve(config: Path, line: Connection, slack: bool) -> None:
    fuse = Fuse(line)
    await asyncio.to_thread(sdk.load)  # as `onprem run` does
    product = await build(load(config), observer=fuse, slack=slack)
    await product.start()
    await _settled(product)
    line.send({"ready": await _ended(product)})
    asked: set[asyncio.Task[None]] = set()

    async def answer(message: Mapping[str, Any]) -> None:
        if "ask" in message:
            began = time.monotonic()
            try:
                told = await _ask(product, message["ask"])
            except Exception:
                told = {"state": "broken", "text": traceback.format_exc()}
            told["took"] = time.monotonic() - began
            line.send({"ended": (message["number"], told)})
        else:
            line.send({"seen": await _look(product, **message["look"])})

    with ThreadPoolExecutor(1) as reader:
        loop = asyncio.get_running_loop()
        while True:
            try:
                message = await loop.run_in_executor(reader, line.recv)
            except (EOFError, ConnectionError):
                break
            if "ask" in message:
                fuse.seen.clear()
                fuse.kill = message["kill"]
            elif "limit" in message:
                resource.setrlimit(
                    resource.RLIMIT_FSIZE, (message["limit"], resource.RLIM_INFINITY)
                )
                continue
            task = asyncio.create_task(answer(message))
            asked.add(task)
            task.add_done_callback(asked.discard)
    await product.close()


async def _ask(product: Product, words: tuple[str, ...]) -> dict[str, Any]:
    actor = f"os:{socket.gethostname()}/{getpass.getuser()}"
    asker = Asker(actor, product.config.person_of(actor), getpass.getuser())
    key = f"test:{uuid.uuid4()}"
    origin = {"kind": "terminal"}
    admission = await product.engine.admit(Incoming(key, words, asker, origin, product.clock()))
    if admission.reply is not None:
        return {"state": "answered", "text": _text(admission.reply)}
    answer = await product.engine.proceed(admission)
    if admission.request is None:
        return {"state": "answered", "text": _text(answer.document) if answer else ""}
    request = admission.request.id
    while (found := await product.store.read(lambda db: requests.get(db, request))) is not None:
        if found.state not in OPEN:
            return _told(found) | ({"text": _text(answer.document)} if answer else {})
        await asyncio.sleep(PAUSE)
    raise AssertionError("requests are never forgotten here")


def _text(document: Document) -> str:
    """A document as a terminal shows it, without colours."""
    stream = io.StringIO()
    terminal.show(document, stream)
    return stream.getvalue()


async def _settled(product: Product) -> None:
    while await product.store.read(lambda db: requests.find(db, states=OPEN, limit=9)):
        await asyncio.sleep(PAUSE)


async def _ended(product: Product) -> list[dict[str, Any]]:
    states = set(State) - OPEN
    found = await product.store.read(lambda db: requests.find(db, states=states, limit=1000))
    return [_told(request) for request in found]


def _told(request: Request) -> dict[str, Any]:
    return {
        "id": request.id,
        "command": request.command,
        "state": str(request.state),
        "text": _text(from_json(request.outcome["document"])) if request.outcome else "",
    }


async def _look(
    product: Product, request: str, app: str, namespace: str, pods: int
) -> Mapping[str, Any]:
    """What is on record about a request and an app, and who is in the replica set."""
    store, desk = product.store, product.desk
    rows = await store.read(lambda db: audit.search(db, limit=1000))
    held = await store.read(locks.held)
    kept = await desk.overrides(Target("main", namespace, app))
    children = await store.read(lambda db: list(db["processes"].rows))
    return {
        "outcomes": sum(row.kind == "outcome" and row.request_id == request for row in rows),
        "verified": (await desk.audit_verify()).ok,
        "locks": [lock.path for lock in held],
        "processes": len(children),
        "overrides": sorted((o.kind, o.path, str(o.value)) for o in kept.items),
        "recorded": kept.revision,
        "members": await _members(product, namespace, pods) if pods else [],
    }


async def _members(product: Product, namespace: str, pods: int) -> list[str]:
    kube = product.clusters("main").kube

    async def run(pod: str, command: Any, *, timeout: float) -> Any:
        return await exec_in_pod(kube, namespace, pod, "mongodb", command, timeout=timeout)

    try:
        found = await mongodb.status(run, [f"parse-mongodb-{i}" for i in range(pods)])
    except mongodb.MongoError:
        return ["nobody answers"]
    return sorted(member.host.partition(".")[0] for member in found.members)
