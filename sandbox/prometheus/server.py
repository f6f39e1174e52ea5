"""The practice Prometheus of one cluster.

It costs next to nothing until it is asked: it only notes what changes in the cluster. Samples are
made when a query wants them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.kube.controllers import Controllers, Pace
from sandbox.kube.jsonutil import Json
from sandbox.kube.store import Store
from sandbox.listening import Listener
from sandbox.prometheus.api import Api
from sandbox.prometheus.history import History
from sandbox.prometheus.ruling import Ruler, Sink
from sandbox.prometheus.steering import Steering
from sandbox.prometheus.tempo import Tempo

if TYPE_CHECKING:
    from sandbox.prometheus.database import Database, Spoiling
    from sandbox.prometheus.promql.values import Samples, Times, Value
    from sandbox.prometheus.scraping import Scrapes


class PracticePrometheus:
    """Prometheus as its HTTP API shows it.

    Attributes:
        tempo: How fast it lives.
        steering: What is done to the numbers.
        ruler: Its alert rules.
        authorization: The `Authorization` header that it wants; empty for none.
        delay: Seconds that it takes for each answer.
        nan: All its samples are NaN.
        copies: How many of each series it has.
    """

    def __init__(self, store: Store, *, pace: Pace, cluster: str = "main") -> None:
        """Follow a cluster from now on; `start` makes it listen.

        Args:
            store: The cluster's objects.
            pace: How fast the cluster lives.
            cluster: Its name, the external label of its alerts.
        """
        self.tempo = Tempo.of(pace)
        self._history = History(store)
        self.steering = Steering(self._history.now)
        self.authorization, self.delay, self.nan, self.copies = "", 0.0, False, 1
        self._scrapes: Scrapes | None = None
        self._listener = Listener(lambda: Api(self).application())
        self.ruler = Ruler(self, cluster)

    @classmethod
    def of(
        cls, store: Store, controllers: Controllers, *, pace: Pace, cluster: str = "main"
    ) -> PracticePrometheus:
        """One that also notes how the load of workloads is steered."""
        made = cls(store, pace=pace, cluster=cluster)
        controllers.ctx.load.touched = made.steering.load
        return made

    async def start(self, port: int = 0, sink: Sink | None = None) -> None:
        """Listen on 127.0.0.1, and look at the rules from now on.

        Args:
            port: Where; 0 takes a free one.
            sink: Takes the alerts; without one rules are looked at only when asked for.

        Raises:
            OSError: The port is taken.
        """
        await self._listener.start(port)
        if sink is not None:
            self.ruler.start(sink)

    async def close(self) -> None:
        """Stop all."""
        await self.ruler.close()
        await self._listener.close()
        self._history.close()

    @property
    def url(self) -> str:
        """Its address, the same for as long as it lives."""
        return self._listener.url

    async def away(self) -> None:
        """Refuse connections; rules rest, too."""
        self.ruler.resting = True
        await self._listener.away()

    async def back(self) -> None:
        """Answer again."""
        self.ruler.resting = False
        await self._listener.back()

    def admits(self, authorization: str) -> bool:
        """Whether a request with this header is answered."""
        return not self.authorization or authorization == self.authorization

    def heal(self) -> None:
        """End what is wrong with it, and what was done to the numbers."""
        self.delay, self.nan, self.copies = 0.0, False, 1
        self.steering.calm()

    def now(self) -> int:
        """The present, in ms."""
        return self._history.now()

    # -- queries ---------------------------------------------------------------------------

    def query(
        self, query: str, moment: int, database: Database | None = None
    ) -> Value | list[Samples]:
        """Answer an instant query.

        Args:
            query: PromQL.
            moment: When, in ms.
            database: For several queries of one moment, from `database`.

        Raises:
            QueryError: It cannot be answered.
        """
        import numpy as np

        from sandbox.prometheus.promql import evaluate, parse

        steps = np.array([moment], dtype=np.int64)
        return evaluate(parse(query), database or self.database(), steps)

    def range(
        self, query: str, start: int, end: int, step: int
    ) -> tuple[Value | list[Samples], Times]:
        """Answer a range query; returns the value and the steps it is for.

        Raises:
            QueryError: It cannot be answered.
        """
        import numpy as np

        from sandbox.prometheus.promql import QueryError, Text, evaluate, parse

        steps = np.arange(start, end + 1, step, dtype=np.int64)
        found = evaluate(parse(query), self.database(), steps)
        if isinstance(found, list | Text):
            kind = "range vector" if isinstance(found, list) else "string"
            raise QueryError(
                f'invalid parameter "query": invalid expression type "{kind}" for range '
                "query, must be Scalar or instant Vector"
            )
        return found, steps

    def series(self, selector: str, start: int, end: int) -> list[Mapping[str, str]]:
        """The labels of all series that fit and had samples.

        Raises:
            QueryError: It is no selector.
        """
        from sandbox.prometheus.promql.evaluating import selected

        return [dict(s.labels) for s in selected(selector, self.database(), start, end)]

    def targets(self) -> list[Json]:
        """Whom it asks, as its API tells it."""
        from sandbox.prometheus.exporters.targets import targets

        now = self.now()
        return [
            {
                "labels": labels,
                "discoveredLabels": {},
                "scrapePool": labels["job"],
                "scrapeUrl": f"http://{labels['instance']}{labels.get('metrics_path', '/metrics')}",
                "lastError": "" if up else "context deadline exceeded",
                "health": "up" if up else "down",
            }
            for labels, there, answered in targets(self.database().scene)
            if there[0] <= now < there[1]
            for up in [any(start <= now < end for start, end in answered)]
        ]

    def database(self) -> Database:
        """The samples as of now."""
        from sandbox.prometheus.database import Database, Spoiling
        from sandbox.prometheus.history import BEFORE
        from sandbox.prometheus.scene import Scene
        from sandbox.prometheus.scraping import Scrapes

        start = self._history.start
        if self._scrapes is None:
            self._scrapes = Scrapes(start - BEFORE, start, self.tempo.scrape)
        scene = Scene(self._history, self.steering, self.tempo.ramp * 1000)
        spoiling: Spoiling = Spoiling(self.nan, self.copies)
        return Database(scene, self._scrapes, spoiling)

    def faults(self) -> dict[str, Any]:
        """What is in force, for the control address."""
        found: dict[str, Any] = {"steered": list(self.steering.active())}
        if not self._listener.reachable:
            found["away"] = True
        found |= {"slow": self.delay} if self.delay else {}
        found |= {"nan": True} if self.nan else {}
        return found | ({"copies": self.copies} if self.copies > 1 else {})
