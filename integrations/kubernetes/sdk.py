"""The one place that imports the Kubernetes SDK, and only when a cluster is first used.

``kubernetes.aio``'s plain ``ApiClient`` loads kubeconfigs, runs login plugins and keeps the
connection pool; everything above speaks raw JSON through it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from integrations.kubernetes.errors import ClusterConfigError

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient, Configuration

LOAD_TIMEOUT = 30.0
"""Seconds for reading the kubeconfig and running its login plugin."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one cluster: a kubeconfig (and context in it), or from inside the cluster.

    Attributes:
        cluster: The cluster's name in our configuration, for messages.
        kubeconfig: Path; None means ``$KUBECONFIG`` or ``~/.kube/config``.
        context: Context in the kubeconfig; None means its current one.
        in_cluster: Use the pod's service account instead of a kubeconfig.
    """

    cluster: str
    kubeconfig: Path | None = None
    context: str | None = None
    in_cluster: bool = False


async def configuration(access: Access) -> Configuration:
    """Load everything needed to connect; login plugins run as subprocesses of the loop.

    Raises:
        ClusterConfigError: The kubeconfig, its context or its login plugin is unusable.
    """
    module = await asyncio.to_thread(_sdk)
    config = module.client.Configuration()
    try:
        async with asyncio.timeout(LOAD_TIMEOUT):
            if access.in_cluster:
                module.config.load_incluster_config(client_configuration=config)
            else:
                await _load_kubeconfig(module, access, config)
    except TimeoutError as exc:
        raise ClusterConfigError(
            f"The login plugin for cluster {access.cluster} did not finish "
            f"in {LOAD_TIMEOUT:.0f} seconds.",
            hint="Run it by hand; it may be waiting for input.",
        ) from exc
    except (module.config.ConfigException, OSError, ValueError, TypeError, KeyError) as exc:
        where = "the pod's service account" if access.in_cluster else _place(access)
        raise ClusterConfigError(
            f"The access to cluster {access.cluster} could not be loaded from {where}: {exc}.",
            hint="Correct the cluster's kubeconfig and context in the configuration.",
            detail=repr(exc),
        ) from exc
    if config.proxy is None:
        config.proxy = _proxy(config.host)
    config.client_session_kwargs = {"trust_env": False}
    return config  # type: ignore[no-any-return]


async def _load_kubeconfig(module: Any, access: Access, config: Configuration) -> None:
    path = str(access.kubeconfig.expanduser()) if access.kubeconfig else None
    loader = await module.config.load_kube_config(
        config_file=path,
        context=access.context,
        client_configuration=config,
        persist_config=False,
    )
    user = getattr(loader, "_user", None)
    if user is not None and "exec" in user and not (config.api_key or config.cert_file):
        raise ClusterConfigError(
            f"The login plugin “{user['exec']['command']}” for cluster {access.cluster} "
            "gave no credentials.",
            hint="Run it by hand as the bot's user to see why.",
        )


def api_client(config: Configuration) -> ApiClient:
    """Make a plain client; it opens no connection yet."""
    client = _sdk().client.ApiClient(config)
    client.user_agent = "onprem-bot"
    return client  # type: ignore[no-any-return]


def ws_client(config: Configuration, *, heartbeat: float) -> ApiClient:
    """Make a client for WebSocket subresources (exec), pinging every ``heartbeat`` seconds."""
    client = _sdk().stream.WsApiClient(config, heartbeat=heartbeat)
    client.user_agent = "onprem-bot"
    return client  # type: ignore[no-any-return]


def load() -> None:
    """Imports the SDK, which takes some tenths of a second, before anybody waits for it."""
    _sdk()


def _sdk() -> Any:
    import kubernetes.aio

    return kubernetes.aio


def _place(access: Access) -> str:
    path = access.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    return f"{path} (context {access.context})" if access.context else str(path)


def _proxy(host: str) -> str | None:
    """The environment's proxy for this server; never for loopback, as Go's clients do it."""
    url = urlsplit(host)
    name = url.hostname or ""
    if name == "localhost" or _is_loopback(name):
        return None
    proxies = getproxies()
    if url.scheme not in proxies or proxy_bypass(url.netloc):
        return None
    return proxies[url.scheme]


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
