"""What all tests share: a tool that CI must have is never quietly skipped."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Imported once and here: each importing folder would get servers of its own, for a whole run.
from tests.cluster.fixtures import lab, older_lab  # noqa: F401
from tests.cluster.monitoring_fixtures import (  # noqa: F401
    lab_alertmanager,
    lab_metrics,
    lab_prometheus,
    lab_state,
    machine,
    monitoring_tools,
)
from tests.cluster.recovery_fixtures import lab_velero, object_store, second_velero  # noqa: F401

# How long an example takes says something of the machine's other work, not of the code.
settings.register_profile("onprem", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("onprem")

# `ONPREM_REQUIRE="browser kubectl"`: a test with such a marker that skips itself has failed.
REQUIRED = frozenset(os.environ.get("ONPREM_REQUIRE", "").split())

LONGEST = Path(__file__).parent / "lab"

# The start of real servers counts for the first test of them, and they keep the machine busy.
REAL_SERVERS = 180
"""Seconds for a test of them that names no other limit."""

# A shell starts background commands with SIGINT ignored, and children inherit that: then no test
# that presses Ctrl-C would mean anything.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stories on real servers take longest: they begin, lest one worker is left with one alone.

    And what names no limit of its own there gets more time than other tests.
    """
    items.sort(key=lambda item: LONGEST not in item.path.parents)
    for item in items:
        if item.get_closest_marker("lab") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(REAL_SERVERS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    wanted = REQUIRED.intersection(mark.name for mark in item.iter_markers())
    if report.skipped and wanted:
        report.outcome = "failed"
        report.longrepr = f"{', '.join(sorted(wanted))} is required here, but: {report.longrepr}"
    return report
