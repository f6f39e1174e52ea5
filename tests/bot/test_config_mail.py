"""`alerts.email` of onprem.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.errors import ConfigError
from bot.wiring import secret_values

START = "state: {directory: state}\nclusters: {lab: {}}\nalerts:\n  token: t\n  email:\n"
LEAST = "host: mail.example.com\nfrom: onprem@example.com\nto: ops@example.com"


def written(folder: Path, settings: str) -> Path:
    path = folder / "onprem.yaml"
    path.write_text(START + "".join(f"    {line}\n" for line in settings.splitlines()))
    path.chmod(0o600)
    return path


def test_a_host_and_two_addresses_are_enough(tmp_path: Path) -> None:
    alerts = load(written(tmp_path, LEAST)).alerts
    assert alerts
    assert alerts.email
    assert (alerts.email.at, alerts.email.tls) == (587, "starttls")
    assert alerts.email.to == ("ops@example.com",)
    assert alerts.email.after == 300


def test_the_password_comes_from_a_file_and_is_hidden(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("mail password\n")
    secret.chmod(0o600)
    config = load(written(tmp_path, f"{LEAST}\nusername: me\npassword_file: password\ntls: tls"))
    assert "mail password" in secret_values(config)
    assert config.alerts
    assert config.alerts.email
    assert config.alerts.email.at == 465
    assert "mail password" not in repr(config)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (f"{LEAST}\nusername: me", "belong together"),
        (f"{LEAST}\nusername: me\npassword: x\ntls: none", "unencrypted"),
        (f"{LEAST}\nca_file: none.pem", "there is no file"),
        (
            LEAST.replace("ops@", "ops@example.com\\nBcc: x@").replace("to: ", 'to: "') + '"',
            "address",
        ),
        (LEAST.replace("onprem@example.com", "nobody"), "address"),
        (f"{LEAST}\nport: 70000", "65535"),
        (LEAST.replace("to: ops@example.com", "to: []"), "at least one"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(tmp_path: Path, settings: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, settings))
    assert any(said in problem.message for problem in caught.value.problems)
