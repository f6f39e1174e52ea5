"""Who answers `mongosh` in the lab's pods: the practice world's replica sets over the real cluster.

No ``mongod`` runs there, and none is to be had. Which pods are up, their environment and their
claims are the real cluster's; what members agree on is kept here, by the rules that the practice
world keeps. So the lab shows that the bot asks the right pod the right thing in the right order,
not what a database makes of it.
"""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.kube.controllers.behaviour import Behaviours, NotYet
from sandbox.kube.errors import ApiError
from sandbox.kube.pods.mongo.sets import is_mongo
from sandbox.kube.pods.runtime import Runtime
from sandbox.kube.resources import (
    CONFIGMAPS,
    NODES,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    SECRETS,
    SERVICES,
    Resource,
)
from sandbox.kube.store import Store
from tests.cluster.lab import Json, Lab

READ = (PODS, SERVICES, SECRETS, CONFIGMAPS, PERSISTENTVOLUMECLAIMS)


class Mirror(Store):
    """One namespace of a real cluster as it was at the last look, for reading only."""

    def look(self, lab: Lab, namespace: str) -> None:
        """See the namespace, and the nodes, as they are now."""
        self._seen = {NODES.key: lab.api("GET", "/api/v1/nodes")["items"]}
        for resource in READ:
            path = f"/api/v1/namespaces/{namespace}/{resource.plural}"
            self._seen[resource.key] = lab.api("GET", path)["items"]

    def scan(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        return self._seen.get(resource.key, [])

    def peek(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        found = (item for item in self.scan(resource) if item["metadata"]["name"] == name)
        return next(found, None)


class Databases:
    """The replica sets of one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._store = lab, Mirror()
        self._programs = Behaviours()
        self._runtime = Runtime(self._store, self._programs)
        self._done: set[str] = set()
        self._one = threading.Lock()

    def answer(self, namespace: str, pod: str, argv: list[str]) -> dict[str, Any]:
        """Run `mongosh` in a pod."""
        with self._one:
            self._store.look(self._lab, namespace)
            self._run_jobs()
            found = self._store.peek(PODS, namespace, pod)
            if found is None:
                return {"stdout": "", "stderr": f"there is no pod {pod}\n", "exit_code": 1}
            container = next(c["name"] for c in found["spec"]["containers"] if is_mongo(c))
            try:
                result = asyncio.run(self._runtime.exec(found, container, ["mongosh", *argv], None))
            except ApiError as error:
                return {"stdout": "", "stderr": f"{error}\n", "exit_code": 1}
        return {
            "stdout": result.stdout.decode(),
            "stderr": result.stderr.decode(),
            "exit_code": result.exit_code,
        }

    def _run_jobs(self) -> None:
        """Do what the ended Jobs' programs would have done; kwok only says that they ended."""
        assert self._programs.programs is not None
        for pod in self._store.scan(PODS):
            uid = pod["metadata"]["uid"]
            if pod["status"].get("phase") != "Succeeded" or uid in self._done:
                continue
            for container in pod["spec"]["containers"]:
                ended = self._programs.programs.run(pod, container)
                if not isinstance(ended, NotYet):
                    self._done.add(uid)


@contextmanager
def databases(lab: Lab) -> Iterator[Databases]:
    """Let `mongosh` in the lab's pods be answered; afterwards it finds nobody again."""
    made = Databases(lab)

    class Line(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            answer = made.answer(**json.loads(self.rfile.readline()))
            self.wfile.write(json.dumps(answer).encode() + b"\n")

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    with Server(str(lab.files.databases), Line) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
            lab.files.databases.unlink()
