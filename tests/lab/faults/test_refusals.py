"""Webhooks, ending namespaces and a busy API server: real refusals, and what is told of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import yaml

from tests.cluster.lab import Json, Lab, Refused
from tests.cluster.webhook import NAME, Webhook, configuration
from tests.lab.faults.conftest import Asker, told
from tests.lab.grounds import NAMESPACE, ROOT, Grounds, kubectl, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(240)]

HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
FLOWS = "/apis/flowcontrol.apiserver.k8s.io/v1"
CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


@contextmanager
def asked(lab: Lab, url: str, authority: str, *resources: str) -> Iterator[None]:
    """The API server asks that webhook, for sure and everywhere, until the end of the block."""
    lab.api("POST", HOOKS, configuration(url, authority, (*resources, "configmaps")))
    probe = {"metadata": {"generateName": "probe-"}}
    path = f"{CONFIGMAPS}?dryRun=All"
    try:
        wait_for(lambda: refused(lab, path, probe), "the webhook is in force")
        yield
    finally:
        lab.api("DELETE", f"{HOOKS}/policy")
        wait_for(lambda: not refused(lab, path, probe), "the webhook is not asked any more")


def refused(lab: Lab, path: str, body: Json) -> bool:
    try:
        lab.api("POST", path, body)
    except Refused:
        return True
    return False


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook.started() as made:
        yield made


@pytest.fixture
def empty(hurt: Grounds) -> Iterator[None]:
    yield
    hurt.clear()


@pytest.mark.usefixtures("empty")
def test_a_webhook_that_refuses(asker: Asker, webhook: Webhook) -> None:
    site = asker.site()
    site.works("deploy", "parse")
    webhook.refusal = "no owner is named."
    why = f"admission webhook {NAME}: no owner is named"
    hint = "Do what that policy asks for, or ask those who run the webhook"
    with asked(asker.grounds.lab, webhook.url, webhook.authority, "deployments", "*/scale"):
        said = told(site.bot("scale", "server", "3"))
        assert said.code == 1
        assert f"Cluster main refuses it through {why}" in said.text
        assert hint in said.text

        said = told(site.bot("deploy", "parse", "--version", "8.3.0"))
        assert said.code == 1
        assert f"Helm could not finish parse: the cluster refuses it through {why}" in said.text
        assert hint in said.text
        assert "5 of 5 pods ready" in site.works("status", "parse")
    site.works("deploy", "parse", "--version", "8.3.0")


@pytest.mark.usefixtures("empty")
def test_a_webhook_that_does_not_answer(asker: Asker, webhook: Webhook) -> None:
    nobody = "https://127.0.0.1:1/"
    with asked(asker.grounds.lab, nobody, webhook.authority, "secrets"):
        said = told(asker.site().bot("deploy", "parse"))
    assert said.code == 1
    assert f"Cluster main asks admission webhook {NAME} first, which does not answer" in said.text
    assert "connection refused" in said.text
    assert (
        "Bring the webhook's service back; until then the cluster takes no such change."
        in said.text
    )


@pytest.fixture
def stuck(hurt: Grounds) -> Iterator[None]:
    """The namespace is being deleted, and something in it holds it."""
    lab = hurt.lab
    meta = {"name": "stuck", "finalizers": ["example.org/hold"]}
    lab.api("POST", CONFIGMAPS, {"metadata": meta})
    lab.api("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings"
    wait_for(lambda: not lab.api("GET", bindings)["items"], "the bot's rights are gone")
    yield
    lab.api("PUT", f"{CONFIGMAPS}/stuck", {"metadata": {"name": "stuck"}})
    wait_for(lambda: hurt.get(f"/api/v1/namespaces/{NAMESPACE}") is None, "it is gone")
    kubectl(lab, "create", "namespace", NAMESPACE)
    kubectl(lab, "apply", "-f", str(ROOT / "deploy" / "rbac.yaml"))


@pytest.mark.usefixtures("stuck")
def test_a_namespace_that_cannot_end(asker: Asker) -> None:
    site = asker.site()
    uninstall = ("uninstall", "parse", "--confirm", "parse")
    for words in (("status", "parse"), ("deploy", "parse"), uninstall):
        said = told(site.bot(*words))
        assert said.code == 1, said.text
        assert f"Cluster main is deleting namespace {NAMESPACE}" in said.text
        assert "Wait until it is gone, then make it anew." in said.text
        assert f"kubectl get namespace {NAMESPACE} -o yaml" in said.text
        assert "deploy/rbac.yaml" not in said.text


# -- too many requests -------------------------------------------------------------------------


@contextmanager
def starved(grounds: Grounds, webhook: Webhook) -> Iterator[None]:
    """The bot's account has few seats at the API server, and changes that hang sit on them."""
    lab = grounds.lab
    token = yaml.safe_load(grounds.account.read_text())["users"][0]["user"]["token"]
    bot = Lab(lab.files, lab.url, token, lab.etcd_port, *lab.processes)
    webhook.held.clear()
    lab.api("POST", HOOKS, configuration(webhook.url, webhook.authority, ("secrets",)))
    lab.api("POST", f"{FLOWS}/prioritylevelconfigurations", LEVEL)
    lab.api("POST", f"{FLOWS}/flowschemas", SCHEMA)
    secrets = f"/api/v1/namespaces/{NAMESPACE}/secrets"

    def sit() -> None:
        with suppress(Refused, OSError):
            bot.api("POST", secrets, {"metadata": {"generateName": "sits-"}}, timeout=60)

    def turned_away() -> bool:
        try:
            # One object takes one seat; a list takes more, and would be turned away too early.
            bot.api("GET", f"{secrets}/none")
        except Refused as error:
            return error.code == 429
        return False

    sitting: list[threading.Thread] = []

    def crowded() -> bool:
        if turned_away():
            return True
        webhook.asked.clear()
        sitting.append(threading.Thread(target=sit))
        sitting[-1].start()
        webhook.asked.wait(1)
        return False

    try:
        wait_for(crowded, "requests of the account are turned away")
        yield
    finally:
        webhook.held.set()
        for thread in sitting:
            thread.join()
        lab.api("DELETE", f"{FLOWS}/flowschemas/starved")
        lab.api("DELETE", f"{FLOWS}/prioritylevelconfigurations/starved")
        lab.api("DELETE", f"{HOOKS}/policy")


LEVEL: Json = {
    "metadata": {"name": "starved"},
    "spec": {
        "type": "Limited",
        "limited": {
            "nominalConcurrencyShares": 1,
            "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"},
        },
    },
}
SCHEMA: Json = {
    "metadata": {"name": "starved"},
    "spec": {
        "matchingPrecedence": 100,
        "priorityLevelConfiguration": {"name": "starved"},
        "rules": [
            {
                "subjects": [
                    {
                        "kind": "ServiceAccount",
                        "serviceAccount": {"namespace": "onprem", "name": "onprem"},
                    }
                ],
                "resourceRules": [
                    {
                        "verbs": ["*"],
                        "apiGroups": ["*"],
                        "resources": ["*"],
                        "namespaces": ["*"],
                        "clusterScope": True,
                    }
                ],
            }
        ],
    },
}


@pytest.mark.usefixtures("empty")
def test_an_api_server_that_turns_us_away(asker: Asker, webhook: Webhook) -> None:
    with starved(asker.grounds, webhook):
        for command, text in asker.all_fail(within=60.0).items():
            assert "Cluster main is too busy for “" in text, f"{command}: {text}"
            assert "(429)" in text
            assert (
                "Try again in a minute; if it lasts, see what floods the API "
                "(priority and fairness)." in text
            )
    assert "Everything works" in asker.site().works("check")
