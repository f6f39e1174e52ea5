"""Errors of a MongoDB server, worded as ``mongosh`` prints them."""

from __future__ import annotations


class MongoError(Exception):
    """A refusal by the server.

    Attributes:
        code: Number of the error in MongoDB's ``error_codes.yml``.
        name: Its ``codeName``.
        message: The server's sentence.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    @property
    def printed(self) -> str:
        """The line ``mongosh`` prints when a script does not catch it."""
        return f"MongoServerError[{self.name}]: {self.message}"


def not_initialized() -> MongoError:
    """``rs.initiate`` has not been run."""
    return MongoError(94, "NotYetInitialized", "no replset config has been received")


def not_a_member() -> MongoError:
    """This server was removed from its set."""
    return MongoError(
        93,
        "InvalidReplicaSetConfig",
        "Our replica set config is invalid or we are not a member of it",
    )


def not_primary(state: str) -> MongoError:
    """Only a primary may change the configuration."""
    return MongoError(
        10107,
        "NotWritablePrimary",
        "New config is rejected :: caused by :: replSetReconfig should only be run on a writable "
        f"PRIMARY. Current state {state};",
    )


def incompatible(message: str) -> MongoError:
    """The new configuration contradicts itself or the old one."""
    return MongoError(103, "NewReplicaSetConfigurationIncompatible", message)


def invalid(message: str) -> MongoError:
    """The configuration is not allowed."""
    return MongoError(93, "InvalidReplicaSetConfig", message)


def unreachable(message: str) -> MongoError:
    """Servers named in the configuration did not answer."""
    return MongoError(74, "NodeNotFound", message)
