"""A real kubectl asks who it is and what it may, acts as others, and meets refusals."""

from __future__ import annotations

from pathlib import Path

import yaml

from sandbox.cluster import PracticeCluster
from sandbox.kube.resources import NAMESPACES
from tests.sandbox.kube.test_kubectl import Kubectl, cluster, kubectl, pytestmark  # noqa: F401

ROOT = Path(__file__).parents[3]
BOT = "--as=system:serviceaccount:onprem:onprem"


async def test_who_am_i_and_what_may_i(kubectl: Kubectl) -> None:  # noqa: F811
    said = await kubectl("auth", "whoami")
    assert "sandbox-admin" in said.out
    assert "[system:masters system:authenticated]" in said.out
    said = await kubectl("auth", "whoami", "--as=jane", "--as-group=dev", "--as-uid=u1")
    assert "jane" in said.out
    assert "[dev system:authenticated]" in said.out
    assert (await kubectl("auth", "can-i", "delete", "nodes")).out == "yes\n"
    assert (await kubectl("auth", "can-i", "get", "pods", "--as=jane", code=1)).out == "no\n"
    assert (await kubectl("auth", "can-i", "get", "/version", "--as=jane")).out == "yes\n"
    listed = (await kubectl("auth", "can-i", "--list", "--as=jane")).out
    assert "selfsubjectreviews.authentication.k8s.io" in listed
    assert "[/apis/*]" in listed


async def test_as_somebody_else(kubectl: Kubectl) -> None:  # noqa: F811
    said = await kubectl("get", "pods", "--as=jane", code=1)
    assert said.err == (
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource '
        '"pods" in API group "" in the namespace "default"\n'
    )
    await kubectl("create", "rolebinding", "jane", "--clusterrole=view", "--user=jane")
    assert "No resources found" in (await kubectl("get", "pods", "--as=jane")).err
    said = await kubectl("delete", "pods", "--all", "--as=jane")
    assert said.out == "No resources found\n"
    said = await kubectl("create", "configmap", "one", "--as=jane", code=1)
    assert said.err.startswith("error: failed to create configmap: configmaps is forbidden: ")
    said = await kubectl("get", "pods", "--as=joe", "--as-group=dev", code=1)
    assert 'User "joe"' in said.err
    said = await kubectl("get", "pods", "--as-group=dev", code=1)
    assert "without impersonating a user" in said.err


async def test_with_the_token_of_an_account(
    cluster: PracticeCluster,  # noqa: F811
    kubectl: Kubectl,  # noqa: F811
    tmp_path: Path,
) -> None:
    await kubectl("create", "serviceaccount", "bot")
    token = (await kubectl("create", "token", "bot", "--duration=20m")).out.strip()
    config = cluster.server.kubeconfig()
    config["users"][0]["user"] = {"token": token}
    path = tmp_path / "bot.kubeconfig"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    bot = Kubectl(path, tmp_path)
    assert "system:serviceaccount:default:bot" in (await bot("auth", "whoami")).out
    said = await bot("scale", "deployment", "web", "--replicas=2", code=1)
    assert 'deployments.apps "web" is forbidden' in said.err
    await kubectl("create", "role", "scaler", "--verb=get,patch", "--resource=deployments/scale")
    given = ("--role=scaler", "--serviceaccount=default:bot")
    await kubectl("create", "rolebinding", "scaler", *given)
    asked = ("auth", "can-i", "patch", "deployments", "--subresource=scale")
    assert (await bot(*asked)).out == "yes\n"
    await kubectl("delete", "serviceaccount", "bot")
    assert "Unauthorized" in (await bot("get", "pods", code=1)).err


async def test_the_rights_that_the_bot_is_installed_with(
    cluster: PracticeCluster,  # noqa: F811
    kubectl: Kubectl,  # noqa: F811
) -> None:
    for name in ("onprem", "parse"):
        cluster.store.create(NAMESPACES, {"metadata": {"name": name}})
    await kubectl("apply", "-f", str(ROOT / "deploy" / "rbac.yaml"))
    for code, out, words in (
        (0, "yes\n", "patch deployments --subresource=scale -n parse"),
        (0, "yes\n", "create secrets -n parse"),
        (0, "yes\n", "create pods --subresource=exec -n parse"),
        (0, "yes\n", "list nodes"),
        (1, "no\n", "list secrets -n default"),
        (1, "no\n", "create rolebindings -n parse"),
        (1, "no\n", "create serviceaccounts --subresource=token -n parse"),
        (1, "no\n", "patch nodes"),
        (1, "no\n", "create namespaces"),
        (1, "no\n", "impersonate users"),
    ):
        said = await kubectl("auth", "can-i", *words.split(), BOT, code=code)
        assert said.out == out, words
