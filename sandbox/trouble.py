"""Failures that one asks for in a word: `api-503`, `image=parse-server:*`, `node-down=node-2`.

The same words are taken by `onprem sandbox --fault`, `onprem demo --fault` and the practice
world's control address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.kube.faults import Fault

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
none                                API and Velero have no failures, Slack and store are back
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
            NoSuchFault: It names a node that does not exist.
        """
        if self.name in ("slack-away", "slack-back", "none"):
            await (slack.away() if self.name == "slack-away" else slack.back())
        if self.name in ("store-away", "store-back", "none"):
            await (objects.away() if self.name == "store-away" else objects.back())
            for cluster in clusters:
                if cluster.velero is not None:
                    cluster.velero.look()
        if self.name in _CLUSTER:
            for cluster in clusters:
                try:
                    _CLUSTER[self.name](cluster, self.value)
                except ValueError as error:
                    raise NoSuchFault(str(error)) from None


def _check(trouble: Trouble) -> None:
    try:
        if trouble.name == "api-slow":
            float(trouble.value)
        elif trouble.name in _CODES and trouble.value:
            int(trouble.value)
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


def _none(cluster: PracticeCluster, _value: str) -> None:
    cluster.server.faults.clear()
    if cluster.velero is not None:
        cluster.velero.heal()


_SERVICES = ("slack-away", "slack-back", "store-away", "store-back")
_CODES = ("api-429", "api-500", "api-503")
_VALUED = ("api-slow", "node-down", "node-up", "image-missing", "image-crash", "image-unready")
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
    "none": _none,
}
