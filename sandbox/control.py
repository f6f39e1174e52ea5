"""Failures over HTTP, for programs that use the practice world.

`GET /faults` tells what there is and what is in force; `POST /faults` with `{"fault": "api-503"}`
puts one in force; `DELETE /faults` ends all but those of nodes and images, and brings back what is
away. `POST /rules` has all rules looked at and all notifications sent that are due, now.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from aiohttp import web

from sandbox.cluster import PracticeCluster
from sandbox.slack import SlackServer
from sandbox.slack.guard import guarded
from sandbox.trouble import HELP, NoSuchFault, Trouble
from sandbox.velero import ObjectStore


class Control:
    """The practice world's switchboard on 127.0.0.1."""

    def __init__(
        self, clusters: Sequence[PracticeCluster], slack: SlackServer, objects: ObjectStore
    ) -> None:
        self._clusters, self._slack, self._objects = list(clusters), slack, objects
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, port: int = 0) -> None:
        """Listens; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        app = web.Application()
        app.router.add_get("/faults", guarded(self._get))
        app.router.add_post("/faults", guarded(self._post))
        app.router.add_delete("/faults", guarded(self._delete))
        app.router.add_post("/rules", guarded(self._rules))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _get(self, _request: web.Request) -> web.StreamResponse:
        force = {c.name: c.server.faults.to_json() for c in self._clusters}
        velero = {c.name: c.velero.faults.active for c in self._clusters if c.velero}
        watching = {c.name: c.prometheus.faults() for c in self._clusters if c.prometheus}
        return web.json_response(
            {
                "known": HELP.splitlines(),
                "api": force,
                "velero": velero,
                "prometheus": watching,
            }
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.text())
            word = body["fault"] if isinstance(body, dict) else None
            if not isinstance(word, str):
                raise NoSuchFault('post {"fault": "api-503"}')
            await Trouble.parse(word).apply(self._clusters, self._slack, self._objects)
        except KeyError:
            return web.json_response({"error": 'post {"fault": "api-503"}'}, status=400)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._get(request)

    async def _rules(self, _request: web.Request) -> web.StreamResponse:
        alerts = {}
        for cluster in self._clusters:
            if cluster.prometheus is not None:
                await cluster.prometheus.ruler.look()
                alerts[cluster.name] = cluster.prometheus.ruler.alerts()
            if cluster.alertmanager is not None:
                await cluster.alertmanager.tend()
        return web.json_response(alerts)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        await Trouble("none").apply(self._clusters, self._slack, self._objects)
        return await self._get(request)
