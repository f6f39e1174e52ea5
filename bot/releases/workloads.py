"""Finding the workload that a word means, in the cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import UsageError
from bot.releases.live import Object, release_workloads
from bot.releases.targets import WorkloadRef
from bot.releases.words import listed

if TYPE_CHECKING:
    from bot.context import Cluster
    from integrations.kubernetes.client import KubeClient
    from integrations.kubernetes.kinds import Kind


@dataclass(frozen=True, slots=True)
class Found:
    """A workload as it is.

    Attributes:
        ref: What was asked for, completed.
        item: The object.
    """

    ref: WorkloadRef
    item: Object

    @property
    def path(self) -> str:
        """`deployment/web`."""
        return f"{self.ref.kind}/{self.ref.name}"

    @property
    def kind(self) -> str:
        """`Deployment`, as Kubernetes writes it."""
        return str(self.item["kind"])

    @property
    def uid(self) -> str:
        """Tells it from another one of the same name."""
        return str(self.item["metadata"]["uid"])

    @property
    def replicas(self) -> int:
        """Pods asked for; of a DaemonSet, the nodes that it is for."""
        if self.kind == "DaemonSet":
            return int((self.item.get("status") or {}).get("desiredNumberScheduled") or 0)
        wanted = self.item["spec"].get("replicas")
        return 1 if wanted is None else int(wanted)


def kind_of(word: str) -> Kind:
    """The Kubernetes kind of `deployment`, `statefulset` or `daemonset`."""
    from integrations.kubernetes.kinds import DAEMON_SET, DEPLOYMENT, STATEFUL_SET

    kinds = {"deployment": DEPLOYMENT, "statefulset": STATEFUL_SET, "daemonset": DAEMON_SET}
    return kinds[word]


async def find_all(cluster: Cluster, ref: WorkloadRef) -> list[Found]:
    """The workloads that a word means: one, or all of an app.

    Raises:
        UsageError: If there is none, or the word could mean several that do not belong together;
            the candidates are listed.
    """
    if ref.kind:
        return [await load(cluster, ref)]
    if not ref.name and ref.app is not None:
        items = await release_workloads(cluster.kube, ref.namespace, ref.app.release)
        return [_found(ref, item) for item in items]
    return [await _by_name(cluster.kube, ref)]


async def load(cluster: Cluster, ref: WorkloadRef) -> Found:
    """Reads a workload whose kind and name are known.

    Raises:
        UsageError: If it is not there.
    """
    return await _one(cluster.kube, ref)


async def find_one(cluster: Cluster, ref: WorkloadRef, command: str) -> Found:
    """The one workload with a size of its own that a word means.

    Args:
        cluster: Where.
        ref: What was typed.
        command: For the hint: `scale {} 2`, the place of the name in braces.

    Raises:
        UsageError: If it means none or several; the candidates are listed.
    """
    found = [one for one in await find_all(cluster, ref) if one.kind != "DaemonSet"]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"{ref.word} has no workloads with a size on {cluster.name}",
            hint=f"`deploy {ref.word}` makes them" if ref.app else "",
        )
    raise _ambiguous(ref, found, command)


def _ambiguous(ref: WorkloadRef, found: list[Found], command: str) -> UsageError:
    names = {a.workload: n for n, a in ref.app.config.aliases.items()} if ref.app else {}
    choices = [
        f"{f.path} ({names[f.path]})" if f.path in names else f.path
        for f in sorted(found, key=lambda f: f.path)
    ]
    first = names.get(found[0].path) or f"{found[0].path} --namespace {found[0].ref.namespace}"
    return UsageError(
        f"{ref.word} has several workloads: {listed(choices)}",
        hint=f"Say which, such as `{command.format(first)}`",
    )


async def _one(kube: KubeClient, ref: WorkloadRef) -> Found:
    from integrations.kubernetes.errors import NotFound

    try:
        return Found(ref, await kube.get(kind_of(ref.kind), ref.namespace, ref.name))
    except NotFound:
        pass
    known = await _names(kube, ref.kind, ref.namespace)
    hint = f"There are {listed(known, 8)}" if known else ""
    raise UsageError(
        f"There is no {ref.kind}/{ref.name} in {ref.namespace} on {ref.cluster}", hint=hint
    )


async def _by_name(kube: KubeClient, ref: WorkloadRef) -> Found:
    """A bare name: acts only where the namespace is known, else lists the candidates."""
    kinds = ("deployment", "statefulset", "daemonset")
    fields = {"metadata.name": ref.name}
    namespace = ref.namespace or None
    lists = await asyncio.gather(*(kube.list(kind_of(k), namespace, fields=fields) for k in kinds))
    found = [_found(ref, item) for answer in lists for item in answer.items]
    if len(found) == 1 and namespace:
        return found[0]
    if found:
        places = [f"{f.path} --namespace {f.ref.namespace}" for f in found]
        raise UsageError(
            f"{ref.word} is neither an app nor an alias; workloads of that name: {listed(places)}",
            hint=f"Say which, such as `{places[0]}`",
        )
    where = f"in {namespace} on {ref.cluster}" if namespace else f"on {ref.cluster}"
    raise UsageError(
        f"There is no app, alias or workload called {ref.word} {where}",
        hint="`apps` lists the apps, `status APP` their workloads",
    )


async def _names(kube: KubeClient, kind: str, namespace: str) -> list[str]:
    table = await kube.table(kind_of(kind), namespace, metadata=True)
    return sorted(row.name for row in table.rows)


def _found(ref: WorkloadRef, item: Any) -> Found:
    """Completes what was asked for by an object; an alias of the app for it is found too."""
    kind, name = str(item["kind"]).lower(), str(item["metadata"]["name"])
    aliases = ref.app.config.aliases.values() if ref.app else ()
    alias = next((a for a in aliases if a.workload == f"{kind}/{name}"), ref.alias)
    namespace = str(item["metadata"]["namespace"])
    return Found(WorkloadRef(ref.word, ref.cluster, namespace, kind, name, ref.app, alias), item)
