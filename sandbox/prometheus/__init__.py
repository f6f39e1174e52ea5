"""A practice Prometheus: its series follow the practice cluster, its HTTP API is the real one's."""

from sandbox.prometheus.server import PracticePrometheus

__all__ = ["PracticePrometheus"]
