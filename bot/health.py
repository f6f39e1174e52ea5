"""How a cluster is, in sentences and in a picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.releases.words import count, listed
from bot.render.plot import Bar, Bars, amount

if TYPE_CHECKING:
    from bot.render.document import Tone
    from integrations.kubernetes import health

SLOW = 1.0
"""Seconds in which a small request should be answered."""
FULL = 0.9
"""Share of the pods that a node takes from which on it is nearly full."""
MOST_NAMES, MOST_CAUSES, MOST_BARS = 3, 10, 30
_PRESSURES = {
    "MemoryPressure": "short of memory",
    "DiskPressure": "short of disk space",
    "PIDPressure": "short of process ids",
    "NetworkUnavailable": "without network",
}

_SAME = {"ErrImagePull": "ImagePullBackOff"}
"""Reasons that a pod changes between while it waits for one and the same thing."""


@dataclass(frozen=True)
class Finding:
    """One sentence about a part of a cluster.

    Attributes:
        part: `Control plane`, `Nodes`, `Pods`.
        tone: How bad it is.
        brief: The same for a headline, in a few words; empty for what is no news.
    """

    part: str
    text: str
    tone: Tone
    brief: str = ""


def of_control_plane(found: health.ControlPlane) -> Iterator[Finding]:
    """A finding about the API server."""
    part, took = "Control plane", amount(found.latency, "seconds")
    if found.failing:
        failing = listed(found.failing, MOST_NAMES)
        text = f"the API server is not ready: {failing} failed. It answers in {took}."
        if found.dying:
            text += f" It should be restarted: {listed(found.dying, MOST_NAMES)} of livez failed."
        yield Finding(part, text, "bad", "the API server is not ready")
    elif found.latency >= SLOW:
        text = f"ready, but a small request takes {took}."
        yield Finding(part, text, "warn", "the API server is slow")
    elif found.silent:
        text = f"answers in {took}; whether it is ready it does not say: {found.silent}"
        yield Finding(part, text, "plain")
    else:
        yield Finding(part, f"{found.version}, ready, answers in {took}.", "good")


def of_nodes(found: tuple[health.NodeState, ...]) -> Iterator[Finding]:
    """Findings about nodes."""
    away = [node for node in found if not node.ready]
    pressed = [node for node in found if node.ready and node.pressures]
    cordoned = [node for node in found if node.cordoned]
    for node in away[:MOST_CAUSES]:
        yield Finding("Node", f"{node.name} is not ready: {_ended(node.why)}", "bad")
    for node in pressed[:MOST_CAUSES]:
        words = listed(_PRESSURES.get(p, p) for p in node.pressures)
        yield Finding("Node", f"{node.name} is {words}.", "bad")
    if cordoned:
        names = listed((node.name for node in cordoned), MOST_CAUSES)
        verb = "is" if len(cordoned) == 1 else "are"
        yield Finding("Nodes", f"{names} {verb} cordoned: no new pods come there.", "warn")
    ready = len(found) - len(away)
    tone: Tone = "good" if found and not away else "bad"
    said = f"{count(len(found), 'node')}, {'all' if ready == len(found) else ready} ready."
    wrong = [
        f"{count(len(away), 'node')} not ready" if away else "",
        f"{count(len(pressed), 'node')} under pressure" if pressed else "",
        "no nodes" if not found else "",
    ]
    yield Finding("Nodes", said, tone, listed(w for w in wrong if w))


def of_pods(found: health.Pods) -> Iterator[Finding]:
    """Findings about pods: those that are not well, by cause."""
    causes: dict[str, list[health.Trouble]] = {}
    for trouble in found.troubles:
        causes.setdefault(_SAME.get(trouble.reason, trouble.reason), []).append(trouble)
    ordered = sorted(causes.values(), key=lambda ones: (not any(x.fatal for x in ones), -len(ones)))
    for ones in ordered[:MOST_CAUSES]:
        yield Finding("Pods", _cause(ones), "bad" if any(x.fatal for x in ones) else "warn")
    if len(ordered) > MOST_CAUSES:
        rest = sum(len(ones) for ones in ordered[MOST_CAUSES:])
        yield Finding("Pods", f"{count(rest, 'more pod')} for other reasons.", "warn")
    bad = len(found.troubles)
    well = found.total - bad - found.starting
    said = f"{count(found.total, 'pod')}, {'all' if well == found.total else well} well"
    said += f", {found.starting} starting." if found.starting else "."
    brief = f"{count(bad, 'pod')} not well" if bad else ""
    yield Finding("Pods", said, "plain" if bad else "good", brief)


def _cause(ones: list[health.Trouble]) -> str:
    first, *rest = ones
    said = first.message or f"{first.pod} is {first.reason}."
    names = [f"{one.namespace}/{one.pod}" for one in rest]
    also = f" So is it with {listed(names, MOST_NAMES)}." if names else ""
    return f"in {first.namespace}, {said}{also}"


def _ended(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def picture(title: str, nodes: tuple[health.NodeState, ...], on: Mapping[str, int]) -> Bars:
    """How full each node is with pods, and which are not well."""
    ordered = sorted(nodes, key=lambda n: (n.ready, -_share(n, on), n.name))
    bars = tuple(_bar(node, on) for node in ordered[:MOST_BARS])
    return Bars(title, "pods on each node", "as many as it takes", bars)


def _share(node: health.NodeState, on: Mapping[str, int]) -> float:
    return on.get(node.name, 0) / node.room if node.room else 0.0


def _bar(node: health.NodeState, on: Mapping[str, int]) -> Bar:
    words = [
        "ready" if node.ready else "not ready",
        *(_PRESSURES.get(p, p) for p in node.pressures),
    ]
    words += ["cordoned"] if node.cordoned else []
    words.append(f"{on.get(node.name, 0)} of {count(node.room, 'pod')}")
    tone: Tone = "good"
    if not node.ready or node.pressures:
        tone = "bad"
    elif node.cordoned or _share(node, on) >= FULL:
        tone = "warn"
    return Bar(node.name, _share(node, on), ", ".join(words), tone)
