"""Faults on request, as plain methods: nodes that go down, images that fail, slow starts."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers import nodes as node_module
from sandbox.kube.controllers.autoscaler import Autoscalers
from sandbox.kube.controllers.base import Context
from sandbox.kube.controllers.behaviour import Behaviours
from sandbox.kube.controllers.kubelet import Kubelet
from sandbox.kube.resources import NODES


class World:
    """What a person, a test or the command line may do to a practice cluster from outside."""

    def __init__(
        self,
        ctx: Context,
        kubelet: Kubelet,
        nodes: node_module.Nodes,
        scalers: Autoscalers,
    ) -> None:
        self._ctx = ctx
        self._scalers = scalers
        self._kubelet = kubelet
        self._nodes = nodes

    # --- nodes ------------------------------------------------------------

    def add_node(
        self,
        name: str,
        *,
        cpu: str = "4",
        memory: str = "16Gi",
        pods: int = 110,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Have a machine join the cluster; one of that name is left as it is."""
        store = self._ctx.store
        if store.peek(NODES, None, name) is None:
            number = len(store.scan(NODES)) + 10
            store.create(
                NODES,
                node_module.node(
                    name,
                    number,
                    self._ctx.stamp(),
                    cpu=cpu,
                    memory=memory,
                    pods=pods,
                    labels=labels,
                ),
            )

    def node_down(self, name: str, *, at_once: bool = True) -> None:
        """Switch a node off.

        Args:
            name: The node.
            at_once: Mark it lost now; else once its lease has run out.

        Raises:
            ValueError: There is no such node.
        """
        self._known(name)
        self._ctx.down.add(name)
        if at_once:
            self._nodes.lose(name)
        else:
            self._nodes.again(("", name), 0)

    def node_up(self, name: str) -> None:
        """Switch a node on again.

        Raises:
            ValueError: There is no such node.
        """
        self._known(name)
        self._ctx.down.discard(name)
        self._nodes.again(("", name), 0)
        self._kubelet.node_changed(name)

    def _known(self, name: str) -> None:
        names = [node["metadata"]["name"] for node in self._ctx.store.scan(NODES)]
        if name not in names:
            raise ValueError(f"there is no node {name!r}; the cluster has {', '.join(names)}")

    # --- images -----------------------------------------------------------

    def fail_image(self, pattern: str) -> None:
        """Make images that fit a shell pattern impossible to pull."""
        self._ctx.behaviours.fail.append(pattern)
        self._ctx.behaviours.touched()

    def crash(self, pattern: str) -> None:
        """Make containers of images that fit a shell pattern crash, running ones too."""
        self._ctx.behaviours.crash.append(pattern)
        self._ctx.behaviours.touched()

    def never_ready(self, pattern: str) -> None:
        """Make containers of images that fit a shell pattern fail their readiness probes."""
        self._ctx.behaviours.unready.append(pattern)
        self._ctx.behaviours.touched()

    def slow(self, pattern: str, seconds: float) -> None:
        """Make containers of images that fit a shell pattern take so long to get ready."""
        self._ctx.behaviours.slow[pattern] = seconds
        self._ctx.behaviours.touched()

    def heal(self, pattern: str) -> None:
        """Take back every rule made with that pattern."""
        rules = self._ctx.behaviours
        for listed in (rules.fail, rules.crash, rules.unready):
            while pattern in listed:
                listed.remove(pattern)
        rules.slow.pop(pattern, None)
        rules.touched()

    def calm(self) -> None:
        """End every fault: all nodes up, all images as their tags say."""
        rules, usual = self._ctx.behaviours, Behaviours()
        rules.fail, rules.crash = usual.fail, usual.crash
        rules.unready.clear()
        rules.slow.clear()
        rules.touched()
        for name in sorted(self._ctx.down):
            self.node_up(name)

    # --- load -------------------------------------------------------------

    def load(self, namespace: str, workload: str, percent: float, resource: str = "cpu") -> None:
        """Steer how busy a workload is; its autoscaler looks at once.

        Args:
            namespace: Where it is.
            workload: Name of the Deployment or StatefulSet.
            percent: Load of all its pods together, in percent of one pod's request.
            resource: ``cpu`` or ``memory``.
        """
        self._ctx.load.steer(namespace, workload, percent, resource)
        self._scalers.look()

    def idle(self, namespace: str, workload: str, resource: str = "cpu") -> None:
        """Take a steered load away."""
        self._ctx.load.clear(namespace, workload, resource)
        self._scalers.look()
