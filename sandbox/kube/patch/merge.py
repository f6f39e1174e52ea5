"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902)."""

from __future__ import annotations

from typing import Any

from sandbox.kube.errors import ApiError, bad_request
from sandbox.kube.jsonutil import Json, thaw

_REJECTED = "the server rejected our request due to an error in our request"


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` with a merge patch applied; null removes, lists are replaced."""
    if not isinstance(patch, dict):
        return thaw(patch)
    result: Json = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(target: Json, operations: Any) -> Json:
    """Return a copy of ``target`` with the operations applied in order.

    Raises:
        ApiError: 400, when an operation is malformed; 422, when one cannot be done.
    """
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    result: Any = thaw(target)
    for operation in operations:
        if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
            raise bad_request("error decoding patch: every operation needs op and path")
        try:
            result = _operate(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ApiError(422, "Invalid", f"{_REJECTED}: {_why(operation, error)}") from error
    done: Json = result
    return done


def _why(operation: Json, error: Exception) -> str:
    return f"{operation['op']} operation at {operation['path']!r} cannot be done ({error})"


def _operate(document: Any, operation: Json) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, thaw(operation["value"]))
        case "remove":
            return _remove(document, path)
        case "replace":
            _find(document, path)
            if not path:
                return thaw(operation["value"])
            parent = _find(document, path[:-1])
            parent[_index(parent, path[-1])] = thaw(operation["value"])
            return document
        case "test":
            if _find(document, path) != operation["value"]:
                raise ValueError("test failed")
            return document
        case "copy":
            return _add(document, path, thaw(_find(document, _pointer(operation["from"]))))
        case "move":
            source = _pointer(operation["from"])
            value = thaw(_find(document, source))
            return _add(_remove(document, source), path, value)
    raise ValueError("unknown operation")


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError("a path begins with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(parent: Any, part: str) -> Any:
    if isinstance(parent, list):
        position = int(part)
        if position < 0:
            raise IndexError("negative position")
        return position
    if not isinstance(parent, dict):
        raise TypeError("neither object nor list")
    return part


def _find(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_index(document, part)]
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _find(document, path[:-1])
    if isinstance(parent, list):
        position = len(parent) if path[-1] == "-" else _index(parent, path[-1])
        if position > len(parent):
            raise IndexError("position is beyond the end")
        parent.insert(position, value)
    else:
        parent[_index(parent, path[-1])] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    parent = _find(document, path[:-1])
    del parent[_index(parent, path[-1])]
    return document
