"""What holds for every object that charts/parse-server renders."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.helm

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
            if entry["name"].startswith(("PARSE_SERVER_", "MONGO_INITDB_ROOT", "MONGODB_KEYFILE")):
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


def test_scripts_get_no_credentials_as_arguments(objects: list[Object]) -> None:
    for name, container in containers(objects):
        words = [*container.get("command", []), *container.get("args", [])]
        assert not [w for w in words if "$(" in w or "--password" in w or w == "-p"], name


def test_images_are_pinned_and_a_digest_wins(render: Render, find: Find) -> None:
    for name, container in containers(render()):
        tag = container["image"].partition(":")[2]
        assert tag, name
        assert tag != "latest", name
    digest = "sha256:" + "ab" * 32
    pod = find(render({"image": {"digest": digest}}), "Deployment", "parse-server")["spec"]
    image = pod["template"]["spec"]["containers"][0]["image"]
    assert image == f"docker.io/parseplatform/parse-server@{digest}"
