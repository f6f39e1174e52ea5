"""The credentials Secret of an app: made once, kept over everything, never shown."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.errors import Refused
from bot.releases import values as chart_values

if TYPE_CHECKING:
    from bot.releases.targets import AppRef
    from integrations.kubernetes import client

_LETTERS = string.ascii_letters + string.digits
_KEYFILE = 756  # MongoDB takes 6 to 1024 characters of base64


def _word(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def make_secret(ref: AppRef, computed: Mapping[str, Any]) -> dict[str, Any]:
    """A fresh Secret for Parse Server and its MongoDB, as a Kubernetes object.

    Args:
        ref: The app; its credentials name the Secret.
        computed: Chart defaults under the app's values: how the members will be called.

    Raises:
        Refused: If the chart brings no MongoDB, so that nobody knows the database's address.
    """
    credentials = ref.config.credentials
    assert credentials is not None  # noqa: S101 - only asked for apps that have some
    if chart_values.get(computed, "mongodb.enabled", True) is False:
        raise Refused(
            f"The credentials of {ref.name} cannot be made",
            why="the chart brings no MongoDB, so the database's address is not known",
            hint=f"Make Secret {credentials.secret} in {ref.namespace} yourself, with "
            "PARSE_SERVER_DATABASE_URI and the other keys that the chart's README lists",
        )
    password = _word(32)
    data = {
        "PARSE_SERVER_APPLICATION_ID": _word(24),
        "PARSE_SERVER_MASTER_KEY": _word(48),
        "PARSE_SERVER_DATABASE_URI": _uri(ref.release, computed, password),
        "mongodb-root-username": "root",
        "mongodb-root-password": _word(32),
        "mongodb-keyfile": _word(_KEYFILE),
    }
    labels = {
        "app": "parseserver",
        "app.kubernetes.io/name": "parse-server",
        "app.kubernetes.io/instance": ref.release,
        "app.kubernetes.io/component": "credentials",
        "app.kubernetes.io/part-of": "parse",
        "app.kubernetes.io/managed-by": "onprem",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": credentials.secret,
            "labels": labels,
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "type": "Opaque",
        "stringData": data,
    }


def _uri(release: str, computed: Mapping[str, Any], password: str) -> str:
    """Hosts carry no namespace, so that a copy of the namespace finds its own members."""
    base = str(chart_values.get(computed, "fullnameOverride") or release)[:40].rstrip("-")
    count = int(chart_values.get(computed, "mongodb.replicaCount") or 3)
    hosts = ",".join(f"{base}-mongodb-{i}.{base}-mongodb:27017" for i in range(count))
    database = chart_values.get(computed, "mongodb.database") or "parse"
    name = chart_values.get(computed, "mongodb.replicaSetName") or "rs0"
    return f"mongodb://parse:{password}@{hosts}/{database}?replicaSet={name}&authSource=admin"


async def secret_exists(kube: client.KubeClient, ref: AppRef) -> bool:
    """Whether the app's credentials Secret is there; its content is not read."""
    from integrations.kubernetes.kinds import SECRET

    assert ref.config.credentials is not None  # noqa: S101
    name = {"metadata.name": ref.config.credentials.secret}
    return bool((await kube.table(SECRET, ref.namespace, fields=name)).rows)
