"""A way to an API server that notes when each PATCH was answered; for measuring from outside.

It sits between the bot and the API server as TLS at both sides, and relays bytes. What it costs is
part of what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import ssl
import threading
import time
from pathlib import Path

CHUNK = 65536


class Recorder:
    """Relays connections to one API server, in a thread with a loop of its own.

    Args:
        address: Host and port of the API server.
        certificate: The API server's own, which it trusts and which it shows to clients.
        key: Its key.

    Attributes:
        url: What a client uses instead of the API server's address.
        answered: When each PATCH had been answered, by `time.perf_counter`.
    """

    def __init__(self, address: tuple[str, int], certificate: Path, key: Path) -> None:
        self._address, self._pair = address, (certificate, key)
        self.url = ""
        self.answered: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        self._begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()

    def _run(self) -> None:
        self._serving = self._loop.create_task(self._serve())
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _serve(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._pair)
        self._trust = ssl.create_default_context(cafile=self._pair[0])
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=context)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._begun.set()
        await server.serve_forever()

    async def _close(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = asyncio.Event()
        there, back = await asyncio.open_connection(*self._address, ssl=self._trust)

        async def requests() -> None:
            while data := await reader.read(CHUNK):
                if data.startswith(b"PATCH "):  # clients here send one request at a time
                    asked.set()
                back.write(data)

        async def answers() -> None:
            while data := await there.read(CHUNK):
                writer.write(data)
                if asked.is_set():
                    self.answered.put(time.perf_counter())
                    asked.clear()

        both = [asyncio.ensure_future(way()) for way in (requests, answers)]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            back.close()
            writer.close()
