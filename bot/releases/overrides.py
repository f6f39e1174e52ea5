"""What people changed beside the configuration, turned into chart values and back. Pure.

Every override ends as one value in the chart: `version` at the app's `version_value`, `replicas` at
the alias' `replicas_value`, `value` at its own path. Two that mean the same value never stand
side by side: the later one replaces the earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.releases.values import put, show

if TYPE_CHECKING:
    from bot.config import AppConfig

VALUE, VERSION, CHART_VERSION, REPLICAS = "value", "version", "chart_version", "replicas"


@dataclass(frozen=True, slots=True)
class Wish:
    """One override as JSON values; it fits into a plan's facts.

    Attributes:
        kind: `value`, `version`, `chart_version` or `replicas`.
        path: The chart's value for a `value`, `statefulset/parse-mongodb` for `replicas`.
        by: Who wished it (person), empty for the one who asks now.
        at: When, microseconds UTC; 0 for now.
    """

    kind: str
    path: str
    value: Any
    actor: str = ""
    by: str = ""
    at: int = 0
    request_id: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Two with the same key replace each other."""
        return self.kind, self.path

    @property
    def words(self) -> str:
        """`version 8.2.0`, `mongodb.cache = 2`."""
        if self.kind in (VERSION, CHART_VERSION):
            return f"{self.kind.replace('_', ' ')} {self.value}"
        return f"{self.path} = {show(self.value)}"


def value_path(app: AppConfig, wish: Wish) -> str:
    """Where in the chart's values a wish lands; empty for nowhere."""
    if wish.kind == VERSION:
        return app.version_value
    if wish.kind == VALUE:
        return wish.path
    if wish.kind == REPLICAS:
        found = (a.replicas_value for a in app.aliases.values() if a.workload == wish.path)
        return next(found, None) or ""
    return ""


def from_assignments(app: AppConfig, assignments: Mapping[str, Any]) -> tuple[Wish, ...]:
    """Wishes for `--set`: one for a value that another kind owns becomes of that kind."""
    sizes = {a.replicas_value: a.workload for a in app.aliases.values() if a.replicas_value}
    found = []
    for path, value in assignments.items():
        if path == app.version_value:
            found.append(Wish(VERSION, "", value))
        elif path in sizes:
            found.append(Wish(REPLICAS, sizes[path], value))
        else:
            found.append(Wish(VALUE, path, value))
    return tuple(found)


def combine(app: AppConfig, old: Iterable[Wish], new: Iterable[Wish]) -> tuple[Wish, ...]:
    """The old wishes with the new ones in place of those for the same or an inner value."""
    wanted = tuple(new)
    paths = tuple(path for wish in wanted if (path := value_path(app, wish)))
    keys = {wish.key for wish in wanted}

    def stays(wish: Wish) -> bool:
        path = value_path(app, wish)
        covered = any(path == p or path.startswith((p + ".", p + "[")) for p in paths)
        return wish.key not in keys and not (path and covered)

    return (*(wish for wish in old if stays(wish)), *wanted)


def applied(app: AppConfig, values: Mapping[str, Any], wishes: Iterable[Wish]) -> dict[str, Any]:
    """The values with every wish put in."""
    result: Any = dict(values)
    for wish in wishes:
        if path := value_path(app, wish):
            result = put(result, path, wish.value)
    return dict(result)


def chart_version(wishes: Iterable[Wish]) -> str | None:
    """The chart version wished for, if one is."""
    found = [str(wish.value) for wish in wishes if wish.kind == CHART_VERSION]
    return found[-1] if found else None
