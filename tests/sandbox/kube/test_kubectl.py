"""A real kubectl, unmodified, against the practice cluster: every request it is known to send."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import PracticeCluster
from sandbox.kube.controllers import Pace

Json = dict[str, Any]

VERSION = "1.35"


def find_kubectl() -> Path | None:
    """The kubectl named by ONPREM_KUBECTL, or the newest one of the tool cache."""
    given = os.environ.get("ONPREM_KUBECTL")
    if given:
        return Path(given)
    cache = Path.home() / ".cache" / "onprem-tools"
    return max(cache.glob(f"kubectl-{VERSION}.*"), default=None)


KUBECTL = find_kubectl()

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.skipif(
        KUBECTL is None or not KUBECTL.is_file(),
        reason=f"no kubectl {VERSION}: set ONPREM_KUBECTL to one",
    ),
]


@dataclass(frozen=True)
class Said:
    out: str
    err: str
    code: int

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.out)
        return found


class Kubectl:
    """Runs kubectl with a home of its own; fails the test on an unexpected exit code."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self._env = {"KUBECONFIG": str(kubeconfig), "HOME": str(home), "PATH": os.defpath}

    async def __call__(self, *words: str, stdin: Json | None = None, code: int = 0) -> Said:
        process = await asyncio.create_subprocess_exec(
            str(KUBECTL),
            *words,
            env=self._env,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        data = json.dumps(stdin).encode() if stdin else None
        try:
            async with asyncio.timeout(30):
                out, err = await process.communicate(data)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        said = Said(out.decode(), err.decode(), process.returncode or 0)
        assert said.code == code, f"kubectl {' '.join(words)}: {said}"
        return said


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[PracticeCluster]:
    made = await PracticeCluster.started("main", tmp_path / "kubeconfig", pace=Pace().scaled(0.02))
    yield made
    assert not made.controllers.ctx.work.failed, "a controller raised; see the log"
    await made.close()


@pytest.fixture
def kubectl(cluster: PracticeCluster, tmp_path: Path) -> Kubectl:
    return Kubectl(cluster.kubeconfig, tmp_path)


@pytest.fixture
def web() -> Callable[..., Json]:
    def make(image: str = "nginx:1.29", replicas: int = 2, **spec: Any) -> Json:
        labels = {"app": "web"}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "labels": labels},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "web", "image": image}]},
                },
                **spec,
            },
        }

    return make


async def deployed(kubectl: Kubectl, body: Json) -> None:
    await kubectl("apply", "-f", "-", stdin=body)
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")


async def test_version_and_what_there_is(kubectl: Kubectl) -> None:
    said = await kubectl("version", "-o", "json")
    assert said.json["serverVersion"]["gitVersion"].startswith(f"v{VERSION}")
    kinds = (await kubectl("api-resources", "-o", "name")).out.split()
    assert {"pods", "deployments.apps", "horizontalpodautoscalers.autoscaling"} <= set(kinds)
    nodes = (await kubectl("get", "nodes", "-o", "wide")).out
    assert nodes.count(" Ready ") == 3


async def test_apply_get_and_describe(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    assert (await kubectl("apply", "-f", "-", stdin=web())).out == "deployment.apps/web created\n"
    await kubectl("wait", "--for=condition=Available", "deploy/web", "--timeout=20s")
    table = (await kubectl("get", "deploy")).out.splitlines()
    assert table[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:4] == ["web", "2/2", "2", "2"]
    pods = (await kubectl("get", "pods", "-l", "app=web", "--no-headers")).out.splitlines()
    assert [line.split()[1:3] for line in pods] == [["1/1", "Running"]] * 2
    described = (await kubectl("describe", "deploy", "web")).out
    assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in described
    assert "ScalingReplicaSet" in described
    pod = pods[0].split()[0]
    described = (await kubectl("describe", "pod", pod)).out
    assert "Successfully assigned default/" in described
    assert "Started container web" in described
    again = await kubectl("apply", "-f", "-", stdin=web())
    assert again.out == "deployment.apps/web unchanged\n"
    changed = await kubectl("apply", "-f", "-", stdin=web(replicas=3))
    assert changed.out == "deployment.apps/web configured\n"
    assert "Scaled up" in (await kubectl("events", "--for", "deploy/web")).out


async def test_unknown_fields_and_wrong_values_are_refused(
    kubectl: Kubectl, web: Callable[..., Json]
) -> None:
    said = await kubectl("apply", "-f", "-", stdin=web(replicaz=3), code=1)
    assert 'unknown field "spec.replicaz"' in said.err
    said = await kubectl("apply", "-f", "-", stdin=web(replicas=-1), code=1)
    assert "must be greater than or equal to 0" in said.err
    assert (await kubectl("get", "deploy")).err == "No resources found in default namespace.\n"
    said = await kubectl("get", "pod", "nobody", code=1)
    assert said.err == 'Error from server (NotFound): pods "nobody" not found\n'


async def test_server_side_apply_and_its_conflicts(
    kubectl: Kubectl, web: Callable[..., Json]
) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    said = await kubectl(*apply, stdin=web())
    assert said.out == "deployment.apps/web serverside-applied\n"
    await kubectl("scale", "deploy/web", "--replicas=4")
    said = await kubectl(*apply, "--field-manager=other", stdin=web(), code=1)
    assert "conflict" in said.err
    assert ".spec.replicas" in said.err
    await kubectl(*apply, "--field-manager=other", "--force-conflicts", stdin=web())
    found = (await kubectl("get", "deploy", "web", "-o", "json")).json
    assert found["spec"]["replicas"] == 2


async def test_from_client_side_to_server_side_apply(
    kubectl: Kubectl, web: Callable[..., Json]
) -> None:
    await kubectl("apply", "-f", "-", stdin=web())
    await kubectl("apply", "--server-side", "-f", "-", stdin=web("nginx:2"))
    found = (await kubectl("get", "deploy", "web", "-o", "json", "--show-managed-fields")).json
    managers = {m["manager"]: m["operation"] for m in found["metadata"]["managedFields"]}
    assert managers["kubectl"] == "Apply"
    assert "kubectl-client-side-apply" not in managers


async def test_dry_run_and_diff_change_nothing(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    said = await kubectl("apply", "--dry-run=server", "-f", "-", stdin=web())
    assert said.out == "deployment.apps/web created (server dry run)\n"
    await kubectl("get", "deploy", "web", code=1)
    await kubectl("apply", "-f", "-", stdin=web())
    said = await kubectl("diff", "-f", "-", stdin=web("nginx:2"), code=1)
    assert "+      - image: nginx:2" in said.out.replace("+        image", "+      - image")


async def test_scale_label_and_patches(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web())
    await kubectl("scale", "deploy/web", "--replicas=3", "--current-replicas=2")
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    await kubectl("wait", "deploy/web", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=20s")
    await kubectl("label", "deploy/web", "tier=front")
    await kubectl("annotate", "deploy/web", "note=hello")
    await kubectl("patch", "deploy/web", "--type=json",
                  '-p=[{"op":"replace","path":"/spec/replicas","value":1}]')  # fmt: skip
    await kubectl("set", "env", "deploy/web", "A=b")
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    found = (await kubectl("get", "deploy", "-l", "tier=front", "-o", "json")).json["items"]
    assert found[0]["metadata"]["annotations"]["note"] == "hello"
    assert found[0]["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "A", "value": "b"}
    ]
    names = (await kubectl("get", "pods", "-o", "name")).out.split()
    assert len(names) >= 1


async def test_rollouts(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web())
    await kubectl("set", "image", "deploy/web", "web=nginx:2")
    said = await kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    assert 'deployment "web" successfully rolled out' in said.out
    await kubectl("rollout", "restart", "deploy/web")
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    history = (await kubectl("rollout", "history", "deploy/web")).out
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2", "3"]
    await kubectl("rollout", "undo", "deploy/web", "--to-revision=1")
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    found = (await kubectl("get", "deploy", "web", "-o", "json")).json
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.29"
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "4"
    await kubectl("rollout", "pause", "deploy/web")
    await kubectl("set", "image", "deploy/web", "web=nginx:3")
    said = await kubectl("rollout", "restart", "deploy/web", code=1)
    assert "paused" in said.err
    await kubectl("rollout", "resume", "deploy/web")
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")


async def test_a_bad_image_is_seen(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web())
    await kubectl("set", "image", "deploy/web", "web=nginx:does-not-exist")
    said = await kubectl("rollout", "status", "deploy/web", "--timeout=1s", code=1)
    assert "timed out" in said.err
    pods = (await kubectl("get", "pods")).out
    assert "ImagePullBackOff" in pods or "ErrImagePull" in pods
    await kubectl("rollout", "undo", "deploy/web")
    await kubectl("rollout", "status", "deploy/web", "--timeout=20s")


async def test_a_statefulset_rolls_back(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    body = web(serviceName="web")
    body["kind"] = "StatefulSet"
    await kubectl("apply", "-f", "-", stdin=body)
    await kubectl("rollout", "status", "sts/web", "--timeout=20s")
    await kubectl("set", "image", "sts/web", "web=nginx:2")
    await kubectl("rollout", "status", "sts/web", "--timeout=20s")
    await kubectl("rollout", "undo", "sts/web")
    await kubectl("rollout", "status", "sts/web", "--timeout=20s")
    found = (await kubectl("get", "pod", "web-0", "-o", "json")).json
    assert found["spec"]["containers"][0]["image"] == "nginx:1.29"
    assert "web" in (await kubectl("rollout", "history", "sts/web")).out


async def test_delete_in_every_manner(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web())
    await kubectl("delete", "deploy", "web", "--cascade=orphan")
    assert (await kubectl("get", "rs", "-o", "name")).out.startswith("replicaset.apps/web-")
    await deployed(kubectl, web())
    await kubectl("delete", "deploy", "web", "--cascade=foreground", "--timeout=20s")
    assert (await kubectl("get", "rs,pods", "-o", "name")).out == ""
    await deployed(kubectl, web())
    [pod, _] = (await kubectl("get", "pods", "-o", "name")).out.split()
    await kubectl("delete", pod, "--grace-period=0", "--force", "--timeout=20s")
    await kubectl("delete", "deploy,pods", "-l", "app=web", "--timeout=20s")
    await kubectl("wait", "--for=delete", "pods", "-l", "app=web", "--timeout=20s")


async def test_a_namespace_is_emptied(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await kubectl("create", "namespace", "shop")
    await kubectl("apply", "-n", "shop", "-f", "-", stdin=web())
    await kubectl("delete", "namespace", "shop", "--timeout=20s")
    await kubectl("get", "namespace", "shop", code=1)


async def test_logs(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web())
    assert "worker processes" in (await kubectl("logs", "deploy/web")).out
    assert "worker processes" in (await kubectl("logs", "-l", "app=web", "--prefix")).out
    assert len((await kubectl("logs", "deploy/web", "--tail=1")).out.splitlines()) == 1
    said = await kubectl("logs", "deploy/web", "--previous", code=1)
    assert "previous terminated container" in said.err
    said = await kubectl("logs", "deploy/web", "-c", "nobody", code=1)
    assert "nobody" in said.err


async def test_exec(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web())
    assert (await kubectl("exec", "deploy/web", "--", "echo", "hi")).out == "hi\n"
    said = await kubectl("exec", "deploy/web", "--", "sh", "-c", "exit 3", code=3)
    assert "exit code 3" in said.err
    await kubectl("exec", "deploy/web", "--", "nonsense", code=127)
    said = await kubectl("exec", "-i", "deploy/web", "--", "cat", stdin={"a": 1})
    assert said.out == '{"a": 1}'


def budget(least: int) -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}},
    }


async def test_drain_respects_budgets(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await deployed(kubectl, web(replicas=3))
    await kubectl("apply", "-f", "-", stdin=budget(3))
    await kubectl("wait", "pdb/web", "--for=jsonpath={.status.currentHealthy}=3", "--timeout=9s")
    said = await kubectl("drain", "node-1", "--timeout=1s", code=1)
    assert "Cannot evict pod as it would violate the pod's disruption budget" in said.err
    assert "SchedulingDisabled" in (await kubectl("get", "node", "node-1")).out
    await kubectl("apply", "-f", "-", stdin=budget(2))
    said = await kubectl("drain", "node-1", "--timeout=20s")
    assert "node/node-1 drained" in said.out
    on = ("get", "pods", "--field-selector=spec.nodeName=node-1", "-o", "name")
    assert (await kubectl(*on)).out == ""
    await kubectl("uncordon", "node-1")
    await kubectl("taint", "node", "node-1", "gpu=yes:NoSchedule")
    assert "gpu=yes:NoSchedule" in (await kubectl("describe", "node", "node-1")).out


async def test_watching(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    await kubectl("apply", "-f", "-", stdin=web())
    wait = kubectl("wait", "deploy/web", "--for=jsonpath={.spec.replicas}=5", "--timeout=20s")
    waiting = asyncio.create_task(wait)
    await kubectl("scale", "deploy/web", "--replicas=5")
    await waiting
    said = await kubectl("get", "deploy", "web", "-w", "--request-timeout=1s", "-o", "name")
    assert said.out.startswith("deployment.apps/web")


async def test_jobs_autoscalers_and_the_rest(kubectl: Kubectl, web: Callable[..., Json]) -> None:
    container = {"name": "once", "image": "busybox", "command": ["echo", "done"]}
    spec = {"restartPolicy": "Never", "containers": [container]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": spec}},
    }
    await kubectl("apply", "-f", "-", stdin=job)
    await kubectl("wait", "job/once", "--for=condition=complete", "--timeout=20s")
    assert (await kubectl("logs", "job/once")).out == "done\n"
    await deployed(kubectl, web())
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": ref, "minReplicas": 3, "maxReplicas": 5},
    }
    await kubectl("apply", "-f", "-", stdin=scaler)
    await kubectl("wait", "deploy/web", "--for=jsonpath={.status.replicas}=3", "--timeout=20s")
    await kubectl("expose", "deploy", "web", "--port=80")
    slices = ("get", "endpointslices", "-l", "kubernetes.io/service-name=web", "-o", "json")
    assert len((await kubectl(*slices)).json["items"]) == 1
    await kubectl("create", "secret", "generic", "s", "--from-literal=a=b")
    await kubectl("create", "configmap", "c", "--from-literal=a=b")
    everything = (await kubectl("get", "all", "-A")).out
    for name in ("job.batch/once", "deployment.apps/web", "horizontalpodautoscaler"):
        assert name in everything


async def test_can_i(kubectl: Kubectl) -> None:
    assert (await kubectl("auth", "can-i", "create", "deployments")).out == "yes\n"
    assert (await kubectl("auth", "whoami", "-o", "json")).json["kind"] == "SelfSubjectReview"
