"""The catalogue: the shipped graphs (`catalogue.yaml`) and those of `onprem.yaml`.

graph = catalogue["app-cpu"]
graph.promql(app=AppPods("parse", ("deployment/parse-server",)), rate="5m")
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import yaml

from bot import promql
from bot.config.base import Model
from bot.config.graphs import JOBS, PLACES, GraphConfig, JobKind, Scope, Unit
from bot.config.models import Config
from bot.errors import UsageError
from bot.names import clip
from bot.promql import quote

__all__ = ["AppPods", "Catalogue", "Graph", "Scope", "Threshold", "Unit", "load", "quote"]

EVERYTHING = ".*"
SHIPPED = Path(__file__).with_name("catalogue.yaml")

# How the pods of a workload are called: a ReplicaSet's hash and five letters, a number, five
# letters. Kubernetes cuts what it adds letters to at 58 (`apiserver/pkg/storage/names`).
_PODS: Mapping[str, str] = {
    "deployment": "-[a-z0-9]+-[a-z0-9]{5}",
    "statefulset": "-[0-9]+",
    "daemonset": "-[a-z0-9]{5}",
}
_CUT, _LONGEST_WHOLE = 58, 46
_LABEL = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line that should not be crossed; `below` when lower values are the bad ones."""

    value: float
    tone: Literal["warn", "bad"]
    text: str
    below: bool = False


@dataclass(frozen=True, slots=True)
class AppPods:
    """Which pods an app has.

    Attributes:
        namespace: Where it lives.
        workloads: `deployment/web`, `statefulset/db`; without any, all pods of the namespace.
    """

    namespace: str
    workloads: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """A regular expression that matches the names of the pods."""
        if not self.workloads:
            return EVERYTHING
        return "|".join(_pods_of(workload) for workload in sorted(self.workloads))


@dataclass(frozen=True)
class Graph:
    """One named graph; see `GraphConfig` for what most parts mean.

    Attributes:
        with_app: The graph that is meant instead when an app is named.
        jobs: What scrape jobs are called usually, as regular expressions.
    """

    name: str
    title: str
    unit: Unit
    query: str
    legend: str = ""
    scope: Scope = "cluster"
    thresholds: tuple[Threshold, ...] = ()
    zero: bool = True
    most: float | None = None
    description: str = ""
    needs: str = ""
    with_app: str = ""
    alerts: tuple[str, ...] = ()
    jobs: Mapping[JobKind, str] = field(default_factory=dict)

    @cached_property
    def places(self) -> frozenset[str]:
        """What the query keeps a place for, such as `namespace` and `node`."""
        return promql.places(self.query, PLACES)

    def promql(
        self,
        *,
        app: AppPods | None = None,
        node: str = "",
        rate: str = "5m",
        jobs: Mapping[JobKind, str] | None = None,
    ) -> str:
        """The query with everything put in; nothing of it can leave its label.

        Args:
            app: Narrows to an app's pods.
            node: Narrows to one node, by the name that Kubernetes knows.
            rate: Over which time rates are taken: at least four scrapes, at least the step.
            jobs: Where this cluster calls scrape jobs otherwise: regular expressions.

        Raises:
            UsageError: The graph needs an app, or cannot be narrowed so.
        """
        if self.scope == "app" and app is None:
            raise UsageError(f"{self.name} is a graph of an app", hint="Add --app with its name")
        if app is not None and "namespace" not in self.places:
            raise UsageError(f"{self.name} cannot be narrowed to an app", hint="Leave --app out")
        if node and "node" not in self.places:
            raise UsageError(f"{self.name} cannot be narrowed to a node", hint="Leave --node out")
        names = {**self.jobs, **(jobs or {})}
        return promql.fill(
            self.query,
            {
                "namespace": quote(promql.escape(app.namespace) if app else EVERYTHING),
                "pods": quote(app.pattern if app else EVERYTHING),
                "node": quote(_node(node)),
                "rate": promql.duration(rate),
                **{f"{kind}_job": quote(names[kind]) for kind in JOBS},
            },
        )

    def label(self, labels: Mapping[str, str]) -> str:
        """The name of a line, from its labels; the title when they do not give one."""
        if self.legend:
            text = _LABEL.sub(lambda match: labels.get(match[1], ""), self.legend)
        else:
            text = ", ".join(value for key, value in sorted(labels.items()) if key != "__name__")
        return " ".join(text.split()) or self.title


@dataclass(frozen=True)
class Catalogue(Mapping[str, Graph]):
    """All graphs by name.

    Attributes:
        dashboards: `cluster` and `app`, each with the names of its graphs.
    """

    graphs: Mapping[str, Graph]
    dashboards: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> Graph:
        return self.graphs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.graphs)

    def __len__(self) -> int:
        return len(self.graphs)

    def find(self, name: str, *, app: bool = False) -> Graph:
        """The graph that a person means: `cpu` with an app is `app-cpu`.

        Raises:
            UsageError: There is none; the nearest is named.
        """
        graph = self.graphs.get(name)
        if graph is None:
            near = self.close(name)
            hint = f"Did you mean {near}?" if near else "See graph list"
            raise UsageError(f"there is no graph {clip(name)}", hint=hint)
        return self.graphs.get(graph.with_app, graph) if app else graph

    def close(self, name: str) -> str:
        """The name that is nearest to this one; empty when none is near."""
        return next(iter(difflib.get_close_matches(name, self.graphs, n=1)), "")

    def of_alert(self, alertname: str) -> Graph | None:
        """The graph that explains an alert; a graph of `onprem.yaml` goes first."""
        return next((g for g in reversed([*self.graphs.values()]) if alertname in g.alerts), None)


class _ShippedGraph(GraphConfig):
    with_app: str = ""


class _Shipped(Model):
    jobs: dict[JobKind, str]
    dashboards: dict[str, tuple[str, ...]]
    graphs: dict[str, _ShippedGraph]


@cache
def _shipped() -> _Shipped:
    """The shipped file, which does not change: reading it takes 30 ms, in which nobody is heard."""
    return _Shipped.model_validate(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))


def load(config: Config | None = None) -> Catalogue:
    """The shipped graphs, and those of the configuration, which replace one of the same name."""
    shipped = _shipped()
    described = {**shipped.graphs, **(config.graphs if config else {})}
    narrow = {name: one.with_app for name, one in shipped.graphs.items()}
    graphs = {
        name: _graph(name, one, shipped.jobs, narrow.get(name, ""))
        for name, one in described.items()
    }
    return Catalogue(graphs, shipped.dashboards)


def _graph(name: str, one: GraphConfig, jobs: Mapping[JobKind, str], with_app: str) -> Graph:
    limits = tuple(Threshold(t.value, t.tone, t.text, t.below) for t in one.thresholds)
    same = {key: getattr(one, key) for key in GraphConfig.model_fields if key != "thresholds"}
    return Graph(name=name, thresholds=limits, with_app=with_app, jobs=jobs, **same)


def _node(name: str) -> str:
    """A node by its name; the machine may write it in capitals, or with its domain."""
    return rf"(?i:{promql.escape(name)})(\..*)?" if name else EVERYTHING


def _pods_of(workload: str) -> str:
    kind, _, name = workload.rpartition("/")
    if len(name) > _LONGEST_WHOLE and kind != "statefulset":
        return promql.escape(name[:_CUT]) + "[a-z0-9.-]+"
    return promql.escape(name) + _PODS.get(kind, "(-.*)?")
