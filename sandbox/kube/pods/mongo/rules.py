"""What a replica-set configuration must satisfy (MongoDB's ``repl_set_config_checks``)."""

from __future__ import annotations

from typing import Any

from sandbox.kube.pods.mongo import errors

Json = dict[str, Any]

PORT = 27017
MAX_VOTERS = 7
MAX_MEMBERS = 50

_MEMBER = {
    "arbiterOnly": False,
    "buildIndexes": True,
    "hidden": False,
    "priority": 1,
    "tags": {},
    "secondaryDelaySecs": 0,
    "votes": 1,
}
_SETTINGS = {
    "chainingAllowed": True,
    "heartbeatIntervalMillis": 2000,
    "heartbeatTimeoutSecs": 10,
    "electionTimeoutMillis": 10000,
    "catchUpTimeoutMillis": -1,
    "catchUpTakeoverDelayMillis": 30000,
    "getLastErrorModes": {},
    "getLastErrorDefaults": {"w": 1, "wtimeout": 0},
}


def full(host: str) -> str:
    """Return the host with its port."""
    return host if ":" in host else f"{host}:{PORT}"


def completed(asked: Json, *, version: int, term: int) -> Json:
    """Return a configuration document with the server's defaults filled in."""
    members = [
        {"_id": index, **_MEMBER, **member, "host": full(member["host"])}
        for index, member in enumerate(asked["members"])
    ]
    return {
        "_id": asked["_id"],
        "version": version,
        "term": term,
        "members": [{key: m[key] for key in ("_id", "host", *_MEMBER)} for m in members],
        "configsvr": False,
        "protocolVersion": 1,
        "writeConcernMajorityJournalDefault": True,
        "settings": {**_SETTINGS, **asked.get("settings", {})},
    }


def validate(config: Json) -> None:
    """Refuse a configuration that no server would take.

    Raises:
        MongoError: No or too many members, doubles, or too many voters.
    """
    members = config["members"]
    if not 1 <= len(members) <= MAX_MEMBERS:
        raise errors.invalid(
            f"Number of members must be between 1 and {MAX_MEMBERS}, but is {len(members)}"
        )
    for what, text in (("host", "host"), ("_id", "_id")):
        seen: dict[Any, int] = {}
        for index, member in enumerate(members):
            first = seen.setdefault(member[what], index)
            if first != index:
                raise errors.incompatible(
                    f"Found two member configurations with same {text} field, "
                    f"members.{first}.{text} == members.{index}.{text} == {member[what]}"
                )
    voters = sum(1 for member in members if member["votes"])
    if voters == 0:
        raise errors.invalid("Number of voting members must be between 1 and 7, but is 0")
    if voters > MAX_VOTERS:
        raise errors.invalid(
            f"Replica set configuration contains {voters} voting members, but must be at least 1 "
            f"and no more than {MAX_VOTERS}"
        )
    for member in members:
        if not member["votes"] and member["priority"]:
            raise errors.invalid("priority must be 0 when non-voting (votes:0)")
    if not any(member["priority"] > 0 for member in members):
        raise errors.invalid(
            "Replica set configuration must contain at least one non-arbiter member with "
            "priority > 0"
        )


def check_change(old: Json, new: Json) -> None:
    """Refuse a change of more than one voter at a time.

    Raises:
        MongoError: More than one voting member was added or removed.
    """
    before = {m["_id"] for m in old["members"] if m["votes"]}
    after = {m["_id"] for m in new["members"] if m["votes"]}
    if len(before ^ after) > 1:
        raise errors.invalid(
            "Non force replica set reconfig can only add or remove at most 1 voting member."
        )


def check_identity(old: Json, new: Json) -> None:
    """Refuse another set name, or another number for a host that stays.

    Raises:
        MongoError: The new document is not a successor of the old one.
    """
    if new["_id"] != old["_id"]:
        raise errors.incompatible(
            "New and old configurations differ in replica set name; old was "
            f"{old['_id']}, and new is {new['_id']}"
        )
    numbers = {member["host"]: member["_id"] for member in old["members"]}
    for member in new["members"]:
        number = numbers.get(member["host"], member["_id"])
        if number != member["_id"]:
            raise errors.incompatible(
                "New and old configurations both have members with host of "
                f"{member['host']} but in the new configuration the _id field is "
                f"{member['_id']} and in the old configuration it is {number} for replica set "
                f"{new['_id']}"
            )


def maps_to_nobody(config: Json) -> str:
    """The sentence for a configuration without the server that got it."""
    return (
        f"No host described in new configuration with {{version: {config['version']}, term: "
        f"{config['term']}}} for replica set {config['_id']} maps to this node"
    )


def unheard(host: str) -> str:
    """The sentence for a server that does not answer."""
    return (
        f"{host} failed with Error connecting to {host} :: caused by :: Could not find address "
        f"for {host}: SocketException: onInvoke :: caused by :: Host not found (authoritative)"
    )
