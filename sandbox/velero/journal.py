"""What a run says: its log, and the warnings and errors that are counted from it.

Wording and form follow ``pkg/util/logging`` and ``pkg/util/results`` of velero v1.18.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.kube.clock import Clock, timestamp

Json = dict[str, Any]
Level = Literal["warning", "error"]


@dataclass(slots=True)
class Result:
    """Messages by where they belong."""

    velero: list[str] = field(default_factory=list)
    cluster: list[str] = field(default_factory=list)
    namespaces: dict[str, list[str]] = field(default_factory=dict)

    def add(self, namespace: str, text: str) -> None:
        """Add a message about an object; without a namespace it concerns the cluster."""
        if namespace:
            self.namespaces.setdefault(namespace, []).append(text)
        else:
            self.cluster.append(text)

    @property
    def count(self) -> int:
        """How many messages there are."""
        inside = sum(len(texts) for texts in self.namespaces.values())
        return len(self.velero) + len(self.cluster) + inside

    def to_json(self) -> Json:
        """Return it as Velero stores it: empty parts are left out."""
        parts: Json = {
            "velero": self.velero,
            "cluster": self.cluster,
            "namespaces": self.namespaces,
        }
        return {name: part for name, part in parts.items() if part}


class Journal:
    """The log of one run.

    Attributes:
        warnings: What was warned of.
        errors: What failed.
    """

    def __init__(self, clock: Clock, run: str) -> None:
        """Begin a log.

        Args:
            clock: The time.
            run: ``backup=velero/name``, which every line carries.
        """
        self._clock, self._run = clock, run
        self._lines: list[str] = []
        self.warnings, self.errors = Result(), Result()

    def info(self, message: str, **fields: str) -> None:
        """Note what goes on."""
        self._write("info", message, fields)

    def warn(self, message: str, **fields: str) -> None:
        """Warn; counted by Velero's backups."""
        self._write("warning", message, fields)
        _count(self.warnings, message, fields)

    def error(self, message: str, **fields: str) -> None:
        """Tell of a failure; counted by Velero's backups."""
        self._write("error", message, fields)
        _count(self.errors, message, fields)

    def tell(self, level: Level, message: str) -> None:
        """Write a line that is counted elsewhere, as restores do."""
        self._write(level, message, {})

    def results(self) -> Json:
        """Return both results as they are stored."""
        return {"errors": self.errors.to_json(), "warnings": self.warnings.to_json()}

    def text(self) -> str:
        """Return the log."""
        return "".join(f"{line}\n" for line in self._lines)

    def _write(self, level: str, message: str, fields: dict[str, str]) -> None:
        words = [f"{name}={_quoted(value)}" for name, value in fields.items()]
        stamp = timestamp(self._clock())
        head = f'time="{stamp}" level={level} msg={_always_quoted(message)} {self._run}'
        self._lines.append(" ".join([head, *words]))


def _count(result: Result, message: str, fields: dict[str, str]) -> None:
    text = ""
    for name in ("resource", "name"):
        if name in fields:
            text += f" {name}: /{fields[name]}"
    text += f" message: /{message}"
    if "error" in fields:
        text += f" error: /{fields['error']}"
    if "namespace" in fields:
        result.add(fields["namespace"], text)
    else:
        result.velero.append(text)


def _quoted(value: str) -> str:
    plain = value and all(c.isalnum() or c in "-._/@^+" for c in value)
    return value if plain else _always_quoted(value)


def _always_quoted(value: str) -> str:
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
