"""How a workload gets another size: by its replicas, or by its autoscaler's bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.context import Change, Weight
from bot.errors import Drifted
from bot.releases.overrides import REPLICAS, VALUE, Wish
from bot.releases.workloads import kind_of

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from bot.releases.workloads import Found
    from integrations.kubernetes.autoscaling import Autoscaler


@dataclass(frozen=True, slots=True)
class Sizing:
    """What to set; pure.

    Attributes:
        replicas: The workload's own replicas, or None to leave them.
        bounds: The autoscaler's minimum and maximum, or None to leave them.
        weight: What it asks of the person.
        changes: Before and after.
        warnings: What to read first.
    """

    replicas: int | None
    bounds: tuple[int, int] | None
    weight: Weight
    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """It is like that already."""
        return self.replicas is None and self.bounds is None


def sizing(before: int, wanted: int, scaler: Autoscaler | None) -> Sizing:
    """Decides what to set for a wanted number of pods."""
    if scaler is None:
        return _plain(before, wanted)
    old = (scaler.minimum, scaler.maximum)
    if wanted == 0:
        stopped = _plain(before, 0)
        note = f"Autoscaler {scaler.name} rests while there are no pods; scaling up wakes it."
        return Sizing(stopped.replicas, None, stopped.weight, stopped.changes, (note,))
    new = (wanted, max(wanted, scaler.maximum))
    changes = tuple(
        Change(f"autoscaler {scaler.name} {word}", str(a), str(b))
        for word, a, b in zip(("minimum", "maximum"), old, new, strict=True)
        if a != b
    )
    replicas = None
    if before == 0:
        replicas = wanted
        changes = (Change("replicas", "0", str(wanted)), *changes)
    note = (
        f"Autoscaler {scaler.name} sets the number of pods, so its minimum is changed; "
        f"it may run up to {new[1]}."
    )
    bounds = new if new != old else None
    weight = Weight.CONFIRM if new[0] < old[0] else Weight.RUN
    return Sizing(replicas, bounds, weight, changes, (note,))


def _plain(before: int, wanted: int) -> Sizing:
    if before == wanted:
        return Sizing(None, None, Weight.RUN, ())
    change = Change("replicas", str(before), str(wanted))
    weight = Weight.TYPE if wanted == 0 else Weight.CONFIRM if wanted < before else Weight.RUN
    return Sizing(wanted, None, weight, (change,))


def wishes_for(found: Found, size: Sizing) -> tuple[Wish, ...]:
    """What to remember so that the next deploy keeps the size; empty when it cannot be."""
    alias = found.ref.alias
    if alias is None or found.ref.app is None:
        return ()
    if size.bounds is not None and alias.autoscaling_value:
        low, high = size.bounds
        path = alias.autoscaling_value
        return Wish(VALUE, f"{path}.minReplicas", low), Wish(VALUE, f"{path}.maxReplicas", high)
    if size.bounds is None and size.replicas is not None and alias.replicas_value:
        return (Wish(REPLICAS, alias.workload, size.replicas),)
    return ()


async def set_replicas(
    op: Op, cluster: Cluster, found_facts: dict[str, Any], replicas: int
) -> dict[str, Any]:
    """Sets a workload's replicas as a step; returns the `generation` that this made.

    Raises:
        Drifted: If another workload has taken the name meanwhile.
    """
    kind, name = str(found_facts["kind"]), str(found_facts["name"])
    namespace, uid = str(found_facts["namespace"]), str(found_facts["uid"])
    api = kind_of(kind)

    async def read() -> Any:
        item = await cluster.kube.get(api, namespace, name)
        if item["metadata"]["uid"] != uid:
            raise Drifted(f"{kind}/{name} is another one than when this was planned")
        return item

    async def scale() -> dict[str, Any]:
        from integrations.kubernetes.errors import Conflict

        try:
            await cluster.kube.set_scale(api, namespace, name, replicas, uid=uid)
        except Conflict:
            await read()
            raise
        return _result(await read())

    async def scaled() -> dict[str, Any] | None:
        item = await read()
        return _result(item) if item["spec"].get("replicas", 1) == replicas else None

    result: dict[str, Any] = await op.step(f"scale to {replicas}", scale, done=scaled)
    return result


async def set_scaler(
    op: Op, cluster: Cluster, namespace: str, name: str, bounds: tuple[int, int]
) -> None:
    """Sets an autoscaler's bounds as a step."""
    from integrations.kubernetes.autoscaling import set_bounds
    from integrations.kubernetes.kinds import HORIZONTAL_POD_AUTOSCALER

    low, high = bounds

    async def change() -> list[int]:
        await set_bounds(cluster.kube, namespace, name, minimum=low, maximum=high)
        return [low, high]

    async def changed() -> list[int] | None:
        spec = (await cluster.kube.get(HORIZONTAL_POD_AUTOSCALER, namespace, name))["spec"]
        same = (spec.get("minReplicas", 1), spec.get("maxReplicas")) == bounds
        return [low, high] if same else None

    await op.step(f"set autoscaler {name} to {low}–{high}", change, done=changed)


def _result(item: Any) -> dict[str, Any]:
    return {
        "kind": str(item["kind"]),
        "generation": int(item["metadata"].get("generation") or 0),
    }
