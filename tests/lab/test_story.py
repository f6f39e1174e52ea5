"""The life of the Parse chart on a real API server, with the real helm, from the terminal."""

from __future__ import annotations

import pytest

from tests.lab.conftest import Site

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(240)]

SERVER = "apps/v1/deployments/parse-server"
MONGODB = "apps/v1/statefulsets/parse-mongodb"
SITES = [pytest.param("alone-helm3", marks=pytest.mark.slow), "helm4", "older-helm3"]


def image(site: Site) -> str:
    containers = site.get(SERVER)["spec"]["template"]["spec"]["containers"]
    return str(containers[0]["image"]).rpartition(":")[2]


@pytest.mark.parametrize("site", SITES, indirect=True)
def test_an_app_from_its_first_install_to_its_end(site: Site) -> None:
    assert "Everything works" in site.works("check")
    assert "is not deployed" in site.works("status", "parse")

    assert "is running on main, revision 1" in site.works("deploy", "parse", "--version", "8.2.0")
    assert "5 of 5 pods ready" in site.works("status", "parse")
    assert "1 app on main, no trouble" in site.works("status")
    assert "deployed, revision 1" in site.works("apps")
    assert site.get(MONGODB)["status"]["readyReplicas"] == 3

    said = site.bot("deploy", "parse", "--version", "broken")
    assert said.code == 1
    assert "it was rolled back to revision 1" in said.text
    assert "cannot pull image docker.io/parseplatform/parse-server:broken" in said.text
    assert image(site) == "8.2.0"

    said = site.bot("deploy", "parse", "--version", "crash")
    assert said.code == 1
    assert "keeps crashing" in said.text
    assert image(site) == "8.2.0"

    assert "from 2 to 3" in site.works("scale", "server", "3")
    assert "revision 6" in site.works("deploy", "parse", "--version", "8.3.0")
    assert site.get(SERVER)["spec"]["replicas"] == 3  # a deploy keeps what scale had set
    assert "Restarted deployment/parse-server" in site.works("restart", "server")
    site.works("rollback", "parse", "--yes")
    assert image(site) == "8.2.0"
    assert "did not come up" in site.works("history", "parse")

    said = site.bot("scale", "server", "0", "--confirm", "wrong")
    assert said.code == 1
    assert site.get(SERVER)["spec"]["replicas"] == 3
    site.works("scale", "server", "0", "--confirm", "parse-server")
    assert site.get(SERVER)["spec"]["replicas"] == 0

    assert "Kept in namespace parse" in site.works("uninstall", "parse", "--confirm", "parse")
    assert site.get("pods")["items"] == []
    assert len(site.get("persistentvolumeclaims")["items"]) == 3
    assert site.works("audit", "verify").startswith("The audit log is whole")


def test_a_stuck_stateful_set_is_freed_by_the_rollback(site: Site) -> None:
    site.works("deploy", "parse")
    said = site.bot("deploy", "parse", "--set", "mongodb.image.tag=does-not-exist")
    assert said.code == 1
    assert "it was rolled back to revision 1" in said.text
    assert "mongo:does-not-exist" in said.text
    status = site.get(MONGODB)["status"]
    assert (status["readyReplicas"], status["updatedReplicas"]) == (3, 3)


@pytest.mark.parametrize("site", ["helm3"], indirect=True)
def test_members_are_not_changed_when_no_database_answers(site: Site) -> None:
    site.works("deploy", "parse")
    said = site.bot("scale", "mongodb", "5", "--yes")
    assert said.code == 1
    assert "answers for the replica set" in said.text
    assert site.get(MONGODB)["spec"]["replicas"] == 3


@pytest.mark.parametrize("site", ["helm3"], indirect=True)
def test_the_account_can_do_nothing_elsewhere(site: Site) -> None:
    said = site.bot("status", "deployment/web", "--namespace", "kube-system")
    assert said.code == 1
    assert "Cluster main does not allow “get Deployment kube-system/web” (403)" in said.text
    assert "Give the bot's account the missing right (deploy/rbac.yaml)" in said.text
