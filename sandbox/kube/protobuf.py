"""Reads the few protobuf messages that clients insist on sending.

client-go's typed clients (so helm for its release Secrets, and ``kubectl auth can-i``) write
protobuf and do not fall back. Field numbers: ``generated.proto`` of each API group, v0.35.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.kube.clock import timestamp
from sandbox.kube.errors import bad_request, not_implemented
from sandbox.kube.jsonutil import Json

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"


@dataclass(frozen=True, slots=True)
class _Part:
    """One field: its JSON name and how to read it."""

    name: str
    form: str
    repeated: bool = False


def _s(name: str) -> _Part:
    return _Part(name, "string")


_MESSAGES: dict[str, dict[int, _Part]] = {
    "Time": {1: _Part("seconds", "int"), 2: _Part("nanos", "int")},
    "OwnerReference": {
        1: _s("kind"),
        3: _s("name"),
        4: _s("uid"),
        5: _s("apiVersion"),
        6: _Part("controller", "bool"),
        7: _Part("blockOwnerDeletion", "bool"),
    },
    "FieldsV1": {1: _Part("Raw", "bytes")},
    "ManagedFieldsEntry": {
        1: _s("manager"),
        2: _s("operation"),
        3: _s("apiVersion"),
        4: _Part("time", "Time"),
        6: _s("fieldsType"),
        7: _Part("fieldsV1", "FieldsV1"),
        8: _s("subresource"),
    },
    "ObjectMeta": {
        1: _s("name"),
        2: _s("generateName"),
        3: _s("namespace"),
        4: _s("selfLink"),
        5: _s("uid"),
        6: _s("resourceVersion"),
        7: _Part("generation", "int"),
        8: _Part("creationTimestamp", "Time"),
        9: _Part("deletionTimestamp", "Time"),
        10: _Part("deletionGracePeriodSeconds", "int"),
        11: _Part("labels", "map:string"),
        12: _Part("annotations", "map:string"),
        13: _Part("ownerReferences", "OwnerReference", repeated=True),
        14: _Part("finalizers", "string", repeated=True),
        17: _Part("managedFields", "ManagedFieldsEntry", repeated=True),
    },
    "Secret": {
        1: _Part("metadata", "ObjectMeta"),
        2: _Part("data", "map:bytes"),
        3: _s("type"),
        4: _Part("stringData", "map:string"),
        5: _Part("immutable", "bool"),
    },
    "ConfigMap": {
        1: _Part("metadata", "ObjectMeta"),
        2: _Part("data", "map:string"),
        3: _Part("binaryData", "map:bytes"),
        4: _Part("immutable", "bool"),
    },
    "NamespaceSpec": {1: _Part("finalizers", "string", repeated=True)},
    "Namespace": {1: _Part("metadata", "ObjectMeta"), 2: _Part("spec", "NamespaceSpec")},
    "Preconditions": {1: _s("uid"), 2: _s("resourceVersion")},
    "DeleteOptions": {
        1: _Part("gracePeriodSeconds", "int"),
        2: _Part("preconditions", "Preconditions"),
        3: _Part("orphanDependents", "bool"),
        4: _s("propagationPolicy"),
        5: _Part("dryRun", "string", repeated=True),
    },
    "Eviction": {
        1: _Part("metadata", "ObjectMeta"),
        2: _Part("deleteOptions", "DeleteOptions"),
    },
    "ResourceAttributes": {
        1: _s("namespace"),
        2: _s("verb"),
        3: _s("group"),
        4: _s("version"),
        5: _s("resource"),
        6: _s("subresource"),
        7: _s("name"),
    },
    "NonResourceAttributes": {1: _s("path"), 2: _s("verb")},
    "SelfSubjectAccessReviewSpec": {
        1: _Part("resourceAttributes", "ResourceAttributes"),
        2: _Part("nonResourceAttributes", "NonResourceAttributes"),
    },
    "SelfSubjectAccessReview": {
        1: _Part("metadata", "ObjectMeta"),
        2: _Part("spec", "SelfSubjectAccessReviewSpec"),
    },
    "SelfSubjectRulesReviewSpec": {1: _s("namespace")},
    "SelfSubjectRulesReview": {
        1: _Part("metadata", "ObjectMeta"),
        2: _Part("spec", "SelfSubjectRulesReviewSpec"),
    },
    "SelfSubjectReview": {1: _Part("metadata", "ObjectMeta")},
}


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
        if kind not in _MESSAGES:
            raise not_implemented(f"protobuf messages of kind {kind or 'unknown'!r}; send JSON")
        obj = _message(_MESSAGES[kind], raw)
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **obj}


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


def _message(parts: dict[int, _Part], data: bytes) -> Json:
    result: Json = {}
    for number, value in _fields(data):
        part = parts.get(number)
        if part is None:
            continue
        if part.form.startswith("map:"):
            key, item = _entry(value, part.form[4:])
            result.setdefault(part.name, {})[key] = item
            continue
        read = _read(part.form, value)
        if part.repeated:
            result.setdefault(part.name, []).append(read)
        elif read not in ("", None, {}):
            result[part.name] = read
    return result


def _entry(value: int | bytes, form: str) -> tuple[str, Any]:
    pair: dict[int, bytes] = {
        number: item for number, item in _fields(_bytes(value)) if isinstance(item, bytes)
    }
    return pair.get(1, b"").decode(), _read(form, pair.get(2, b""))


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("a number stands where a message was expected")


def _read(form: str, value: int | bytes) -> Any:
    if form in ("int", "bool"):
        if not isinstance(value, int):
            raise ValueError("a message stands where a number was expected")
        if form == "bool":
            return bool(value)
        return value - (1 << 64) if value >= 1 << 63 else value
    if form == "string":
        return _bytes(value).decode()
    if form == "bytes":
        return base64.b64encode(_bytes(value)).decode()
    read = _message(_MESSAGES[form], _bytes(value))
    if form == "Time":
        seconds = read.get("seconds")
        return None if seconds is None else timestamp(datetime.fromtimestamp(seconds, UTC))
    if form == "FieldsV1":
        return json.loads(base64.b64decode(read.get("Raw", ""))) if read.get("Raw") else {}
    return read
