"""Membership of a MongoDB replica set, changed through ``mongosh`` in its own pods.

Credentials never travel: the scripts read them from the container's environment. Each script
logs in, makes one call and prints one line of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from integrations.errors import IntegrationError

TIMEOUT = 30.0
"""Seconds for one call, mongosh's start (1–2 s) included."""
STEP_DOWN_SECONDS = 60
"""How long a primary that stepped down must not stand for election."""

_LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)
_HOST = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?(:\d{1,5})?\Z")


class MongoError(IntegrationError):
    """The replica set could not be read or changed."""


class NoPrimary(MongoError):
    """No majority, or an election is going on: membership cannot be changed now."""


class Output(Protocol):
    """What running a command in a pod gives back."""

    @property
    def stdout(self) -> str:
        """Standard output."""

    @property
    def stderr(self) -> str:
        """Standard error."""

    @property
    def exit_code(self) -> int:
        """Exit code."""


class Exec(Protocol):
    """Runs a command in the database container of a pod."""

    async def __call__(self, pod: str, command: Sequence[str], *, timeout: float) -> Output:
        """Run it to its end."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the set sees it; ``healthy`` is whether it answers heartbeats."""

    host: str
    state: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """The set at one moment; ``primary`` is a host or None."""

    name: str
    members: tuple[Member, ...]
    primary: str | None
    config_version: int

    def has(self, host: str) -> bool:
        """Whether the configuration lists this host."""
        return any(member.host == host for member in self.members)

    @property
    def has_majority(self) -> bool:
        """Whether more than half of the members answer."""
        return 2 * sum(member.healthy for member in self.members) > len(self.members)


async def status(run: Exec, pods: Sequence[str]) -> ReplicaSet:
    """Read the set's state from the first of these pods that answers.

    Raises:
        MongoError: None does.
    """
    last: IntegrationError | None = None
    for pod in pods:
        try:
            return _replica_set(await _eval(run, pod, "rs.status()"))
        except IntegrationError as error:
            last = error
    raise MongoError(
        f"None of the pods {', '.join(pods) or '(none given)'} answers for the replica set"
        + (f": {last.message}" if last else "."),
        hint="See the pods' state and logs.",
        detail=last.detail if last else "",
    )


async def add_member(run: Exec, pods: Sequence[str], host: str) -> ReplicaSet:
    """Add a member; one that is there already is fine. Returns the set afterwards.

    Raises:
        NoPrimary: There is nobody who could do it.
        MongoError: The primary refused.
    """
    before = await status(run, pods)
    if before.has(_checked(host)):
        return before
    document = json.dumps({"host": host}, separators=(",", ":"))
    await _eval(run, _primary_pod(before), f"rs.add({document})")
    return await status(run, pods)


async def remove_member(run: Exec, pods: Sequence[str], host: str) -> ReplicaSet:
    """Remove a member; one that is not there is fine. Returns the set afterwards.

    A primary cannot remove itself: ``step_down`` first.

    Raises:
        NoPrimary: There is nobody who could do it.
        MongoError: The primary refused.
    """
    before = await status(run, pods)
    if not before.has(_checked(host)):
        return before
    if before.primary == host:
        raise MongoError(
            f"{host} is the primary and cannot remove itself.",
            hint="Let it step down first.",
        )
    await _eval(run, _primary_pod(before), f"rs.remove({json.dumps(host)})")
    return await status(run, pods)


async def step_down(run: Exec, pods: Sequence[str], host: str) -> ReplicaSet:
    """Make a primary step down; a host that is none is fine. Returns the set afterwards.

    The new primary may not be elected yet.

    Raises:
        MongoError: It refused, usually because no secondary has caught up.
    """
    before = await status(run, pods)
    if before.primary != _checked(host):
        return before
    await _eval(run, _primary_pod(before), f"rs.stepDown({STEP_DOWN_SECONDS})")
    return await status(run, pods)


async def count_documents(run: Exec, pods: Sequence[str], database: str, collection: str) -> int:
    """How many documents a collection holds, asked of the set's primary.

    Raises:
        NoPrimary: There is none now.
        MongoError: It refused.
    """
    now = await status(run, pods)
    if now.primary is None:
        raise NoPrimary(f"Replica set {now.name} has no primary now.", hint=_hint(""))
    where = f"db.getSiblingDB({json.dumps(database)}).getCollection({json.dumps(collection)})"
    pod = _primary_pod(now)
    script = f"{_LOGIN} print({where}.countDocuments({{}}))"
    output = await run(pod, ["mongosh", "--quiet", "--norc", "--eval", script], timeout=TIMEOUT)
    said = _last_line(output.stdout)
    if output.exit_code != 0 or not said.isdecimal():
        raw = "\n".join(filter(None, (output.stderr.strip(), output.stdout.strip())))
        why = _last_line(raw) or "it said nothing"
        raise MongoError(
            f"{pod} does not count {database}.{collection}: {why.rstrip('.')}.",
            hint=_hint(raw),
            detail=raw[:4000],
        )
    return int(said)


async def _eval(run: Exec, pod: str, call: str) -> Mapping[str, Any]:
    script = f"{_LOGIN} print(JSON.stringify({call}))"
    output = await run(pod, ["mongosh", "--quiet", "--norc", "--eval", script], timeout=TIMEOUT)
    answer = _last_json(output.stdout)
    if output.exit_code != 0 or answer is None or not answer.get("ok", 1):
        raw = "\n".join(filter(None, (output.stderr.strip(), output.stdout.strip())))
        said = str((answer or {}).get("errmsg") or _last_line(raw) or "it said nothing")
        raise MongoError(
            f"{pod} refused {call.partition('(')[0]}: {said.rstrip('.')}.",
            hint=_hint(said),
            detail=raw[:4000],
        )
    return answer


def _hint(said: str) -> str:
    lower = said.lower()
    if "authentication failed" in lower or "requires authentication" in lower:
        return "The pod's root user does not match the database's; look at the app's Secret."
    if "not primary" in lower or "primary" in lower:
        return "The primary changed meanwhile; try again."
    if "quorum" in lower or "majority" in lower:
        return "Bring the other members back first."
    return "See the pod's log."


def _replica_set(answer: Mapping[str, Any]) -> ReplicaSet:
    members = tuple(
        Member(str(m["name"]), str(m.get("stateStr", "UNKNOWN")), m.get("health") in (1, 1.0))
        for m in answer.get("members") or []
    )
    primary = next((m.host for m in members if m.state == "PRIMARY"), None)
    versions = [int(m.get("configVersion") or 0) for m in answer.get("members") or []]
    return ReplicaSet(str(answer.get("set", "")), members, primary, max(versions, default=0))


def _primary_pod(now: ReplicaSet) -> str:
    if now.primary is None:
        raise NoPrimary(
            f"Replica set {now.name} has no primary now, so its members cannot be changed.",
            hint=(
                "An election is going on; try again in a moment."
                if now.has_majority
                else "More than half of its members must answer; bring them back first."
            ),
        )
    return now.primary.partition(".")[0].partition(":")[0]


def _checked(host: str) -> str:
    if not _HOST.match(host):
        raise MongoError(f"{host!r} is not a host that a member can have.")
    return host


def _last_json(text: str) -> dict[str, Any] | None:
    for line in reversed(text.strip().splitlines()):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        return answer if isinstance(answer, dict) else None
    return None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""
