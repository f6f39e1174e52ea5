"""Reads the protobuf that clients insist on sending.

client-go's typed clients (helm for its release Secrets, ``kubectl create`` and ``auth can-i``)
write protobuf and do not fall back. How the kinds are written is in the facts; here is how to
read them into the JSON form of the objects.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sandbox.kube.clock import micro_timestamp, timestamp
from sandbox.kube.errors import bad_request, not_implemented
from sandbox.kube.jsonutil import Json
from sandbox.kube.schema.facts import Message, load_messages, package_of

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

_messages = cache(load_messages)


def decode(body: bytes) -> Json:
    """Read an envelope and the message in it, into the JSON form of the object.

    Raises:
        ApiError: 400 for bytes that are no such message; 501 for a kind not known here.
    """
    if not body.startswith(MAGIC):
        raise bad_request("the body does not begin as a Kubernetes protobuf envelope does")
    try:
        api_version = kind = ""
        raw = b""
        for number, value in _fields(body[len(MAGIC) :]):
            if number == 1 and isinstance(value, bytes):
                names = {n: v.decode() for n, v in _fields(value) if isinstance(v, bytes)}
                api_version, kind = names.get(1, ""), names.get(2, "")
            elif number == 2 and isinstance(value, bytes):
                raw = value
        obj = _message(_find(api_version, kind), raw)
    except (IndexError, OverflowError, OSError, RecursionError, ValueError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **obj}


def _find(api_version: str, kind: str) -> Message:
    group, _, version = api_version.rpartition("/")
    for name in (f"{package_of(group, version)}.{kind}", f"meta/v1.{kind}"):
        if name in _messages():
            return _messages()[name]
    raise not_implemented(f"protobuf messages of kind {kind or 'unknown'!r}; send JSON")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is longer than the message")
            yield number, data[at : at + size]
            at += size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} is not used by Kubernetes")


def _message(fields: Message, data: bytes) -> Json:
    result: Json = {}
    for number, value in _fields(data):
        name, form, flags = fields.get(str(number), ("", "", ""))
        if not form:
            continue
        if "m" in flags:
            key, item = _entry(value, form)
            result.setdefault(name, {})[key] = item
        elif "r" in flags:
            result.setdefault(name, []).append(_read(form, value))
        elif "i" in flags:
            result.update(_read(form, value))
        else:
            read = _read(form, value)
            if read is not None and ("p" in flags or read not in (0, "", {})):
                result[name] = read
    return result


def _entry(value: int | bytes, form: str) -> tuple[str, Any]:
    pair = dict(_fields(_bytes(value)))
    return _bytes(pair.get(1, b"")).decode(), _read(form, pair.get(2, b""))


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("a number stands where a message was expected")


def _signed(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("a message stands where a number was expected")
    return value - (1 << 64) if value >= 1 << 63 else value


def _read(form: str, value: int | bytes) -> Any:
    match form:
        case "int":
            return _signed(value)
        case "bool":
            return bool(_signed(value))
        case "string":
            return _bytes(value).decode()
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "quantity":
            return _bytes(dict(_fields(_bytes(value))).get(1, b"")).decode()
        case "json":
            return json.loads(_bytes(dict(_fields(_bytes(value))).get(1, b"")) or b"null")
        case "time" | "microtime":
            return _time(dict(_fields(_bytes(value))), micro=form == "microtime")
        case "intstr":
            parts = dict(_fields(_bytes(value)))
            if parts.get(1):
                return _bytes(parts.get(3, b"")).decode()
            return _signed(parts.get(2, 0))
    return _message(_messages()[form], _bytes(value))


def _time(parts: dict[int, int | bytes], *, micro: bool) -> str | None:
    if 1 not in parts:
        return None
    moment = datetime.fromtimestamp(_signed(parts[1]) + _signed(parts.get(2, 0)) / 1e9, UTC)
    return micro_timestamp(moment) if micro else timestamp(moment)
