"""Cluster roles that gather the rules of others, by their labels."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import Json, labels, matches
from sandbox.kube.controllers.work import Key
from sandbox.kube.eventlog import Event
from sandbox.kube.resources import CLUSTERROLES, Resource


class Aggregation(Controller):
    """Keeps the rules of gathering roles; what is written into them by hand is lost."""

    name = "clusterroles"
    level = 3

    def watches(self) -> Mapping[Resource, Handler]:
        """Cluster roles: a change of one concerns all that may gather it."""
        return {CLUSTERROLES: self._changed}

    def _changed(self, event: Event) -> None:
        for role in self.ctx.store.scan(CLUSTERROLES):
            if role.get("aggregationRule"):
                self.ctx.work.add(self.name, ("", role["metadata"]["name"]))

    def reconcile(self, key: Key) -> None:
        """Write the rules of one gathering role, if they are others now."""
        role = self.ctx.store.peek(CLUSTERROLES, None, key[1])
        if role is None or not role.get("aggregationRule"):
            return
        rules = gathered(role, self.ctx.store.scan(CLUSTERROLES))
        if rules == (role.get("rules") or []):
            return

        def write(copy: Json) -> None:
            copy["rules"] = rules

        self.ctx.edit(CLUSTERROLES, role, write)


def gathered(role: Json, roles: list[Json]) -> list[Json]:
    """Return the rules of all roles that a gathering role selects, each once."""
    rules: list[Json] = []
    for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
        for other in roles:
            if other["metadata"]["name"] == role["metadata"]["name"]:
                continue
            if matches(selector, labels(other)):
                rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules
