"""``mongosh`` itself: its arguments, the objects scripts see, and what it prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.kube.pods.mongo.documents import collection
from sandbox.kube.pods.mongo.errors import MongoError
from sandbox.kube.pods.mongo.evaluate import Evaluator, Host, Thrown
from sandbox.kube.pods.mongo.rules import full
from sandbox.kube.pods.mongo.server import VERSION, Connection
from sandbox.kube.pods.mongo.syntax import ScriptError
from sandbox.kube.pods.mongo.values import UNDEFINED, dumps, extended, plain, shown
from sandbox.kube.runtime import ExecResult

Json = dict[str, Any]

_WITH_VALUE = {"--eval", "--file", "-f", "--host", "--port", "-u", "--username", "-p",
               "--password", "--authenticationDatabase"}  # fmt: skip
_PLAIN = {"--quiet", "--norc", "--nodb", "--shell"}


class Quit(Exception):
    """The script asked to end."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Arguments:
    """What ``mongosh`` was called with.

    Attributes:
        scripts: Texts of ``--eval``.
        files: Names of ``--file``.
        options: Other options with their values.
        target: Address or database it connects to; empty for the server of its own pod.
        json: Whether results are written as JSON.
    """

    scripts: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    target: str = ""
    json: bool = False

    def take(self, name: str, value: str) -> None:
        """Note an option with its value."""
        if name == "--eval":
            self.scripts.append(value)
        elif name in ("--file", "-f"):
            self.files.append(value)
        else:
            self.options[{"-u": "--username", "-p": "--password"}.get(name, name)] = value


def arguments(argv: list[str]) -> Arguments:
    """Read the arguments after ``mongosh``.

    Raises:
        ScriptError: One of them is not known here.
    """
    found, rest = Arguments(), list(argv)
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if name in _WITH_VALUE:
            if not sign and not rest:
                raise ScriptError(f"{name} needs a value")
            found.take(name, value if sign else rest.pop(0))
        elif name == "--json":
            found.json = True
        elif name in _PLAIN:
            found.options[name] = "true"
        elif word.startswith("-"):
            raise ScriptError(f"its option {name} is not known here")
        elif word.endswith(".js"):
            found.files.append(word)
        else:
            found.target = word
    return found


def run(asked: Arguments, connection: Connection, env: Mapping[str, str]) -> ExecResult:
    """Run the scripts of ``--eval`` on a connection.

    Args:
        asked: The arguments.
        connection: The server they run on.
        env: The environment of the process.
    """
    printed: list[str] = []
    evaluator = Evaluator(_names(connection, env, printed))
    try:
        if asked.options.get("--username"):
            connection.login(asked.options["--username"], asked.options.get("--password", ""))
        result: Any = UNDEFINED
        for script in asked.scripts:
            result = evaluator.run(script)
            if result is not UNDEFINED:
                printed.append(dumps(extended(result)) if asked.json else shown(result))
    except Quit as end:
        return ExecResult(_lines(printed), b"", end.code)
    except MongoError as error:
        return ExecResult(_lines(printed), f"{error.printed}\n".encode(), 1)
    except Thrown as error:
        value = error.value
        text = f"{value.get('name', 'Error')}: {value.get('message')}" if isinstance(
            value, dict
        ) else f"Uncaught: {value}"  # fmt: skip
        return ExecResult(_lines(printed), f"{text}\n".encode(), 1)
    except ScriptError as error:
        return ExecResult(_lines(printed), unknown(str(error)), 1)
    return ExecResult(_lines(printed))


def unknown(what: str) -> bytes:
    """The message for a script that this shell cannot run."""
    return (
        f"The practice world's mongosh has no JavaScript engine: {what}. It knows rs.status, "
        "conf, initiate, add, remove, reconfig, stepDown, freeze, db.hello, adminCommand, auth, "
        "getUser, createUser, collections (insertOne, insertMany, findOne, countDocuments, "
        "deleteMany, drop), print, JSON and EJSON.\n"
    ).encode()


def _lines(printed: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in printed).encode()


def _names(connection: Connection, env: Mapping[str, str], printed: list[str]) -> Json:
    def say(*values: Any) -> Any:
        printed.append(" ".join(shown(value) for value in values))
        return UNDEFINED

    def leave(code: int = 0) -> None:
        raise Quit(int(code))

    def stringify(convert: Callable[[Any], Any]) -> Callable[..., str]:
        def write(value: Any, _replacer: Any = None, indent: Any = None, *_rest: Any) -> str:
            return dumps(convert(value), indent if isinstance(indent, int) else None)

        return write

    return {
        "rs": _replica_set(connection),
        "db": _database(connection, "test"),
        "print": say,
        "printjson": say,
        "console": Host("console", {"log": say}),
        "quit": leave,
        "exit": leave,
        "process": Host("process", {"env": dict(env), "exit": leave}),
        "JSON": Host("JSON", {"stringify": stringify(plain)}),
        "EJSON": Host("EJSON", {"stringify": stringify(extended)}),
        "Number": int,
        "String": shown,
        "version": lambda: VERSION,
    }


def _replica_set(connection: Connection) -> Host:
    def conf() -> Json:
        config: Json = connection.command({"replSetGetConfig": 1})["config"]
        return config

    def current() -> Json:
        connection.command({"replSetGetConfig": 1})
        return dict(connection.group.config or {})

    def add(member: Any, arbiter: Any = None) -> Json:
        config = current()
        number = max((m["_id"] for m in config["members"]), default=-1) + 1
        fresh = {"host": member} if isinstance(member, str) else dict(member)
        if arbiter is True:
            fresh["arbiterOnly"] = True
        config["members"] = [*config["members"], {"_id": number, **fresh}]
        return connection.command({"replSetReconfig": config})

    def remove(host: str) -> Json:
        config = current()
        kept = [m for m in config["members"] if m["host"] != full(host)]
        if len(kept) == len(config["members"]):
            text = (
                f"Couldn't find {host} in {dumps([m['host'] for m in kept])}. Is {host} a member "
                "of this replset?"
            )
            raise Thrown({"name": "MongoshInvalidInputError", "message": f"[COMMON-10001] {text}"})
        config["members"] = kept
        return connection.command({"replSetReconfig": config})

    def reconfig(config: Json, options: Any = None) -> Json:
        force = isinstance(options, dict) and bool(options.get("force"))
        return connection.command({"replSetReconfig": config, "force": force})

    return Host(
        "rs",
        {
            "status": lambda: connection.command({"replSetGetStatus": 1}),
            "conf": conf,
            "config": conf,
            "initiate": lambda config=None: connection.command({"replSetInitiate": config or {}}),
            "add": add,
            "remove": remove,
            "reconfig": reconfig,
            "stepDown": lambda seconds=60, *_: connection.command({"replSetStepDown": seconds}),
            "freeze": lambda seconds: connection.command({"replSetFreeze": seconds}),
            "hello": connection.hello,
            "isMaster": connection.hello,
        },
    )


def _database(connection: Connection, name: str) -> Host:
    def login(user: Any, password: Any = None) -> Json:
        if isinstance(user, dict):
            user, password = user.get("user"), user.get("pwd")
        return connection.login(_string(user), _string(password))

    def collection_of(other: str) -> Host:
        return collection(connection, name, other)

    return Host(
        "db",
        {
            "hello": connection.hello,
            "isMaster": connection.hello,
            "adminCommand": lambda body: connection.command(_command(body)),
            "runCommand": lambda body: connection.command(_command(body)),
            "auth": login,
            "getSiblingDB": lambda other: _database(connection, other),
            "getName": lambda: name,
            "getUser": connection.get_user,
            "createUser": connection.create_user,
            "getCollection": collection_of,
            "version": lambda: VERSION,
        },
        collection_of,
    )


def _command(body: Any) -> Json:
    return {body: 1} if isinstance(body, str) else dict(body)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
