"""Prometheus: instant queries and ranges. It knows no catalogue and draws nothing."""

from integrations.prometheus.client import MOST_SERIES, TIMEOUT, Prometheus
from integrations.prometheus.errors import (
    PrometheusError,
    PrometheusUnreachable,
    QueryRefused,
    QueryTimeout,
    TooManySeries,
)
from integrations.prometheus.models import QueryResult, RangeResult, Series

__all__ = [
    "MOST_SERIES",
    "TIMEOUT",
    "Prometheus",
    "PrometheusError",
    "PrometheusUnreachable",
    "QueryRefused",
    "QueryResult",
    "QueryTimeout",
    "RangeResult",
    "Series",
    "TooManySeries",
]
