"""Starts and stops all controllers together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from sandbox.kube.controllers.aggregation import Aggregation
from sandbox.kube.controllers.autoscaler import Autoscalers
from sandbox.kube.controllers.base import Context, Controller, Handler
from sandbox.kube.controllers.behaviour import Behaviours
from sandbox.kube.controllers.cronjobs import CronJobs
from sandbox.kube.controllers.daemonset import DaemonSets
from sandbox.kube.controllers.deployment import Deployments
from sandbox.kube.controllers.disruption import Budgets
from sandbox.kube.controllers.faults import World
from sandbox.kube.controllers.garbage import Garbage
from sandbox.kube.controllers.index import Index
from sandbox.kube.controllers.jobs import Jobs
from sandbox.kube.controllers.kubelet import Kubelet
from sandbox.kube.controllers.namespaces import Namespaces
from sandbox.kube.controllers.nodes import Nodes
from sandbox.kube.controllers.pace import Pace
from sandbox.kube.controllers.records import Recorder
from sandbox.kube.controllers.replicaset import ReplicaSets
from sandbox.kube.controllers.scheduler import Scheduler
from sandbox.kube.controllers.services import Services
from sandbox.kube.controllers.statefulset import StatefulSets
from sandbox.kube.controllers.volumes import Volumes, default_class
from sandbox.kube.controllers.work import Lane, Work
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import STORAGECLASSES
from sandbox.kube.store import Store

ALL: tuple[type[Controller], ...] = (
    Scheduler,
    ReplicaSets,
    StatefulSets,
    DaemonSets,
    Jobs,
    Volumes,
    Deployments,
    CronJobs,
    Services,
    Budgets,
    Aggregation,
)
"""The controllers nothing else reaches into."""

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
        scalers, garbage, namespaces = Autoscalers(ctx), Garbage(ctx), Namespaces(ctx)
        self.world = World(ctx, kubelet, nodes, scalers)
        self._handlers: dict[str, list[Handler]] = {}
        self._always: tuple[Handler, ...] = (garbage.handle_any, namespaces.handle_any)
        special = (kubelet, nodes, scalers, garbage, namespaces)
        for controller in (*special, *(kind(ctx) for kind in ALL)):
            ctx.work.register(Lane(controller.name, controller.level, controller.reconcile))
            for resource, handler in controller.watches().items():
                self._handlers.setdefault(resource.key, []).append(handler)
        self._end = ctx.store.subscribe(self._dispatch)
        self._task = asyncio.create_task(ctx.work.run(), name="kube-controllers")

    def _dispatch(self, event: Event) -> None:
        self.ctx.index.apply(event)
        for handler in self._handlers.get(event.resource.key, ()):
            handler(event)
        for handler in self._always:
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
    if not store.scan(STORAGECLASSES):
        store.create(STORAGECLASSES, default_class())
    return controllers
