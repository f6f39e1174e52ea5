"""What helm tells, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revision:
    """One line of a release's history. ``updated`` is RFC 3339 text as helm gives it."""

    number: int
    status: str
    chart: str
    app_version: str
    updated: str
    description: str

    @property
    def pending(self) -> bool:
        """Whether helm is (or was, when killed) at work on it."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


@dataclass(frozen=True, slots=True)
class Release:
    """One release as ``helm list`` shows it."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    app_version: str
    updated: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a deploy would apply. The manifest holds Secrets in clear: never show it undiffed."""

    manifest: str
    notes: str = ""


@dataclass(frozen=True, slots=True)
class TestResult:
    """What ``helm test`` found.

    Attributes:
        ok: All tests passed.
        output: Helm's own table.
        failed: Names of the pods that failed; their logs say why.
    """

    ok: bool
    output: str
    failed: tuple[str, ...] = ()
