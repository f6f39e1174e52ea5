"""How busy the workloads are, as far as autoscalers and graphs ask."""

from __future__ import annotations

from collections.abc import Callable


class Load:
    """How busy workloads are, in percent of what their pods request.

    Attributes:
        measured: Whether there is a metrics API: from the first steered load on. Until then
            autoscalers learn nothing, as in a cluster without a metrics server.
        touched: Called with namespace, workload, resource and percent when a load was steered;
            with None instead of percent when that has ended.
    """

    def __init__(self) -> None:
        self.measured = False
        self.touched: Callable[[str, str, str, float | None], None] = lambda *_: None
        self._set: dict[tuple[str, str, str], float] = {}

    def steer(self, namespace: str, workload: str, percent: float, resource: str = "cpu") -> None:
        """Fix the total load of a workload, in percent of one pod's request, over all pods."""
        self.measured = True
        self._set[namespace, workload, resource] = percent
        self.touched(namespace, workload, resource, percent)

    def clear(self, namespace: str, workload: str, resource: str = "cpu") -> None:
        """Let the workload idle again."""
        if self._set.pop((namespace, workload, resource), None) is not None:
            self.touched(namespace, workload, resource, None)

    def per_pod(self, namespace: str, workload: str, resource: str, pods: int) -> float:
        """Return the load of each of its pods, in percent of a pod's request."""
        return self._set.get((namespace, workload, resource), 20.0) / max(1, pods)
