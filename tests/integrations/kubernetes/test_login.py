"""Login plugins that fail say why, in time, and without what they know."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.kubernetes import login
from integrations.kubernetes.client import KubeClient
from integrations.kubernetes.errors import ClusterConfigError
from integrations.kubernetes.sdk import Access

TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


def plugin(path: Path, script: str, **more: Any) -> dict[str, Any]:
    file = path / "plugin"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", **more}


@pytest.mark.parametrize(
    ("script", "message", "hint"),
    [
        (
            "echo starting >&2; echo 'the session has expired' >&2; exit 3",
            "failed with exit code 3: the session has expired.",
            "Run it by hand as the bot's user to see why; it may need a new login.",
        ),
        (
            "exit 1",
            "failed with exit code 1.",
            "Run it by hand as the bot's user to see why; it may need a new login.",
        ),
        (
            f"echo refused {TOKEN} of $LOGIN_PASSWORD in $PROFILE >&2; exit 1",
            "failed with exit code 1: refused (secret) of (secret) in prod.",
            "Run it by hand as the bot's user to see why; it may need a new login.",
        ),
        (
            f"echo token: {TOKEN}",
            "printed no credentials.",
            "Run it by hand as the bot's user to see why; "
            "it has to print an ExecCredential in JSON.",
        ),
        (
            "echo '{\"status\": {}}'",
            "printed no credentials.",
            "Run it by hand as the bot's user to see why; "
            "it has to print an ExecCredential in JSON.",
        ),
    ],
    ids=["fails", "silently", "with secrets", "rubbish", "nothing"],
)
async def test_what_went_wrong_is_told(
    tmp_path: Path, script: str, message: str, hint: str
) -> None:
    env = [{"name": "LOGIN_PASSWORD", "value": "geheim"}, {"name": "PROFILE", "value": "prod"}]
    with pytest.raises(ClusterConfigError) as caught:
        await login.log_in(plugin(tmp_path, script, env=env), "main", tmp_path)
    told = caught.value
    assert told.message == f"The login plugin “./plugin” for cluster main {message}"
    assert told.hint == hint
    assert TOKEN not in repr(vars(told))


async def test_a_missing_plugin_says_how_to_get_it(tmp_path: Path) -> None:
    spec = {"command": "no-such-plugin"}
    with pytest.raises(ClusterConfigError) as caught:
        await login.log_in(spec, "main", tmp_path)
    assert str(caught.value) == (
        "The login plugin “no-such-plugin” for cluster main could not be started: "
        "No such file or directory. "
        "Install it on the bot's host, or correct the command in the kubeconfig."
    )
    with pytest.raises(ClusterConfigError, match="Get it from the wiki"):
        await login.log_in(spec | {"installHint": "Get it from the wiki."}, "main", tmp_path)


async def test_a_hanging_plugin_is_ended_with_its_children(tmp_path: Path) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    spec = plugin(tmp_path, f"sleep 60 > {pipe} & wait")
    with pytest.raises(ClusterConfigError) as caught:
        await login.log_in(spec, "main", tmp_path, timeout=1.0)
    assert caught.value.message == (
        "The login plugin “./plugin” for cluster main did not finish in 1 seconds."
    )
    # The last writer of the pipe is the child: its end is the pipe's.
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""
    os.close(reader)


async def test_a_certificate_is_taken_as_well_as_a_token(tmp_path: Path) -> None:
    status = {"clientCertificateData": "CERT", "clientKeyData": "KEY"}
    spec = plugin(tmp_path, f"echo '{json.dumps({'status': status})}'")
    given = await login.log_in(spec, "main", tmp_path)
    assert {name: base64.b64decode(data) for name, data in given.items()} == {
        "client-certificate-data": b"CERT",
        "client-key-data": b"KEY",
    }


async def test_a_broken_kubeconfig_is_told_without_its_tokens(
    kubeconfig: Callable[..., Path],
) -> None:
    provider = {"name": "oidc", "config": {"id-token": f"x.{'A' * 40}.y", "refresh-token": TOKEN}}
    path = kubeconfig("http://127.0.0.1:1", {"auth-provider": provider})
    async with KubeClient(Access("main", path)) as kube:
        with pytest.raises(ClusterConfigError) as caught:
            await kube.version()
    assert TOKEN not in f"{caught.value}{caught.value.detail}"
