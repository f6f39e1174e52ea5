"""How the app of charts/parse-server is put together, judged by the rendered objects."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.helm

CHART = Path(__file__).parents[2] / "charts" / "parse-server"

Object = dict[str, Any]
Render = Callable[..., list[Object]]
Find = Callable[[list[Object], str, str], Object]
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_workloads_have_the_names_the_app_configuration_relies_on(
    default_objects: list[Object], find: Find
) -> None:
    assert find(default_objects, "Deployment", "parse-server")["spec"]["replicas"] == 2
    mongodb = find(default_objects, "StatefulSet", "parse-mongodb")
    assert mongodb["spec"]["replicas"] == 3
    assert mongodb["spec"]["serviceName"] == "parse-mongodb"
    headless = find(default_objects, "Service", "parse-mongodb")["spec"]
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"] is True


def test_addresses_in_the_set_do_not_name_a_namespace(
    default_objects: list[Object], find: Find
) -> None:
    hosts = find(default_objects, "ConfigMap", "parse-mongodb-init")["data"]["hosts"]
    assert hosts.split(",") == [f"parse-mongodb-{i}.parse-mongodb:27017" for i in range(3)]
    assert "svc" not in hosts
    assert ".apps" not in hosts


def job_of(objects: list[Object]) -> Object:
    [job] = [o for o in objects if o["kind"] == "Job"]
    return job


def test_init_job_is_no_hook_and_is_named_by_its_content(render: Render) -> None:
    job = job_of(render())
    assert "annotations" not in job["metadata"]
    assert "ttlSecondsAfterFinished" not in job["spec"]
    newer_server = job_of(render({"image": {"tag": "8.6.90"}}))
    scaled = job_of(render({"mongodb": {"replicaCount": 5}}))
    newer_mongo = job_of(render({"mongodb": {"image": {"tag": "8.0.4"}}}))
    assert newer_server["spec"] == scaled["spec"] == job["spec"]
    assert newer_server["metadata"]["name"] == scaled["metadata"]["name"] == job["metadata"]["name"]
    assert newer_mongo["metadata"]["name"] != job["metadata"]["name"]


def test_keyfile_is_copied_to_where_only_mongod_reads_it(
    default_objects: list[Object], find: Find
) -> None:
    spec = find(default_objects, "StatefulSet", "parse-mongodb")["spec"]["template"]["spec"]
    [init] = spec["initContainers"]
    assert init["command"] == [
        "install", "-m", "0400", "/run/secrets/mongodb/keyfile", "/run/mongodb/keyfile",
    ]  # fmt: skip
    [mongodb] = spec["containers"]
    assert mongodb["name"] == "mongodb"
    assert "--keyFile=/run/mongodb/keyfile" in mongodb["args"]
    assert {"MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD", "MONGODB_REPLICA_SET"} <= {
        entry["name"] for entry in mongodb["env"]
    }
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["keyfile"]["emptyDir"]["medium"] == "Memory"


def test_a_new_server_version_does_not_touch_mongodb(render: Render, find: Find) -> None:
    template = [
        find(
            render({"existingSecret": "s", "image": {"tag": tag}}), "StatefulSet", "parse-mongodb"
        )["spec"]
        for tag in ("8.6.93", "8.6.94")
    ]
    assert template[0] == template[1]


def test_server_rolls_without_a_gap(default_objects: list[Object], find: Find) -> None:
    spec = find(default_objects, "Deployment", "parse-server")["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pod = spec["template"]["spec"]
    [server] = pod["containers"]
    assert server["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert pod["terminationGracePeriodSeconds"] > 5
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert "matchLabelKeys" not in spread, "since 1.34 such pods cannot be restored"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert server[probe]["httpGet"] == {"path": "/parse/health", "port": "http"}


def test_a_changed_configuration_restarts_the_server_only(render: Render, find: Find) -> None:
    def pods(values: Object, kind: str, name: str) -> Object:
        objects = render({"existingSecret": "s", **values})
        template: Object = find(objects, kind, name)["spec"]["template"]
        return template

    debug = {"parse": {"logLevel": "debug"}}
    server = ("Deployment", "parse-server")
    assert pods({}, *server) != pods(debug, *server)
    mongodb = ("StatefulSet", "parse-mongodb")
    assert pods({}, *mongodb) == pods(debug, *mongodb)


def test_a_new_version_of_the_chart_alone_restarts_nothing(render: Render, tmp_path: Path) -> None:
    copy = tmp_path / "parse-server"
    shutil.copytree(CHART, copy)
    chart_yaml = copy / "Chart.yaml"
    chart_yaml.write_text(chart_yaml.read_text().replace("version: 0.1.0", "version: 0.1.1"))
    values = {"existingSecret": "s"}
    before, after = render(values), render(values, chart=copy)
    assert before != after
    templates = [
        [o["spec"]["template"] for o in objects if "template" in o.get("spec", {})]
        for objects in (before, after)
    ]
    assert len(templates[0]) == 3
    assert templates[0] == templates[1]
    assert job_of(before)["metadata"]["name"] == job_of(after)["metadata"]["name"]


def test_autoscaling_leaves_the_number_of_pods_to_the_autoscaler(
    render: Render, find: Find, default_objects: list[Object]
) -> None:
    assert not [o for o in default_objects if o["kind"] == "HorizontalPodAutoscaler"]
    objects = render({"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9}})
    assert "replicas" not in find(objects, "Deployment", "parse-server")["spec"]
    hpa = find(objects, "HorizontalPodAutoscaler", "parse-server")
    assert hpa["apiVersion"] == "autoscaling/v2"
    assert (hpa["spec"]["minReplicas"], hpa["spec"]["maxReplicas"]) == (3, 9)
    assert hpa["spec"]["scaleTargetRef"]["name"] == "parse-server"


def test_disruption_budgets_keep_a_server_and_a_majority(render: Render, find: Find) -> None:
    objects = render()
    assert find(objects, "PodDisruptionBudget", "parse-server")["spec"]["minAvailable"] == 1
    assert find(objects, "PodDisruptionBudget", "parse-mongodb")["spec"]["maxUnavailable"] == 1
    single = {o["metadata"]["name"] for o in render({"replicaCount": 1}) if "Budget" in o["kind"]}
    assert single == {"parse-mongodb"}


def test_only_the_app_reaches_mongodb(default_objects: list[Object], find: Find) -> None:
    spec = find(default_objects, "NetworkPolicy", "parse-mongodb")["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    [rule] = spec["ingress"]
    components = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rule["from"]
    }
    assert components == {"server", "mongodb", "mongodb-init"}
    pods = job_of(default_objects)["spec"]["template"]["metadata"]["labels"]
    assert pods["app.kubernetes.io/component"] in components


def test_ingress_routes_to_the_server_and_sets_the_public_address(
    render: Render, find: Find
) -> None:
    objects = render(
        {
            "ingress": {
                "enabled": True,
                "hosts": [{"host": "parse.example.org"}],
                "tls": [{"secretName": "parse-tls", "hosts": ["parse.example.org"]}],
            }
        }
    )
    [rule] = find(objects, "Ingress", "parse-server")["spec"]["rules"]
    assert rule["host"] == "parse.example.org"
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == "parse-server"
    environment = find(objects, "ConfigMap", "parse-server")["data"]
    assert environment["PARSE_PUBLIC_SERVER_URL"] == "https://parse.example.org/parse"
    assert environment["PARSE_SERVER_URL"] == "http://localhost:1337/parse"
    assert environment["PARSE_SERVER_MASTER_KEY_IPS"] == "127.0.0.1,::1"


def test_own_database_leaves_no_mongodb_behind(render: Render, run_helm: Run) -> None:
    objects = render({"mongodb": {"enabled": False}, "existingSecret": "mine"})
    assert not [o for o in objects if "mongodb" in o["metadata"]["name"]]
    done = run_helm("template", "parse", str(CHART), values={"mongodb": {"enabled": False}})
    assert done.returncode != 0
    assert "PARSE_SERVER_DATABASE_URI" in done.stderr


def test_scaled_to_nothing_renders_no_job_that_waits_for_ever(render: Render) -> None:
    objects = render({"replicaCount": 0, "mongodb": {"replicaCount": 0}})
    assert not [o for o in objects if o["kind"] == "Job"]


def test_helm_test_pod_is_a_test_hook(default_objects: list[Object], find: Find) -> None:
    pod = find(default_objects, "Pod", "parse-test")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["containers"][0]["env"][0]["value"] == "http://parse-server:80/parse"
