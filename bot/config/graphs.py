"""A graph as data: the same shape in the shipped catalogue and under `graphs:` in `onprem.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, FiniteFloat, StringConstraints, model_validator

from bot import promql
from bot.config.base import Model

Unit = Literal[
    "bytes", "bytes/s", "bits/s", "percent", "seconds", "cores", "count", "count/s", "ops/s"
]
Scope = Literal["cluster", "node", "app"]
JobKind = Literal["node", "state", "apiserver", "scheduler", "controllers", "kubelet"]

JOBS: tuple[JobKind, ...] = get_args(JobKind)
PLACES = frozenset({"namespace", "pods", "node", "rate", *(f"{kind}_job" for kind in JOBS)})
"""What a query may keep a place for; `bot.graphs` says what each becomes."""


def _query(text: str) -> str:
    promql.places(text, PLACES)
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Query = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000),
    AfterValidator(_query),
]


class ThresholdConfig(Model):
    """A line that should not be crossed.

    Attributes:
        value: Where it is, in the graph's unit.
        text: What crossing it means, in a few words.
        tone: How bad that is.
        below: Whether lower values are the bad ones.
    """

    value: FiniteFloat
    text: Line = ""
    tone: Literal["warn", "bad"] = "warn"
    below: bool = False


class GraphConfig(Model):
    """One graph.

    Attributes:
        title: What it shows.
        query: PromQL with places: `$namespace`, `$pods`, `$node` are literals for `=~`, `$rate` is
            a duration, `$state_job` and its like are literals for `job=~`.
        unit: Of its values.
        legend: The name of a line, as `{{pod}}` over its labels; all labels when empty.
        scope: `app` needs an app and `node` can be narrowed to one node.
        thresholds: Lines that should not be crossed.
        zero: Whether the axis begins at 0.
        most: The axis' upper end, if the values have one.
        description: What to see in it.
        needs: What measures it; said when there is no data.
        alerts: Names of alerts that this graph explains.
    """

    title: Annotated[Line, StringConstraints(min_length=1)]
    query: Query
    unit: Unit = "count"
    legend: Line = ""
    scope: Scope = "cluster"
    thresholds: tuple[ThresholdConfig, ...] = ()
    zero: bool = True
    most: FiniteFloat | None = None
    description: str = ""
    needs: str = ""
    alerts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _reach(self) -> GraphConfig:
        """A graph of an app or a node has to ask for it."""
        needed = {"app": "namespace", "node": "node"}.get(self.scope)
        if needed and needed not in promql.places(self.query, PLACES):
            raise ValueError(f"scope {self.scope} needs ${needed} in the query")
        return self
