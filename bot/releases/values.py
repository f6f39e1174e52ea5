"""Chart values as plain data: paths, merging, comparing, and what may be shown of them. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.context import Change
from bot.errors import UsageError

MASK = "(hidden)"
ABSENT = "(not set)"

# Names of values that usually hold a secret; `existingSecret` and the like hold a Secret's name.
_SECRET = re.compile(
    r"(?i)(passw(or)?d|passphrase|secret|token|api_?key|(master|private|access|key)_?(key|file))s?$"
)
_SECRET_NAME = re.compile(r"(?i)existing\w*$|(secret|token)_?(name|ref|key_?ref)s?$")
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_SHOWN = 80

Path = tuple[str | int, ...]
_NOTHING: Any = object()


def parts(path: str) -> Path:
    """Splits `ingress.hosts[0].host` into its steps."""
    return tuple(int(i) if i else name for name, i in _PART.findall(path))


def get(values: Any, path: str, default: Any = None) -> Any:
    """The value at a path, or the default."""
    for part in parts(path):
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return default
    return values


def put(values: Any, path: str, value: Any) -> Any:
    """Returns a copy with the value at the path; what is missing on the way is made."""
    return _put(values, parts(path), value)


def _put(values: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        items = list(values) if isinstance(values, list) else []
        items += [None] * (head + 1 - len(items))
        items[head] = _put(items[head], rest, value)
        return items
    mapping = dict(values) if isinstance(values, Mapping) else {}
    mapping[head] = _put(mapping.get(head), rest, value)
    return mapping


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merges as Helm does: mappings by key, everything else (lists too) replaced by the later."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            both = isinstance(value, Mapping) and isinstance(old, Mapping)
            result[key] = merge(old, value) if both and old is not None else _copy(value)
    return result


def _copy(value: Any) -> Any:
    return merge(value) if isinstance(value, Mapping) else value


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Path → value for every leaf; a list and an empty mapping are leaves."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found.update(flatten(value, path + "."))
        else:
            found[path] = value
    return found


def digest(values: Mapping[str, Any]) -> str:
    """A short hash that changes with any value."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def parse_value(text: str) -> Any:
    """Reads a value as `helm --set` types it: true, false, null, whole numbers, else text.

    A text that begins with `[`, `{` or `"` is read as JSON, so that lists can be given.
    """
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    if text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def parse_set(assignments: Iterable[str], secret_values: Iterable[str]) -> dict[str, Any]:
    """Reads `--set path=value` words.

    Raises:
        UsageError: If a value is secret, or one contradicts another.
    """
    found: dict[str, Any] = {}
    hidden = tuple(secret_values)
    for assignment in assignments:
        path, _, text = assignment.partition("=")
        value = parse_value(text)
        if any(is_secret(leaf, hidden) for leaf in leaves(path, value)):
            raise UsageError(
                f"{path} holds a secret and cannot be given in a command",
                why="commands are kept in the audit log and in the chat",
                hint="Put it into a Secret, or into a values file of the app",
            )
        if found.get(path, value) != value:
            raise UsageError(f"{path} is given twice with different values")
        found[path] = value
    return found


def leaves(path: str, value: Any) -> tuple[str, ...]:
    """The paths of what an assignment sets."""
    if isinstance(value, Mapping) and value:
        return tuple(flatten(value, path + "."))
    return (path,)


def is_secret(path: str, secret_values: Iterable[str] = ()) -> bool:
    """Whether the value at a path must not be shown: listed by the app, or so by its name."""
    for listed in secret_values:
        if path == listed or path.startswith((listed + ".", listed + "[")):
            return True
        if listed.startswith((path + ".", path + "[")):
            return True
    last = re.sub(r"(\[\d+\])+$", "", path).rpartition(".")[2]
    return bool(_SECRET.search(last)) and not _SECRET_NAME.search(last)


def hide(value: Any, path: str = "", secret_values: Iterable[str] = ()) -> Any:
    """A copy of a value in which every secret is masked, inside lists too."""
    if path and value not in (None, "", [], {}) and not isinstance(value, Mapping | bool):
        if is_secret(path, secret_values):
            return MASK
        if isinstance(value, list):
            return [hide(v, f"{path}[{i}]", secret_values) for i, v in enumerate(value)]
    if isinstance(value, Mapping):
        start = path + "." if path else ""
        return {k: hide(v, f"{start}{k}", secret_values) for k, v in value.items()}
    return value


def show(value: Any) -> str:
    """A value in one short line; give it through `hide` first."""
    if value is _NOTHING:
        return ABSENT
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


@dataclass(frozen=True, slots=True)
class Delta:
    """What differs between two sets of values, ready to be shown.

    Attributes:
        changed: Values that get another value, or one for the first time.
        dropped: Values that are live and would be gone.
    """

    changed: tuple[Change, ...]
    dropped: tuple[Change, ...]


def compare(
    before: Mapping[str, Any], after: Mapping[str, Any], secret_values: Iterable[str] = ()
) -> Delta:
    """Compares two sets of values leaf by leaf; secrets show only that they differ."""
    hidden = tuple(secret_values)
    old, new = flatten(before), flatten(after)
    changed: list[Change] = []
    dropped: list[Change] = []
    for path in sorted({*old, *new}):
        left, right = old.get(path, _NOTHING), new.get(path, _NOTHING)
        if left == right and type(left) is type(right):
            continue
        change = Change(path, _shown(left, path, hidden), _shown(right, path, hidden))
        (dropped if right is _NOTHING and left != {} else changed).append(change)
    return Delta(tuple(changed), tuple(dropped))


def _shown(value: Any, path: str, secret_values: tuple[str, ...]) -> str:
    return show(value if value is _NOTHING else hide(value, path, secret_values))
