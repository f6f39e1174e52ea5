"""What charts/parse-server renders, judged by the parsed objects."""

import base64
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.helm

CHART = Path(__file__).parents[2] / "charts" / "parse-server"
SECRET_KEYS = {
    "PARSE_SERVER_APPLICATION_ID",
    "PARSE_SERVER_MASTER_KEY",
    "PARSE_SERVER_DATABASE_URI",
    "mongodb-root-username",
    "mongodb-root-password",
    "mongodb-keyfile",
}
EVERYTHING: dict[str, Any] = {
    "autoscaling": {"enabled": True},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "hosts": [{"host": "parse.example.org"}],
        "tls": [{"secretName": "parse-tls", "hosts": ["parse.example.org"]}],
    },
    "imagePullSecrets": ["registry"],
    "parse": {"cloudCode": {"existingConfigMap": "cloud"}},
    "networkPolicy": {"serverFrom": [{"namespaceSelector": {}}]},
}
SELECTOR_KEYS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
}

Object = dict[str, Any]
Render = Callable[..., list[Object]]
Find = Callable[[list[Object], str, str], Object]
Run = Callable[..., subprocess.CompletedProcess[str]]


def pod_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for obj in objects:
        name = f"{obj['kind']}/{obj['metadata']['name']}"
        if obj["kind"] == "Pod":
            yield name, obj["spec"]
        elif "template" in obj.get("spec", {}):
            yield name, obj["spec"]["template"]["spec"]


def containers(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for name, spec in pod_specs(objects):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            yield f"{name}/{container['name']}", container


def metadata_of_everything(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for obj in objects:
        name = f"{obj['kind']}/{obj['metadata']['name']}"
        yield name, obj["metadata"]
        spec = obj.get("spec", {})
        if "template" in spec:
            yield f"{name} pods", spec["template"]["metadata"]
        for claim in spec.get("volumeClaimTemplates", []):
            yield f"{name} claims", claim["metadata"]


def selectors(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for obj in objects:
        name = f"{obj['kind']}/{obj['metadata']['name']}"
        spec = obj.get("spec", {})
        if obj["kind"] == "Service":
            yield name, spec["selector"]
        elif "podSelector" in spec:
            yield name, spec["podSelector"]["matchLabels"]
        elif "selector" in spec:
            yield name, spec["selector"]["matchLabels"]


@pytest.fixture(scope="module", params=[{}, EVERYTHING], ids=["defaults", "everything"])
def objects(request: pytest.FixtureRequest, render: Render) -> list[Object]:
    return render(request.param)


def test_lint_is_clean(run_helm: Run) -> None:
    done = run_helm("lint", "--strict", str(CHART), values=EVERYTHING)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


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


def test_every_object_pod_and_claim_carries_the_labels_backups_select(
    objects: list[Object],
) -> None:
    for name, metadata in metadata_of_everything(objects):
        labels = metadata["labels"]
        assert labels["app"] == "parseserver", name
        assert labels["app.kubernetes.io/part-of"] == "parse", name
        assert labels.keys() >= SELECTOR_KEYS, name
        if not name.endswith("claims"):
            assert "app.kubernetes.io/version" in labels, name


def test_selectors_use_only_labels_that_never_change(objects: list[Object]) -> None:
    seen = dict(selectors(objects))
    assert len(seen) >= 8
    for name, selector in seen.items():
        assert selector.keys() == SELECTOR_KEYS, name


def test_selectors_find_the_pods_of_their_component(
    default_objects: list[Object], find: Find
) -> None:
    for kind, name in [("Deployment", "parse-server"), ("StatefulSet", "parse-mongodb")]:
        workload = find(default_objects, kind, name)
        pod_labels = workload["spec"]["template"]["metadata"]["labels"].items()
        for other in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
            spec = find(default_objects, other, name)["spec"]
            selector = spec.get("podSelector", spec.get("selector"))
            assert pod_labels >= selector.get("matchLabels", selector).items(), other


def test_pods_meet_the_restricted_standard(objects: list[Object]) -> None:
    for name, spec in pod_specs(objects):
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not any("hostPath" in volume for volume in spec.get("volumes", [])), name
    for name, container in containers(objects):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name


def test_no_credential_is_written_out(objects: list[Object], find: Find) -> None:
    data = find(objects, "Secret", "parse-credentials")["data"]
    # Whose value is public (the user name is "root") or occurs by itself proves nothing.
    secrets = [
        base64.b64decode(data[key]).decode() for key in SECRET_KEYS - {"mongodb-root-username"}
    ]
    for obj in objects:
        if obj["kind"] != "Secret":
            assert not [s for s in secrets if s in str(obj)], obj["metadata"]["name"]
    for name, container in containers(objects):
        for entry in container.get("env", []):
            if entry["name"].startswith(("PARSE_SERVER_", "MONGODB_ROOT", "MONGODB_KEYFILE")):
                assert "secretKeyRef" in entry["valueFrom"], f"{name} {entry['name']}"


def test_generated_secret_is_whole_and_survives_an_uninstall(
    default_objects: list[Object], find: Find
) -> None:
    secret = find(default_objects, "Secret", "parse-credentials")
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert secret["data"].keys() == SECRET_KEYS
    assert all(secret["data"].values())
    uri = base64.b64decode(secret["data"]["PARSE_SERVER_DATABASE_URI"]).decode()
    hosts = ",".join(f"parse-mongodb-{i}.parse-mongodb:27017" for i in range(3))
    assert uri.startswith("mongodb://parse:")
    assert uri.endswith(f"@{hosts}/parse?replicaSet=rs0&authSource=admin")


def test_existing_secret_replaces_the_generated_one_everywhere(render: Render) -> None:
    objects = render({"existingSecret": "mine"})
    assert not [o for o in objects if o["kind"] == "Secret"]
    names = {
        entry["valueFrom"]["secretKeyRef"]["name"]
        for _, container in containers(objects)
        for entry in container.get("env", [])
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    names |= {
        volume["secret"]["secretName"]
        for _, spec in pod_specs(objects)
        for volume in spec.get("volumes", [])
        if "secret" in volume
    }
    assert names == {"mine"}


def test_rendering_twice_with_an_existing_secret_gives_the_same(render: Render) -> None:
    assert render({"existingSecret": "mine"}) == render({"existingSecret": "mine"})


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


def test_scripts_get_no_credentials_as_arguments(objects: list[Object]) -> None:
    for name, container in containers(objects):
        words = [*container.get("command", []), *container.get("args", [])]
        assert not [w for w in words if "$(" in w or "--password" in w or w == "-p"], name


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
    assert {"MONGODB_ROOT_USERNAME", "MONGODB_ROOT_PASSWORD", "MONGODB_REPLICA_SET"} <= {
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
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
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
    assert list(pod_specs(before)) == list(pod_specs(after))
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
    objects = render(EVERYTHING)
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


def test_images_are_pinned_and_a_digest_wins(render: Render, find: Find) -> None:
    for name, container in containers(render()):
        tag = container["image"].partition(":")[2]
        assert tag, name
        assert tag != "latest", name
    digest = "sha256:" + "ab" * 32
    pod = find(render({"image": {"digest": digest}}), "Deployment", "parse-server")["spec"]
    image = pod["template"]["spec"]["containers"][0]["image"]
    assert image == f"docker.io/parseplatform/parse-server@{digest}"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 3}, "replicas"),
        ({"replicaCount": -1}, "replicaCount"),
        ({"replicaCount": "two"}, "replicaCount"),
        ({"replicaCount": 1.5}, "replicaCount"),
        ({"image": {"tag": "a tag"}}, "tag"),
        ({"image": {"digest": "sha256:short"}}, "digest"),
        ({"mongodb": {"replicaCount": 51}}, "replicaCount"),
        ({"mongodb": {"persistence": {"size": "lots"}}}, "size"),
        ({"mongodb": {"replicas": 3}}, "replicas"),
        ({"podSecurity": {"runAsUser": 0}}, "runAsUser"),
        ({"parse": {"publicUrl": "parse.example.org"}}, "publicUrl"),
        ({"parse": {"mountPath": "parse"}}, "mountPath"),
        ({"existingSecret": "Not A Name"}, "existingSecret"),
        ({"service": {"port": 70000}}, "port"),
        ({"extraEnv": [{"name": "A-B", "value": "c"}]}, "extraEnv"),
    ],
)
def test_schema_refuses_and_names_bad_values(run_helm: Run, values: Object, named: str) -> None:
    done = run_helm("template", "parse", str(CHART), values=values)
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr
    assert named in done.stderr


def test_every_default_is_allowed_for_in_the_schema_and_documented(render: Render) -> None:
    readme = (CHART / "README.md").read_text()
    values = (CHART / "values.yaml").read_text()
    top_level = [line.split(":")[0] for line in values.splitlines() if line[:1].isalpha()]
    assert len(top_level) > 15
    missing = [key for key in top_level if f"`{key}" not in readme]
    assert not missing


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("1.26.9", False), ("1.27.0", True), ("1.35.4+k3s1", True), ("1.33.2-gke.1", True)],
)
def test_kubernetes_versions(run_helm: Run, version: str, accepted: bool) -> None:
    done = run_helm("template", "parse", str(CHART), "--kube-version", version)
    assert (done.returncode == 0) is accepted, done.stderr
