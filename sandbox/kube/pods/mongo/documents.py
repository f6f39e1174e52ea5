"""Documents of a replica set, as far as the practice world has them: written, counted, removed."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.kube.pods.mongo.errors import MongoError
from sandbox.kube.pods.mongo.evaluate import Host
from sandbox.kube.pods.mongo.server import Connection
from sandbox.kube.pods.mongo.values import ObjectId, extended

Json = dict[str, Any]
Databases = dict[str, dict[str, list[Json]]]
"""Database → collection → documents, values in extended JSON."""


def collection(connection: Connection, database: str, name: str) -> Host:
    """Return a collection as a script sees it."""
    here = _Collection(connection, database, name)
    return Host(
        f"db.{name}",
        {
            "countDocuments": lambda query=None, *_: len(here.found(query)),
            "estimatedDocumentCount": lambda *_: len(here.found({})),
            "findOne": lambda query=None, *_: next(iter(here.found(query)), None),
            "insertOne": lambda document: here.insert([document]),
            "insertMany": lambda documents, *_: here.insert(documents),
            "deleteMany": here.delete,
            "drop": here.drop,
        },
    )


class _Collection:
    def __init__(self, connection: Connection, database: str, name: str) -> None:
        self._connection, self._database, self._name = connection, database, name

    def _documents(self) -> list[Json]:
        databases: Databases = self._connection.group.documents
        return databases.setdefault(self._database, {}).setdefault(self._name, [])

    def _may(self, command: str, *, write: bool = False) -> None:
        self._connection.authorize(command)
        group, server = self._connection.group, self._connection.server
        group.require_member(server)
        member = group.own_member(server)
        if write and (member is None or member["host"] != group.primary):
            raise MongoError(10107, "NotWritablePrimary", "not primary")

    def found(self, query: Any) -> list[Json]:
        """Documents whose fields equal the query's; operators are not known."""
        self._may("find")
        wanted: Json = extended(query) if isinstance(query, dict) else {}
        return [
            copy.deepcopy(document)
            for document in self._documents()
            if all(document.get(key) == value for key, value in wanted.items())
        ]

    def insert(self, documents: list[Json]) -> Json:
        self._may("insert", write=True)
        there = self._documents()
        ids = [document.get("_id") for document in there]
        fresh: list[Json] = []
        for document in documents:
            number = ObjectId(f"{len(there) + len(fresh) + 1:024x}")
            made: Json = extended({"_id": number, **document})
            if made["_id"] in ids:
                text = f"E11000 duplicate key error collection: {self._database}.{self._name}"
                raise MongoError(11000, "DuplicateKey", text)
            ids.append(made["_id"])
            fresh.append(made)
        there.extend(fresh)
        inserted = {str(number): document["_id"] for number, document in enumerate(fresh)}
        return {"acknowledged": True, "insertedIds": inserted}

    def delete(self, query: Any) -> Json:
        gone = self.found(query)
        self._may("delete", write=True)
        there = self._documents()
        there[:] = [document for document in there if document not in gone]
        return {"acknowledged": True, "deletedCount": len(gone)}

    def drop(self) -> bool:
        self._may("drop", write=True)
        return self._connection.group.documents[self._database].pop(self._name, None) is not None
