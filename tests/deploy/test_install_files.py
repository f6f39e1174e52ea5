"""The systemd unit, the image and the bot's own chart, against what the bot reads."""

import configparser
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli import HOST_COMMANDS
from bot.config import load

DEPLOY = Path(__file__).parents[2] / "deploy"
HELM = Path(sys.executable).parent / "helm"
HELM_GRACE_SECONDS = 60
needs_helm = pytest.mark.skipif(not HELM.exists(), reason="no helm beside this Python")

Object = dict[str, Any]


def unit() -> tuple[dict[str, str], list[str]]:
    """The [Service] section and its LoadCredential lines, which may repeat."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    text = (DEPLOY / "onprem.service").read_text()
    parser.read_string(text)
    lines = [line for line in text.splitlines() if line.startswith("LoadCredential=")]
    return dict(parser["Service"]), [line.partition("=")[2] for line in lines]


def helm(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HELM), *args], capture_output=True, text=True, timeout=60, check=False
    )


def bot_chart(*sets: str) -> list[Object]:
    flags = ["image.repository=registry.example.org/onprem-bot", *sets]
    args = [word for flag in flags for word in ("--set", flag)]
    done = helm("template", "onprem", str(DEPLOY / "chart"), "-n", "onprem", *args)
    assert done.returncode == 0, done.stderr
    return [doc for doc in yaml.safe_load_all(done.stdout) if doc]


def one(objects: list[Object], kind: str) -> Object:
    [found] = [o for o in objects if o["kind"] == kind]
    return found


def test_stopping_leaves_helm_its_grace_and_a_bad_configuration_does_not_loop() -> None:
    service, _ = unit()
    assert service["Type"] == "notify"
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"].removesuffix("s")) > HELM_GRACE_SECONDS
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"


def test_the_unit_is_confined() -> None:
    service, _ = unit()
    assert service["User"] not in ("", "root")
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "true"
    assert service["CapabilityBoundingSet"] == ""
    assert service["StateDirectory"] == "onprem"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "onprem.service"
    text = (DEPLOY / "onprem.service").read_text()
    file.write_text(text.replace("ExecStart=/opt/onprem/bin/onprem", "ExecStart=/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_credentials_of_the_unit_reach_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, credentials = unit()
    given = {"bot-token": "xoxb-1", "app-token": "xapp-1"}
    for entry in credentials:
        name, _, source = entry.partition(":")
        (tmp_path / name).write_text(given[Path(source).name])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "onprem.yaml"
    file.write_text("state: {directory: state}\nclusters: {main: {}}\nslack: {mode: socket}\n")
    slack = load(file).slack
    assert slack is not None
    assert slack.bot_token is not None
    assert slack.bot_token.get_secret_value() == "xoxb-1"
    assert slack.app_token is not None
    assert slack.app_token.get_secret_value() == "xapp-1"


@needs_helm
@pytest.mark.helm
def test_the_bots_chart_writes_a_configuration_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = bot_chart()
    [container] = one(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    for entry in container["env"]:
        token = tmp_path / Path(entry["value"]).name
        token.write_text("xoxb-1" if token.name == "bot-token" else "xapp-1")
        token.chmod(0o440)
        monkeypatch.setenv(entry["name"], str(token))
    file = tmp_path / "onprem.yaml"
    file.write_text(one(objects, "ConfigMap")["data"]["onprem.yaml"])
    config = load(file)
    assert str(config.state.directory) == "/var/lib/onprem"
    assert config.clusters["main"].in_cluster is True
    assert config.apps["parse"].chart == "builtin:parse-server"


@needs_helm
@pytest.mark.helm
def test_the_bots_chart_runs_one_confined_pod_with_a_kept_state() -> None:
    spec = one(bot_chart(), "StatefulSet")["spec"]
    assert spec["replicas"] == 1
    assert spec["volumeClaimTemplates"][0]["metadata"]["name"] == "state"
    pod = spec["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > HELM_GRACE_SECONDS
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    assert mounts["state"] == "/var/lib/onprem"


@needs_helm
@pytest.mark.helm
def test_the_bots_chart_opens_the_ports_that_the_configuration_has() -> None:
    assert not [o for o in bot_chart() if o["kind"] == "Service"]
    objects = bot_chart("config.metrics.listen=0.0.0.0:9096", "config.alerts.quiet=10m")
    written = yaml.safe_load(one(objects, "ConfigMap")["data"]["onprem.yaml"])
    assert written["alerts"] == {
        "quiet": "10m",
        "listen": "0.0.0.0:9095",
        "token_file": "/run/secrets/onprem/alerts-token",
    }
    service, workload = one(objects, "Service"), one(objects, "StatefulSet")["spec"]
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert ports == {"alerts": 9095, "metrics": 9096}
    [container] = workload["template"]["spec"]["containers"]
    assert {p["name"]: p["containerPort"] for p in container["ports"]} == ports
    assert service["spec"]["selector"] == workload["selector"]["matchLabels"]


@needs_helm
@pytest.mark.helm
@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("terminationGracePeriodSeconds=30", "terminationGracePeriodSeconds"),
        ("replicas=2", "replicas"),
        ("image.repository=", "image.repository"),
        ("config.slack.bot_token=xoxb-1", "slackSecret"),
        ("config.alerts.token=secret", "alerts-token"),
        ("config.alerts.email.password=secret", "email-password"),
    ],
)
def test_the_bots_chart_refuses_what_would_harm(flag: str, named: str) -> None:
    base = ["--set", "image.repository=registry.example.org/onprem-bot"]
    done = helm("template", "onprem", str(DEPLOY / "chart"), *base, "--set", flag)
    assert done.returncode != 0
    assert named in done.stderr


@needs_helm
@pytest.mark.helm
def test_lint_is_clean() -> None:
    done = helm("lint", "--strict", str(DEPLOY / "chart"), "--set", "image.repository=a/b")
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_unit_image_and_chart_start_the_bot_by_the_command_it_has() -> None:
    service, _ = unit()
    words = service["ExecStart"].split()[1:]
    assert words[:2] == ["--config", "/etc/onprem/onprem.yaml"]
    assert words[2] in HOST_COMMANDS
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert f"CMD {json.dumps(words)}" in dockerfile
    template = (DEPLOY / "chart" / "templates" / "bot.yaml").read_text()
    assert f"args: [{', '.join(words)}]" in template


def test_what_the_image_copies_is_there() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert "constraints.txt" in kept
    assert not [name for name in kept if not (DEPLOY.parent / name).exists()]


def test_the_image_runs_as_nobody_special_with_exact_versions() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 10001:10001"]
    assert not [line for line in lines if line.startswith("FROM") and ":latest" in line]
    assert any("-c constraints.txt" in line for line in lines)
