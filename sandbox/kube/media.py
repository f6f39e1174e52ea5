"""Bodies and answers: which media types are read and written, and in which form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.kube import protobuf
from sandbox.kube.errors import (
    bad_request,
    not_acceptable,
    not_implemented,
    unsupported_media_type,
)
from sandbox.kube.jsonutil import Json

JSON = "application/json"
_PASSED_OVER = frozenset({protobuf.MEDIA_TYPE, "application/cbor", "application/cbor-seq"})
_OURS = frozenset({JSON, "application/*", "*/*", "text/plain", "application/yaml"})
_FORMS = {
    ("Table", "meta.k8s.io", "v1"): "Table",
    ("PartialObjectMetadata", "meta.k8s.io", "v1"): "Metadata",
    ("PartialObjectMetadataList", "meta.k8s.io", "v1"): "Metadata",
    ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2"): "Discovery",
}
_REAL_ONLY = frozenset({"v1beta1", "v2beta1"})
"""Versions of those forms that the real server has and this one has not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How the client wants an object: ``form`` is "", Table, Metadata or Discovery."""

    form: str = ""
    yaml: bool = False


def negotiate(accept: str) -> Answer:
    """Choose the first form in an Accept header that can be served here.

    Raises:
        ApiError: 406 when nobody could serve it; 501 for what only the real server can.
    """
    if not accept.strip():
        return Answer()
    real = False
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = dict(p.split("=", 1) for p in parameters if "=" in p)
        wanted, version = given.get("as", ""), given.get("v", "")
        real = real or name in _PASSED_OVER or (bool(wanted) and version in _REAL_ONLY)
        if name not in _OURS:
            continue
        if not wanted:
            return Answer(yaml=name == "application/yaml")
        form = _FORMS.get((wanted, given.get("g", ""), version))
        if form:
            return Answer(form)
    if real:
        raise not_implemented(f"the media types {accept!r}")
    raise not_acceptable(
        "406: Not Acceptable\n\nAvailable representations: application/json, "
        "application/yaml, application/vnd.kubernetes.protobuf"
    )


def encode(body: Any, answer: Answer = Answer()) -> tuple[bytes, str]:
    """Return the bytes of an answer and its Content-Type."""
    if answer.yaml:
        return yaml.safe_dump(body, sort_keys=False).encode(), "application/yaml"
    return dumps(body), JSON


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body that is JSON text already."""

    data: bytes


def dumps(body: Any) -> bytes:
    """Encode compact JSON."""
    if isinstance(body, Encoded):
        return body.data
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Body:
    """A decoded request body and the fields that stood in it twice."""

    value: Any
    duplicates: tuple[str, ...] = ()


def decode(data: bytes, content_type: str) -> Body:
    """Read a request body.

    Raises:
        ApiError: 400 for text that cannot be read; 415 for a media type that nobody reads.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name == protobuf.MEDIA_TYPE:
        return Body(protobuf.decode(data))
    if name.endswith("+json") or name in (JSON, "", "application/octet-stream"):
        return _json(data)
    if name.endswith("yaml"):
        return _json(data) if data.lstrip().startswith(b"{") else _yaml(data)
    raise unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )


def _json(data: bytes) -> Body:
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> Json:
        found = dict(items)
        if len(found) != len(items):
            names = [name for name, _ in items]
            twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return found

    try:
        value = json.loads(data, object_pairs_hook=pairs)
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    return Body(value, tuple(_located(value, name) for name in twice))


def _located(value: Any, name: str, path: str = "") -> str:
    """Name the place of a doubled field; the first place that fits."""
    if isinstance(value, dict):
        if name in value:
            return f"{path}.{name}".lstrip(".")
        children = [(f"{path}.{key}", item) for key, item in value.items()]
    elif isinstance(value, list):
        children = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return ""
    return next((found for p, c in children if (found := _located(c, name, p))), "")


class _Loader(yaml.CSafeLoader):
    """Safe YAML in which times stay text, as in the real server's reader."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _yaml(data: bytes) -> Body:
    try:
        return Body(yaml.load(data, Loader=_Loader))  # noqa: S506 (a safe loader)
    except yaml.YAMLError as error:
        raise bad_request(f"error converting YAML to JSON: {error}") from error


def object_body(body: Body) -> Json:
    """Return the body as an object.

    Raises:
        ApiError: 400, when it is something else.
    """
    if not isinstance(body.value, dict):
        raise bad_request("the body is not a JSON object")
    return body.value
