"""The bot's own rights in the namespace of a drill's copy, which is too new for anybody's.

Who administers the cluster itself has them already; else the bot binds its role for apps to
itself, which the cluster allows in namespaces of drills only (deploy/rbac-recovery.yaml).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bot.errors import Failed
from bot.recovery.drills import isolation
from bot.recovery.drills.doors import network_policies

if TYPE_CHECKING:
    from bot.context import Op
    from integrations.kubernetes.client import KubeClient

ROLE = "onprem-app"
"""The ClusterRole of deploy/rbac.yaml."""
BINDING = "onprem-drill"
"""Not the name that the binding of the live namespace has: the backup brings that one along."""
SPREADING = 15.0
"""Seconds for a new binding to reach every API server."""
_PAUSE = 0.1
_ACCOUNT = "system:serviceaccount:"


async def hold_rights(op: Op, kube: KubeClient, namespace: str) -> None:
    """Makes sure, as a step, that the bot may work in a namespace of this drill.

    Raises:
        Forbidden: The bot may not bind its role there.
        Failed: The binding has no effect.
    """
    from integrations.kubernetes.errors import Conflict
    from integrations.kubernetes.kinds import ROLE_BINDING

    async def enough() -> bool | None:
        # The role has all of it or nothing, so its first use stands for the others.
        return True if (await kube.can_i("create", network_policies(), namespace)).allowed else None

    async def bind() -> bool:
        if await enough():
            return True
        try:
            body = binding(namespace, op.id, await kube.whoami())
            await kube.create(ROLE_BINDING, namespace, body)
        except Conflict:  # of a run that was cut
            pass
        try:
            async with asyncio.timeout(SPREADING):
                while not await enough():  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise Failed(
                f"The bot got no rights in namespace {namespace}",
                why=f"ClusterRole {ROLE} is bound to it there, but is not there or too small",
                hint="Apply deploy/rbac.yaml and deploy/rbac-recovery.yaml again",
            ) from None
        return True

    await op.step("take the rights to work there", bind, done=enough)


def binding(namespace: str, job: str, user: str) -> dict[str, Any]:
    """The RoleBinding for an account, by its name as the API server knows it. Pure."""
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    if user.startswith(_ACCOUNT):
        home, _, name = user.removeprefix(_ACCOUNT).partition(":")
        subject = {"kind": "ServiceAccount", "name": name, "namespace": home}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": BINDING,
            "namespace": namespace,
            "labels": {isolation.DRILL_LABEL: job},
        },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": ROLE,
        },
        "subjects": [subject],
    }
