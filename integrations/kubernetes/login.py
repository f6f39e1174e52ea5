"""Login plugins of kubeconfigs (``users[].user.exec``): run one, read what it prints.

The SDK's own runner reads one pipe after the other, leaves a hanging plugin behind, and logs
what the plugin said instead of telling. See "client-go credential plugins" in Kubernetes'
reference on authentication for the protocol.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from integrations.kubernetes.errors import ClusterConfigError

TIMEOUT = 10.0
"""Seconds for a login plugin."""

_PRIVATE = re.compile(r"secret|token|passw|key|credential", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w.-]+")
_BY_HAND = "Run it by hand as the bot's user to see why"


async def log_in(
    spec: Mapping[str, Any], cluster: str, folder: Path, *, timeout: float = TIMEOUT
) -> dict[str, str]:
    """Run a login plugin.

    Args:
        spec: The ``exec`` part of a kubeconfig's user.
        cluster: The cluster's name, for messages.
        folder: The kubeconfig's folder; a command with a slash is relative to it.
        timeout: Seconds; then the plugin and its children are ended.

    Returns:
        What it gave, as members of a kubeconfig's user: ``token``, or
        ``client-certificate-data`` and ``client-key-data``.

    Raises:
        ClusterConfigError: It is missing, fails, hangs, or prints no credentials.
    """
    command = str(spec.get("command") or "")
    plugin = f"The login plugin “{command}” for cluster {cluster}"
    given = {str(e.get("name")): str(e.get("value")) for e in spec.get("env") or []}
    environment = {**os.environ, **given, **_info(spec)}
    try:
        code, out, err = await _run(_argv(spec, folder), environment, timeout)
    except TimeoutError as exc:
        raise ClusterConfigError(
            f"{plugin} did not finish in {timeout:.0f} seconds.",
            hint="Run it by hand as the bot's user; it may be waiting for somebody to log in.",
        ) from exc
    except OSError as exc:
        hint = str(spec.get("installHint") or "").strip()[:300]
        raise ClusterConfigError(
            f"{plugin} could not be started: {exc.strerror or exc}.",
            hint=hint or "Install it on the bot's host, or correct the command in the kubeconfig.",
            detail=repr(exc),
        ) from exc
    if code != 0:
        said = _said(err, {value for name, value in given.items() if _PRIVATE.search(name)})
        raise ClusterConfigError(
            f"{plugin} failed with exit code {code}" + (f": {said}" if said else "") + ".",
            hint=f"{_BY_HAND}; it may need a new login.",
        )
    try:
        return _credentials(json.loads(out)["status"])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        # What it printed is not shown: it may be a credential in a wrapping of its own.
        raise ClusterConfigError(
            f"{plugin} printed no credentials.",
            hint=f"{_BY_HAND}; it has to print an ExecCredential in JSON.",
            detail=type(exc).__name__,
        ) from exc


def _argv(spec: Mapping[str, Any], folder: Path) -> list[str]:
    command = str(spec.get("command") or "")
    path = str(folder / command) if "/" in command else command
    return [path, *map(str, spec.get("args") or [])]


def _info(spec: Mapping[str, Any]) -> dict[str, str]:
    about = {
        "apiVersion": str(spec.get("apiVersion") or "client.authentication.k8s.io/v1"),
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    return {"KUBERNETES_EXEC_INFO": json.dumps(about)}


async def _run(
    argv: list[str], environment: Mapping[str, str], timeout: float
) -> tuple[int, bytes, bytes]:
    child = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            out, err = await child.communicate()
    finally:
        # Its whole group: a wrapper script's own children would keep the pipes open.
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return child.returncode or 0, out, err


def _said(err: bytes, hidden: Iterable[str]) -> str:
    """The last line that the plugin wrote to stderr, without what could be a secret."""
    lines = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    text = _JWT.sub("(secret)", lines[-1]) if lines else ""
    for value in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(value, "(secret)")
    return text[:300].rstrip(".")


def _credentials(status: Mapping[str, Any]) -> dict[str, str]:
    if token := status.get("token"):
        return {"token": str(token)}
    pair = (status["clientCertificateData"], status["clientKeyData"])
    certificate, key = (base64.b64encode(str(pem).encode()).decode() for pem in pair)
    return {"client-certificate-data": certificate, "client-key-data": key}
