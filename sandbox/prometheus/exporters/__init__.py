"""What the practice cluster's exporters tell: for each metric, the series that there were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sandbox.prometheus.exporters import (
    containers,
    control,
    machines,
    objects,
    targets,
    volumes,
)
from sandbox.prometheus.scene import Scene
from sandbox.prometheus.scraping import Track

Exporter = Callable[[Scene], Iterable[Track]]

METRICS: Mapping[str, Exporter] = {
    **machines.METRICS,
    **objects.METRICS,
    **containers.METRICS,
    **volumes.METRICS,
    **control.METRICS,
    **targets.METRICS,
}
"""Each metric's name, and what makes its series."""
