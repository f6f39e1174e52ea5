"""Paths of locks: `cluster[/namespace[/app]]`, and which of them exclude each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from bot.errors import UsageError


@dataclass(frozen=True, slots=True, order=True)
class LockPath:
    """A place in the tree of targets; `parts` are raw names, from the cluster downwards."""

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.parts or not all(self.parts):
            raise UsageError(
                "This cannot be locked",
                why="a cluster is missing, or an app stands without its namespace",
                hint="Name it as CLUSTER, CLUSTER/NAMESPACE or CLUSTER/NAMESPACE/APP",
            )

    @classmethod
    def of(cls, cluster: str, namespace: str = "", app: str = "") -> LockPath:
        """The path of a target.

        Raises:
            UsageError: Without a cluster, or with an app but no namespace.
        """
        parts = [cluster, namespace, app]
        while parts and not parts[-1]:
            parts.pop()
        return cls(tuple(parts))

    @classmethod
    def parse(cls, text: str) -> LockPath:
        """Reads `text` again.

        Raises:
            UsageError: If a part is empty.
        """
        return cls(tuple(unquote(part, errors="surrogatepass") for part in text.split("/")))

    @property
    def text(self) -> str:
        """The path with `/`, `%` and whatever else is unusual in a name escaped within parts."""
        return "/".join(quote(part, safe=":@", errors="surrogatepass") for part in self.parts)

    def covers(self, other: LockPath) -> bool:
        """Whether `other` is this place or lies below it."""
        return other.parts[: len(self.parts)] == self.parts


def conflicts(a: LockPath, b: LockPath) -> bool:
    """Whether two targets exclude each other: the same, or one above the other."""
    return a.covers(b) or b.covers(a)


class Endings:
    """When an operation last ended at each place, to notice a plan that is older than that."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, ...], int] = {}
        self._below: dict[tuple[str, ...], int] = {}

    def note(self, path: LockPath, at: int) -> None:
        """An operation that held this lock has ended (microseconds UTC)."""
        self._at[path.parts] = at
        for length in range(1, len(path.parts)):
            self._below[path.parts[:length]] = at

    def after(self, path: LockPath, moment: int) -> bool:
        """Whether one that excludes this path has ended after that moment."""
        above = (self._at.get(path.parts[: n + 1], 0) for n in range(len(path.parts)))
        return max(*above, self._below.get(path.parts, 0)) > moment
