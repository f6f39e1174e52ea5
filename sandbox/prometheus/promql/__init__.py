"""PromQL with the semantics of Prometheus 3, for all steps of a range at once.

`evaluate` runs a query over any `Source` of samples. The grammar is read by `promql-parser`; what
is evaluated here is what graphs and alert rules use. Everything else is refused, never guessed.
"""

from sandbox.prometheus.promql.evaluating import evaluate, parse
from sandbox.prometheus.promql.values import (
    LOOKBACK,
    Labels,
    Matcher,
    QueryError,
    Samples,
    Scalar,
    Source,
    Text,
    Vector,
)

__all__ = [
    "LOOKBACK",
    "Labels",
    "Matcher",
    "QueryError",
    "Samples",
    "Scalar",
    "Source",
    "Text",
    "Vector",
    "evaluate",
    "parse",
]
