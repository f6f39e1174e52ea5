"""What survives `kill -9` in the middle of a burst: everything that was acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from bot.store import audit, requests
from bot.store.keys import AuditKey
from bot.store.verify import verify

BURST = dedent("""
    import asyncio, os, sys
    from pathlib import Path
    from bot.store import requests
    from bot.store.audit import AuditEvent
    from bot.store.db import Store
    from bot.store.keys import AuditKey
    import time

    clock = lambda: time.time_ns() // 1000

    async def main(folder):
        key = AuditKey.load_or_create(folder / "audit.key")
        store = await Store.open(
            folder / "onprem.db", clock=clock, audit_key=key, anchor=folder / "head")

        async def one(n):
            made = requests.Request(
                id=requests.new_id(clock), key=f"{os.getpid()}-{n}", actor="os:h/a", person="a",
                command="scale", created_at=clock())
            def work(db):
                requests.insert(db, made)
                store.audit.append(
                    db, AuditEvent("intent", "os:h/a", "a", "scale", request_id=made.id))
            await store.write(work)
            os.write(1, f"{made.id}\\n".encode())

        running = set()
        for n in range(1_000_000):
            running.add(asyncio.create_task(one(n)))
            if len(running) >= 40:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    asyncio.run(main(Path(sys.argv[1])))
""")


@pytest.mark.kill
async def test_acknowledged_writes_are_there_and_the_chain_verifies(tmp_path, open_store):
    acknowledged: set[str] = set()
    for enough in (30, 200, 90):
        child = subprocess.Popen(
            [sys.executable, "-c", BURST, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert child.stdout is not None
        seen = [child.stdout.readline() for _ in range(enough)]
        os.kill(child.pid, signal.SIGKILL)
        seen += child.stdout.read().splitlines(keepends=True)
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        acknowledged |= {line.strip() for line in seen if line.endswith("\n")}
    key = AuditKey.load_or_create(tmp_path / "audit.key")
    store = await open_store(audit_key=key, anchor=tmp_path / "head")

    def look(db):
        kept = {request.id for request in requests.find(db, limit=100_000)}
        told = {row.request_id for row in audit.search(db, kind="intent", limit=100_000)}
        return kept, told, verify(db, key, audit.head(db))

    kept, told, verdict = await store.read(look)
    assert len(acknowledged) >= 320
    assert acknowledged <= kept
    assert told == kept
    assert verdict.ok, verdict.why
    await store.write(lambda db: store.audit.append(db, audit.AuditEvent("x", "a", "a", "x")))
    assert (await store.read(lambda db: verify(db, key))).ok
