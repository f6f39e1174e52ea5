"""What can go wrong with Prometheus.

PrometheusError
├── PrometheusUnreachable   no usable answer: network, credentials, a proxy, its own health
├── QueryRefused            the query is wrong, or too much for this server
├── QueryTimeout            it took too long
└── TooManySeries           more than anybody could look at
"""

from __future__ import annotations

from integrations.errors import IntegrationError


class PrometheusError(IntegrationError):
    """Base of Prometheus' errors."""


class PrometheusUnreachable(PrometheusError):
    """It gave no usable answer."""


class QueryRefused(PrometheusError):
    """The query is wrong, or too much for this server."""


class QueryTimeout(PrometheusError):
    """The query ran out of time."""


class TooManySeries(PrometheusError):
    """The answer has more series than were asked for.

    Attributes:
        count: How many there are at the end of the range; None when even counting failed.
        most: How many would have been taken.
    """

    def __init__(self, count: int | None, most: int) -> None:
        there = f"{count:,}" if count else f"more than {most:,}"
        super().__init__(
            f"The query has too many series: {there}, and at most {most:,} are taken.",
            hint="Ask for less, such as one app or one node, or let the query add them up.",
        )
        self.count = count
        self.most = most
