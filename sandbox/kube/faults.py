"""Failures on request: slow answers, refusals and outages, for the requests one chooses."""

from __future__ import annotations

import asyncio
import fnmatch
from dataclasses import dataclass, field

from sandbox.kube import errors
from sandbox.kube.errors import ApiError, bad_request
from sandbox.kube.jsonutil import Json

_CODES = (403, 429, 500, 503)


@dataclass(slots=True)
class Fault:
    """One failure and the requests it meets.

    Attributes:
        code: 403, 429, 500 or 503; 0 only delays.
        times: For how many matching requests; None for all until it is cleared.
        method: HTTP method, or ``*``.
        path: Pattern of the path with ``*`` and ``?``, such as ``/api/v1/*/pods*``.
        delay: Seconds to wait before the answer.
        retry_after: Seconds that a 429 tells the client to wait.
        message: What a 403 says: the words of a webhook, a quota, or a missing right.
    """

    code: int = 0
    times: int | None = 1
    method: str = "*"
    path: str = "*"
    delay: float = 0.0
    retry_after: int = 1
    message: str = "forbidden: a fault was asked for"

    def meets(self, method: str, path: str) -> bool:
        """Whether a request is one of those this fault is for."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


@dataclass(slots=True)
class Faults:
    """The failures in force; the first that fits a request is used.

    Attributes:
        checks: Names of the API server's checks of itself that fail: `etcd`.
    """

    active: list[Fault] = field(default_factory=list)
    checks: set[str] = field(default_factory=set)

    def add(self, fault: Fault) -> None:
        """Put a failure in force.

        Raises:
            ValueError: Its code or delay makes no sense.
        """
        if fault.code not in (0, *_CODES):
            raise ValueError(f"code {fault.code}: choose 0 (only a delay), 403, 429, 500 or 503")
        if fault.delay < 0 or (fault.times is not None and fault.times < 1):
            raise ValueError("delay must not be negative, and times at least 1")
        self.active.append(fault)

    def clear(self) -> None:
        """End all failures."""
        self.active.clear()
        self.checks.clear()

    async def meet(self, method: str, path: str) -> None:
        """Delay or refuse a request if a failure is in force for it.

        Raises:
            ApiError: The failure.
        """
        fault = self._take(method, path)
        if fault is None:
            return
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.code:
            raise _error(fault)

    def _take(self, method: str, path: str) -> Fault | None:
        for fault in self.active:
            if fault.meets(method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.active.remove(fault)
                return fault
        return None

    def to_json(self) -> list[Json]:
        """Return the failures in force."""
        return [{name: getattr(fault, name) for name in _NAMES} for fault in self.active]


_NAMES = ("code", "times", "method", "path", "delay", "retry_after", "message")


def fault_from_json(body: Json) -> Fault:
    """Read a failure as the admin endpoint takes it.

    Raises:
        ApiError: 400, when members are unknown or of the wrong type.
    """
    unknown = sorted(set(body) - set(_NAMES))
    if unknown:
        raise bad_request(f"a fault has no member {unknown[0]!r}; it has {', '.join(_NAMES)}")
    kinds: dict[str, type] = dict.fromkeys(("method", "path", "message"), str)
    kinds |= dict.fromkeys(("code", "times", "retry_after"), int)
    for name, kind in kinds.items():
        value = body.get(name)
        if name in body and not (isinstance(value, kind) or (name == "times" and value is None)):
            raise bad_request(f"{name} of a fault must be of type {kind.__name__}")
    if not isinstance(body.get("delay", 0), int | float):
        raise bad_request("delay of a fault must be a number of seconds")
    return Fault(**body)


def _error(fault: Fault) -> ApiError:
    if fault.code == 429:
        text = "The server has received too many requests and has asked us to try again later"
        return errors.too_many_requests(text, fault.retry_after)
    if fault.code == 403:
        return ApiError(403, "Forbidden", fault.message)
    return errors.server_fault(fault.code)
