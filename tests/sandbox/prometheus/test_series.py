"""The practice Prometheus' series follow the cluster's state, its history, and what is steered."""

from __future__ import annotations

import functools

import pytest

from bot.graphs import catalogue
from sandbox.kube.controllers.meta import is_true
from sandbox.kube.resources import DEPLOYMENTS, NODES, PODS
from tests.sandbox.prometheus.conftest import NAMESPACE, Watched

READY = 'sum(kube_pod_status_ready{namespace="default",condition="true"})'
DAY = 86400.0


async def test_replicas_are_those_of_the_cluster(watched: Watched) -> None:
    await watched.deploy(replicas=2)
    watched.clock.forward(30)
    before = watched.prometheus.now()
    assert watched.value(READY) == 2
    assert watched.value('kube_deployment_spec_replicas{deployment="web"}') == 2
    watched.cluster.controllers.ctx.edit(
        DEPLOYMENTS,
        watched.cluster.store.get(DEPLOYMENTS, NAMESPACE, "web"),
        lambda copy: copy["spec"].update(replicas=3),
    )
    store = watched.cluster.store
    await watched.cluster.wait_for(
        lambda: store.get(DEPLOYMENTS, NAMESPACE, "web")["status"].get("availableReplicas") == 3, 20
    )
    watched.clock.forward(30)
    assert watched.value(READY) == 3
    assert watched.value('kube_deployment_status_replicas_available{deployment="web"}') == 3
    assert watched.value(READY, ago=(watched.prometheus.now() - before) / 1000) == 2


async def test_a_pod_that_is_gone_has_no_value_at_once(watched: Watched) -> None:
    await watched.deploy(replicas=1)
    (pod,) = watched.cluster.store.scan(PODS, NAMESPACE)
    name = pod["metadata"]["name"]
    watched.clock.forward(60)
    assert watched.value(f'kube_pod_info{{pod="{name}"}}') == 1
    watched.cluster.store.delete(DEPLOYMENTS, NAMESPACE, "web")
    await watched.cluster.wait_for(lambda: not watched.cluster.store.scan(PODS, NAMESPACE), 20)
    watched.clock.forward(10)
    assert watched.value(f'kube_pod_info{{pod="{name}"}}') is None
    assert watched.value(f'kube_pod_info{{pod="{name}"}}', ago=15) == 1


async def test_nodes_have_a_past_and_new_pods_have_none(watched: Watched) -> None:
    await watched.deploy()
    watched.clock.forward(120)
    used = '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m])))'
    assert 2 < (watched.value(used, ago=DAY) or 0) < 30
    assert watched.value('count(container_memory_working_set_bytes{namespace="default"})') == 2
    assert watched.rows('container_memory_working_set_bytes{namespace="default"}', ago=300) == []


async def test_all_modes_of_a_core_make_up_its_time(watched: Watched) -> None:
    rows = watched.rows("sum by (instance, cpu) (rate(node_cpu_seconds_total[5m]))", ago=3600)
    assert len(rows) == 12
    assert [value for _, value in rows] == [pytest.approx(1.0, abs=1e-6)] * 12


async def test_the_past_stays_as_it_was(watched: Watched) -> None:
    query = "sum by (instance) (rate(node_network_receive_bytes_total[5m]))"
    moment = watched.prometheus.now() - 7_200_000
    first = watched.prometheus.query(query, moment)
    await watched.deploy()
    watched.clock.forward(3600)
    again = watched.prometheus.query(query, moment)
    assert repr(first) == repr(again)


async def test_a_range_gives_what_its_points_give(watched: Watched) -> None:
    query, now = 'rate(node_cpu_seconds_total{mode="idle",cpu="0"}[5m])', watched.prometheus.now()
    found, steps = watched.prometheus.range(query, now - 600_000, now, 150_000)
    for number, step in enumerate(steps.tolist()):
        alone = watched.prometheus.query(query, step)
        assert alone.values[:, 0].tolist() == found.values[:, number].tolist()  # type: ignore[union-attr]


async def test_more_load_is_more_cpu_shared_by_all_pods(watched: Watched) -> None:
    await watched.deploy(replicas=2)
    used = 'sum(rate(container_cpu_usage_seconds_total{namespace="default"}[2m]))'
    watched.clock.forward(300)
    usual = watched.value(used) or 0
    await watched.word("load=web:4")
    watched.clock.forward(300)
    assert 2.5 < (watched.value(used) or 0) / usual < 6.5
    each = 'rate(container_cpu_usage_seconds_total{namespace="default"}[2m])'
    one, other = (value for _, value in watched.rows(each))
    assert one == pytest.approx(other, rel=0.01)
    await watched.word("load=default/web:1")
    watched.clock.forward(300)
    assert 0.6 < (watched.value(used) or 0) / usual < 1.7


async def test_a_load_of_nobody_is_refused(watched: Watched) -> None:
    with pytest.raises(ValueError, match="no workload 'moon'"):
        await watched.word("load=moon:3")


async def test_a_disk_fills_and_is_freed(watched: Watched) -> None:
    left = (
        'min(node_filesystem_avail_bytes{mountpoint="/"} '
        '/ node_filesystem_size_bytes{mountpoint="/"})'
    )
    assert (watched.value(left) or 0) > 0.5
    await watched.word("disk-filling=node-2")
    watched.clock.forward(90)
    assert 0.1 < (watched.value(left) or 0) < 0.5
    watched.clock.forward(180)
    assert (watched.value(left) or 1) < 0.03
    await watched.word("disk-freed=node-2")
    watched.clock.forward(10)
    assert (watched.value(left) or 0) > 0.5


async def test_a_volume_fills(watched: Watched) -> None:
    await watched.deploy()
    await watched.database()
    used = "kubelet_volume_stats_used_bytes / kubelet_volume_stats_capacity_bytes"
    watched.clock.forward(60)
    assert (watched.value(used) or 1) < 0.5
    await watched.word("volume-filling=data-db-0")
    watched.clock.forward(200)
    assert (watched.value(used) or 0) > 0.97


async def test_memory_leaks_up_to_the_limit(watched: Watched) -> None:
    await watched.deploy(replicas=1)
    watched.clock.forward(60)
    part = "container_memory_working_set_bytes / container_spec_memory_limit_bytes"
    assert (watched.value(part) or 1) < 0.5
    free = watched.value("sum(node_memory_MemAvailable_bytes)") or 0
    await watched.word("memory-leak=web")
    watched.clock.forward(300)
    assert 0.9 < (watched.value(part) or 0) <= 1
    assert (watched.value("sum(node_memory_MemAvailable_bytes)") or 0) < free
    await watched.word("memory-freed=web")
    watched.clock.forward(10)
    assert (watched.value(part) or 1) < 0.5


async def test_a_busy_node(watched: Watched) -> None:
    used = '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))'
    await watched.word("node-busy=node-1")
    watched.clock.forward(120)
    assert sorted(value > 0.9 for _, value in watched.rows(used)) == [False, False, True]
    await watched.word("node-calm=node-1")
    watched.clock.forward(120)
    assert all(value < 0.5 for _, value in watched.rows(used))


async def test_a_lost_node_is_not_reached(watched: Watched) -> None:
    await watched.word("node-down=node-3")
    node = functools.partial(watched.cluster.store.get, NODES, None, "node-3")
    await watched.cluster.wait_for(lambda: not is_true(node()["status"], "Ready"), 20)
    watched.clock.forward(30)
    assert watched.value('count(up{job="node-exporter"} == 0)') == 1
    assert len(watched.rows("node_load1")) == 2
    assert watched.value('sum(kube_node_status_condition{condition="Ready",status="true"})') == 2


async def test_a_silent_target_has_no_series(watched: Watched) -> None:
    assert watched.rows('apiserver_request_total{verb="GET"}') != []
    await watched.word("target-down=apiserver")
    watched.clock.forward(30)
    assert watched.value('up{job="apiserver"}') == 0
    assert watched.rows("apiserver_request_total") == []
    await watched.word("target-up=apiserver")
    watched.clock.forward(30)
    assert watched.value('up{job="apiserver"}') == 1


async def test_crashes_count_and_say_why(watched: Watched) -> None:
    await watched.deploy(replicas=1, image="web:crash")

    def looping() -> bool:
        (pod,) = watched.cluster.store.scan(PODS, NAMESPACE)
        state = pod["status"]["containerStatuses"][0]
        return "waiting" in state["state"] and int(state["restartCount"]) >= 2

    await watched.cluster.wait_for(looping, 20)
    watched.clock.forward(10)
    assert (watched.value("kube_pod_container_status_restarts_total") or 0) >= 2
    rows = watched.rows("max_over_time(kube_pod_container_status_waiting_reason[5m])")
    assert "CrashLoopBackOff" in {labels["reason"] for labels, _ in rows}


async def test_a_pod_that_fits_nowhere_waits_in_the_queue(watched: Watched) -> None:
    labels = {"app": "huge"}
    container = {
        "name": "main",
        "image": "huge:1",
        "resources": {"requests": {"cpu": "64"}},
    }
    pod = {
        "metadata": {"name": "huge", "namespace": NAMESPACE, "labels": labels},
        "spec": {"containers": [container]},
    }
    watched.cluster.store.create(PODS, pod)
    await watched.cluster.wait_for(
        lambda: (watched.cluster.store.peek(PODS, NAMESPACE, "huge") or {})["status"].get(
            "conditions"
        ),
        20,
    )
    watched.clock.forward(60)
    assert watched.value('scheduler_pending_pods{queue="unschedulable"}') == 1
    assert watched.value("count(kube_pod_status_unschedulable == 1)") == 1
    tries = 'increase(scheduler_schedule_attempts_total{result="unschedulable"}[1m])'
    assert (watched.value(tries) or 0) > 1


async def test_every_shipped_graph_has_data(watched: Watched) -> None:
    await watched.deploy()
    await watched.database()
    watched.clock.forward(400)
    app = catalogue.AppPods(NAMESPACE, ("deployment/web",))
    empty = []
    for graph in catalogue.load().values():
        query = graph.promql(app=app if graph.scope == "app" else None, rate="1m")
        now = watched.prometheus.now()
        found, _ = watched.prometheus.range(query, now - 300_000, now, 30_000)
        if not found.present.any():  # type: ignore[union-attr]
            empty.append(graph.name)
    assert empty == []
