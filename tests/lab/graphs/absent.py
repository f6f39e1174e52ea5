"""Graphs of the catalogue that have no data in the lab, and why that cannot be otherwise.

What their queries make of written series, `promtool test rules` shows.
"""

from __future__ import annotations

NO_LOGS = "kwok's containers write no log files, so no kubelet measures any"

ABSENT = {
    "logs": NO_LOGS,
    "app-logs": NO_LOGS,
    "logs-collected": "kwok's containers write no log files, so no collector reads any",
    "app-network": "kwok's pods have no network of their own, and no cAdvisor looks at them",
    "volumes": "kwok mounts no volumes, so no kubelet measures how full they are",
}
