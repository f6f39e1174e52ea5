"""restore --to: what a copy would do to the app that lives beside it."""

from __future__ import annotations

from bot.context import Weight
from integrations.kubernetes.kinds import SECRET, Kind
from tests.commands.conftest import Office, text_of
from tests.commands.recovery import LABELS, Recovery
from tests.commands.test_restore import lost

CRON_JOB = Kind("batch/v1", "cronjobs", "CronJob")
URI = "mongodb://root:hunter2@db.shop:27017/parse"


async def reaching(office: Office, recovery: Recovery, uri: str = URI) -> None:
    """A shop whose Secret names the live database, and with a job of the night; backed up."""
    await recovery.shop()
    await recovery.make(SECRET, "credentials", LABELS, stringData={"uri": uri})
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/x:1"}]}
    job = {"template": {"metadata": {"labels": LABELS}, "spec": pod}}
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}
    await recovery.make(CRON_JOB, "nightly", LABELS, spec=spec)
    await office.run("backup create shop")


async def test_a_copy_that_would_write_to_the_live_app_is_told_first_and_typed(
    recoverable: Office, recovery: Recovery
) -> None:
    await reaching(recoverable, recovery)
    plan = await recoverable.plan("restore shop --to copy")
    assert (plan.weight, plan.typed) == (Weight.TYPE, "copy")
    first, second = plan.warnings[:2]
    assert first == (
        "The copy may write to the LIVE app: Secret credentials (data.uri) names a host of "
        "namespace shop. A drill would refuse it."
    )
    assert second == "CronJob nightly starts in the copy too, beside that of shop."
    assert "hunter2" not in str(plan), "the value stays where it is"
    _, document = await recoverable.run("restore shop --to copy", plan)
    assert "hunter2" not in text_of(document)


async def test_a_copy_that_speaks_to_itself_is_only_confirmed(
    recoverable: Office, recovery: Recovery
) -> None:
    await reaching(recoverable, recovery, "mongodb://root:hunter2@db:27017/parse")
    plan = await recoverable.plan("restore shop --to copy")
    assert plan.weight is Weight.CONFIRM
    assert "LIVE" not in "".join(plan.warnings)


async def test_where_nothing_lives_nothing_is_reached(
    recoverable: Office, recovery: Recovery
) -> None:
    await reaching(recoverable, recovery)
    await lost(recovery)
    plan = await recoverable.plan("restore shop --to copy")
    assert (plan.weight, plan.warnings) == (Weight.CONFIRM, ())
