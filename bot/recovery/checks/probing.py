"""Whether a copy works: its probes are asked, its documents counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bot.releases.membership import Members
from bot.releases.targets import workload_ref
from bot.releases.workloads import load

if TYPE_CHECKING:
    from bot.config import Config, ProbeConfig
    from bot.context import Cluster
    from bot.releases.targets import AppRef

SETTLING = 30.0
"""Seconds in which a Service finds its ready pods, and a database its primary."""
_PAUSE = 0.5
_LONGEST = 120

Object = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe was told; `said` is a clause."""

    name: str
    ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Documents of a collection.

    Attributes:
        copy: In the drill's copy; None when it could not be counted, and `why` says so.
        live: In the live database just now; None when it could not be counted.
    """

    collection: str
    copy: int | None
    live: int | None
    why: str = ""

    @property
    def ok(self) -> bool:
        """The copy holds some, unless the live database holds none either."""
        return self.copy is not None and (self.copy > 0 or self.live == 0)


async def ask_probes(
    cluster: Cluster, namespace: str, probes: Sequence[ProbeConfig]
) -> list[dict[str, Any]]:
    """Asks the probes of an app in a namespace, through the API server.

    Returns:
        A `Probed` as JSON values for each, in order.
    """
    found = await services_of(cluster, namespace, probes)
    asked = [_ask(cluster, namespace, p, f) for p, f in zip(probes, found, strict=True)]
    return [asdict(one) for one in await asyncio.gather(*asked)]


async def services_of(
    cluster: Cluster, namespace: str, probes: Sequence[ProbeConfig]
) -> list[tuple[Object, Mapping[str, Any]] | str]:
    """For each probe the Service that it means and its port, or why there is none, a clause."""
    from integrations.kubernetes.kinds import SERVICE

    items = (await cluster.kube.list(SERVICE, namespace)).items
    return [_service(probe, items) for probe in probes]


def _service(probe: ProbeConfig, items: Sequence[Object]) -> tuple[Object, Mapping[str, Any]] | str:
    """The Service that a probe means and its port, or why there is none."""
    named = [s for s in items if s["metadata"]["name"] == probe.service] if probe.service else items
    fitting = [s for s in named if s["spec"].get("ports") and (probe.service or not _headless(s))]
    if not fitting:
        return f"there is no Service {probe.service}" if probe.service else "there is no Service"
    if len(fitting) > 1:
        return "there are several Services: name the probe's `service` in the configuration"
    ports = fitting[0]["spec"]["ports"]
    port = next((p for p in ports if p["port"] == probe.port), None) if probe.port else ports[0]
    if port is None:
        return f"Service {fitting[0]['metadata']['name']} has no port {probe.port}"
    return fitting[0], port


def _headless(service: Object) -> bool:
    return str(service["spec"].get("clusterIP")) == "None"


async def _ask(
    cluster: Cluster,
    namespace: str,
    probe: ProbeConfig,
    found: tuple[Object, Mapping[str, Any]] | str,
) -> Probed:
    from integrations.errors import IntegrationError
    from integrations.kubernetes.proxy import service_get

    if isinstance(found, str):
        return Probed(probe.name, False, found)
    name, port = str(found[0]["metadata"]["name"]), int(found[1]["port"])

    async def once() -> tuple[Probed, bool]:
        """What was told, and whether that is its last word: nobody ready yet is not."""
        try:
            answer = await service_get(cluster.kube, namespace, name, port, probe.path)
        except IntegrationError as error:
            return Probed(probe.name, False, _short(error.message)), False
        if answer.status == probe.status:
            return Probed(probe.name, True, f"{probe.path} answers {answer.status}"), True
        other = f"{probe.path} answers {answer.status} instead of {probe.status}"
        return Probed(probe.name, False, other), answer.status < 500

    return (await _settled(once, lambda told: told[1]))[0]


async def count_all(
    cluster: Cluster, config: Config, ref: AppRef, namespace: str
) -> list[dict[str, Any]]:
    """Counts the documents that the configuration names, in the copy and in the live database."""
    settings = ref.config.backup.drill if ref.config.backup else None
    if settings is None:
        return []
    counted = []
    for collection in settings.counts:
        copy, live = await asyncio.gather(
            _count(cluster, config, ref, namespace, collection),
            _count(cluster, config, ref, ref.namespace, collection, patient=False),
        )
        known = live if isinstance(live, int) else None
        if isinstance(copy, int):
            counted.append(Counted(collection, copy, known))
        else:
            counted.append(Counted(collection, None, known, copy))
    return [asdict(one) for one in counted]


async def _count(
    cluster: Cluster,
    config: Config,
    ref: AppRef,
    namespace: str,
    collection: str,
    *,
    patient: bool = True,
) -> int | str:
    """The number, or why it is unknown."""
    from bot.errors import OnpremError
    from integrations.errors import IntegrationError
    from integrations.mongodb import count_documents

    settings = ref.config.backup.drill if ref.config.backup else None
    alias = f"{ref.name}/{settings.database}" if settings else ""
    database, _, name = collection.partition(".")

    async def once() -> int | str:
        try:
            live = workload_ref(config, alias, "", ref.cluster)
            found = await load(cluster, replace(live, namespace=namespace))
            members = Members(cluster, found)
            pods = members.pods(found.replicas)
            return await count_documents(members.run, pods, database, name)
        except IntegrationError as error:
            return _short(error.message)
        except OnpremError as error:
            return _short(str(error))

    return await (_settled(once, lambda n: isinstance(n, int)) if patient else once())


async def _settled(once: Callable[[], Awaitable[T]], fine: Callable[[T], bool]) -> T:
    """Asks until the answer is fine, or has not been for a while."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SETTLING
    while True:
        answer = await once()
        if fine(answer) or loop.time() + _PAUSE > end:
            return answer
        await asyncio.sleep(_PAUSE)


def _short(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
