"""A script that makes a replica set and its users, as a Job's container runs it.

There is no JavaScript engine here, so such a script is known by its contract: the container is
given ``MONGODB_HOSTS_FILE`` (hosts by commas) and ``MONGODB_REPLICA_SET``, and the script it runs
calls ``replSetInitiate``. What it then does is make the set once all hosts answer, and the users
named by ``MONGO_INITDB_ROOT_USERNAME`` and by ``PARSE_SERVER_DATABASE_URI``.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from sandbox.kube.pods.mongo.errors import MongoError
from sandbox.kube.pods.mongo.members import ReplicaSet
from sandbox.kube.pods.mongo.server import Connection
from sandbox.kube.pods.mongo.sets import Sets
from sandbox.kube.runtime import ExecResult

HOSTS_FILE, SET_NAME = "MONGODB_HOSTS_FILE", "MONGODB_REPLICA_SET"


def is_setup(script: str, env: Mapping[str, str]) -> bool:
    """Whether a script keeps the contract."""
    return "replSetInitiate" in script and HOSTS_FILE in env and SET_NAME in env


def attempt(
    sets: Sets, hosts: list[str], env: Mapping[str, str], namespace: str
) -> ExecResult | None:
    """Try once to make the set and its users; None while members or a primary are missing.

    Args:
        sets: The cluster's replica sets.
        hosts: The members' hosts.
        env: The container's environment.
        namespace: Where the container is.
    """
    connections = [found for host in hosts if (found := sets.at(host, namespace))]
    known = [c for c in connections if c.group.knows(c.server)]
    outcome = "there already"
    if not known:
        if len(connections) < len(hosts):
            return None
        members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
        first = connections[0]
        try:
            first.group.initiate(first.server, {"_id": env[SET_NAME], "members": members})
        except MongoError as error:
            return ExecResult(b"", f"{error.printed}\n".encode(), 1)
        outcome, known = "initiated", [first]
    group = known[0].group
    if group.primary is None:
        return None
    lines = [f"Replica set: {outcome}"]
    for user, password in _users(env):
        lines.append(_ensure(group, user, password))
    return ExecResult("".join(f"{line}\n" for line in lines).encode())


def _ensure(group: ReplicaSet, user: str, password: str) -> str:
    if user in group.users:
        return "User: there already"
    group.users[user] = password
    return "User: made"


def _users(env: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    root = env.get("MONGO_INITDB_ROOT_USERNAME", "")
    if root:
        found.append((root, env.get("MONGO_INITDB_ROOT_PASSWORD", "")))
    uri = urlsplit(env.get("PARSE_SERVER_DATABASE_URI", ""))
    login = uri.netloc.rpartition("@")[0]
    if login:
        user, _, password = login.partition(":")
        if unquote(user) != root:
            found.append((unquote(user), unquote(password)))
    return found


def hosts_of(uri: str) -> list[str]:
    """Return the hosts of a ``mongodb://`` address."""
    place = uri.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return [host for host in place.split(",") if host]


def primary_at(sets: Sets, hosts: list[str], namespace: str) -> Connection | None:
    """Return a connection to the primary of the set at these hosts, if it has one."""
    for host in hosts:
        found = sets.at(host, namespace)
        if found is None or not found.group.knows(found.server):
            continue
        primary = found.group.primary
        if primary is not None:
            return sets.at(primary, namespace)
    return None
