"""Starts and stops all controllers together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.behaviour import Behaviours
from sandbox.kube.controllers.deployment import Deployments
from sandbox.kube.controllers.faults import World
from sandbox.kube.controllers.index import Index
from sandbox.kube.controllers.kubelet import Kubelet
from sandbox.kube.controllers.nodes import Nodes
from sandbox.kube.controllers.pace import Pace
from sandbox.kube.controllers.records import Recorder
from sandbox.kube.controllers.replicaset import ReplicaSets
from sandbox.kube.controllers.scheduler import Scheduler
from sandbox.kube.controllers.work import Lane, Work
from sandbox.kube.eventlog import Event
from sandbox.kube.store import Store

ALL: tuple[type[Controller], ...] = (
    Scheduler,
    ReplicaSets,
    Deployments,
)
"""Every controller but the kubelet and the nodes, which faults reach into."""

NODE_NAMES = ("node-1", "node-2", "node-3")


class Controllers:
    """The running controllers of one cluster.

    Attributes:
        world: Faults and further nodes.
        ctx: What the controllers share.
        kubelet: For what runs inside pods.
    """

    def __init__(self, ctx: Context, kubelet: Kubelet, nodes: Nodes) -> None:
        self.ctx = ctx
        self.kubelet = kubelet
        self.world = World(ctx, kubelet, nodes)
        self._handlers: dict[str, list[Handler]] = {}
        for controller in (kubelet, nodes, *(kind(ctx) for kind in ALL)):
            ctx.work.register(Lane(controller.name, controller.level, controller.reconcile))
            for resource, handler in controller.watches().items():
                self._handlers.setdefault(resource.key, []).append(handler)
        self._end = ctx.store.subscribe(self._dispatch)
        self._task = asyncio.create_task(ctx.work.run(), name="kube-controllers")

    def _dispatch(self, event: Event) -> None:
        self.ctx.index.apply(event)
        for handler in self._handlers.get(event.resource.key, ()):
            handler(event)

    def replay(self) -> None:
        """Look at everything that was in the store before the start."""
        for resource in self.ctx.store.registry:
            if not resource.stored or resource.alias_of:
                continue
            for obj in self.ctx.store.scan(resource):
                self._dispatch(Event("ADDED", resource, obj, None, self.ctx.store.version))

    async def close(self) -> None:
        """Stop all of them and wait until they have stopped."""
        self._end()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def start(
    store: Store,
    *,
    pace: Pace | None = None,
    behaviours: Behaviours | None = None,
    nodes: Iterable[str] = NODE_NAMES,
) -> Controllers:
    """Bring a cluster to life: nodes, scheduler, kubelets and controllers.

    Time comes from the store's clock. Must be called on the event loop that uses the store.

    Args:
        store: The cluster's objects; what is in it already is taken over.
        pace: How long simulated acts take.
        behaviours: How containers behave.
        nodes: Names of the nodes to add where they are missing.
    """
    work = Work()
    ctx = Context(store, pace or Pace(), work, Index(), Recorder(store), behaviours or Behaviours())
    controllers = Controllers(ctx, Kubelet(ctx), Nodes(ctx))
    controllers.replay()
    for name in nodes:
        controllers.world.add_node(name)
    return controllers
