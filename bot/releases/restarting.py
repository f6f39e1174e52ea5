"""Restarting a workload exactly once, by an annotation that names the operation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.errors import Drifted
from bot.releases.workloads import kind_of

if TYPE_CHECKING:
    from bot.context import Cluster, Op

MARK = "onprem-bot/restarted-by"
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@dataclass(frozen=True, slots=True)
class Restarted:
    """A workload whose pods are being replaced.

    Attributes:
        kind: As Kubernetes writes it.
        generation: The generation that the restart made.
        replicas: Pods asked for.
    """

    kind: str
    generation: int
    replicas: int


async def restart_one(
    op: Op, cluster: Cluster, namespace: str, kind: str, name: str, uid: str
) -> Restarted:
    """Changes the pod template as `kubectl rollout restart` does, as a step.

    Raises:
        Drifted: If another workload has taken the name meanwhile.
    """
    api = kind_of(kind)

    async def patch() -> dict[str, Any]:
        marks = {_RESTARTED_AT: datetime.now(UTC).isoformat(timespec="milliseconds"), MARK: op.id}
        body = {
            "metadata": {"uid": uid},
            "spec": {"template": {"metadata": {"annotations": marks}}},
        }
        return _result(await cluster.kube.patch(api, namespace, name, body, type="strategic"))

    async def patched() -> dict[str, Any] | None:
        item = await cluster.kube.get(api, namespace, name)
        if item["metadata"]["uid"] != uid:
            raise Drifted(f"{kind}/{name} is another one than when this was planned")
        marks = item["spec"]["template"]["metadata"].get("annotations") or {}
        return _result(item) if marks.get(MARK) == op.id else None

    return Restarted(**await op.step(f"restart {kind}/{name}", patch, done=patched))


def _result(item: Any) -> dict[str, Any]:
    wanted = item["spec"].get("replicas")
    return {
        "kind": str(item["kind"]),
        "generation": int(item["metadata"].get("generation") or 0),
        "replicas": 1 if wanted is None else int(wanted),
    }
