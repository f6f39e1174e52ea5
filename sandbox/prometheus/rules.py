"""Alert rules, and the words that their annotations are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("rules.yaml")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_PRINTF = re.compile(r'printf "%(\.\d+[fg])" \$value')
_LABEL = re.compile(r"\$labels\.(\w+)")


@dataclass(frozen=True)
class Rule:
    """An alert rule.

    Attributes:
        group: The group that it belongs to.
        name: The alert's name.
        expr: PromQL.
        seconds: How long it must be so (`for`), as written.
        labels: Added to those of the series.
        annotations: Templates.
    """

    group: str
    name: str
    expr: str
    seconds: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@cache
def shipped() -> tuple[Rule, ...]:
    """The rules of `rules.yaml`."""
    import yaml

    document = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(
        _rule(group["name"], item) for group in document["groups"] for item in group["rules"]
    )


def _rule(group: str, item: Mapping[str, Any]) -> Rule:
    return Rule(
        group,
        item["alert"],
        item["expr"],
        seconds(item.get("for", "0s")),
        item.get("labels", {}),
        item.get("annotations", {}),
    )


def seconds(text: str) -> float:
    """Read a duration such as `15m`."""
    return sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))


def filled(template: str, labels: Mapping[str, str], value: float) -> str:
    """Put labels and value into an annotation, as Prometheus' templates do.

    Known are `$labels.NAME`, `$value`, `printf "%.2f" $value` and `humanizePercentage`.
    """

    def place(found: re.Match[str]) -> str:
        inner = found[1]
        if label := _LABEL.fullmatch(inner):
            return labels.get(label[1], "")
        if form := _PRINTF.fullmatch(inner):
            return format(value, form[1])
        if inner == "$value | humanizePercentage":
            return f"{value * 100:.4g}%"
        return f"{value:g}" if inner == "$value" else found[0]

    return _PLACE.sub(place, template)
