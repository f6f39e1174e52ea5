"""Accounts and their rights, given and taken by an administrator.

The real server learns of roles and bindings a moment after they are written, so whatever changes
rights here waits until the server says that it knows.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.client import PATIENCE, Api, Json

GROUP = "rbac.authorization.k8s.io"
ROLES = f"{GROUP}/v1/roles"
BINDINGS = f"{GROUP}/v1/rolebindings"
CLUSTER_ROLES = f"/apis/{GROUP}/v1/clusterroles"
CLUSTER_BINDINGS = f"/apis/{GROUP}/v1/clusterrolebindings"
REVIEWS = "/apis/authorization.k8s.io/v1"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def rule(verbs: str, resources: str, group: str = "", *names: str) -> Json:
    """A rule of RBAC; words are separated by spaces."""
    made: Json = {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
    return {**made, "resourceNames": list(names)} if names else made


def role(name: str, *rules: Json, **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels}, "rules": list(rules)}


def binding(name: str, role_name: str, *subjects: Json, kind: str = "ClusterRole") -> Json:
    reference = {"apiGroup": GROUP, "kind": kind, "name": role_name}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": list(subjects)}


def user(name: str, kind: str = "User") -> Json:
    return {"kind": kind, "name": name, "apiGroup": GROUP}


def token_request(**spec: Any) -> Json:
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


class People:
    """Makes accounts, roles and bindings; takes away what is not in the test's namespace."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._paths: list[str] = []

    def unique(self, name: str) -> str:
        """A name for something without a namespace."""
        return f"{self._api.namespace}-{name}"

    def name(self, account: str = "bot") -> str:
        """The user name of an account in the test's namespace."""
        return f"system:serviceaccount:{self._api.namespace}:{account}"

    def subject(self, account: str = "bot") -> Json:
        return {"kind": "ServiceAccount", "name": account, "namespace": self._api.namespace}

    async def account(self, name: str = "bot") -> Api:
        """Make an account without rights; returns a caller with its token."""
        api = self._api
        await api("POST", api.path("serviceaccounts"), {"metadata": {"name": name}}, expect=201)
        return api.bearing(await self.token(name))

    async def token(self, name: str = "bot", **spec: Any) -> str:
        path = self._api.path("serviceaccounts", name, "token")
        made = await self._api("POST", path, token_request(**spec), expect=201)
        token: str = made["status"]["token"]
        return token

    async def everywhere(self, path: str, body: Json) -> Json:
        """Make a cluster role or its binding; it is gone after the test."""
        made: Json = await self._api("POST", path, body, expect=201)
        self._paths.append(f"{path}/{body['metadata']['name']}")
        return made

    async def allow(self, *rules: Json, account: str = "bot", name: str = "given") -> None:
        """Give an account rights in the test's namespace, by a role and its binding."""
        api = self._api
        await api("POST", api.path(ROLES), role(name, *rules), expect=201)
        bound = binding(name, name, self.subject(account), kind="Role")
        await api("POST", api.path(BINDINGS), bound, expect=201)
        await self.knows(True, self.name(account), rules[-1])

    async def allow_everywhere(self, *rules: Json, account: str = "bot") -> None:
        """Give an account rights in the whole cluster."""
        name = self.unique("given")
        await self.everywhere(CLUSTER_ROLES, role(name, *rules))
        await self.everywhere(CLUSTER_BINDINGS, binding(name, name, self.subject(account)))
        await self.knows(True, self.name(account), rules[-1], namespace="")

    async def knows(
        self, allowed: bool, who: str, what: Json, *groups: str, namespace: str | None = None
    ) -> None:
        """Wait until the server says that somebody may, or may not, do what a rule says."""
        home = self._api.namespace if namespace is None else namespace
        async with asyncio.timeout(PATIENCE):
            while await self.may(who, what, *groups, namespace=home) is not allowed:
                pass

    async def may(self, who: str, what: Json, *groups: str, namespace: str) -> bool:
        """Ask the server about the first verb, group, resource and name of a rule."""
        resource, _, subresource = what["resources"][0].partition("/")
        attributes = {
            "verb": what["verbs"][0],
            "group": what["apiGroups"][0],
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace,
            "name": next(iter(what.get("resourceNames", ())), ""),
        }
        spec = {"user": who, "groups": list(groups), "resourceAttributes": attributes}
        said = await self._api(
            "POST", f"{REVIEWS}/subjectaccessreviews", {"spec": spec}, expect=201
        )
        allowed: bool = said["status"]["allowed"]
        return allowed

    async def leave(self) -> None:
        for path in self._paths:
            await self._api("DELETE", path)
