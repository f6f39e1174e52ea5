from __future__ import annotations

from typing import Any

from sandbox.kube.resources import EVENTS, NODES, PERSISTENTVOLUMECLAIMS, PODS, SECRETS

from ..living import Cluster, Json, condition, ready, waiting


def pod(name: str = "one", image: str = "nginx:1", **spec: Any) -> Json:
    container = spec.pop("container", {})
    return {
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"containers": [{"name": "app", "image": image, **container}], **spec},
    }


async def test_a_missing_image_goes_from_err_to_back_off_and_heals(cluster: Cluster) -> None:
    cluster.world.fail_image("nginx:*")
    cluster.store.create(PODS, pod())
    seen: list[str] = []
    cluster.store.subscribe(
        lambda e: seen.append(waiting(e.object)) if e.resource is PODS else None
    )
    await cluster.until(lambda: waiting(cluster.pods()[0]) == "ImagePullBackOff")
    assert "ErrImagePull" in seen
    assert {"Failed", "BackOff"} <= set(cluster.reasons("Pod", "one"))
    cluster.world.heal("nginx:*")
    await cluster.until(lambda: ready(cluster.pods()[0]))


async def test_a_crashing_container_is_restarted_ever_later(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod(image="app:crash"))
    found = await cluster.until(
        lambda: (
            (p := cluster.pods()[0])
            and waiting(p) == "CrashLoopBackOff"
            and p["status"]["containerStatuses"][0]["restartCount"] >= 2
            and p
        )
    )
    last = found["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (1, "Error")
    assert found["status"]["phase"] == "Running"
    assert not ready(found)
    assert "BackOff" in cluster.reasons("Pod", "one")


async def test_a_running_container_can_be_told_to_crash_and_to_recover(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod())
    await cluster.until(lambda: ready(cluster.pods()[0]))
    cluster.world.crash("nginx:1")
    await cluster.until(lambda: waiting(cluster.pods()[0]) == "CrashLoopBackOff")
    cluster.world.heal("nginx:1")
    await cluster.until(lambda: ready(cluster.pods()[0]))


async def test_never_ready(cluster: Cluster) -> None:
    cluster.world.never_ready("nginx:*")
    cluster.store.create(PODS, pod())
    await cluster.until(lambda: cluster.pods()[0]["status"]["phase"] == "Running")
    assert condition(cluster.pods()[0], "Ready")["reason"] == "ContainersNotReady"
    cluster.world.heal("nginx:*")
    await cluster.until(lambda: ready(cluster.pods()[0]))


async def test_a_missing_secret_is_a_config_error_until_it_appears(cluster: Cluster) -> None:
    ref = {"secretKeyRef": {"name": "creds", "key": "password"}}
    env = [{"name": "PASSWORD", "valueFrom": ref}]
    cluster.store.create(PODS, pod(container={"env": env}))
    await cluster.until(lambda: waiting(cluster.pods()[0]) == "CreateContainerConfigError")
    state = cluster.pods()[0]["status"]["containerStatuses"][0]["state"]
    assert state["waiting"]["message"] == 'secret "creds" not found'
    secret = {"metadata": {"name": "creds", "namespace": "default"}, "data": {"password": "eA=="}}
    cluster.store.create(SECRETS, secret)
    await cluster.until(lambda: ready(cluster.pods()[0]))


async def test_a_missing_secret_volume_keeps_the_pod_creating(cluster: Cluster) -> None:
    volumes = [{"name": "v", "secret": {"secretName": "creds"}}]
    cluster.store.create(PODS, pod(volumes=volumes))
    await cluster.until(lambda: "FailedMount" in cluster.reasons("Pod", "one"))
    assert waiting(cluster.pods()[0]) == "ContainerCreating"
    cluster.store.create(SECRETS, {"metadata": {"name": "creds", "namespace": "default"}})
    await cluster.until(lambda: ready(cluster.pods()[0]))


async def test_init_containers_run_before_the_others(paced: Cluster) -> None:
    seen: list[tuple[str, str]] = []

    def note(event: Any) -> None:
        status = event.object.get("status") or {}
        if event.resource is PODS and status.get("initContainerStatuses"):
            seen.append(
                (
                    next(iter(status["initContainerStatuses"][0]["state"])),
                    next(iter(status["containerStatuses"][0]["state"])),
                )
            )

    paced.store.subscribe(note)
    inits = [{"name": "first", "image": "busybox:1"}]
    paced.store.create(PODS, pod(initContainers=inits))
    found = await paced.until(lambda: ready(paced.pods()[0]) and paced.pods()[0])
    assert ("running", "running") not in seen
    assert ("running", "waiting") in seen
    assert found["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert condition(found, "Initialized")["status"] == "True"


async def test_pods_that_run_to_their_end(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod(restartPolicy="Never"))
    fails = pod("two", restartPolicy="Never", container={"command": ["sh", "-c", "exit 3"]})
    cluster.store.create(PODS, fails)
    for name, phase, reason, code in (
        ("one", "Succeeded", "Completed", 0),
        ("two", "Failed", "Error", 3),
    ):
        found = await cluster.until(
            lambda name=name, phase=phase: (  # type: ignore[misc]
                (p := cluster.get(PODS, name)) and p["status"].get("phase") == phase and p
            )
        )
        ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["reason"], ended["exitCode"]) == (reason, code)
        assert not ready(found)


async def test_no_node_fits(cluster: Cluster) -> None:
    big = {"resources": {"requests": {"cpu": "5"}}}
    cluster.store.create(PODS, pod(container=big))
    found = await cluster.until(
        lambda: (
            condition(cluster.pods()[0], "PodScheduled").get("status") == "False"
            and cluster.pods()[0]
        )
    )
    text = condition(found, "PodScheduled")["message"]
    assert text.startswith("0/3 nodes are available: 3 Insufficient cpu.")
    assert cluster.reasons("Pod", "one") == ["FailedScheduling"]
    cluster.world.add_node("big", cpu="8")
    await cluster.until(lambda: ready(cluster.pods()[0]))
    assert cluster.pods()[0]["spec"]["nodeName"] == "big"


async def test_pods_that_keep_apart_need_a_node_each(cluster: Cluster) -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for number in range(4):
        one = pod(f"p{number}", affinity=apart)
        one["metadata"]["labels"] = {"a": "b"}
        cluster.store.create(PODS, one)
    await cluster.until(lambda: sum(ready(p) for p in cluster.pods()) == 3)
    [left] = [p for p in cluster.pods() if not ready(p)]
    await cluster.until(lambda: cluster.reasons("Pod", left["metadata"]["name"]))
    message = condition(cluster.get(PODS, left["metadata"]["name"]) or {}, "PodScheduled")
    assert "3 node(s) didn't match pod anti-affinity rules" in message["message"]


async def test_cordoned_nodes_get_nothing_and_selectors_hold(cluster: Cluster) -> None:
    for name in ("node-1", "node-2"):
        node = cluster.store.get(NODES, None, name)
        node["spec"]["unschedulable"] = True
        cluster.store.update(NODES, node)
    cluster.store.create(PODS, pod())
    cluster.store.create(PODS, pod("two", nodeSelector={"kubernetes.io/hostname": "node-1"}))
    await cluster.until(lambda: ready(cluster.store.get(PODS, "default", "one")))
    assert cluster.store.get(PODS, "default", "one")["spec"]["nodeName"] == "node-3"
    await cluster.until(lambda: cluster.reasons("Pod", "two") == ["FailedScheduling"])


async def test_an_unbound_claim_keeps_its_pod_waiting(cluster: Cluster) -> None:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    cluster.store.create(PODS, pod(volumes=volumes))
    await cluster.until(lambda: cluster.reasons("Pod", "one") == ["FailedScheduling"])
    claim = {
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    cluster.store.create(PERSISTENTVOLUMECLAIMS, claim)
    await cluster.until(lambda: ready(cluster.pods()[0]))


async def test_deleting_a_pod_ends_it_gracefully(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod())
    await cluster.until(lambda: ready(cluster.pods()[0]))
    cluster.store.delete(PODS, "default", "one")
    await cluster.until(lambda: not cluster.pods())
    assert cluster.reasons("Pod", "one")[-1] == "Killing"


async def test_repeated_events_are_counted(cluster: Cluster) -> None:
    cluster.store.create(PODS, pod(image="app:crash"))
    await cluster.until(
        lambda: any(
            e["reason"] == "BackOff" and e["count"] >= 2 for e in cluster.store.scan(EVENTS)
        )
    )
