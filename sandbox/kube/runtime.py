"""The seam between the API server and what pretends to run inside pods.

The server knows only these protocols; ``sandbox.kube.pods`` implements them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.kube.store import Store

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command in a container wrote, and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0


class PodRuntime(Protocol):
    """Answers for the processes inside pods. Pods are given as plain JSON objects."""

    def logs(
        self,
        pod: Json,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: int | None,
        timestamps: bool,
        previous: bool,
    ) -> AsyncIterator[bytes]:
        """Yield the container's log in pieces (write it as an async generator).

        Raises:
            ApiError: The container has no such log (not started, no previous run).
        """
        ...

    async def exec(
        self, pod: Json, container: str, command: list[str], stdin: bytes | None
    ) -> ExecResult:
        """Run ``command`` in the container and return all its output.

        ``stdin`` is None when the client sends none. A command that does not exist
        answers with exit code 126 or 127, as a shell would.
        """
        ...

    def evict(self, store: Store, pod: Json, options: Json) -> Json:
        """Evict the pod or refuse, and return the ``metav1.Status`` of success.

        ``options`` is the Eviction's ``deleteOptions`` ({} when absent). With
        ``dryRun`` in it nothing may change.

        Raises:
            ApiError: 429 when a PodDisruptionBudget forbids it.
        """
        ...
