"""What containers do that run to their end: init containers, Jobs, ``helm test`` pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.kube.controllers.behaviour import NotYet
from sandbox.kube.pods import commands, environment, network
from sandbox.kube.pods.mongo import setup, shell
from sandbox.kube.pods.mongo.sets import Sets, is_mongo
from sandbox.kube.pods.mongo.syntax import ScriptError
from sandbox.kube.runtime import ExecResult
from sandbox.kube.store import Store

Json = dict[str, Any]

DATABASE = "PARSE_SERVER_DATABASE_URI"


class Known:
    """Runs the programs the practice world knows; the others just end well.

    ``helm test`` and Jobs must be able to fail: whatever fetches a URL, exits with a number
    or talks to a database is really judged by the cluster's state.
    """

    def __init__(self, store: Store, sets: Sets) -> None:
        self._store, self._sets = store, sets

    def run(self, pod: Json, container: Json) -> ExecResult | NotYet | None:
        """Run a container's command to its end; `NotYet` while it waits for something."""
        argv = commands.unwrap(commands.words_of(container))
        env = environment.environment(self._store, pod, container)
        name = commands.base(argv[0]) if argv else ""
        if name == "mongosh" and is_mongo(container):
            return self._mongosh(pod, container, argv[1:], env)
        if name == "node":
            return self._node(pod, env, argv)
        if name in ("wget", "curl"):
            return commands.fetch(self._store, pod, name, argv[1:])
        if name in ("false", "exit", "echo", "nslookup"):
            return commands.run(self._store, pod, container, env, argv)
        return None

    def _mongosh(
        self, pod: Json, container: Json, argv: list[str], env: Mapping[str, str]
    ) -> ExecResult | NotYet:
        namespace = pod["metadata"]["namespace"]
        try:
            asked = shell.arguments(argv)
        except ScriptError as error:
            return ExecResult(b"", shell.unknown(str(error)), 1)
        for path in asked.files:
            text = environment.read_file(self._store, pod, container, path) or ""
            if not setup.is_setup(text, env):
                return ExecResult(b"", shell.unknown(f"the file {path} is more than it knows"), 1)
            listed = environment.read_file(self._store, pod, container, env[setup.HOSTS_FILE])
            hosts = [host for host in (listed or "").strip().split(",") if host]
            return setup.attempt(self._sets, hosts, env, namespace) or NotYet("members")
        host = asked.options.get("--host") or setup_host(asked.target)
        connection = self._sets.at(host, namespace)
        if connection is None:
            text = f"MongoNetworkError: connect ECONNREFUSED {host}\n"
            return ExecResult(b"", text.encode(), 1)
        return shell.run(asked, connection, env)

    def _node(
        self, pod: Json, env: Mapping[str, str], argv: list[str]
    ) -> ExecResult | NotYet | None:
        namespace = pod["metadata"]["namespace"]
        if "TEST_URL" in env:
            return self._test(env["TEST_URL"], namespace)
        if DATABASE in env and any("database" in word for word in argv):
            hosts = setup.hosts_of(env[DATABASE])
            if setup.primary_at(self._sets, hosts, namespace) is None:
                return NotYet("the database")
            return ExecResult(b"The database answers.\n")
        return None

    def _test(self, url: str, namespace: str) -> ExecResult:
        """The chart's test: the server answers, and its database answers it."""
        found = network.connect(self._store, network.host_of(url), namespace)
        if not found.pods:
            return ExecResult(b"", b"fetch failed\n", 1)
        pod = found.pods[0]
        for container in pod["spec"]["containers"]:
            env = environment.environment(self._store, pod, container)
            if DATABASE not in env:
                continue
            hosts = setup.hosts_of(env[DATABASE])
            if setup.primary_at(self._sets, hosts, namespace) is None:
                return ExecResult(b"", b"a query answers 500 with code 1\n", 1)
        return ExecResult(b"Parse Server is healthy and reaches its database.\n")


def setup_host(target: str) -> str:
    """Return the first host of a ``mongosh`` target; localhost without."""
    if target.startswith("mongodb://"):
        return next(iter(setup.hosts_of(target)), "localhost")
    return target.partition("/")[0] or "localhost"
