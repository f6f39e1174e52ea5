"""Which texts name a host of the live namespace, and where in a backup's objects they are found."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.recovery.checks.hosts import Named, addresses, find, names_host

LABEL = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    "text",
    [
        "mongodb.parse",
        "mongodb-0.mongodb.parse:27017",
        "mongodb://u:p@m-0.m.parse:27017,m-1.m:27017/parse?replicaSet=rs0",
        "mongodb://u:p@m-0.m:27017,m-1.m.parse:27017/db",
        "http://web.parse.svc/path",
        "http://web.parse.svc.cluster.local:80",
        "WEB.PARSE.SVC.CLUSTER.LOCAL",
        "mongodb://u:p%40m.parse.svc:1@x/",
        "--upstream=web.parse",
        "Server=db.parse;Port=5432",
        'hosts = ["db.parse", "x"]',
        "db.parse.",
        "nc db.parse 5432",
        "amqps://mq.parse.svc.k8s.example.com.",
        "user:pw@tcp(mysql.parse:3306)/db",
        "{db.parse}",
        "exec `db.parse`",
        '"host: db.parse\\nport: 1"',
        "MONGODB.PARSE:27017",
        "$(POD).$(SVC).parse.svc.cluster.local",
        "${HOST}.parse.svc",
        "{{host}}.parse.svc:80",
        "$(DB_HOST).parse:27017",
        "parse.svc.cluster.local",
        ".parse.svc",
    ],
)
def test_a_live_host_is_seen(text: str) -> None:
    assert names_host(text, "parse")


@pytest.mark.parametrize(
    "text",
    [
        "mongodb-0.mongodb:27017",
        "http://localhost:1337/parse",
        "mongodb://u:p@m-0.m:27017/parse?authSource=admin",
        "http://web.other.svc.cluster.local",
        "web.parse-drill-1.svc",
        "web.parser.svc",
        "api.parse.com",
        "https://parse.example.com/parse",
        "const body = JSON.parse(text);",
        "rows.map(JSON.parse)",
        "(JSON.parse)",
        "{ JSON.parse }",
        "const parse = a.parse(b)",
        "x => JSON.parse (x)",
        "parse",
        ".parse",
        "",
    ],
)
def test_what_is_no_live_host_is_let_through(text: str) -> None:
    assert not names_host(text, "parse")


@settings(deadline=None)
@given(service=LABEL, namespace=LABEL, user=LABEL)
def test_every_service_of_the_namespace_is_seen_in_a_uri(
    service: str, namespace: str, user: str
) -> None:
    for host in (f"{service}.{namespace}", f"{service}.{namespace}.svc.cluster.local"):
        assert names_host(f"mongodb://{user}:secret@{host}:27017/db", namespace)
        assert names_host(f"{host}:27017", namespace)


def obj(kind: str, api: str = "v1", **body: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, **body}


def keys(*objects: dict[str, Any]) -> list[str]:
    return [named.key for named in find(objects, "live")]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_secrets_are_decoded_and_never_quoted() -> None:
    found = find([obj("Secret", data={"uri": b64("redis://:hush@r.live:6379")})], "live")
    assert found == (Named("Secret", "x", "data.uri"),)
    assert "hush" not in found[0].words
    assert keys(obj("Secret", data={"a": "%%%not base64"})) == []


def test_helms_own_record_is_nobodys_configuration() -> None:
    record = obj("Secret", type="helm.sh/release.v1", data={"release": b64("db.live.svc")})
    assert keys(record) == []


def test_templates_of_pods_are_looked_through() -> None:
    spec = {
        "initContainers": [{"name": "wait", "args": ["--host", "db.live"]}],
        "containers": [
            {
                "name": "main",
                "env": [{"name": "DB", "value": "db.live.svc"}, {"name": "OK", "value": "db"}],
                "livenessProbe": {"httpGet": {"host": "db.live.svc"}},
            }
        ],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db.live"]}],
    }
    note = {"post.hook.restore.velero.io/command": '["psql", "-h", "db.live"]', "other": "db.live"}
    template = {"metadata": {"annotations": note}, "spec": spec}
    assert keys(obj("StatefulSet", "apps/v1", spec={"template": template})) == [
        "annotation post.hook.restore.velero.io/command",
        "args of container wait",
        "env DB of container main",
        "livenessProbe.httpGet.host of container main",
        "spec.hostAliases.hostnames",
    ]
    assert keys(obj("Pod", spec=spec)) == keys(
        obj("Deployment", "apps/v1", spec={"template": {"spec": spec}})
    )


def test_what_kubernetes_puts_together_is_seen_together() -> None:
    def keys_of(*env: dict[str, Any], args: tuple[str, ...] = ()) -> list[str]:
        return keys(obj("Pod", spec={"containers": [{"name": "a", "env": env, "args": [*args]}]}))

    host, home = {"name": "HOST", "value": "db"}, {"name": "HOME", "value": "live"}
    whole = {"name": "URL", "value": "redis://$(HOST).$(HOME):1"}
    assert keys_of(host, home, whole) == ["env URL of container a"]
    assert keys_of(whole, host, home) == [], "only what is defined before is put in"
    assert keys_of(host, home, args=("$(HOST).$(HOME):1",)) == ["args of container a"]
    own = {"name": "HOME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    assert keys_of(host, own, whole) == [], "in the copy that is the copy's namespace"


def test_search_domains_are_hosts_too() -> None:
    spec = {"containers": [], "dnsConfig": {"searches": ["live.svc.cluster.local"]}}
    assert keys(obj("Pod", spec=spec)) == ["spec.dnsConfig.searches"]


def test_addresses_of_live_services_are_seen() -> None:
    services = [
        {"spec": {"clusterIP": "10.43.1.2", "clusterIPs": ["10.43.1.2", "fd00::1:2"]}},
        {"spec": {"clusterIP": "None", "clusterIPs": ["None"]}},
        {"spec": {"externalName": "example.com"}},
    ]
    live = addresses(services)
    assert live == {"10.43.1.2", "fd00::1:2"}
    for text in ("mongodb://10.43.1.2:27017", "10.43.1.2", "[fd00::1:2]:80", "http://u@10.43.1.2/"):
        assert find([obj("ConfigMap", data={"a": text})], "live", live), text
    for text in ("10.43.1.20", "110.43.1.2", "10.43.1.2.5", "fd00::1:23", "1fd00::1:2", ""):
        assert not find([obj("ConfigMap", data={"a": text})], "live", live), text


def test_other_kinds() -> None:
    assert keys(obj("Service", spec={"externalName": "db.live.svc"})) == ["spec.externalName"]
    assert keys(obj("ConfigMap", data={"a.ini": "host = db.live\n"})) == ["data.a.ini"]
    assert keys(obj("ConfigMap", binaryData={"a": b64("db.live.svc")})) == ["binaryData.a"]
    custom = obj("Database", "example.com/v1", spec={"members": [{"host": "db.live"}]})
    assert keys(custom) == ["spec.members.host"]
    role = obj("Role", "rbac.authorization.k8s.io/v1", rules=[{"resourceNames": ["db.live"]}])
    assert keys(role) == []
