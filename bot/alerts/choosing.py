"""Which graph explains an alert: one of the catalogue, else its rule's own expression. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from bot.errors import UsageError
from bot.graphs.catalogue import AppPods, Catalogue, Graph, Threshold
from bot.graphs.series import RATE, WIDTH, Question, question, step_of
from bot.names import check_namespace, check_object
from bot.releases.targets import apps_on

if TYPE_CHECKING:
    from bot.config import Config
    from bot.config.graphs import JobKind
    from bot.graphs.window import Window
    from integrations.prometheus import Series

LONGEST = 4_000
"""Characters of an expression; a longer one is nothing for a picture."""
WORKLOADS = ("deployment", "statefulset", "daemonset")
_LIMIT = re.compile(
    r"^(?P<left>.*\S)\s*(?P<sign><=|>=|<|>)\s*(?P<value>-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)$",
    re.DOTALL,
)
_SETS = re.compile(r"\b(and|or|unless|on|ignoring|bool)\b")


@dataclass(frozen=True, slots=True)
class Choice:
    """A graph for an alert.

    Attributes:
        graph: What it is called and how it looks; its query need not be the one asked.
        asked: What is asked of Prometheus.
        own: It is the expression of the alert's rule, which has lines of other alerts too.
        whole: The same with its comparison left in, which has only the lines beyond the limit: for
            when the other has too many. None when nothing was taken off.
    """

    graph: Graph
    asked: Question
    own: bool = False
    whole: Question | None = None


def choose(
    catalogue: Catalogue,
    labels: Mapping[str, str],
    source: str,
    window: Window,
    jobs: Mapping[JobKind, str] | None,
) -> Choice | None:
    """The graph for an alert; None when nothing could be asked.

    Args:
        catalogue: All named graphs.
        labels: What all alerts of the group share.
        source: Where Prometheus shows the rule: its expression is in there.
        window: Which time.
        jobs: What the cluster's Prometheus calls scrape jobs.
    """
    graph = catalogue.of_alert(labels.get("alertname", ""))
    if graph is not None:
        place = _place(graph, labels)
        try:
            return Choice(graph, question(graph, window, app=place[0], node=place[1], jobs=jobs))
        except UsageError:
            pass  # such as a graph of an app for an alert without a namespace
    text = expression(source)
    if not text:
        return None
    asked, limit = threshold(text)
    step = step_of(window.seconds, WIDTH)
    title = labels.get("alertname", "") or "The alert's expression"
    own = Graph("alert", title, "count", asked, thresholds=(limit,) if limit else (), zero=False)
    start, end = window.start // 1_000_000, window.end // 1_000_000
    once = Question(asked, start, end, max(step, RATE // 20))
    return Choice(own, once, own=True, whole=replace(once, promql=text) if limit else None)


def command(catalogue: Catalogue, config: Config, cluster: str, labels: Mapping[str, str]) -> str:
    """The command that shows an alert's graph; empty when there is none.

    Args:
        catalogue: All named graphs.
        config: The configuration, for the app that the labels name.
        cluster: Where.
        labels: What all alerts of the group share.
    """
    graph = catalogue.of_alert(labels.get("alertname", ""))
    there = labels.get("namespace", "")
    apps = [one.name for one in apps_on(config, cluster) if there and one.namespace == there]
    app = apps[0] if len(apps) == 1 else ""
    if graph is None or (graph.scope == "app" and not app):
        return ""
    words = [f"graph {graph.name}"]
    if app and "namespace" in graph.places:
        words.append(f"--app {app}")
    node = labels.get("node", "")
    if node and check_object(node) is None and "node" in graph.places:
        words.append(f"--node {node}")
    if len(config.clusters) > 1:
        words.append(f"--cluster {cluster}")
    return " ".join(words)


def expression(source: str) -> str:
    """The expression in the address that Prometheus gives for a rule; empty without one."""
    try:
        found = parse_qs(urlsplit(source).query, max_num_fields=50).get("g0.expr", [""])[0]
    except ValueError:
        return ""
    text = found.strip()
    return text if len(text) <= LONGEST else ""


def threshold(text: str) -> tuple[str, Threshold | None]:
    """An expression without its comparison to a number, and that as a limit.

    Left whole, the line would be there only while the alert fires. Only a comparison at the very
    end and of the whole expression is taken off; everything else stays as it is.
    """
    found = _LIMIT.match(text)
    if found is None or not _whole(found["left"]):
        return text, None
    below = found["sign"].startswith("<")
    number = float(found["value"])
    return found["left"], Threshold(number, "bad", f"{found['sign']} {found['value']}", below)


def matching(found: Sequence[Series], alerts: Iterable[Mapping[str, str]]) -> tuple[Series, ...]:
    """The lines that belong to some alerts; all when none can be told apart."""
    wanted = list(alerts)

    def belongs(series: Series) -> bool:
        named = [(k, v) for k, v in series.labels.items() if k != "__name__"]
        return any(all(labels.get(k) == v for k, v in named) for labels in wanted)

    return tuple(one for one in found if belongs(one)) or tuple(found)


def _whole(text: str) -> bool:
    """Whether text is one expression that a comparison at its end is about."""
    depth, quote, outside = 0, "", []
    for index, char in enumerate(text):
        if quote:
            if char == quote and text[index - 1] != "\\":
                quote = ""
            continue
        if char in "\"'`":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth < 0:
                return False
        elif not depth:
            outside.append(char)
    rest = "".join(outside)
    plain = not quote and not depth and not re.search(r"[<>]|[=!]=", rest)
    return plain and _SETS.search(rest) is None


def _place(graph: Graph, labels: Mapping[str, str]) -> tuple[AppPods | None, str]:
    """To what a graph of the catalogue is narrowed: a namespace's pods, a node."""
    namespace, node = labels.get("namespace", ""), labels.get("node", "")
    pods = None
    if namespace and check_namespace(namespace) is None and "namespace" in graph.places:
        names = [(kind, labels.get(kind, "")) for kind in WORKLOADS]
        sound = tuple(f"{k}/{n}" for k, n in names if n and check_object(n) is None)
        pods = AppPods(namespace, sound)
    if not node or check_object(node) is not None or "node" not in graph.places:
        node = ""
    return pods, node
