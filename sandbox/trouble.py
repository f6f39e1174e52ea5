"""Failures that one asks for in a word: `api-503`, `image=parse-server:*`, `node-down=node-2`.

The same words are taken by `onprem sandbox --fault`, `onprem demo --fault` and the practice
world's control address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.kube.faults import Fault
from sandbox.kube.resources import DEPLOYMENTS, STATEFULSETS
from sandbox.prometheus.steering import (
    DISK_FILLING,
    MEMORY_LEAK,
    NODE_BUSY,
    TARGET_DOWN,
    USUAL_LOAD,
    VOLUME_FILLING,
)

if TYPE_CHECKING:
    from sandbox.cluster import PracticeCluster
    from sandbox.slack import SlackServer
    from sandbox.velero import ObjectStore

HELP = """\
api-503, api-500, api-429[=TIMES]   the Kubernetes API refuses requests (all, or that many)
api-slow=SECONDS                    it answers that much later
watches-cut                         all open watches end now
node-down=NAME, node-up=NAME        a node is lost, or back
image-missing=PATTERN               images that fit cannot be pulled
image-crash=PATTERN                 their containers crash
image-unready=PATTERN               their containers never become ready
slack-away, slack-back              Slack cannot be reached, or can again
store-away, store-back              the object store refuses connections, or is back
velero-away, velero-back            Velero's server processes nothing, or is started again
velero-sticks, velero-moves         its runs make no progress, or go on
backup-fails, backup-partial        backups end Failed, or PartiallyFailed
volumes-fail                        the data of volumes is neither saved nor restored
restore-fails, restore-partial      restores end Failed, or PartiallyFailed
restore-warns                       each restore adds a warning
load=WORKLOAD:TIMES                 a workload is so many times as busy as usual; 1 is usual
memory-leak=NAME, memory-freed=NAME  a workload's memory grows up to its limit, or is as before
node-busy=NODE, node-calm=NODE      a node's CPU is busy, or no more
disk-filling=NODE, disk-freed=NODE  a node's disk fills up, or is as before
volume-filling=NAME, volume-freed=NAME  a claim's volume fills up, or is as before
target-down=JOB, target-up=JOB      Prometheus does not reach a job's targets, or does again
prometheus-away, prometheus-back    Prometheus refuses connections, or is back
prometheus-slow=SECONDS             it answers that much later
prometheus-nan                      all its values are NaN
prometheus-many=COPIES              it has so many of each series
alertmanager-away, alertmanager-back  Alertmanager refuses connections and tells nobody, or is back
alertmanager-split                  it is a pair that tells everything twice
none                                all is well again; nodes and images stay as they are
"""


class NoSuchFault(ValueError):
    """The word is no failure of the practice world."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failure, as asked for.

    Attributes:
        name: `api-503`.
        value: What stands behind the `=`; empty for nothing.
    """

    name: str
    value: str = ""

    @classmethod
    def parse(cls, word: str) -> Trouble:
        """Reads a failure.

        Raises:
            NoSuchFault: There is none of that name, or its value makes no sense.
        """
        name, sign, value = word.strip().partition("=")
        takes_it = name in (*_VALUED, *_CODES) if value else name not in _VALUED
        known = name in (*_CLUSTER, *_SERVICES)
        if not known or not takes_it or bool(sign) != bool(value):
            raise NoSuchFault(f"{word!r} is no failure of the practice world. There are:\n{HELP}")
        trouble = cls(name, value)
        _check(trouble)
        return trouble

    async def apply(
        self, clusters: list[PracticeCluster], slack: SlackServer, objects: ObjectStore
    ) -> None:
        """Puts it in force, in every cluster.

        Raises:
            NoSuchFault: It names a node or a workload that no cluster has.
        """
        if self.name in ("slack-away", "slack-back", "none"):
            await (slack.away() if self.name == "slack-away" else slack.back())
        if self.name in ("store-away", "store-back", "none"):
            await (objects.away() if self.name == "store-away" else objects.back())
            for cluster in clusters:
                if cluster.velero is not None:
                    cluster.velero.look()
        wrong = []
        for cluster in clusters:
            await _watchers(cluster, self.name)
            if self.name in _CLUSTER:
                try:
                    _CLUSTER[self.name](cluster, self.value)
                except ValueError as error:
                    wrong.append(str(error))
        if wrong and len(wrong) == len(clusters):
            raise NoSuchFault(wrong[0])


async def _watchers(cluster: PracticeCluster, name: str) -> None:
    """Let Prometheus and Alertmanager go, or come back."""
    for server, own in ((cluster.prometheus, "prometheus"), (cluster.alertmanager, "alertmanager")):
        if server is not None and name == f"{own}-away":
            await server.away()
        elif server is not None and name in (f"{own}-back", "none"):
            await server.back()


def _check(trouble: Trouble) -> None:
    try:
        if trouble.name in ("api-slow", "prometheus-slow"):
            float(trouble.value)
        elif trouble.name == "prometheus-many" or (trouble.name in _CODES and trouble.value):
            int(trouble.value)
        elif trouble.name == "load":
            float(trouble.value.rpartition(":")[2])
    except ValueError:
        raise NoSuchFault(f"{trouble.name} takes a number, not {trouble.value!r}") from None


def _refusing(code: int) -> Callable[[PracticeCluster, str], None]:
    def apply(cluster: PracticeCluster, value: str) -> None:
        cluster.server.faults.add(Fault(code, times=int(value) if value else None))

    return apply


def _slow(cluster: PracticeCluster, value: str) -> None:
    cluster.server.faults.add(Fault(0, times=None, delay=float(value)))


def _velero(switch: str, value: bool = True) -> Callable[[PracticeCluster, str], None]:
    def apply(cluster: PracticeCluster, _value: str) -> None:
        if cluster.velero is not None:
            cluster.velero.fault(switch, value)

    return apply


def _load(cluster: PracticeCluster, value: str) -> None:
    """Make a workload busier; without its namespace it is looked for.

    Raises:
        ValueError: There is no such workload.
    """
    target, _, times = value.rpartition(":")
    namespace, _, workload = target.rpartition("/")
    world = cluster.controllers.world
    found = [
        meta["namespace"]
        for resource in (DEPLOYMENTS, STATEFULSETS)
        for meta in (obj["metadata"] for obj in cluster.store.scan(resource))
        if meta["name"] == workload and namespace in ("", meta["namespace"])
    ]
    if not found:
        raise ValueError(f"there is no workload {target!r} in cluster {cluster.name}")
    for where in found:
        if float(times) == 1:
            world.idle(where, workload)
        else:
            world.load(where, workload, USUAL_LOAD * float(times))


def _steered(kind: str, on: bool = True) -> Callable[[PracticeCluster, str], None]:
    def apply(cluster: PracticeCluster, target: str) -> None:
        if cluster.prometheus is not None:
            steering = cluster.prometheus.steering
            (steering.begin if on else steering.end)(kind, target)

    return apply


def _prometheus(
    name: str, value: Callable[[str], object]
) -> Callable[[PracticeCluster, str], None]:
    def apply(cluster: PracticeCluster, text: str) -> None:
        if cluster.prometheus is not None:
            setattr(cluster.prometheus, name, value(text))

    return apply


def _split(cluster: PracticeCluster, _value: str) -> None:
    if cluster.alertmanager is not None:
        cluster.alertmanager.split = True


def _none(cluster: PracticeCluster, _value: str) -> None:
    cluster.server.faults.clear()
    if cluster.prometheus is not None:
        cluster.prometheus.heal()
    if cluster.alertmanager is not None:
        cluster.alertmanager.split = False
    if cluster.velero is not None:
        cluster.velero.heal()


_SERVICES = (
    *("slack-away", "slack-back", "store-away", "store-back"),
    *("prometheus-away", "prometheus-back", "alertmanager-away", "alertmanager-back"),
)
_CODES = ("api-429", "api-500", "api-503")
_STEERED = {
    NODE_BUSY: "node-calm",
    DISK_FILLING: "disk-freed",
    VOLUME_FILLING: "volume-freed",
    MEMORY_LEAK: "memory-freed",
    TARGET_DOWN: "target-up",
}
"""What goes on once it was asked for, and the word that ends it."""
_VALUED = (
    *("api-slow", "node-down", "node-up", "image-missing", "image-crash", "image-unready"),
    *("load", "prometheus-slow", "prometheus-many", *_STEERED, *_STEERED.values()),
)
_CLUSTER: dict[str, Callable[[PracticeCluster, str], object]] = {
    **{f"api-{code}": _refusing(code) for code in (429, 500, 503)},
    "api-slow": _slow,
    "watches-cut": lambda cluster, _: cluster.server.drop_watches(),
    "node-down": lambda cluster, name: cluster.controllers.world.node_down(name),
    "node-up": lambda cluster, name: cluster.controllers.world.node_up(name),
    "image-missing": lambda cluster, image: cluster.controllers.world.fail_image(image),
    "image-crash": lambda cluster, image: cluster.controllers.world.crash(image),
    "image-unready": lambda cluster, image: cluster.controllers.world.never_ready(image),
    "velero-away": _velero("away"),
    "velero-back": _velero("away", False),
    "velero-sticks": _velero("sticks"),
    "velero-moves": _velero("sticks", False),
    "backup-fails": _velero("backup_fails"),
    "backup-partial": _velero("backup_partial"),
    "volumes-fail": _velero("volumes_fail"),
    "restore-fails": _velero("restore_fails"),
    "restore-partial": _velero("restore_partial"),
    "restore-warns": _velero("restore_warns"),
    "load": _load,
    **{word: _steered(word) for word in _STEERED},
    **{end: _steered(word, on=False) for word, end in _STEERED.items()},
    "prometheus-slow": _prometheus("delay", float),
    "prometheus-nan": _prometheus("nan", lambda _: True),
    "prometheus-many": _prometheus("copies", int),
    "alertmanager-split": _split,
    "none": _none,
}
