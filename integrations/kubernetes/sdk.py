"""The one place that imports the Kubernetes SDK, and only when a cluster is first used.

``kubernetes.aio``'s plain ``ApiClient`` loads kubeconfigs, runs login plugins and keeps the
connection pool; everything above speaks raw JSON through it.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from integrations.kubernetes import login
from integrations.kubernetes.errors import ClusterConfigError

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient, Configuration

LOAD_TIMEOUT = login.TIMEOUT + 5.0
"""Seconds for reading the kubeconfig and logging in."""


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
            f"The login to cluster {access.cluster} did not finish in {LOAD_TIMEOUT:.0f} seconds.",
            hint="Log in by hand as the bot's user, and see what it waits for.",
        ) from exc
    except (module.config.ConfigException, OSError, ValueError, TypeError, KeyError) as exc:
        raise ClusterConfigError(
            f"The access to cluster {access.cluster} could not be loaded from {place(access)}: "
            f"{_said(exc)}.",
            hint="Correct the cluster's kubeconfig and context in the configuration.",
            detail=type(exc).__name__,
        ) from exc
    if config.proxy is None:
        config.proxy = _proxy(config.host)
    config.client_session_kwargs = {"trust_env": False}
    return config  # type: ignore[no-any-return]


async def _load_kubeconfig(module: Any, access: Access, config: Configuration) -> None:
    paths = access.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    merged = module.config.kube_config.KubeConfigMerger(str(paths)).config
    if merged is None:
        raise FileNotFoundError(errno.ENOENT, "there is no such file")
    await _log_in(merged, access)
    await module.config.load_kube_config_from_dict(
        merged, context=access.context, client_configuration=config
    )


async def _log_in(merged: Any, access: Access) -> None:
    """Replace the user's login plugin, if it has one, by what the plugin gives."""
    chosen = merged["contexts"].get_with_name(access.context or merged["current-context"])
    name = chosen["context"].safe_get("user")
    user = merged["users"].get_with_name(name, safe=True) if name else None
    if user is None or "exec" not in (user.value.get("user") or {}):
        return
    entry = user.value["user"]
    folder = Path(user.path).absolute().parent
    entry |= await login.log_in(entry.pop("exec"), access.cluster, folder)


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


def _said(exc: Exception) -> str:
    """What is wrong, without the SDK's habit of quoting the whole entry, its token included."""
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return text.partition(" in ")[0].rstrip(".") if "/{" in text else text.rstrip(".")


def place(access: Access) -> str:
    """Where the access comes from, in words."""
    if access.in_cluster:
        return "the pod's service account"
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
