"""Counts what only the moment knows; the rest of the bot's own metrics is read from its state."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

ACK_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 3.0)
"""Seconds; Slack gives three, and after 2.5 the bot runs nothing any more."""


class Meters:
    """One bot's counters.

    Attributes:
        registry: Holds them, and nothing of the process or of other bots.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._acks = Histogram(
            "onprem_slack_ack_seconds",
            "From a payload's arrival until its acknowledgement was written.",
            buckets=ACK_BUCKETS,
            registry=self.registry,
        )
        self._limited = Counter(
            "onprem_slack_rate_limited",
            "Answers 429 of Slack, by what was sent.",
            ["kind"],
            registry=self.registry,
        )

    def acked(self, seconds: float) -> None:
        """An acknowledgement was written."""
        self._acks.observe(seconds)

    def limited(self, kind: str) -> None:
        """Slack asked to wait; `kind` is one of the outbox."""
        self._limited.labels(kind).inc()
