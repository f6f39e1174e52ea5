"""What requests ask for, read from their paths alone."""

from __future__ import annotations

import pytest

from sandbox.kube.rights.attributes import Attributes, asked, refusal
from sandbox.kube.rights.users import User

NS = "/api/v1/namespaces/a"


@pytest.mark.parametrize(
    ("method", "path", "query", "wish"),
    [
        ("GET", "/api", {}, Attributes("get", path="/api")),
        ("GET", "/apis/apps/v1", {}, Attributes("get", path="/apis/apps/v1")),
        ("POST", "/anything/else/at/all", {}, Attributes("post", path="/anything/else/at/all")),
        ("GET", "/api/v1/nodes", {}, Attributes("list", resource="nodes")),
        ("HEAD", "/api/v1/nodes/n", {}, Attributes("get", resource="nodes", name="n")),
        ("GET", "/api/v1/nodes", {"watch": "1"}, Attributes("watch", resource="nodes")),
        ("GET", "/api/v1/nodes", {"watch": "false"}, Attributes("list", resource="nodes")),
        ("GET", f"{NS}/pods/", {}, Attributes("list", resource="pods", namespace="a")),
        (
            "GET",
            f"{NS}/pods",
            {"fieldSelector": "status.phase=Running,metadata.name==web"},
            Attributes("list", resource="pods", namespace="a", name="web"),
        ),
        ("DELETE", f"{NS}/pods", {}, Attributes("deletecollection", "", "pods", "", "a")),
        ("DELETE", f"{NS}/pods/web", {}, Attributes("delete", "", "pods", "", "a", "web")),
        ("PUT", f"{NS}/status", {}, Attributes("update", "", "namespaces", "status", "a", "a")),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/a/deployments/web/scale",
            {},
            Attributes("patch", "apps", "deployments", "scale", "a", "web"),
        ),
    ],
)
def test_asked(method: str, path: str, query: dict[str, str], wish: Attributes) -> None:
    assert asked(method, path, query) == wish


def test_a_refusal_says_who_what_where_and_why() -> None:
    user, wish = User('j"ane'), Attributes("get", "apps", "deployments", "scale", "a", "web")
    said = refusal(user, wish, "RBAC: no")
    assert said.code == 403
    assert said.message == (
        'deployments.apps "web" is forbidden: User "j\\"ane" cannot get resource '
        '"deployments/scale" in API group "apps" in the namespace "a": RBAC: no'
    )
    assert said.details == {"name": "web", "group": "apps", "kind": "deployments"}
