"""A cluster that cannot be reached, is busy, or says no: one sentence, and nothing half-done."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kill.bots import Bot, Ran, Start
from tests.kill.cycles import picture
from tests.kill.practice import Practice

SOON = 5.0
CHANGES = (
    "deploy parse",
    "rollback parse --yes",
    "scale mongodb 2 --yes",
    "uninstall parse --confirm parse",
    "restart parse",
    "scale parse 3",
)
READS = ("apps", "status", "status parse", "history parse", "diff parse", "deploy parse --dry-run")


def namespace_of(config: Path) -> str:
    return str(yaml.safe_load(config.read_text())["apps"]["parse"]["namespace"])


def told(ran: Ran) -> tuple[str, str]:
    """How it ended, and what a person reads, as one line."""
    assert ran.told is not None
    return ran.told["state"], " ".join(ran.told["text"].split())


def records(bot: Bot, ran: Ran, namespace: str) -> dict[str, Any]:
    return bot.look(request=ran.request, app="parse", namespace=namespace, pods=0)


@pytest.fixture(params=["nobody listens", "nobody answers"])
def silent(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port where no API server is."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        if request.param == "nobody answers":
            sock.listen()
        yield sock.getsockname()[1]


def test_an_unreachable_cluster_is_told_in_one_sentence_within_five_seconds(
    world: Practice, start: Start, tmp_path: Path, silent: int
) -> None:
    kubeconfig = json.loads(Path(world.about["kubeconfig"]).read_text())
    kubeconfig["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{silent}"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig))
    path.chmod(0o600)
    config = world.config(tmp_path, slack=None, clusters={"main": {"kubeconfig": str(path)}})
    bot = start(config).ready()
    asked = {line: bot.tell(*line.split()) for line in CHANGES + READS}
    for line, number in asked.items():
        ran = bot.answer(number)
        state, text = told(ran)
        assert ran.told is not None
        assert ran.told["took"] < SOON, line
        assert "Cluster main at https://127.0.0.1" in text, f"{line}: {text}"
        assert "cannot be reached" in text
        assert ran.edges == ()
        if line in CHANGES:
            assert state == "refused", text
            seen = records(bot, ran, namespace_of(config))
            assert (seen["outcomes"], seen["locks"], seen["processes"]) == (1, [], 0)


def test_a_burst_of_refusals_and_cut_watches_does_not_stop_a_deploy(
    world: Practice, start: Start, tmp_path: Path
) -> None:
    config = world.config(tmp_path, slack=None)
    namespace = namespace_of(config)
    bot = start(config).ready()
    assert told(bot.ask("deploy", "parse"))[0] == "done"
    number = bot.tell("deploy", "parse", "--version", "8.1.0")
    bot.reach("wait for", "before")
    for code in (429, 500, 503):
        world.fault(code=code, times=2, path=f"/apis/apps/v1/namespaces/{namespace}/*")
    world.trouble("watches-cut")
    state, text = told(bot.answer(number))
    assert state == "done", text
    after = picture(world, namespace)
    assert after.revisions == {1: "superseded", 2: "deployed"}
    assert all(now["ready"] == now["replicas"] for now in after.workloads.values())


REFUSALS = {
    "webhook": (
        'admission webhook "policy.example.org" denied the request: no owner is named',
        "the cluster refuses it through admission webhook policy.example.org",
        "no owner is named. Do what that policy asks for",
    ),
    "quota": (
        'deployments.apps "parse-server" is forbidden: exceeded quota: compute, '
        "requested: pods=2, used: pods=9, limited: pods=10",
        "the cluster has no room left in quota compute",
        "limited: pods=10. Free some of it, or have the quota raised",
    ),
    "right": (
        'deployments.apps is forbidden: User "onprem" cannot create resource "deployments" '
        'in API group "apps" in the namespace "shop"',
        "does not allow",
        'cannot create resource "deployments"',
    ),
}


@pytest.mark.parametrize(("says", "what", "why"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_of_the_api_is_translated_and_the_next_deploy_works(
    world: Practice, start: Start, tmp_path: Path, says: str, what: str, why: str
) -> None:
    config = world.config(tmp_path, slack=None)
    namespace = namespace_of(config)
    bot = start(config).ready()
    world.fault(
        code=403,
        times=None,
        method="POST",
        path=f"/apis/apps/v1/namespaces/{namespace}/deployments",
        message=says,
    )
    ran = bot.ask("deploy", "parse")
    state, text = told(ran)
    assert state == "failed"
    assert what in text
    assert why in text
    assert "Traceback" not in text
    assert records(bot, ran, namespace)["locks"] == []

    world.heal()
    state, text = told(bot.ask("deploy", "parse"))
    assert state == "done", text
    after = picture(world, namespace)
    assert after.revisions[after.newest] == "deployed"


def test_refused_credentials_are_told(world: Practice, start: Start, tmp_path: Path) -> None:
    kubeconfig = json.loads(Path(world.about["kubeconfig"]).read_text())
    kubeconfig["users"][0]["user"]["token"] = "wr0ng"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig))
    path.chmod(0o600)
    config = world.config(tmp_path, slack=None, clusters={"main": {"kubeconfig": str(path)}})
    bot = start(config).ready()
    state, text = told(bot.ask("deploy", "parse"))
    assert state == "refused"
    assert "credentials" in text
    assert "wr0ng" not in text
