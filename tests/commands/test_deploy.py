"""deploy, diff, history, rollback, uninstall on a practice cluster, with real helm."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from bot.context import Weight
from bot.errors import Failed, Refused, UsageError
from integrations.kubernetes.errors import NotFound
from integrations.kubernetes.kinds import (
    DEPLOYMENT,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SECRET,
    STATEFUL_SET,
)
from tests.commands.conftest import Office, configuration, text_of
from tests.commands.world import World, namespace

pytestmark = pytest.mark.helm


async def image(world: World, name: str = "parse-server") -> str:
    item = await world.kube.get(DEPLOYMENT, "parse", name)
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


async def test_a_first_deploy_makes_the_credentials_once_and_never_shows_them(
    shop: Office, world: World
) -> None:
    plan = await shop.plan("deploy parse")
    assert plan.facts["make"] == {"namespace": "create", "credentials": "create"}
    assert plan.weight is Weight.RUN
    result, document = await shop.run("deploy parse", plan)
    assert (result.revision, result.previous) == (1, 0)
    assert dict((path, ready) for path, ready, _ in result.workloads) == {
        "deployment/parse-server": "2/2",
        "statefulset/parse-mongodb": "3/3",
    }
    secret = await world.kube.get(SECRET, "parse", "parse-credentials")
    assert secret["metadata"]["labels"]["app"] == "parseserver"
    assert set(secret["data"]) == {
        "PARSE_SERVER_APPLICATION_ID",
        "PARSE_SERVER_MASTER_KEY",
        "PARSE_SERVER_DATABASE_URI",
        "mongodb-root-username",
        "mongodb-root-password",
        "mongodb-keyfile",
    }
    assert "parse-credentials" in text_of(document)
    again = await shop.plan("deploy parse")
    assert again.facts["make"] == {"namespace": "keep", "credentials": "keep"}
    await shop.run("deploy parse", again)
    kept = await world.kube.get(SECRET, "parse", "parse-credentials")
    assert kept["data"] == secret["data"]
    audit = text_of((await shop.read("audit export"))[1])
    for value in secret["data"].values():
        assert value not in text_of(document) + audit


async def test_what_was_asked_for_is_kept_until_a_reset(shop: Office, world: World) -> None:
    await shop.run("deploy parse --version 8.2.0 --set parse.logLevel=debug")
    assert await image(world) == "8.2.0"
    plan = await shop.plan("deploy parse --version 8.3.0")
    assert [(c.what, c.before, c.after) for c in plan.changes] == [("version", "8.2.0", "8.3.0")]
    result, _ = await shop.run("deploy parse --version 8.3.0", plan)
    assert result.wishes == ("parse.logLevel = debug", "version 8.3.0")
    live = await world.helm.get_values("parse", namespace="parse")
    assert live["parse"]["logLevel"] == "debug"
    reset = await shop.plan("deploy parse --reset")
    assert reset.weight is Weight.RUN
    assert "The override version 8.3.0 (by ann) would be dropped." in reset.warnings
    await shop.run("deploy parse --reset", reset)
    live = await world.helm.get_values("parse", namespace="parse")
    assert live == {"existingSecret": "parse-credentials"}
    assert await image(world) == "8.6.94"


async def test_a_value_that_somebody_set_by_hand_is_named_before_it_goes(
    shop: Office, world: World
) -> None:
    await shop.run("deploy parse")
    values = {"existingSecret": "parse-credentials", "parse": {"logLevel": "silly"}}
    chart = Path(__file__).parents[2] / "charts" / "parse-server"
    await world.helm.install_or_upgrade(
        "parse", chart, values, namespace="parse", operation="byhand"
    )
    plan = await shop.plan("deploy parse")
    assert plan.weight is Weight.CONFIRM
    assert plan.warnings == ("The live value parse.logLevel = silly would be dropped.",)


async def test_secrets_are_refused_and_unknown_values_are_explained(shop: Office) -> None:
    for word in ("externalDatabase.uri=mongodb://x", "db.password=hunter2"):
        with pytest.raises(UsageError, match="holds a secret"):
            await shop.plan(f"deploy parse --set {word}")
    with pytest.raises(Failed, match="replicaCout"):
        await shop.run("deploy parse --set replicaCout=3")


async def test_a_failed_upgrade_goes_back_and_says_why(shop: Office, world: World) -> None:
    await shop.run("deploy parse --version 8.2.0")
    with pytest.raises(Failed) as told:
        await shop.run("deploy parse --version broken")
    assert "rolled back to revision 1" in told.value.what
    assert "cannot pull image" in told.value.why
    assert await image(world) == "8.2.0"
    kept = await shop.desk.overrides(await _target(shop))
    assert (kept.version, kept.revision) == ("8.2.0", 3)
    found, _ = await shop.read("history parse")
    assert [(r.number, r.state, r.version) for r in found.lines] == [
        (3, "running", "8.2.0"),
        (2, "did not come up", "broken"),
        (1, "worked", "8.2.0"),
    ]
    assert found.back == 0
    with pytest.raises(Refused, match="no earlier revision that worked"):
        await shop.plan("rollback parse")


ORDERED = """
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: queue
spec:
  serviceName: queue
  replicas: 2
  selector: {matchLabels: {app: queue}}
  template:
    metadata: {labels: {app: queue}}
    spec:
      containers: [{name: main, image: "queue:{{ .Values.image.tag }}"}]
"""


@pytest.fixture
def queue(shop: Office, tmp_path: Path) -> Office:
    """An app whose chart gives its pods no label of the release."""
    chart = tmp_path / "queue"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("{apiVersion: v2, name: queue, version: 1.0.0}")
    (chart / "values.yaml").write_text("image: {tag: v1}")
    (chart / "templates" / "all.yaml").write_text(ORDERED)
    shop.config = configuration(tmp_path, apps={"queue": patient(chart, 15)})
    return shop


def patient(chart: Path, seconds: float) -> dict[str, Any]:
    return {"namespace": "queue", "chart": str(chart), "timeout": seconds}


async def test_an_uninstall_waits_for_pods_without_the_releases_label(
    queue: Office, world: World, tmp_path: Path
) -> None:
    await queue.run("deploy queue")
    (pod, *_) = (await world.kube.list(POD, "queue")).items
    held = {"metadata": {"finalizers": ["example.com/held"]}}
    await world.kube.patch(POD, "queue", pod["metadata"]["name"], held)
    queue.config = configuration(tmp_path, apps={"queue": patient(tmp_path / "queue", 1)})
    with pytest.raises(Failed, match="still ending") as told:
        await queue.run("uninstall queue")
    assert pod["metadata"]["name"] in told.value.why


async def test_a_bad_revision_of_a_statefulset_does_not_stay_stuck(queue: Office) -> None:
    shop = queue
    await shop.run("deploy queue")
    with pytest.raises(Failed, match="rolled back to revision 1"):
        await shop.run("deploy queue --version broken")
    assert ("remove pods that block the roll-out", "done") in shop.recorder.said
    state, _ = await shop.read("status queue")
    assert state.states[0].healthy


async def test_a_failed_first_install_stays_with_its_diagnosis(shop: Office, world: World) -> None:
    with pytest.raises(Failed) as told:
        await shop.run("deploy parse --version broken")
    assert told.value.what == "Deploy of parse failed"
    assert "cannot pull image" in told.value.why
    assert "Nothing to go back to" in told.value.hint
    assert await image(world) == "broken"
    result, document = await shop.read("status parse")
    assert not result.states[0].healthy
    assert "pull image docker.io/parseplatform/parse-server:broken" in text_of(document)
    _, document = await shop.read("status")
    assert document.headline == "Trouble on main: parse"
    mended, _ = await shop.run("deploy parse --version 8.2.0")
    assert mended.revision == 2


async def test_a_rollback_brings_back_the_overrides_of_its_revision(
    shop: Office, world: World
) -> None:
    await shop.run("deploy parse --version 8.2.0")
    await shop.run("deploy parse --version 8.3.0 --set parse.logLevel=debug")
    plan = await shop.plan("rollback parse")
    assert plan.weight is Weight.CONFIRM
    assert plan.facts["to"] == 1
    assert ("version", "8.3.0", "8.2.0") in [(c.what, c.before, c.after) for c in plan.changes]
    assert "The override parse.logLevel = debug would no longer hold." in plan.warnings
    result, _ = await shop.run("rollback parse", plan)
    assert (result.revision, result.wishes) == (3, ("version 8.2.0",))
    assert await image(world) == "8.2.0"
    await shop.run("deploy parse")
    assert await image(world) == "8.2.0"
    with pytest.raises(UsageError, match="no revision 9"):
        await shop.plan("rollback parse 9")


async def test_a_rollback_keeps_the_size_that_scale_had_set(shop: Office, world: World) -> None:
    await shop.run("deploy parse --version 8.2.0")
    await shop.run("scale mongodb 2")
    with pytest.raises(Failed, match="rolled back to revision 1"):
        await shop.run("deploy parse --version broken")
    item = await world.kube.get(STATEFUL_SET, "parse", "parse-mongodb")
    assert item["spec"]["replicas"] == 2
    plan = await shop.plan("deploy parse")
    assert not [change for change in plan.changes if "replicas" in change.what]
    await shop.run("deploy parse", plan)
    item = await world.kube.get(STATEFUL_SET, "parse", "parse-mongodb")
    assert item["spec"]["replicas"] == 2


async def test_a_deploy_does_not_change_members_on_the_side(shop: Office) -> None:
    await shop.run("deploy parse")
    await shop.run("scale mongodb 2")
    with pytest.raises(Refused, match="from 2 to 3 members") as told:
        await shop.plan("deploy parse --reset")
    assert "scale parse/mongodb 3" in told.value.hint


async def test_diff_shows_objects_and_no_secret(shop: Office) -> None:
    first, document = await shop.read("diff parse")
    assert not first.installed
    assert "would create" in document.headline
    await shop.run("deploy parse")
    _, document = await shop.read("diff parse")
    assert document.headline == "A deploy would change nothing in parse"
    found, document = await shop.read("diff parse --version 8.2.0 --set parse.logLevel=debug")
    titles = [title for title, _, _ in found.objects]
    assert "Deployment parse/parse-server" in titles
    assert "+        image: docker.io/parseplatform/parse-server:8.2.0" in text_of(document)
    assert found.flags.split() == ["--version=8.2.0", "--set=parse.logLevel=debug"]


async def test_uninstall_keeps_and_names_the_data_until_told_otherwise(
    shop: Office, world: World
) -> None:
    await shop.run("deploy parse --version 8.2.0")
    plan = await shop.plan("uninstall parse")
    assert (plan.weight, plan.typed) == (Weight.TYPE, "parse")
    result, document = await shop.run("uninstall parse", plan)
    assert result.kept == (
        *(f"PersistentVolumeClaim/data-parse-mongodb-{n}" for n in range(3)),
        "Secret/parse-credentials",
    )
    assert "parse-credentials" in text_of(document)
    secret = await world.kube.get(SECRET, "parse", "parse-credentials")
    with pytest.raises(Refused, match="not deployed"):
        await shop.plan("uninstall parse")
    await shop.run("deploy parse")
    assert await image(world) == "8.2.0"
    kept = await world.kube.get(SECRET, "parse", "parse-credentials")
    assert kept["data"] == secret["data"]
    result, _ = await shop.run("uninstall parse --data")
    assert result.kept == ()
    with pytest.raises(NotFound):
        await world.kube.get(SECRET, "parse", "parse-credentials")
    assert (await world.kube.list(PERSISTENT_VOLUME_CLAIM, "parse")).items == []
    fresh = await shop.plan("deploy parse")
    assert fresh.facts["make"]["credentials"] == "create"
    assert fresh.facts["wishes"] == []


async def test_a_changed_configuration_stops_the_run_of_an_older_plan(
    shop: Office, tmp_path: Path
) -> None:
    plan = await shop.plan("deploy parse")
    apps = shop.config.model_dump(mode="json")["apps"]
    apps["parse"]["values"] = {"replicaCount": 1}
    shop.config = configuration(tmp_path, apps=apps)
    with pytest.raises(Refused, match="changed since the plan"):
        await shop.run("deploy parse", plan)


async def test_apps_tells_what_is_deployed(shop: Office, world: World) -> None:
    before, _ = await shop.read("apps")
    assert before.apps[0].state == "not deployed"
    await world.apply(namespace("parse"))
    await shop.run("deploy parse")
    after, _ = await shop.read("apps")
    assert (after.apps[0].state, after.apps[0].version) == ("deployed, revision 1", "8.6.94")


async def _target(shop: Office) -> Any:
    return shop.parsed("status parse")[2].target


async def test_a_chart_of_a_repository_is_asked_for_there(shop: Office, tmp_path: Path) -> None:
    apps = shop.config.model_dump(mode="json")["apps"]
    apps["parse"] |= {"chart": "wiki", "repo": "http://127.0.0.1:9", "chart_version": "1.2.3"}
    shop.config = configuration(tmp_path, apps=apps)
    with pytest.raises(Failed, match=r"127\.0\.0\.1:9"):
        await shop.run("deploy parse")


async def test_success_is_told_right_after_the_last_workload_is_ready(
    shop: Office, world: World
) -> None:
    last = 0.0

    def note(event: Any) -> None:
        nonlocal last
        if event.object["kind"] in ("Deployment", "StatefulSet"):
            last = time.perf_counter()

    world.store.subscribe(note)
    await shop.run("deploy parse")
    assert time.perf_counter() - last < 0.3
