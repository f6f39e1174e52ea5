"""What a copy of an app would do to the app that lives beside it. Only reads.

A drill refuses a copy that names hosts of the live namespace, and walls the others off. `restore
--to` makes what was asked for; so it says first what such a copy would reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.recovery.checks import hosts

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient
    from integrations.velero.contents import Saved

_CRON_JOBS = "cronjobs.batch"


@dataclass(frozen=True, slots=True)
class Reach:
    """What a copy would do beside the living app; names only, for values may be secret.

    Attributes:
        named: What names hosts of the live namespace: `Secret parse-credentials (data.uri)`.
        jobs: CronJobs that start in the copy, as they do in the living app.
    """

    named: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()


async def reach(kube: KubeClient, objects: Sequence[Saved], mapping: Mapping[str, str]) -> Reach:
    """Looks what of a backup's objects would reach the app that they are a copy of.

    Args:
        kube: The cluster that they go to.
        objects: Whole, as they were saved; nothing of their contents is kept.
        mapping: Namespace in the backup → namespace here.
    """
    from integrations.kubernetes.kinds import SERVICE

    named: list[str] = []
    jobs: list[str] = []
    for source, place in mapping.items():
        if source == place or not await _lives(kube, source):
            continue
        mine = [one.object for one in objects if one.namespace == source]
        live = (await kube.list(SERVICE, source)).items
        addresses = hosts.addresses([*live, *(o for o in mine if o.get("kind") == "Service")])
        named += [one.words for one in hosts.find(mine, source, addresses)]
        jobs += _jobs(one for one in objects if one.namespace == source)
    return Reach(tuple(named), tuple(jobs))


def _jobs(objects: Iterable[Saved]) -> list[str]:
    cron = (one for one in objects if one.resource == _CRON_JOBS)
    return [one.name for one in cron if not (one.object.get("spec") or {}).get("suspend")]


async def _lives(kube: KubeClient, namespace: str) -> bool:
    from integrations.kubernetes.errors import NotFound
    from integrations.kubernetes.kinds import NAMESPACE

    try:
        await kube.get(NAMESPACE, None, namespace)
    except NotFound:
        return False
    return True
