"""How containers behave: which images never come, which crash, which never get ready.

By default the image's tag says it (``broken`` and ``does-not-exist`` never come, ``crash``
crashes); faults add rules while the world runs. A rule is a shell pattern on the image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from sandbox.kube.controllers.meta import Json
from sandbox.kube.runtime import ExecResult

FAIL_TAGS = ("*:broken", "*:does-not-exist")
CRASH_TAGS = ("*:crash",)


@dataclass(frozen=True, slots=True)
class NotYet:
    """A program still waits; it is asked again.

    Attributes:
        what: What it waits for.
    """

    what: str


class Programs(Protocol):
    """Knows what containers that run to their end do."""

    def run(self, pod: Json, container: Json) -> ExecResult | NotYet | None:
        """Run a container's command to its end; None: it is not known and just ends well."""
        ...


@dataclass(slots=True)
class Behaviours:
    """The rules in force.

    Attributes:
        fail: Images that cannot be pulled.
        crash: Images whose containers end with exit code 1 soon after their start.
        unready: Images whose readiness probe never passes.
        slow: Images whose readiness takes the given number of seconds.
        programs: What containers that run to their end do.
        touched: Called when a rule was added or taken away.
    """

    fail: list[str] = field(default_factory=lambda: list(FAIL_TAGS))
    crash: list[str] = field(default_factory=lambda: list(CRASH_TAGS))
    unready: list[str] = field(default_factory=list)
    slow: dict[str, float] = field(default_factory=dict)
    programs: Programs | None = None
    touched: Callable[[], None] = lambda: None

    def pull_fails(self, image: str) -> bool:
        """Whether the image never comes."""
        return _any(self.fail, image)

    def crashes(self, image: str) -> bool:
        """Whether its containers crash."""
        return _any(self.crash, image)

    def ready_after(self, image: str, usual: float) -> float | None:
        """Seconds from start to ready, None for never."""
        if _any(self.unready, image):
            return None
        for pattern, seconds in self.slow.items():
            if _fits(pattern, image):
                return seconds
        return usual


def _any(patterns: list[str], image: str) -> bool:
    return any(_fits(pattern, image) for pattern in patterns)


def _fits(pattern: str, image: str) -> bool:
    return fnmatchcase(image, pattern) or fnmatchcase(canonical_image(image), pattern)


def canonical_image(image: str) -> str:
    """Return the image with registry, path and tag, as containerd names it."""
    name, tag = image, ":latest"
    if "@" in image:
        name, _, digest = image.partition("@")
        tag = "@" + digest
    elif ":" in image.rsplit("/", 1)[-1]:
        name, _, rest = image.rpartition(":")
        tag = ":" + rest
    first = name.split("/", 1)[0]
    if "/" not in name:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    return name + tag


def image_id(image: str) -> str:
    """Return a steady, made-up digest reference for an image."""
    if "@" in image:
        return canonical_image(image)
    full = canonical_image(image)
    return f"{full.rpartition(':')[0]}@sha256:{hashlib.sha256(full.encode()).hexdigest()}"


def image_bytes(image: str) -> int:
    """Return a steady, made-up size, 10 to 210 MB."""
    return 10_000_000 + int(hashlib.sha256(image.encode()).hexdigest()[:6], 16) * 12


def pull_error(image: str) -> str:
    """The sentence containerd gives for an image that is not there."""
    full = canonical_image(image)
    return (
        f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": '
        f"{full}: not found"
    )
