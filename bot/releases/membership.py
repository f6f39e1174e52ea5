"""Members of a MongoDB replica set that runs as a StatefulSet: who joins, who leaves, as steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Refused
from bot.releases.workloads import Found

if TYPE_CHECKING:
    from bot.context import Cluster, Op
    from integrations.mongodb import Exec, ReplicaSet

MOST_VOTERS = 7  # MongoDB's limit of voting members in a set
_ELECTION = 30.0
_CATCH_UP = 60.0
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Members:
    """A StatefulSet as a replica set.

    Attributes:
        cluster: Where it runs.
        found: The StatefulSet.
    """

    cluster: Cluster
    found: Found

    def host(self, ordinal: int) -> str:
        """The member that a pod is: `parse-mongodb-2.parse-mongodb:27017`."""
        service = self.found.item["spec"].get("serviceName") or self.found.ref.name
        return f"{self.found.ref.name}-{ordinal}.{service}:27017"

    def ordinal(self, host: str) -> int | None:
        """Which pod a member is; None for a member that is no pod of this StatefulSet."""
        pod = host.partition(".")[0].partition(":")[0]
        name, _, number = pod.rpartition("-")
        return int(number) if name == self.found.ref.name and number.isdigit() else None

    def pods(self, count: int) -> list[str]:
        """Names of the first pods."""
        return [f"{self.found.ref.name}-{i}" for i in range(count)]

    @property
    def run(self) -> Exec:
        """Runs a command in one of the pods."""
        from integrations.kubernetes.exec import exec_in_pod

        containers = self.found.item["spec"]["template"]["spec"].get("containers") or []
        names = [str(c["name"]) for c in containers]
        container = "mongodb" if "mongodb" in names else names[0]
        kube, namespace = self.cluster.kube, self.found.ref.namespace

        async def run(pod: str, command: Sequence[str], *, timeout: float) -> Any:
            return await exec_in_pod(kube, namespace, pod, container, command, timeout=timeout)

        return run

    async def status(self, count: int) -> ReplicaSet:
        """The set as its pods see it."""
        from integrations.mongodb import status

        return await status(self.run, self.pods(count))

    def leaving(self, now: ReplicaSet, wanted: int) -> list[str]:
        """Members whose pods go away, the highest first."""
        pairs = [(self.ordinal(m.host), m.host) for m in now.members]
        gone = [(n, host) for n, host in pairs if n is not None and n >= wanted]
        return [host for _, host in sorted(gone, reverse=True)]

    def joining(self, now: ReplicaSet, wanted: int) -> list[str]:
        """Pods that are to be members and are none yet."""
        return [host for i in range(wanted) if not now.has(host := self.host(i))]


def check_members(before: int, wanted: int, now: ReplicaSet | None) -> None:
    """Refuses sizes that a replica set cannot take.

    Raises:
        Refused: Too many voters, or nobody who could change the membership.
    """
    if wanted > MOST_VOTERS:
        raise Refused(
            f"A replica set has at most {MOST_VOTERS} voting members, not {wanted}",
            hint=f"Choose at most {MOST_VOTERS}; an odd number is best",
        )
    if now is not None and wanted and now.primary is None:
        raise Refused(
            "The replica set's members cannot be changed now",
            why="it has no primary",
            hint="See its pods with `status`; an election takes a few seconds",
        )


def warnings_about(before: int, wanted: int) -> tuple[str, ...]:
    """What a person should know about a number of members."""
    if wanted == 0:
        return ("No member would run: the data stays on its volumes, but nobody can use it.",)
    if wanted == 1:
        return ("A single member has no copy of its data, and a restart stops the database.",)
    if wanted == 2:
        return (
            "Two members have no majority if one fails: the database then accepts no writes. "
            "Three members bear the loss of one.",
        )
    if wanted % 2 == 0:
        return (f"{wanted} members bear no more failures than {wanted - 1}.",)
    return ()


async def remove(op: Op, members: Members, host: str, pods: int) -> None:
    """Takes a member out of the set, as a step; a primary hands over first."""
    from integrations.mongodb import remove_member, step_down

    async def take_out() -> str:
        now = await members.status(pods)
        if now.primary == host:
            await op.say(f"{host} is the primary and hands over")
            await step_down(members.run, members.pods(pods), host)
            await _new_primary(members, host, pods)
        await remove_member(members.run, members.pods(pods), host)
        return host

    async def gone() -> str | None:
        return None if (await members.status(pods)).has(host) else host

    await op.step(f"remove member {_short(host)}", take_out, done=gone)


async def add(op: Op, members: Members, host: str, pods: int) -> None:
    """Brings a pod into the set, as a step."""
    from integrations.mongodb import add_member

    async def bring_in() -> str:
        await add_member(members.run, members.pods(pods), host)
        return host

    async def there() -> str | None:
        return host if (await members.status(pods)).has(host) else None

    await op.step(f"add member {_short(host)}", bring_in, done=there)


async def align(op: Op, members: Members, pods: int) -> None:
    """Makes the members those pods, as a step: after all of them were stopped."""
    from integrations.mongodb import add_member, remove_member

    async def change() -> list[str]:
        now = await _new_primary(members, "", pods)
        names = members.pods(pods)
        for host in members.leaving(now, pods):
            await remove_member(members.run, names, host)
        for host in members.joining(now, pods):
            await add_member(members.run, names, host)
        return names

    async def right() -> list[str] | None:
        now = await members.status(pods)
        wrong = members.leaving(now, pods) or members.joining(now, pods)
        return None if wrong else members.pods(pods)

    await op.step("put the replica set's members right", change, done=right)


async def caught_up(op: Op, members: Members, pods: int) -> bool:
    """Waits a while, as a step, until every member has its data; False while one still copies."""

    async def complete() -> bool:
        now = await members.status(pods)
        return all(m.healthy and m.state in ("PRIMARY", "SECONDARY") for m in now.members)

    async def wait() -> bool:
        async with asyncio.timeout(_CATCH_UP):
            while not await complete():  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(_PAUSE)
        return True

    async def waited() -> bool:
        try:
            return await wait()
        except TimeoutError:
            return False

    async def look() -> bool | None:
        return True if await complete() else None

    name = "wait until the new members have the data"
    return bool(await op.step(name, waited, done=look, interruptible=True))


async def _new_primary(members: Members, old: str, pods: int) -> ReplicaSet:
    """Waits for an election to end.

    Raises:
        Refused: If nobody else became primary in time.
    """
    try:
        async with asyncio.timeout(_ELECTION):
            while True:
                now = await members.status(pods)
                if now.primary not in (None, old):
                    return now
                await asyncio.sleep(_PAUSE)
    except TimeoutError as error:
        raise Refused(
            f"No other member became primary within {_ELECTION:.0f} s",
            why="more than half of the members must answer and have the newest data",
            hint="Nothing was removed; see the pods with `status` and try again",
        ) from error


def _short(host: str) -> str:
    return host.partition(".")[0]
