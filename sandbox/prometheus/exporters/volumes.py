"""The kubelets' view of volumes: how full the claims are that running pods use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from sandbox.kube.resources import PERSISTENTVOLUMECLAIMS
from sandbox.prometheus.exporters.containers import JOB, target
from sandbox.prometheus.facts import Claim
from sandbox.prometheus.promql.values import Floats, Times
from sandbox.prometheus.scene import Scene, labelled, track
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import Function, Ramp, Span, share, wave
from sandbox.prometheus.steering import VOLUME_FILLING

_FULL = 0.985
_INODE = 16384.0


def _used(scene: Scene) -> dict[tuple[str, str], list[tuple[str, list[Span]]]]:
    """Claims, with the nodes where pods used them and when."""
    found: dict[tuple[str, str], list[tuple[str, list[Span]]]] = {}
    for run in scene.running():
        for name in run.pod.claims:
            users = found.setdefault((run.life.namespace, name), [])
            spans = scene.reached(run.spans, JOB)
            for node, known in users:
                if node == run.pod.node:
                    known += spans
                    break
            else:
                users.append((run.pod.node, spans))
    return found


def _fullness(scene: Scene, namespace: str, name: str) -> Function:
    """Which part of a claim is used."""
    level = share(f"{namespace}/{name}", 0.22, 0.38)
    moving = wave(f"volume/{namespace}/{name}", 0.08)
    acts = scene.steering.acts(VOLUME_FILLING, name, f"{namespace}/{name}")
    ramps = [Ramp(act.start, act.end, scene.ramp, _FULL - level * 0.9) for act in acts]

    def part(times: Times) -> Floats:
        found = level * moving.value(times)
        for ramp in ramps:
            found = found + ramp.value(times)
        return np.minimum(found, _FULL)

    return part


def _stats(part: str) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        users = _used(scene)
        for life in scene.history.lives(PERSISTENTVOLUMECLAIMS, Claim):
            size = life.states[-1][1].size if life.states else 0.0
            used = _fullness(scene, life.namespace, life.name)
            functions: dict[str, Function] = {
                "capacity_bytes": lambda times, size=size: np.full(len(times), size),  # type: ignore[misc]
                "used_bytes": lambda times, size=size, used=used: size * used(times),  # type: ignore[misc]
                "available_bytes": lambda times, size=size, used=used: size * (1 - used(times)),  # type: ignore[misc]
                "inodes": lambda times, size=size: np.full(len(times), size // _INODE),  # type: ignore[misc]
                "inodes_used": lambda times, size=size, used=used: np.floor(  # type: ignore[misc]
                    size / _INODE * used(times) / 9
                ),
            }
            claim = {"namespace": life.namespace, "persistentvolumeclaim": life.name}
            for node, spans in users.get((life.namespace, life.name), ()):
                given = target(scene, node, "/metrics")
                labels = labelled(f"kubelet_volume_stats_{part}", **{**given, **claim})
                yield track(labels, spans, functions[part])

    return tracks


METRICS: dict[str, Callable[[Scene], Iterable[Track]]] = {
    f"kubelet_volume_stats_{part}": _stats(part)
    for part in ("capacity_bytes", "used_bytes", "available_bytes", "inodes", "inodes_used")
}
