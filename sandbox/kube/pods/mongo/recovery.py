"""The chart's dump and restore hooks, as a pod of the practice world runs them.

There is no shell here, so such a script is known by its contract: ``sh FILE`` in a container with
``mongod``, FILE from a ConfigMap, beside it a file ``settings`` that names ``service`` and
``dump`` (where a volume is mounted). One that calls mongodump leaves the primary's documents and
the set's members on that volume; one that calls mongorestore plays them into the set, which it
makes first where there is none.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox.kube.pods import environment
from sandbox.kube.pods.disks import Disks
from sandbox.kube.pods.mongo import setup
from sandbox.kube.pods.mongo.documents import Databases
from sandbox.kube.pods.mongo.errors import MongoError
from sandbox.kube.pods.mongo.members import ReplicaSet
from sandbox.kube.pods.mongo.sets import Sets
from sandbox.kube.runtime import ExecResult
from sandbox.kube.store import Store

Json = dict[str, Any]

NOTES, NOTE = "parse_recovery", "restored"


class Failed(Exception):
    """The hook ends with a sentence."""


class Hooks:
    """Runs the hooks of one cluster's pods."""

    def __init__(self, store: Store, sets: Sets, disks: Disks, patience: float) -> None:
        """Play them.

        Args:
            store: The cluster's objects.
            sets: Its replica sets.
            disks: What lies on volumes.
            patience: Seconds that a restore waits for the set's other members.
        """
        self._store, self._sets, self._disks, self._patience = store, sets, disks, patience

    async def run(
        self, pod: Json, container: Json, path: str, env: Mapping[str, str]
    ) -> ExecResult | None:
        """Run the script of that path; None if it is no such hook."""
        script = environment.read_file(self._store, pod, container, path) or ""
        if "mongodump" not in script and "mongorestore" not in script:
            return None
        beside = f"{path.rpartition('/')[0]}/settings"
        text = environment.read_file(self._store, pod, container, beside) or ""
        settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        volume = self._disks.mounted(pod, container, settings.get("dump", ""))
        if not volume:
            return ExecResult(b"", f"{path}: no volume is mounted at its dump\n".encode(), 1)
        restoring = "mongorestore" in script
        try:
            if restoring:
                said = await self._restore(pod, volume, settings.get("service", ""), env)
            else:
                said = self._dump(pod, volume, env)
        except Failed as error:
            head = "Not restored" if restoring else "No dump"
            return ExecResult(b"", f"{head}: {error}\n".encode(), 1)
        return ExecResult(f"{said}\n".encode())

    def _dump(self, pod: Json, volume: str, env: Mapping[str, str]) -> str:
        connection = self._sets.connection(pod)
        if connection is None:
            raise Failed("this member does not answer: MongoNetworkError: connect ECONNREFUSED")
        self._disks.write(volume, {})
        state = connection.hello()
        if not state.get("primary"):
            raise Failed(
                "the replica set has no primary. See its members' state, then back up again."
            )
        if not state["isWritablePrimary"]:
            return f"The primary {state['primary']} dumps; nothing to save here."
        try:
            connection.login(*(env.get(f"MONGO_INITDB_ROOT_{n}", "") for n in _LOGIN))
        except MongoError as error:
            raise Failed(f"this member does not answer: {error.printed}") from error
        group = connection.group
        members = [member["host"] for member in group.members]
        archive = {"documents": group.documents, "users": group.users}
        dump = {"archive": archive, "members": members}
        self._disks.write(volume, {**dump, "sha256": _sum(dump)})
        count = _count(group.documents)
        return f"Dumped {count} documents; members {','.join(members)}."

    async def _restore(self, pod: Json, volume: str, service: str, env: Mapping[str, str]) -> str:
        dump = self._disks.read(volume)
        if not dump:
            return "This pod brought no dump; nothing to restore here."
        identity = dump.pop("sha256", "")
        if identity != _sum(dump):
            raise Failed("the dump is not the one that was saved. Restore another backup.")
        members: list[str] = dump["members"]
        own = re.compile(rf"{re.escape(service)}-\d+\.{re.escape(service)}:\d+")
        for host in members:
            if not own.fullmatch(host):
                raise Failed(
                    f"the dump's member {host} is none of the StatefulSet {service} in this "
                    "namespace. Restore it by hand with mongorestore."
                )
        group = await self._initiated(members, env, pod["metadata"]["namespace"])
        notes = group.documents.setdefault(NOTES, {})
        if any(note.get("dump") == identity for note in notes.get(NOTE, ())):
            return "The set holds this dump already; nothing to do."
        documents: Databases = dump["archive"]["documents"]
        for database, collections in documents.items():
            group.documents.setdefault(database, {}).update(collections)
        group.users.update(dump["archive"]["users"])
        group.documents[NOTES] = {NOTE: [{"_id": "latest", "dump": identity}]}
        return f"Restored {_count(documents)} documents; members {','.join(members)}."

    async def _initiated(
        self, hosts: list[str], env: Mapping[str, str], namespace: str
    ) -> ReplicaSet:
        """Make the set, or find it, once all members answer and belong to one StatefulSet."""
        changed = asyncio.Event()
        end = self._store.subscribe(lambda _event: changed.set())
        try:
            async with asyncio.timeout(self._patience):
                while (group := self._attempt(hosts, env, namespace)) is None:
                    changed.clear()
                    await changed.wait()
                return group
        except TimeoutError:
            raise Failed(
                "the replica set does not come up: Gave up waiting for all members to answer"
            ) from None
        finally:
            end()

    def _attempt(
        self, hosts: list[str], env: Mapping[str, str], namespace: str
    ) -> ReplicaSet | None:
        found = [self._sets.at(host, namespace) for host in hosts]
        groups = {id(c.group): c.group for c in found if c is not None}
        if None in found or len(groups) != 1:
            return None
        made = setup.attempt(self._sets, hosts, env, namespace)
        if made is None:
            return None
        if made.exit_code:
            raise Failed(f"the replica set does not come up: {made.stderr.decode().strip()}")
        return next(iter(groups.values()))


_LOGIN = ("USERNAME", "PASSWORD")


def _count(documents: Databases) -> int:
    return sum(len(found) for name, c in documents.items() if name != NOTES for found in c.values())


def _sum(dump: Json) -> str:
    return hashlib.sha256(json.dumps(dump, sort_keys=True).encode()).hexdigest()
