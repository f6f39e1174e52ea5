"""What others change is seen, told once, and told apart from what the bot does."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.kubernetes.kinds import DEPLOYMENT, SECRET
from sandbox.kube.faults import Fault
from tests.bot.changes.conftest import HOUR, Scene

IMAGE = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:2"}]


def size(replicas: int) -> dict[str, Any]:
    return {"spec": {"replicas": replicas}}


def restart(at: str) -> dict[str, Any]:
    notes = {"kubectl.kubernetes.io/restartedAt": at}
    return {"spec": {"template": {"metadata": {"annotations": notes}}}}


async def test_what_was_there_before_the_first_look_is_not_told(scene: Scene) -> None:
    await scene.make("web")
    async with scene.watched():
        await scene.noticed("deployment/web", "replicas", 1)
        await scene.patch("web", size(2), "kubectl", sub="scale")
        await scene.told("scaled")
    assert len(await scene.seen()) == 1


async def test_a_person_scales_with_kubectl(scene: Scene) -> None:
    await scene.make("web", replicas=3)
    async with scene.watched():
        await scene.patch("web", size(5), "kubectl", sub="scale")
        one = await scene.told("deployment/web", "from 3 to 5")
    assert (one.kind, one.manager, one.automatic) == ("scale", "kubectl", False)
    assert (one.namespace, one.app, one.cluster) == ("shop", "tiny", "main")
    assert abs(one.at - scene.clock()) < 20_000_000


async def test_a_person_sets_an_image_and_another_restarts(scene: Scene) -> None:
    await scene.make("web")
    async with scene.watched():
        await scene.patch("web", IMAGE, "kubectl-set", form="json")
        await scene.patch("web", restart("2026-01-01"), "kubectl-rollout")
        image = await scene.told("image nginx:1 → nginx:2")
        again = await scene.told("restarted")
    assert (image.kind, image.manager) == ("deploy", "kubectl-set")
    assert (again.kind, again.manager) == ("restart", "kubectl-rollout")


async def test_a_change_of_something_else_names_who_made_it(scene: Scene) -> None:
    await scene.make("web")
    async with scene.watched():
        await scene.patch("web", {"spec": {"minReadySeconds": 5}}, "kubectl-edit")
        one = await scene.told("deployment/web", "settings changed")
    assert (one.kind, one.manager) == ("changed", "kubectl-edit")


async def test_the_bots_own_scaling_and_restart_are_not_told(scene: Scene) -> None:
    await scene.make("web")
    async with scene.watched():
        await scene.world.kube.set_scale(DEPLOYMENT, "shop", "web", 4)
        await scene.world.kube.patch(DEPLOYMENT, "shop", "web", restart("now"))
        await scene.noticed("deployment/web", "restarted", "now")
        await scene.noticed("deployment/web", "replicas", 4)
        await scene.patch("web", size(2), "kubectl-edit")
        one = await scene.told("from 4 to 2")
    assert await scene.seen() == [one]


async def test_an_autoscaler_is_told_as_such(scene: Scene) -> None:
    await scene.make("web")
    async with scene.watched():
        await scene.patch("web", size(4), "kube-controller-manager", sub="scale")
        one = await scene.told("from 1 to 4")
    assert one.automatic


async def test_what_is_made_and_deleted_by_others_is_told(scene: Scene) -> None:
    async with scene.watched():
        await scene.make("web", "kubectl-client-side-apply")
        made = await scene.told("deployment/web", "made")
        await scene.world.kube.delete(DEPLOYMENT, "shop", "web")
        gone = await scene.told("deployment/web", "deleted")
    assert (made.kind, made.manager) == ("made", "kubectl-client-side-apply")
    assert (gone.kind, gone.manager) == ("deleted", "")


async def test_while_the_bot_is_away_nothing_is_lost_doubled_or_misdated(scene: Scene) -> None:
    await scene.make("web", replicas=3)
    async with scene.watched():
        await scene.patch("web", size(4), "kubectl", sub="scale")
        await scene.told("from 3 to 4")
    await scene.patch("web", size(5), "kubectl", sub="scale")
    await scene.make("api")
    scene.ahead = 6 * HOUR  # the bot comes back much later
    async with scene.watched():
        late = await scene.told("from 4 to 5")
        made = await scene.told("deployment/api", "made")
    async with scene.watched():
        await scene.patch("api", size(2), "kubectl", sub="scale")
        await scene.told("from 1 to 2")
    assert scene.clock() - late.at > 5 * HOUR
    assert scene.clock() - made.at > 5 * HOUR
    assert len(await scene.seen()) == 4


async def test_a_kind_that_may_not_be_read_does_not_keep_from_the_others(scene: Scene) -> None:
    await scene.make("web")
    path = "/apis/apps/v1/namespaces/shop/daemonsets"
    scene.world.server.faults.add(Fault(403, None, path=path))
    async with scene.watched(kinds=3):
        await scene.patch("web", size(2), "kubectl", sub="scale")
        await scene.told("from 1 to 2")
        scene.world.server.faults.clear()
        await scene.until(lambda: scene.looked(4))
    assert len(await scene.seen()) == 1


async def test_what_changed_while_the_cluster_was_away_is_told_when_it_is_back(
    scene: Scene,
) -> None:
    await scene.make("web")
    server = scene.world.server
    async with scene.watched():
        server.faults.add(Fault(503, 12, path="/apis/apps/v1/namespaces/shop/*s"))
        assert server.drop_watches()
        await scene.patch("web", {"spec": {"minReadySeconds": 5}}, "kubectl-edit")
        one = await scene.told("settings changed")
        await scene.patch("web", size(2), "kubectl", sub="scale")
        await scene.told("from 1 to 2")
    assert one.manager == "kubectl-edit"
    assert len(await scene.seen()) == 2


@pytest.mark.helm
async def test_helm_in_other_hands_is_told_as_a_release_and_only_as_that(scene: Scene) -> None:
    chart = str(scene.chart())
    async with scene.watched():
        await scene.helm("install", "tiny", chart)
        first = await scene.told("release tiny installed")
        await scene.helm("upgrade", "tiny", chart, "--set", "replicas=2,image=nginx:2")
        second = await scene.told("upgraded to revision 2")
        await scene.helm("rollback", "tiny", "1")
        third = await scene.told("rolled back to revision 1")
        await scene.helm("uninstall", "tiny")
        fourth = await scene.told("uninstalled")
    assert "tiny-1.2.3" in first.text
    assert [one.kind for one in (first, second, third, fourth)] == [
        *("deploy", "deploy", "rollback", "uninstall")
    ]
    assert {one.app for one in await scene.seen()} == {"tiny"}
    assert first.manager == "helm"
    assert await scene.seen() == [first, second, third, fourth]


@pytest.mark.helm
async def test_what_helm_does_for_the_bot_is_not_told(scene: Scene) -> None:
    helm, chart = scene.world.helm, scene.chart()
    async with scene.watched():
        for image in ("nginx:1", "nginx:2"):
            id_ = await scene.operation("deploy")
            await helm.install_or_upgrade(
                "tiny", chart, {"image": image}, namespace="shop", operation=id_
            )
            await scene.ended(id_)
        await scene.noticed("release/tiny", "revision", 2)
        back = await scene.operation("rollback", to=1)
        await helm.rollback("tiny", 1, namespace="shop", operation=back)
        await scene.noticed("release/tiny", "revision", 3)
        await scene.ended(back)
        assert await scene.seen() == []
        # An upgrade by somebody else inherits the label of the bot's operation.
        await scene.helm("upgrade", "tiny", str(chart), "--set", "replicas=3")
        await scene.told("upgraded to revision 4")
        down = await scene.operation("uninstall")
        await helm.uninstall("tiny", namespace="shop", operation=down)
        await scene.until(lambda: _gone(scene))
    assert len(await scene.seen()) == 1


async def _gone(scene: Scene) -> bool:
    return not await scene.facts("release/tiny")


@pytest.mark.helm
async def test_a_release_that_is_seen_later_than_its_objects_is_told_once(scene: Scene) -> None:
    async with scene.watched():
        await scene.helm("install", "tiny", str(scene.chart()))
        await scene.told("release tiny installed")
    await scene.helm("upgrade", "tiny", str(scene.chart()), "--set", "replicas=3")
    scene.world.server.faults.add(Fault(delay=1.0, method="GET", path="*/secrets*"))
    async with scene.watched():
        await scene.told("upgraded to revision 2")
    assert len(await scene.seen()) == 2


@pytest.mark.helm
async def test_a_person_who_mends_by_hand_what_helm_made_is_told(scene: Scene) -> None:
    id_ = await scene.operation("deploy")
    await scene.world.helm.install_or_upgrade(
        "tiny", scene.chart(), {}, namespace="shop", operation=id_
    )
    await scene.ended(id_)
    async with scene.watched():
        await scene.patch("tiny", IMAGE, "kubectl-edit", form="json")
        one = await scene.told("deployment/tiny", "nginx:1 → nginx:2")
    assert (one.manager, one.app) == ("kubectl-edit", "tiny")


async def test_of_a_secret_nothing_but_its_labels_is_asked_for(scene: Scene) -> None:
    """The real server is held to it by the contract; here it is what the bot asks."""
    from integrations.kubernetes.models import Shape

    body = {"metadata": {"name": "x", "labels": {"owner": "helm"}}, "data": {"release": "c2VjcmV0"}}
    await scene.world.kube.create(SECRET, "shop", {"apiVersion": "v1", "kind": "Secret", **body})
    shape = Shape(metadata=True, managed=True)
    found = await scene.world.kube.list(SECRET, "shop", labels={"owner": "helm"}, shape=shape)
    [one] = found.items
    assert "data" not in one
    assert one["metadata"]["managedFields"]
