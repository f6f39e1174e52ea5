"""What a backup of the rendered objects would save, and what it runs in the pods."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.helm

CHART = Path(__file__).parents[2] / "charts" / "parse-server"

Object = dict[str, Any]
Render = Callable[..., list[Object]]
Find = Callable[[list[Object], str, str], Object]

OFF = {"existingSecret": "s", "mongodb": {"backup": {"enabled": False}}}
MONGODB = ("StatefulSet", "parse-mongodb")


def pods(objects: list[Object]) -> dict[str, Object]:
    """Pod templates, and lone pods, by the name of their owner."""
    return {
        o["metadata"]["name"]: o["spec"].get("template", o)
        for o in objects
        if "template" in o.get("spec", {}) or o["kind"] == "Pod"
    }


def saved(pod: Object, *, unless_left_out: bool) -> set[str]:
    """The volumes whose files Velero saves: the named ones, or all but the left out."""
    notes = pod["metadata"].get("annotations", {})
    if not unless_left_out:
        return set(filter(None, notes.get("backup.velero.io/backup-volumes", "").split(",")))
    left = notes.get("backup.velero.io/backup-volumes-excludes", "").split(",")
    volumes = {
        volume["name"]
        for volume in pod["spec"].get("volumes", [])
        if not {"configMap", "secret"} & volume.keys()
    }
    claims = {"data"} if "mongod" in str(pod["spec"]["containers"][0].get("command")) else set()
    return (volumes | claims) - set(left)


@pytest.mark.parametrize("unless_left_out", [False, True])
def test_of_all_files_only_the_dump_is_saved(
    default_objects: list[Object], unless_left_out: bool
) -> None:
    found = {n: saved(p, unless_left_out=unless_left_out) for n, p in pods(default_objects).items()}
    assert len(found) == 4
    assert found.pop("parse-mongodb") == {"dump"}
    assert not any(found.values()), found


def test_hooks_run_what_is_mounted_in_the_container_they_name(
    default_objects: list[Object], find: Find
) -> None:
    pod = find(default_objects, *MONGODB)["spec"]["template"]
    notes = pod["metadata"]["annotations"]
    [container] = pod["spec"]["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    name = volumes[mounts["/etc/parse-recovery"]]["configMap"]["name"]
    files = find(default_objects, "ConfigMap", name)["data"]
    for hook in ("pre.hook.backup", "post.hook.restore"):
        shell, script = json.loads(notes[f"{hook}.velero.io/command"])
        assert shell == "sh"
        folder, _, file = script.rpartition("/")
        assert folder == "/etc/parse-recovery"
        assert files[file].startswith("#!/bin/sh\n")
        assert notes[f"{hook}.velero.io/container"] == container["name"]
        assert notes[f"{hook}.velero.io/on-error"] == "Fail"
    assert notes["post.hook.restore.velero.io/wait-for-ready"] == "true"
    settings = dict(line.split("=") for line in files["settings"].splitlines())
    assert mounts[settings["dump"]] == "dump"
    assert mounts[settings["keyfile"].rpartition("/")[0]] == "keyfile"
    assert settings["service"] == find(default_objects, *MONGODB)["spec"]["serviceName"]
    assert {"restored.js", "init-replica-set.js"} <= files.keys()


def test_time_and_space_are_values(render: Render, find: Find) -> None:
    objects = render({"mongodb": {"backup": {"timeout": "2h", "sizeLimit": "4Gi"}}})
    pod = find(objects, *MONGODB)["spec"]["template"]
    times = {k: v for k, v in pod["metadata"]["annotations"].items() if "timeout" in k}
    assert times == {
        "pre.hook.backup.velero.io/timeout": "2h",
        "post.hook.restore.velero.io/exec-timeout": "2h",
        "post.hook.restore.velero.io/wait-timeout": "2h",
    }
    assert (
        "timeout=2h\n" in find(objects, "ConfigMap", "parse-mongodb-recovery")["data"]["settings"]
    )
    [dump] = [v for v in pod["spec"]["volumes"] if v["name"] == "dump"]
    assert dump["emptyDir"] == {"sizeLimit": "4Gi"}


def test_switched_off_nothing_of_it_is_left(render: Render, find: Find) -> None:
    objects = render(OFF)
    pod = find(objects, *MONGODB)["spec"]["template"]
    assert "annotations" not in pod["metadata"]
    assert "recovery" not in json.dumps(objects)
    assert not [v for v in pod["spec"]["volumes"] if v["name"] == "dump"]


def test_switching_it_on_leaves_the_claims_as_they_are(render: Render, find: Find) -> None:
    # Kubernetes refuses an upgrade that changes anything else of a StatefulSet.
    mutable = {"template", "replicas", "updateStrategy"}
    off, on = (find(render(v), *MONGODB)["spec"] for v in (OFF, {"existingSecret": "s"}))
    assert off["template"] != on["template"]
    assert {k: v for k, v in off.items() if k not in mutable} == {
        k: v for k, v in on.items() if k not in mutable
    }


def test_own_annotations_stay_and_win(render: Render, find: Find) -> None:
    key = "backup.velero.io/backup-volumes-excludes"
    own = {key: "tmp", "a": "b"}
    objects = render({"podAnnotations": own, "mongodb": {"podAnnotations": own}})
    for kind, name in [MONGODB, ("Deployment", "parse-server")]:
        notes = find(objects, kind, name)["spec"]["template"]["metadata"]["annotations"]
        assert notes.items() >= own.items()
        assert len(notes) > 2


def test_a_better_script_restarts_no_member(render: Render, find: Find, tmp_path: Path) -> None:
    copy = tmp_path / "parse-server"
    shutil.copytree(CHART, copy)
    with (copy / "files" / "dump.sh").open("a") as script:
        script.write("echo better\n")
    old, new = render({"existingSecret": "s"}), render({"existingSecret": "s"}, chart=copy)
    files = [find(o, "ConfigMap", "parse-mongodb-recovery")["data"]["dump.sh"] for o in (old, new)]
    assert files[0] != files[1]
    assert pods(old) == pods(new)
