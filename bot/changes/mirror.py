"""The workloads and releases of one namespace, kept up to date by watches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from bot.changes.differences import GRACE, RELEASE, Sight
from bot.changes.observed import Revision, Workload, revision, workload
from integrations.errors import IntegrationError
from integrations.kubernetes.kinds import DAEMON_SET, DEPLOYMENT, SECRET, STATEFUL_SET, Kind
from integrations.kubernetes.models import Shape
from integrations.kubernetes.watch import Change, Event, watch

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient

log = structlog.get_logger(__name__)

RETRY = 60.0
"""Seconds until a watch that was refused is tried again."""
_KINDS: Mapping[str, Kind] = {
    "deployment": DEPLOYMENT,
    "statefulset": STATEFUL_SET,
    "daemonset": DAEMON_SET,
    RELEASE: SECRET,
}


class Mirror:
    """Watches what is changed by deploying, scaling and restarting; of Secrets only metadata.

    Args:
        kube: Where.
        namespace: The namespace.
        stirred: Is told of everything that may matter; must not block.
        retry: Seconds until a refused watch is tried again.

    Attributes:
        late: What is seen now may have been so for long: nobody looked meanwhile.
    """

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        stirred: Callable[[], None],
        *,
        retry: float = RETRY,
    ) -> None:
        self._kube, self._namespace, self._stirred = kube, namespace, stirred
        self._retry = retry
        self._workloads: dict[str, Workload] = {}
        self._revisions: dict[str, Revision] = {}
        self._synced: set[str] = set()
        self._unheard = set(_KINDS)
        self._gone: dict[str, int | None] = {}
        self.late = True

    async def run(self) -> None:
        """Watches until cancelled."""
        async with asyncio.TaskGroup() as group:
            for word, kind in _KINDS.items():
                group.create_task(self._follow(word, kind), name=f"watch {kind.plural}")

    def sight(self, now: int, apps: Mapping[str, str]) -> Sight:
        """What there is, as far as it can be seen.

        Nothing is, until of each kind it is known whether it can be: what helm changed would be
        told as somebody's by whoever sees the objects before the release.

        Args:
            now: Microseconds UTC.
            apps: Release → configured app, of this namespace.
        """
        missed = {name: now if at is None else at for name, at in self._gone.items()}
        self._gone = {n: at for n, at in missed.items() if now - at <= GRACE}
        releases: dict[str, list[Revision]] = {}
        for one in sorted(self._revisions.values(), key=lambda r: r.number):
            releases.setdefault(one.release, []).append(one)
        return Sight(
            cluster=self._kube.cluster,
            namespace=self._namespace,
            now=now,
            kinds=frozenset() if self._unheard else frozenset(self._synced),
            workloads=dict(self._workloads),
            releases=releases,
            apps=apps,
            gone=missed,
        )

    async def _follow(self, word: str, kind: Kind) -> None:
        while True:
            self._forget(word)
            objects = watch(
                self._kube,
                kind,
                namespace=self._namespace,
                labels={"owner": "helm"} if word == RELEASE else None,
                shape=Shape(metadata=word == RELEASE, managed=True),
                on_lost=self._lost,
            )
            try:
                async with aclosing(objects.events()) as events:
                    async for event in events:
                        self._take(word, event)
            except IntegrationError as error:  # refused
                self._unheard.discard(word)
                self._stirred()
                log.warning(
                    "changes not watched",
                    cluster=self._kube.cluster,
                    namespace=self._namespace,
                    kind=kind.plural,
                    why=str(error),
                )
            self._forget(word)
            await asyncio.sleep(self._retry * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    def _lost(self, _: IntegrationError | None) -> None:
        self.late = True

    def _forget(self, word: str) -> None:
        """What cannot be seen any more is not there to be compared."""
        self._synced.discard(word)
        if word == RELEASE:
            self._revisions.clear()
            return
        for name in [n for n in self._workloads if n.startswith(f"{word}/")]:
            del self._workloads[name]

    def _take(self, word: str, event: Event) -> None:
        if event.type is Change.SYNCED:
            self._synced.add(word)
            self._unheard.discard(word)
            self.late = True
            self._stirred()
            return
        gone = event.type is Change.DELETED
        name = str(event.object["metadata"]["name"])
        try:
            if word == RELEASE:
                self._keep_revision(name, None if gone else revision(event.object))
            else:
                self._keep_workload(f"{word}/{name}", None if gone else workload(event.object))
        except (KeyError, TypeError, ValueError) as error:
            log.warning("object not understood", kind=word, name=name, why=repr(error))

    def _keep_revision(self, name: str, now: Revision | None) -> None:
        before = self._revisions.pop(name, None)
        if now is not None:
            self._revisions[name] = now
        if before != now:
            self._stirred()

    def _keep_workload(self, name: str, now: Workload | None) -> None:
        before = self._workloads.pop(name, None)
        if now is None:
            self._gone[name] = None
        else:
            self._workloads[name] = now
            self._gone.pop(name, None)
        if before is None or now is None or _state(before) != _state(now):
            self._stirred()  # a status alone changes nothing


def _state(one: Workload) -> tuple[str, int]:
    return one.uid, one.generation
