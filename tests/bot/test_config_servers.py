"""Prometheus and Alertmanager in onprem.yaml: an address, or what more it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.connecting import server_of
from bot.errors import ConfigError
from bot.wiring import secret_values
from integrations.server import Server


def written(folder: Path, servers: str) -> Path:
    path = folder / "onprem.yaml"
    path.write_text(f"state: {{directory: state}}\nclusters:\n  lab:\n{servers}")
    path.chmod(0o600)
    return path


def secret(folder: Path, name: str, content: str, mode: int = 0o600) -> None:
    (folder / name).write_text(content)
    (folder / name).chmod(mode)


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [f"{p.line}: {p.message}" for p in caught.value.problems]


def test_an_address_is_enough(tmp_path: Path) -> None:
    config = load(
        written(
            tmp_path,
            "    prometheus: http://prometheus:9090/prefix/\n    alertmanager: http://alerts:9093\n",
        )
    )
    lab = config.clusters["lab"]
    assert lab.prometheus
    assert lab.alertmanager
    assert server_of(lab.prometheus) == Server("http://prometheus:9090/prefix/")
    assert server_of(lab.alertmanager).address == "http://alerts:9093"
    assert secret_values(config) == []


def test_credentials_come_from_files_and_are_hidden(tmp_path: Path) -> None:
    secret(tmp_path, "token", "the token\n")
    secret(tmp_path, "password", "the password\n")
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    path = written(
        tmp_path,
        "    prometheus:\n"
        "      url: https://prometheus\n"
        "      token_file: token\n"
        "      ca_file: ca.pem\n"
        "      jobs: {node: machines}\n"
        "    alertmanager:\n"
        "      url: https://alerts\n"
        "      username: ann\n"
        "      password_file: password\n"
        "      verify: false\n",
    )
    config = load(path)
    lab = config.clusters["lab"]
    assert lab.prometheus
    assert lab.alertmanager
    assert server_of(lab.prometheus) == Server(
        "https://prometheus", token="the token", ca_file=tmp_path / "ca.pem"
    )
    assert lab.prometheus.jobs == {"node": "machines"}
    assert server_of(lab.alertmanager) == Server(
        "https://alerts", username="ann", password="the password", verify=False
    )
    assert set(secret_values(config)) == {"the token", "the password"}
    assert "the token" not in repr(config)


def test_the_environment_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONPREM_CLUSTERS", '{"lab": {"prometheus": {"token": "from outside"}}}')
    path = written(tmp_path, "    prometheus: {url: https://prometheus}\n")
    prometheus = load(path).clusters["lab"].prometheus
    assert prometheus
    assert server_of(prometheus) == Server("https://prometheus", token="from outside")


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    secret(tmp_path, "open", "the token", 0o644)
    path = written(
        tmp_path,
        "    prometheus:\n"
        "      url: prometheus:9090\n"
        "      token_file: open\n"
        "      jobs: {nodes: x}\n"
        "      user: ann\n"
        "    alertmanager:\n"
        "      url: https://alerts\n"
        "      token: t\n"
        "      username: ann\n"
        "      ca_file: none.pem\n"
        "      verify: false\n",
    )
    found = problems(path)
    for sentence in (
        "5: clusters.lab.prometheus.url: give an address that begins with https://",
        "6: clusters.lab.prometheus.token_file: open: everyone on this host can read it",
        "7: clusters.lab.prometheus.jobs.nodes: ",
        "8: clusters.lab.prometheus.user: unknown key; did you mean “username”?",
        "12: clusters.lab.alertmanager.username: give a token, or username and password, not both",
        "12: clusters.lab.alertmanager.username: username and password belong together",
        "13: clusters.lab.alertmanager.ca_file: there is no file",
        "14: clusters.lab.alertmanager.verify: with a ca_file, certificates are checked",
    ):
        assert any(line.startswith(sentence) for line in found), (sentence, found)


def test_a_secret_that_everybody_can_read_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "    alertmanager: {url: https://alerts, token: secret}\n")
    path.chmod(0o644)
    (found,) = problems(path)
    assert found.startswith("4: clusters.lab.alertmanager.token: everyone on this host can read")
    assert "secret}" not in found
