"""Credentials, authorities and login plugins that do not work, on a real API server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox.kube.tls import self_signed
from tests.cluster.tokens import expired
from tests.lab.faults.conftest import Asker, execs

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(240)]

SOON = 30.0
"""Seconds for a command whose answer is there at once; four start at the same time."""
PATIENT = 60.0
"""Where a plugin that hangs is given ten."""
BY_HAND = "Run it by hand as the bot's user"


def test_an_expired_token(asker: Asker) -> None:
    whole = yaml.safe_load(asker.grounds.account.read_text())
    token = expired(whole["users"][0]["user"]["token"], asker.grounds.lab.files.account_key)
    path = asker.kubeconfig(user={"token": token})
    for command, text in asker.all_fail(path, within=SOON).items():
        assert "Cluster main does not accept the bot's credentials" in text, command
        assert re.search(r"[Tt]he token expired on 20\d\d-\d\d-\d\d at \d\d:\d\d UTC\.", text)
        assert f"Renew the credentials in {path}." in text
        assert token not in text


def test_a_wrong_authority(asker: Asker) -> None:
    another = asker.directory / "ca.crt"
    another.write_text(self_signed("lab").certificate_pem)
    path = asker.kubeconfig(authority=another)
    for command, text in asker.all_fail(path, within=SOON).items():
        assert f"Cluster main at {asker.grounds.lab.url} is not trusted" in text, command
        assert "ts certificate is not signed by the authority in the kubeconfig." in text
        assert "Put the cluster's own CA into certificate-authority of the kubeconfig." in text


@pytest.mark.parametrize(
    ("script", "what", "why", "hint"),
    [
        (
            "echo 'the session has expired' >&2; exit 1",
            "failed with exit code 1",
            "he session has expired.",
            f"{BY_HAND} to see why; it may need a new login.",
        ),
        (
            "echo s3cr3t",
            "printed no credentials",
            "",
            f"{BY_HAND} to see why; it has to print an ExecCredential in JSON.",
        ),
        (
            "exec sleep 300",
            "did not finish in 10 seconds",
            "",
            f"{BY_HAND}; it may be waiting for somebody to log in.",
        ),
    ],
    ids=["fails", "prints rubbish", "hangs"],
)
def test_a_login_plugin_that(
    asker: Asker, plugin: Callable[[str], Path], script: str, what: str, why: str, hint: str
) -> None:
    for command, text in asker.all_fail(plugin(script), within=PATIENT).items():
        assert f"The login plugin “./login” for cluster main {what}" in text, f"{command}: {text}"
        assert why in text
        assert hint in text
        assert "s3cr3t" not in text


def test_a_login_plugin_that_is_not_there(asker: Asker) -> None:
    path = asker.kubeconfig(user=execs("no-such-login"))
    for command, text in asker.all_fail(path, within=SOON).items():
        assert "The login plugin “no-such-login” for cluster main could not be started" in text
        assert "No such file or directory." in text, command
        assert "Install it on the bot's host, or correct the command in the kubeconfig." in text
