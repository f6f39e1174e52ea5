"""After a restore: whether the app works, and what is said when that cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from integrations.kubernetes.kinds import SERVICE
from sandbox.kube.faults import Fault
from tests.commands.conftest import Cut, Office, text_of
from tests.commands.recovery import LABELS, Recovery, shop_config
from tests.commands.test_restore import lost


async def served(office: Office, recovery: Recovery) -> None:
    """The shop with a Service, backed up."""
    await recovery.shop()
    ports = [{"port": 80, "targetPort": 8080}]
    await recovery.make(SERVICE, "db", LABELS, spec={"selector": LABELS, "ports": ports})
    await office.run("backup create shop")


def probing(folder: Path, status: int) -> Config:
    body: dict[str, Any] = shop_config(folder).model_dump(mode="json", exclude_unset=True)
    probe = {"name": "front", "service": "db", "path": "/health", "status": status}
    body["apps"]["shop"]["probes"] = [probe]
    return Config.model_validate(body, context={"base": folder})


@pytest.mark.parametrize("words", ["shop", "shop --replace --skip-safety", "shop --to copy"])
async def test_the_apps_probes_are_asked(
    recoverable: Office, recovery: Recovery, tmp_path: Path, words: str
) -> None:
    recoverable.config = probing(tmp_path, 200)
    await served(recoverable, recovery)
    if words == "shop":
        await lost(recovery)
    result, document = await recoverable.run(f"restore {words}")
    assert result.ok
    assert result.done.health.probes == (("front", True, "/health answers 200"),)
    assert "/health answers 200" in text_of(document)
    assert document.headline.endswith("is restored and ready on main")


async def test_an_app_that_is_ready_and_does_not_work_is_no_success(
    recoverable: Office, recovery: Recovery, tmp_path: Path
) -> None:
    recoverable.config = probing(tmp_path, 204)
    await served(recoverable, recovery)
    await lost(recovery)
    result, document = await recoverable.run("restore shop")
    assert not result.ok
    assert document.headline == (
        "shop was restored on main, but does not work: "
        "probe front: /health answers 200 instead of 204"
    )


async def test_workloads_that_may_not_be_listed_leave_the_restore_done(
    recoverable: Office, recovery: Recovery
) -> None:
    await served(recoverable, recovery)
    plan = await recoverable.plan("restore shop --replace --skip-safety")

    class Then(Cut):
        def boundary(self, request_id: str, step: str, edge: str) -> None:
            if (step, edge) == ("read what became of each object", "after"):
                path = "/apis/apps/v1/namespaces/shop/*"
                recovery.practice.server.faults.add(Fault(403, None, method="GET", path=path))

    result, document = await recoverable.run(
        "restore shop --replace --skip-safety", plan, cut=Then()
    )
    assert not result.ok
    assert result.done.restored.ok
    assert document.headline.startswith("shop was restored on main, but is not ready: ")
    assert "was restored" in document.headline


async def test_a_restore_without_any_workload_is_not_green(
    recoverable: Office, recovery: Recovery, tmp_path: Path
) -> None:
    """The backup holds one, but nothing of it carries the app's label any more."""
    await served(recoverable, recovery)
    await lost(recovery)
    body: dict[str, Any] = shop_config(tmp_path).model_dump(mode="json", exclude_unset=True)
    body["apps"]["shop"]["backup"]["selector"] = "app=renamed"
    recoverable.config = Config.model_validate(body, context={"base": tmp_path})
    result, document = await recoverable.run("restore shop")
    assert result.unseen
    assert document.elements[0].tone == "warn"
    assert "The backup holds 1 workload, but none was found in shop" in text_of(document)
