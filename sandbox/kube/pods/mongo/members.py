"""One replica set: its configuration, its primary, and the rules for changing them.

The rules and sentences are those of MongoDB 8 (``src/mongo/db/repl``). Servers are named by their
``host:port`` as in the configuration; which of them are up is told from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.kube.pods.mongo import errors, rules

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """A ``mongod`` process that is up.

    Attributes:
        name: The pod's name.
        hosts: Every ``host:port`` under which the others reach it.
        data: Identity of its data directory (a claim's uid, or the pod's own).
        since: When it started, in seconds since the epoch.
        set_name: Value of its ``--replSet``; empty without.
    """

    name: str
    hosts: frozenset[str]
    data: str
    since: float
    set_name: str


@dataclass(slots=True)
class ReplicaSet:
    """What the members agree on, and who leads them.

    Attributes:
        now: Seconds since the epoch.
        sync: Seconds a new member copies data before it is a secondary.
        config: The configuration document, None before ``rs.initiate``.
        primary: Host of the primary, None while there is none.
        term: Number of the latest election.
        elected: When that was.
        users: Passwords by user name.
        documents: Database → collection → documents.
    """

    now: Callable[[], float]
    sync: float = 0.0
    config: Json | None = None
    primary: str | None = None
    term: int = 0
    elected: float = 0.0
    users: dict[str, str] = field(default_factory=dict)
    documents: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    _up: dict[str, Server] = field(default_factory=dict)
    _data: dict[str, float] = field(default_factory=dict)
    _frozen: dict[str, float] = field(default_factory=dict)

    # --- the world around -------------------------------------------------

    def observe(self, up: list[Server]) -> None:
        """Learn which servers are up; loses or elects a primary accordingly."""
        self._up = {host: server for server in up for host in server.hosts}
        self._elect()

    def server(self, host: str) -> Server | None:
        """Return the server behind a host of the configuration, if it is up."""
        return self._up.get(rules.full(host))

    def knows(self, server: Server) -> bool:
        """Whether the server's data directory holds a configuration."""
        return self.config is not None and server.data in self._data

    def own_member(self, server: Server) -> Json | None:
        """Return the configuration's entry for a server, if it has one."""
        for member in self.members:
            if rules.full(member["host"]) in server.hosts:
                return member
        return None

    @property
    def members(self) -> list[Json]:
        """The members of the configuration."""
        return [] if self.config is None else self.config["members"]

    def state(self, member: Json) -> tuple[int, str]:
        """Return a member's state as number and word, as the primary sees it."""
        server = self.server(member["host"])
        if server is None:
            return 8, "(not reachable/healthy)"
        if server.data not in self._data:
            return 0, "STARTUP"
        if member["host"] == self.primary:
            return 1, "PRIMARY"
        if member.get("arbiterOnly"):
            return 7, "ARBITER"
        if self.now() < self._data[server.data] + self.sync:
            return 5, "STARTUP2"
        return 2, "SECONDARY"

    def _healthy(self, member: Json) -> bool:
        server = self.server(member["host"])
        return server is not None and server.data in self._data

    def _spread(self) -> None:
        """Members that are up learn the configuration from one that has it, and start to copy."""
        up = [s for m in self.members if (s := self.server(m["host"])) is not None]
        if any(server.data in self._data for server in up):
            for server in up:
                self._data.setdefault(server.data, self.now())

    def _elect(self) -> None:
        self._spread()
        voters = [member for member in self.members if member.get("votes", 1)]
        alive = [member for member in voters if self._healthy(member)]
        if not voters or len(alive) <= len(voters) // 2:
            self.primary = None
            return
        able = [member for member in alive if self._electable(member)]
        if not able:
            self.primary = None
            return
        best = max(able, key=lambda m: (m.get("priority", 1), m["host"] == self.primary, -m["_id"]))
        if best["host"] != self.primary:
            self.primary = best["host"]
            self.term += 1
            self.elected = self.now()

    def _electable(self, member: Json) -> bool:
        frozen = self._frozen.get(member["host"], 0) > self.now()
        return (
            member.get("priority", 1) > 0
            and not member.get("arbiterOnly")
            and not frozen
            and self.state(member)[0] in (1, 2)
        )

    # --- commands ---------------------------------------------------------

    def initiate(self, me: Server, asked: Json | None) -> None:
        """Make `me` and the asked members a set.

        Raises:
            MongoError: Already initialized, wrong set name, or members out of reach.
        """
        if not me.set_name:
            raise errors.MongoError(
                76, "NoReplicationEnabled", "This node was not started with replication enabled."
            )
        if self.knows(me):
            raise errors.MongoError(23, "AlreadyInitialized", "already initialized")
        config = dict(asked or {})
        config.setdefault("_id", me.set_name)
        config.setdefault("members", [{"_id": 0, "host": min(me.hosts, key=len)}])
        config = rules.completed(config, version=1, term=1)
        if config["_id"] != me.set_name:
            raise errors.invalid(
                "Rejecting initiate with a set name that differs from command line set name, "
                f"initiate set name: {config['_id']}, command line set name: {me.set_name}"
            )
        rules.validate(config)
        if not any(rules.full(member["host"]) in me.hosts for member in config["members"]):
            raise errors.invalid(rules.maps_to_nobody(config))
        for member in config["members"]:
            if self.server(member["host"]) is None:
                raise errors.unreachable(
                    "replSetInitiate quorum check failed because not all proposed set members "
                    f"responded affirmatively: {rules.unheard(member['host'])}"
                )
        self.config, self.term, self.primary = config, 0, None
        long_ago = self.now() - self.sync
        self._data, self.users, self.documents = {}, {}, {}
        for member in config["members"]:
            server = self.server(member["host"])
            if server is not None:
                self._data[server.data] = long_ago
        self._elect()

    def require_member(self, me: Server) -> Json:
        """Return the configuration if `me` may speak of it.

        Raises:
            MongoError: Not initialized, or removed from the set.
        """
        if not me.set_name:
            raise errors.MongoError(76, "NoReplicationEnabled", "not running with --replSet")
        if self.config is None or not self.knows(me):
            raise errors.not_initialized()
        if self.own_member(me) is None:
            raise errors.not_a_member()
        return self.config

    def require_primary(self, me: Server) -> Json:
        """Return the configuration if `me` is the primary.

        Raises:
            MongoError: It is not.
        """
        config = self.require_member(me)
        member = self.own_member(me)
        if member is None or member["host"] != self.primary:
            raise errors.not_primary("SECONDARY" if member is None else self.state(member)[1])
        return config

    def reconfig(self, me: Server, asked: Json, *, force: bool = False) -> None:
        """Replace the configuration.

        Raises:
            MongoError: Not on the primary, more than one voter changed, contradictions, or no
                majority of the new configuration answers.
        """
        old = self.require_member(me) if force else self.require_primary(me)
        config = rules.completed(asked, version=old["version"] + 1, term=self.term)
        rules.validate(config)
        rules.check_identity(old, config)
        if not force:
            rules.check_change(old, config)
        if not any(rules.full(member["host"]) in me.hosts for member in config["members"]):
            raise errors.unreachable(rules.maps_to_nobody(config))
        self._check_quorum(config)
        self.config = config
        self._elect()

    def _check_quorum(self, config: Json) -> None:
        voters = [member for member in config["members"] if member.get("votes", 1)]
        heard = [member["host"] for member in voters if self.server(member["host"])]
        need = len(voters) // 2 + 1
        if len(heard) < need:
            silent = [m["host"] for m in config["members"] if not self.server(m["host"])]
            raise errors.unreachable(
                "Quorum check failed because not enough voting nodes responded; required "
                f"{need} but only the following {len(heard)} voting nodes responded: "
                f"{', '.join(heard)}; the following nodes did not respond affirmatively: "
                f"{', '.join(rules.unheard(host) for host in silent)}"
            )

    def step_down(self, me: Server, seconds: float) -> None:
        """Give up being primary for `seconds`.

        Raises:
            MongoError: Not the primary, or nobody could follow.
        """
        self.require_member(me)
        member = self.own_member(me)
        if member is None or member["host"] != self.primary:
            raise errors.MongoError(10107, "NotWritablePrimary", "not primary so can't step down")
        others = [m for m in self.members if m is not member and self._electable(m)]
        if not others:
            raise errors.MongoError(
                262,
                "ExceededTimeLimit",
                "No electable secondaries caught up as of the step down deadline. Please use the "
                "replSetStepDown command with the argument {force: true} to force node to step "
                "down.",
            )
        self._frozen[member["host"]] = self.now() + seconds
        self.primary = None
        self._elect()

    def freeze(self, me: Server, seconds: float) -> None:
        """Keep a secondary from standing for election for `seconds`; 0 lifts it.

        Raises:
            MongoError: It is the primary.
        """
        self.require_member(me)
        member = self.own_member(me)
        if member is not None and member["host"] == self.primary:
            raise errors.MongoError(
                95,
                "NotSecondary",
                "cannot freeze node when primary or running for election. state: Primary",
            )
        if member is not None:
            self._frozen[member["host"]] = self.now() + seconds
