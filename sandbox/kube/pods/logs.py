"""Plausible logs by image: what Parse Server, ``mongod`` and nginx write, and the rest.

Lines are computed from the container's start, so a log does not change between two looks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

Json = dict[str, Any]
Line = tuple[datetime, str]

EVERY = timedelta(seconds=10)
"""Between two lines of a running container."""
MOST = 2000
"""Lines of one container at most: the kubelet rotates logs, too."""

_PATHS = ("/parse/health", "/parse/classes/Item", "/parse/login", "/parse/classes/_User")


def lines(pod: Json, container: Json, begin: datetime, end: datetime) -> Iterator[Line]:
    """Yield what a container wrote between its start and `end`.

    Args:
        pod: The pod.
        container: The container.
        begin: Its start.
        end: Now, or when it ended.
    """
    writer = _WRITERS.get(_kind(container["image"]), _plain)
    first = max(begin, end - EVERY * MOST)
    if first == begin:
        yield from ((begin, text) for text in writer(pod, container, begin, -1))
    skipped = (first - begin) // EVERY
    for number in count(skipped + 1):
        at = begin + EVERY * number
        if at > end:
            return
        for text in writer(pod, container, at, number):
            yield at, text


def crash_lines(container: Json, at: datetime) -> list[Line]:
    """Return the last words of a container that crashed."""
    if _kind(container["image"]) == "parse-server":
        text = _json_log("error", "Parse Server failed to start: connect ECONNREFUSED", at)
        return [(at, text)]
    return [(at, "panic: the process was told to crash"), (at, "exit status 1")]


def _kind(image: str) -> str:
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _pick(pod: Json, number: int, choices: int) -> int:
    seed = f"{pod['metadata']['uid']}/{number}".encode()
    return hashlib.sha256(seed).digest()[0] % choices


def _json_log(level: str, message: str, at: datetime, **more: Any) -> str:
    body = {"level": level, "message": message, "timestamp": _iso(at), **more}
    return json.dumps(body, separators=(",", ":"))


def _parse_server(pod: Json, container: Json, at: datetime, number: int) -> list[str]:
    if number < 0:
        version = container["image"].rpartition(":")[2]
        return [
            _json_log("info", f"Parse Server {version} starting", at),
            _json_log("info", "Connected to the database", at),
            _json_log("info", "Parse LiveQuery Server starts running", at),
            "[1] parse-server running on http://localhost:1337/parse",
        ]
    path = _PATHS[_pick(pod, number, len(_PATHS))]
    took = 3 + _pick(pod, number, 60)
    return [_json_log("info", f"GET {path} 200 {took}ms", at, method="GET", url=path, status=200)]


def _mongod_log(at: datetime, part: str, number: int, message: str, **attr: Any) -> str:
    body = {"t": {"$date": _iso(at)}, "s": "I", "c": part, "id": number, "ctx": "main"}
    whole = {**body, "msg": message, **({"attr": attr} if attr else {})}
    return json.dumps(whole, separators=(",", ":"))


def _mongo(pod: Json, container: Json, at: datetime, number: int) -> list[str]:
    name = pod["metadata"]["name"]
    if number < 0:
        return [
            _mongod_log(at, "CONTROL", 4615611, "MongoDB starting", pid=1, port=27017, host=name),
            _mongod_log(at, "STORAGE", 22315, "Opening WiredTiger"),
            _mongod_log(at, "NETWORK", 23016, "Waiting for connections", port=27017, ssl="off"),
        ]
    if number % 3:
        return []
    remote = f"10.244.0.{_pick(pod, number, 250) + 2}:{40000 + number}"
    return [_mongod_log(at, "NETWORK", 22943, "Connection accepted", remote=remote)]


def _nginx(pod: Json, container: Json, at: datetime, number: int) -> list[str]:
    if number < 0:
        stamp = at.strftime("%Y/%m/%d %H:%M:%S")
        return [
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
            f"{stamp} [notice] 1#1: nginx/1.29",
            f"{stamp} [notice] 1#1: start worker processes",
        ]
    when = at.strftime("%d/%b/%Y:%H:%M:%S +0000")
    return [f'10.244.0.1 - - [{when}] "GET / HTTP/1.1" 200 615 "-" "kube-probe/1.35" "-"']


def _plain(pod: Json, container: Json, at: datetime, number: int) -> list[str]:
    if number < 0:
        return [f"{_iso(at)} INFO {container['name']} started ({container['image']})"]
    return [f"{_iso(at)} INFO {container['name']} is alive"] if number % 6 == 0 else []


_WRITERS = {
    "parse-server": _parse_server,
    "mongo": _mongo,
    "mongodb-community-server": _mongo,
    "nginx": _nginx,
}
