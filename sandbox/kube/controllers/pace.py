"""How fast the practice world lives: durations of simulated acts, in seconds.

What a manifest states itself (grace periods, deadlines, time to live) is kept as stated.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Pace:
    """Durations, in seconds, of what a real cluster takes time for.

    Attributes:
        schedule: From a pod's creation to its node.
        pull: Fetching an image that the node does not hold yet.
        start: From a pulled image to a running container.
        ready: From a running container to a passing readiness probe.
        terminate: Ending a container that was asked to stop (never longer than its grace).
        complete: How long a container that runs to its end takes.
        crash: How long a crashing container lives.
        backoff: First wait before a restart or another pull; doubles each time.
        backoff_limit: Longest such wait.
        heartbeat: Between two renewals of a node's lease.
        eviction: How long pods stay on a lost node if they do not say it themselves.
        node_grace: From the last heartbeat until a node counts as lost.
        bind: Creating a volume for a claim.
        scale: Between two looks of an autoscaler at its metrics.
    """

    schedule: float = 0.05
    pull: float = 1.0
    start: float = 0.2
    ready: float = 1.0
    terminate: float = 0.5
    complete: float = 1.0
    crash: float = 1.0
    backoff: float = 10.0
    backoff_limit: float = 300.0
    heartbeat: float = 10.0
    eviction: float = 300.0
    node_grace: float = 40.0
    bind: float = 0.1
    scale: float = 15.0

    def scaled(self, factor: float) -> Pace:
        """Return this pace with every duration but the heartbeat multiplied by `factor`.

        Args:
            factor: 0 makes everything happen at once, 2 makes it take twice as long.

        Raises:
            ValueError: If `factor` is negative.
        """
        if factor < 0:
            raise ValueError(f"the pace cannot be scaled by {factor}: give 0 or more")
        return Pace(
            **{
                f.name: getattr(self, f.name) * (1 if f.name == "heartbeat" else factor)
                for f in fields(self)
            }
        )
