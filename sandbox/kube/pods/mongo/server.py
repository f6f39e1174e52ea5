"""One ``mongod`` as a client meets it: commands, their answers, and who may run them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.kube.pods.mongo import errors
from sandbox.kube.pods.mongo.members import ReplicaSet, Server
from sandbox.kube.pods.mongo.values import Long, ObjectId, Timestamp

Json = dict[str, Any]

VERSION = "8.0.15"
_OPEN = frozenset({"hello", "ismaster", "isMaster", "ping", "buildInfo", "connectionStatus"})


@dataclass(slots=True)
class Connection:
    """A client on its way to one server.

    Attributes:
        server: Whom it talks to.
        group: The server's replica set.
        guarded: Whether the server demands a log-in.
        local: Whether it comes from the server's own pod.
        user: Who logged in.
    """

    server: Server
    group: ReplicaSet
    guarded: bool
    local: bool = True
    user: str = ""

    def login(self, user: str, password: str) -> Json:
        """Log in.

        Raises:
            MongoError: No such user, or the wrong password.
        """
        known = self.group.users if self.group.knows(self.server) else {}
        if known.get(user) != password or not user:
            raise errors.MongoError(18, "AuthenticationFailed", "Authentication failed.")
        self.user = user
        return {"ok": 1}

    def command(self, body: Json) -> Json:
        """Run a command given as a document; its first key is its name.

        Raises:
            MongoError: The server refuses it, or does not have it.
        """
        name = next(iter(body), "")
        self.authorize(name)
        match name:
            case "ping":
                return {"ok": 1}
            case "hello" | "ismaster" | "isMaster":
                return self.hello()
            case "replSetGetStatus":
                return self.status()
            case "replSetGetConfig":
                config = self.group.require_member(self.server)
                return {"config": _config(config), **self._tail()}
            case "replSetInitiate":
                self.group.initiate(self.server, body[name] or None)
            case "replSetReconfig":
                force = bool(body.get("force"))
                self.group.reconfig(self.server, body[name], force=force)
            case "replSetStepDown":
                self.group.step_down(self.server, float(body[name]))
            case "replSetFreeze":
                self.group.freeze(self.server, float(body[name]))
            case "buildInfo":
                return {"version": VERSION, "ok": 1}
            case _:
                raise errors.MongoError(59, "CommandNotFound", f"no such command: '{name}'")
        return {"ok": 1, **self._tail()}

    def create_user(self, body: Json) -> Json:
        """Make a user; the first one may be made from the server's own pod without a log-in.

        Raises:
            MongoError: Not on a primary, not allowed, or there already.
        """
        first = self.local and not self.group.users
        if not first:
            self.authorize("createUser")
        member = self.group.own_member(self.server) if self.group.knows(self.server) else None
        if member is None or member["host"] != self.group.primary:
            raise errors.MongoError(10107, "NotWritablePrimary", "not primary")
        if body["user"] in self.group.users:
            text = f'User "{body["user"]}@admin" already exists'
            raise errors.MongoError(51003, "Location51003", text)
        self.group.users[body["user"]] = body["pwd"]
        return {"ok": 1}

    def get_user(self, name: str) -> Json | None:
        """Return a user, or None."""
        self.authorize("usersInfo")
        return {"_id": f"admin.{name}", "user": name} if name in self.group.users else None

    def authorize(self, name: str) -> None:
        """Let a command pass or not.

        Raises:
            MongoError: It needs a log-in.
        """
        if not self.guarded or self.user or name in _OPEN:
            return
        fresh = not self.group.knows(self.server)
        if self.local and name == "replSetInitiate" and fresh:
            return
        raise errors.MongoError(13, "Unauthorized", f"Command {name} requires authentication")

    def hello(self) -> Json:
        """Return the answer to ``hello``."""
        now = self._now()
        tail = {
            "maxBsonObjectSize": 16777216,
            "maxMessageSizeBytes": 48000000,
            "maxWriteBatchSize": 100000,
            "localTime": now,
            "minWireVersion": 0,
            "maxWireVersion": 25,
            "readOnly": False,
            "ok": 1,
        }
        if not self.server.set_name:
            return {"isWritablePrimary": True, **tail}
        config = self.group.config
        own = self.group.own_member(self.server) if self.group.knows(self.server) else None
        if config is None or own is None:
            return {
                "isWritablePrimary": False,
                "secondary": False,
                "info": "Does not have a valid replica set config",
                "isreplicaset": True,
                **tail,
            }
        state = self.group.state(own)[0]
        answer: Json = {
            "hosts": [m["host"] for m in config["members"]],
            "setName": config["_id"],
            "setVersion": config["version"],
            "isWritablePrimary": state == 1,
            "secondary": state == 2,
        }
        if self.group.primary:
            answer["primary"] = self.group.primary
        answer["me"] = own["host"]
        if state == 1:
            answer["electionId"] = ObjectId(f"7fffffff{self.group.term:016x}")
        return {**answer, **tail}

    def status(self) -> Json:
        """Return the answer to ``replSetGetStatus``.

        Raises:
            MongoError: No configuration, or removed from it.
        """
        config = self.group.require_member(self.server)
        own = self.group.own_member(self.server)
        voters = sum(1 for m in config["members"] if m["votes"])
        answer: Json = {
            "set": config["_id"],
            "date": self._now(),
            "myState": self.group.state(own)[0] if own else 10,
            "term": Long(self.group.term),
            "syncSourceHost": "",
            "syncSourceId": -1,
            "heartbeatIntervalMillis": Long(2000),
            "majorityVoteCount": voters // 2 + 1,
            "writeMajorityCount": voters // 2 + 1,
            "votingMembersCount": voters,
            "writableVotingMembersCount": voters,
            "members": [self._member(m, own) for m in config["members"]],
        }
        return {**answer, "ok": 1, **self._tail()}

    def _member(self, member: Json, own: Json | None) -> Json:
        number, word = self.group.state(member)
        up = self.group.server(member["host"])
        now = self._now()
        shown: Json = {
            "_id": member["_id"],
            "name": member["host"],
            "health": 1 if up else 0,
            "state": number,
            "stateStr": word,
            "uptime": int(now.timestamp() - up.since) if up else 0,
            "optime": {"ts": self._clock() if up else Timestamp(0, 0), "t": Long(self.group.term)},
            "optimeDate": now if up else datetime.fromtimestamp(0, UTC),
            "configVersion": (self.group.config or {}).get("version") if up else -1,
            "configTerm": self.group.term if up else -1,
        }
        if number == 1:
            elected = int(self.group.elected)
            shown["electionTime"] = Timestamp(elected, 1)
            shown["electionDate"] = datetime.fromtimestamp(elected, UTC)
        if not up:
            shown["lastHeartbeatMessage"] = f"Error connecting to {member['host']}"
        if member is own:
            shown["self"] = True
        return shown

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.group.now(), UTC)

    def _clock(self) -> Timestamp:
        return Timestamp(int(self.group.now()), 1)

    def _tail(self) -> Json:
        return {"$clusterTime": {"clusterTime": self._clock()}, "operationTime": self._clock()}


def _config(config: Json) -> Json:
    seed = hashlib.sha256(config["_id"].encode()).hexdigest()[:24]
    members = [
        {**m, "secondaryDelaySecs": Long(m["secondaryDelaySecs"])} for m in config["members"]
    ]
    settings = {**config["settings"], "replicaSetId": ObjectId(seed)}
    return {
        **config,
        "members": members,
        "settings": settings,
        "protocolVersion": Long(1),
    }
