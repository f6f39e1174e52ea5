"""node_exporter: CPU, load, memory, disks and network of the nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from sandbox.prometheus.facts import Node
from sandbox.prometheus.history import Life
from sandbox.prometheus.promql.values import Floats, Labels, Times
from sandbox.prometheus.scene import NAMESPACE, Scene, labelled, track
from sandbox.prometheus.scraping import Track
from sandbox.prometheus.shapes import (
    Function,
    Levels,
    Ramp,
    Span,
    Wave,
    once,
    share,
    steady,
    summed,
    wave,
)
from sandbox.prometheus.steering import DISK_FILLING, NODE_BUSY

JOB = "node-exporter"
PORT = 9100
_GIB = float(1 << 30)
_CALM, _MOST = 0.08, 0.98
_IDLE, _BUSY = "idle", ("user", "system", "softirq", "iowait", "irq", "nice", "steal")
_PARTS = (0.68, 0.24, 0.03, 0.02, 0.0, 0.03, 0.0)
_FILESYSTEMS = (
    ("/dev/sda2", "ext4", "/", 100 * _GIB, 0.34),
    ("/dev/sda1", "ext4", "/boot", 1 * _GIB, 0.21),
    ("tmpfs", "tmpfs", "/run", 1.6 * _GIB, 0.01),
)
_FULL = 0.985


class _Machine:
    """One node, as its exporter sees it."""

    def __init__(self, scene: Scene, life: Life[Node]) -> None:
        self.scene, self.life = scene, life
        self.name, self.node = life.name, life.states[-1][1]
        self.instance = f"{self.node.address}:{PORT}"
        self.spans: list[Span] = scene.reached(scene.up(life), JOB)
        amounts = dict(self.node.capacity)
        self.cpus = max(1, int(amounts.get("cpu", 4)))
        self.memory = amounts.get("memory", 16 * _GIB)

    def labels(self, name: str, /, **more: str) -> Labels:
        """The labels of one of its series."""
        return labelled(
            name,
            job=JOB,
            instance=self.instance,
            namespace=NAMESPACE,
            container=JOB,
            endpoint="http-metrics",
            service=f"practice-{JOB}",
            pod=f"practice-{JOB}-{self.name}",
            **more,
        )

    def track(self, function: Function, name: str, /, **more: str) -> Track:
        """One of its series."""
        return track(self.labels(name, **more), self.spans, function)


def _machines(scene: Scene) -> Iterator[_Machine]:
    for life in scene.nodes():
        if life.states:
            yield _Machine(scene, life)


def _used_cores(scene: Scene) -> dict[str, Levels]:
    """For each node the cores in use, without what moves by itself."""
    parts: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for run, steps in scene.cores():
        parts[run.pod.node] += steps
    found = {}
    for machine in _machines(scene):
        busy = scene.steering.spans(NODE_BUSY, machine.name)
        always = (machine.life.born, machine.life.died, 0.0)
        more = [(start, end, machine.cpus * _MOST) for start, end in busy]
        found[machine.name] = summed(
            [always, *parts[machine.name], *more], machine.cpus * (_MOST - _CALM)
        )
    return found


def _cpu(scene: Scene) -> Iterator[Track]:
    used = _used_cores(scene)
    flat = wave("flat", 0.0)
    for machine in _machines(scene):
        moving = wave(f"cpu/{machine.name}")
        calm = once(steady(_CALM, [(scene.first, machine.life.died)]).counted(moving))
        steered = once(used[machine.name].counted(flat, scale=1 / machine.cpus))
        whole = once(steady(1.0, [(scene.first, machine.life.died)]).counted(flat))
        for cpu in range(machine.cpus):
            tilt = share(f"{machine.name}/{cpu}", -0.02, 0.02)

            def busy(
                times: Times,
                calm: Function = calm,
                steered: Function = steered,
                tilt: float = tilt,
            ) -> Floats:
                return calm(times) * (1 + tilt) + steered(times)

            for mode, part in zip(_BUSY, _PARTS, strict=True):
                yield machine.track(
                    _scaled(busy, part), "node_cpu_seconds_total", cpu=str(cpu), mode=mode
                )
            idle = _difference(whole, busy)
            yield machine.track(idle, "node_cpu_seconds_total", cpu=str(cpu), mode=_IDLE)


def _scaled(function: Function, factor: float) -> Function:
    return lambda times: function(times) * factor


def _difference(whole: Function, part: Function) -> Function:
    return lambda times: whole(times) - part(times)


def _load(minutes: int) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        used = _used_cores(scene)
        for machine in _machines(scene):
            moving = wave(f"cpu/{machine.name}")

            def load(
                times: Times,
                used: Levels = used[machine.name],
                cpus: int = machine.cpus,
                moving: Wave = moving,
            ) -> Floats:
                calm = _CALM * cpus * moving.value(times)
                near = used.value(times) >= cpus * (_MOST - _CALM) - 1e-9
                return (calm + used.value(times)) * np.where(near, 1.6, 1.1)

            yield machine.track(load, f"node_load{minutes}")

    return tracks


def _memory(part: str) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        from sandbox.prometheus.exporters.containers import memory_of_nodes

        of_pods = memory_of_nodes(scene)
        for machine in _machines(scene):
            moving, total = wave(f"memory/{machine.name}", 0.3), machine.memory
            pods = of_pods.get(machine.name, [])

            def available(
                times: Times,
                pods: list[Function] = pods,
                total: float = total,
                moving: Wave = moving,
                base: float = share(f"memory/{machine.name}", 0.14, 0.2),
            ) -> Floats:
                used = total * base * moving.value(times)
                for function in pods:
                    used = used + function(times)
                return np.maximum(total - used, total * 0.02)

            functions: dict[str, Function] = {
                "MemTotal": lambda times, total=total: np.full(len(times), total),  # type: ignore[misc]
                "MemAvailable": available,
                "MemFree": _scaled(available, 0.55),
                "Cached": _scaled(available, 0.35),
                "Buffers": _scaled(available, 0.05),
            }
            yield machine.track(functions[part], f"node_memory_{part}_bytes")

    return tracks


def _filesystem(part: str) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        for machine in _machines(scene):
            for device, kind, mount, size, used in _FILESYSTEMS:
                level = used * share(f"{machine.name}{mount}", 0.85, 1.15)
                acts = scene.steering.acts(DISK_FILLING, machine.name) if mount == "/" else []
                ramps = [Ramp(a.start, a.end, scene.ramp, _FULL - level * 0.9) for a in acts]
                moving = wave(f"disk/{machine.name}{mount}", 0.06)

                def left(
                    times: Times,
                    level: float = level,
                    ramps: list[Ramp] = ramps,
                    size: float = size,
                    moving: Wave = moving,
                ) -> Floats:
                    filled = level * moving.value(times)
                    for ramp in ramps:
                        filled = filled + ramp.value(times)
                    return size * (1 - np.minimum(filled, _FULL))

                whole: Function = lambda times, size=size: np.full(len(times), size)  # type: ignore[misc]  # noqa: E731
                nothing: Function = lambda times: np.zeros(len(times))  # noqa: E731
                chosen = {"size": whole, "avail": left, "free": left, "readonly": nothing}[part]
                name = f"node_filesystem_{part}" + ("" if part == "readonly" else "_bytes")
                yield machine.track(chosen, name, device=device, fstype=kind, mountpoint=mount)

    return tracks


def _traffic(
    name: str, devices: dict[str, float], per_core: float, seed: str
) -> Callable[[Scene], Iterable[Track]]:
    """A counter for each device that follows the time of day and how busy the node is."""

    def tracks(scene: Scene) -> Iterator[Track]:
        used = _used_cores(scene)
        for machine in _machines(scene):
            for device, rate in devices.items():
                moving = wave(f"{seed}/{machine.name}/{device}")
                own = rate * share(f"{seed}/{machine.name}", 0.8, 1.2)
                calm = steady(own, [(scene.first, machine.life.died)]).counted(moving)
                busy = used[machine.name].counted(moving, scale=per_core * rate)

                def both(times: Times, calm: Function = calm, busy: Function = busy) -> Floats:
                    return calm(times) + busy(times)

                yield machine.track(both, name, device=device)

    return tracks


def _uname(scene: Scene) -> Iterator[Track]:
    for machine in _machines(scene):
        yield machine.track(
            lambda times: np.ones(len(times)),
            "node_uname_info",
            nodename=machine.name,
            domainname="(none)",
            machine="x86_64",
            release="6.12.0-practice",
            sysname="Linux",
            version="#1 SMP PREEMPT_DYNAMIC",
        )


def _clock(
    name: str, since: Callable[[_Machine, Times], Floats]
) -> Callable[[Scene], Iterable[Track]]:
    def tracks(scene: Scene) -> Iterator[Track]:
        for machine in _machines(scene):
            yield machine.track(lambda times, m=machine: since(m, times), name)  # type: ignore[misc]

    return tracks


_DISKS = {"sda": 1.0, "dm-0": 1.0}
_CARDS = {"eth0": 1.0, "lo": 0.2, "cni0": 0.6}


def _times(devices: dict[str, float], factor: float) -> dict[str, float]:
    return {device: share * factor for device, share in devices.items()}


METRICS: dict[str, Callable[[Scene], Iterable[Track]]] = {
    "node_cpu_seconds_total": _cpu,
    **{f"node_load{minutes}": _load(minutes) for minutes in (1, 5, 15)},
    **{
        f"node_memory_{part}_bytes": _memory(part)
        for part in ("MemTotal", "MemAvailable", "MemFree", "Cached", "Buffers")
    },
    **{
        f"node_filesystem_{part}" + ("" if part == "readonly" else "_bytes"): _filesystem(part)
        for part in ("size", "avail", "free", "readonly")
    },
    **{
        name: _traffic(name, _times(devices, rate), per_core, seed)
        for name, devices, rate, per_core, seed in (
            ("node_disk_read_bytes_total", _DISKS, 4e5, 2.0, "read"),
            ("node_disk_written_bytes_total", _DISKS, 1.8e6, 1.5, "written"),
            ("node_disk_reads_completed_total", _DISKS, 14.0, 2.0, "read"),
            ("node_disk_writes_completed_total", _DISKS, 55.0, 1.5, "written"),
            ("node_disk_io_time_seconds_total", _DISKS, 0.05, 1.0, "written"),
            ("node_disk_io_time_weighted_seconds_total", _DISKS, 0.08, 1.2, "written"),
            ("node_network_receive_bytes_total", _CARDS, 9e5, 2.5, "in"),
            ("node_network_transmit_bytes_total", _CARDS, 7e5, 2.5, "out"),
            ("node_network_receive_packets_total", _CARDS, 900.0, 2.5, "in"),
            ("node_network_transmit_packets_total", _CARDS, 800.0, 2.5, "out"),
            ("node_network_receive_errs_total", _CARDS, 0.0, 0.0, "in"),
            ("node_network_transmit_errs_total", _CARDS, 0.0, 0.0, "out"),
            ("node_vmstat_pgmajfault", {"": 1.0}, 0.02, 0.0, "faults"),
        )
    },
    "node_uname_info": _uname,
    "node_time_seconds": _clock("node_time_seconds", lambda _, times: times / 1000),
    "node_boot_time_seconds": _clock(
        "node_boot_time_seconds", lambda m, times: np.full(len(times), m.scene.first / 1000 - 60)
    ),
}
