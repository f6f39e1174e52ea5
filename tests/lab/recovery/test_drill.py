"""A drill with an account that may do little, and what the account may not do with its rights."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request

import pytest
import yaml

from tests.cluster.lab import Json
from tests.cluster.recovery import PATH
from tests.lab.grounds import NAMESPACE, wait_for
from tests.lab.recovery.conftest import Desk
from tests.lab.recovery.ward import Ward

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.helm, pytest.mark.timeout(180)]

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def as_the_bot(ward: Ward, method: str, path: str, body: Json | None = None) -> tuple[int, str]:
    """One request with the bot's own token: the status, and what was said."""
    user = yaml.safe_load(ward.grounds.account.read_text())["users"][0]["user"]
    context = ssl.create_default_context(cafile=ward.lab.files.certificate)
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(ward.lab.url + path, data, headers, method=method)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["message"]


def binding(role: str = "onprem-app", subject: str = "onprem") -> Json:
    return {
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": "onprem"}],
    }


def test_a_backup_is_proved_and_its_copy_is_gone(parse: Desk) -> None:
    ward = parse.ward
    name = parse.back_up()
    number = parse.bot.tell("restore", "drill", "parse")
    parse.bot.reach("wait until the copy is ready", "before")
    (copy,) = (n for n in ward.namespaces() if n.startswith(f"{NAMESPACE}-drill-"))
    bindings = ward.lab.api("GET", f"{RBAC}/namespaces/{copy}/rolebindings")["items"]
    (mine,) = (one for one in bindings if one["metadata"]["name"] == "onprem-drill")
    assert mine["roleRef"]["name"] == "onprem-app"
    policies = ward.lab.api("GET", f"/apis/networking.k8s.io/v1/namespaces/{copy}/networkpolicies")
    assert [one["metadata"]["name"] for one in policies["items"]] == ["onprem-drill"]

    state, said = parse.read(parse.bot.answer(number))
    assert state == "done", said
    assert f"Backup {name} of parse on main is proved" in said
    assert "Ready after" in said
    assert "statefulset/parse-mongodb 3/3" in said
    assert copy not in ward.namespaces()
    maps = ward.lab.api("GET", "/api/v1/namespaces/velero/configmaps")["items"]
    assert not [one for one in maps if "drill" in one["metadata"]["name"]]
    assert "5 of 5 pods ready" in parse.works("status", "parse")
    assert "proved" in parse.works("recovery", "parse")


def test_the_rights_for_drills_serve_nothing_else(ward: Ward) -> None:
    policy = "bot makes and deletes namespaces of drills only"
    rights = "bot binds onprem-app to itself, in namespaces of drills only"
    names = "/api/v1/namespaces"

    def refused(method: str, path: str, body: Json | None = None) -> str:
        code, said = as_the_bot(ward, method, path, body)
        assert code in (403, 422), (code, said)
        return said

    marked = {"labels": {"onprem.io/drill": "x"}}
    wait_for(
        lambda: policy in as_the_bot(ward, "POST", f"{names}?dryRun=All", named("other"))[1],
        "the policy is at work",
    )
    assert policy in refused("POST", names, named("parse-drill-1"))
    assert policy in refused("POST", names, named("fire-drill", **marked))
    assert policy in refused("DELETE", f"{names}/{NAMESPACE}")
    assert policy in refused("DELETE", f"{names}/velero")
    for namespace in (NAMESPACE, "kube-system"):
        assert rights in refused("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", binding())

    code, said = as_the_bot(ward, "POST", names, named("parse-drill-1", **marked))
    assert code == 201, said
    there = f"{RBAC}/namespaces/parse-drill-1/rolebindings"
    assert "forbidden" in refused("POST", there, binding("cluster-admin"))
    assert rights in refused("POST", there, binding(subject="default"))
    assert as_the_bot(ward, "POST", there, binding())[0] == 201
    assert as_the_bot(ward, "DELETE", f"{names}/parse-drill-1")[0] == 200
    for path in ("/api/v1/namespaces/velero/secrets", "/api/v1/namespaces/kube-system/secrets"):
        refused("GET", path)
    refused("DELETE", f"{PATH}/backups")


def named(name: str, **meta: object) -> Json:
    return {"metadata": {"name": name, **meta}}
