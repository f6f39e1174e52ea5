"""What catalogue queries are tried with: names that try to leave their label, written series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.graphs.catalogue import AppPods, Graph

FILE = Path(__file__).with_name("cases.yaml")

NASTY = (
    '"} or vector(1) #',
    '"}) or vector(1) or (up{x="',
    "\\",
    '\\"',
    "a\nb",
    "`'",
    "$rate $namespace",
    "${rate}[5m]",
    ".*|.+",
    "(?i:x)(",
    "a|b{2}[c]^$",
    "{{nodename}} # \t\r",
    "\x00\x07\x7f\u2028\ufeff",
    "ä 🦉 \ud83d",
    "x" * 5000,
)
"""As an app's namespace, its workload or a node; none is a name that Kubernetes accepts."""


@dataclass(frozen=True)
class Case:
    """Series, and what a graph's query makes of them.

    Attributes:
        graph: Its name.
        series: From series to their values, one each minute, in promtool's notation.
        expect: From labels to the value at ``at``.
        at: How long after the first sample.
        options: For `Graph.promql`.
    """

    graph: str
    series: Mapping[str, str]
    expect: Mapping[str, float] = field(default_factory=dict)
    at: str = "30m"
    options: Mapping[str, Any] = field(default_factory=dict)


def cases() -> tuple[Case, ...]:
    """All of `cases.yaml`."""
    return tuple(map(_case, yaml.safe_load(FILE.read_text(encoding="utf-8"))["cases"]))


def _case(written: Mapping[str, Any]) -> Case:
    said = dict(written)
    options = {key: said.pop(key) for key in ("app", "node", "rate", "jobs") if key in said}
    if app := options.get("app"):
        options["app"] = AppPods(app["namespace"], tuple(app.get("workloads", ())))
    series = {name: str(values) for name, values in said.pop("series").items()}
    return Case(series=series, options=options, **said)


def rendered(graph: Graph, text: str, rate: str = "5m") -> str:
    """The query of a graph, narrowed to what this text names in every way that it can be."""
    app = AppPods(text, (f"deployment/{text}", f"statefulset/{text}"))
    return graph.promql(
        app=app if "namespace" in graph.places else None,
        node=text if "node" in graph.places else "",
        rate=rate,
    )
