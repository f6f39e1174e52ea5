"""Roles, rules, locks, jobs, audit, help: what needs no cluster."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bot.context import Weight
from bot.errors import Denied, Refused, UsageError
from bot.registry import COMMANDS
from bot.render.document import Document, Fields, Person, Table, Text, Title, to_json
from bot.spec import Effect
from bot.store import requests
from bot.store.requests import Request, State
from tests.commands.conftest import ANN, BEN, VIC, Office, text_of


async def test_help_lists_only_what_the_asker_may_run(office: Office) -> None:
    mine, _ = await office.read("help", ANN)
    theirs, document = await office.read("help", VIC)
    assert {e.name for e in mine.entries} == {c.name for c in COMMANDS}
    assert {e.name for e in theirs.entries} == {"help", "whoami", "can-i", "cancel"}
    assert theirs.hidden == len(COMMANDS) - 4
    assert f"{theirs.hidden} more commands" in text_of(document)


async def test_help_explains_one_command_with_its_parameters(office: Office) -> None:
    page, document = await office.read("help deploy")
    assert page.entries[0].usage.startswith("deploy APP [--version TAG]")
    assert "--chart-version" in text_of(document)
    assert "--dry-run" in text_of(document)
    family, _ = await office.read("help role")
    assert {e.name for e in family.entries} == {
        "role create",
        "role grant",
        "role revoke",
        "role list",
    }
    with pytest.raises(UsageError, match="no command deplyo"):
        await office.read("help deplyo")


async def test_a_granted_role_holds_at_once_and_can_be_taken_back(office: Office) -> None:
    before, _ = await office.read("can-i deploy parse", VIC)
    assert not before.allowed
    assert "operator" in before.reason
    await office.run("role grant vic operator")
    after, _ = await office.read("can-i deploy parse", VIC)
    assert (after.allowed, after.target) == (True, "main/parse/parse")
    me, _ = await office.read("whoami", VIC)
    assert me.roles == (("operator", "person:vic"),)
    await office.run("role revoke vic operator")
    again, _ = await office.read("can-i deploy parse", VIC)
    assert not again.allowed


async def test_a_custom_role_allows_its_commands_within_a_rules_limits(office: Office) -> None:
    await office.run("role create deployer --allow 'deploy,status'")
    await office.run("rule add --role deployer --command scale --when 'replicas <= 4'")
    await office.run("role grant os:bastion/ben deployer")
    for line, allowed in (
        ("deploy parse", True),
        ("status", True),
        ("scale mongodb 4", True),
        ("scale mongodb 5", False),
        ("restart mongodb", False),
    ):
        answer, _ = await office.read(f"can-i {line}", BEN)
        assert answer.allowed is allowed, line
    rules, _ = await office.read("rule list")
    number = next(r[0] for r in rules.rules if "replicas" in r[1])
    await office.run(f"rule remove {number}")
    answer, _ = await office.read("can-i scale mongodb 4", BEN)
    assert not answer.allowed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("role create deployer --allow 'deplyo'", "cannot be added"),
        ("role grant nobody operator", "is nobody that I know"),
        ("role grant vic pilot", "no role pilot"),
        ("rule add --role operator --command scale --when 'replicas <= many'", "replicas"),
        ("rule add --command scale", "for a role or for a subject"),
        ("rule remove 99", "no rule 99"),
        ("lock parse", "(?i)reason"),
        ("lock prase why", "neither an app nor a cluster"),
        ("cancel 00000000000000", "no job"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_before_it_acts(
    office: Office, line: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        await office.plan(line)


async def test_a_mention_is_read_as_the_subject_it_names(office: Office) -> None:
    plan = await office.plan("role grant <@U123|zoe> viewer")
    assert plan.facts["subject"] == "slack:T1/U123"
    plan = await office.plan("role grant <!subteam^S9> viewer")
    assert plan.facts["subject"] == "slack-group:T1/S9"


async def test_granting_admin_and_useless_rules_ask_first(office: Office) -> None:
    assert (await office.plan("role grant vic admin")).weight is Weight.CONFIRM
    plan = await office.plan("rule add --role operator --command scale --when 'replicas <= 10'")
    assert plan.weight is Weight.CONFIRM
    assert "only ever add" in plan.warnings[0]


async def test_a_lock_names_its_holder_until_it_is_taken_off(office: Office) -> None:
    result, document = await office.run("lock parse --until 2h migration until noon")
    assert (result.place, result.reason) == ("main/parse/parse", "migration until noon")
    assert "locked until" in document.headline
    with pytest.raises(Refused, match="locked already"):
        await office.plan("lock parse again")
    foreign = await office.plan("unlock parse", VIC)
    assert foreign.weight is Weight.CONFIRM
    assert "not you" in foreign.warnings[0]
    await office.run("unlock parse")
    assert (await office.plan("unlock parse")).nothing


async def job(office: Office, **changes: Any) -> Request:
    made = Request(
        id=requests.new_id(office.clock),
        key=f"key-{office.now}",
        command="deploy",
        created_at=office.now,
        text="deploy parse",
        params={"app": "parse"},
        cluster="main",
        namespace="parse",
        app="parse",
        **{"state": State.RUNNING, "actor": ANN.actor, "person": ANN.person, **changes},
    )
    await office.store.write(lambda db: requests.insert(db, made))
    return made


async def test_jobs_shows_what_runs_and_what_ended_lately(office: Office) -> None:
    running = await job(office)
    await job(office, state=State.DONE)
    result, document = await office.read("jobs")
    assert [j.state for j in result.jobs] == ["done", "running"]
    assert document.headline == "1 operation under way"
    one, _ = await office.read(f"jobs {running.id}")
    assert one.jobs[0].target == "main/parse/parse"
    told = to_json(Document.of(Title("Deploy of parse failed"), Text.of("No node is left.")))
    failed = await job(office, state=State.FAILED, outcome={"document": told})
    _, document = await office.read(f"jobs {failed.id}")
    assert "Deploy of parse failed. No node is left." in text_of(document)
    with pytest.raises(UsageError, match="no job"):
        await office.read("jobs 12345")


async def test_jobs_calls_people_by_their_names(office: Office) -> None:
    """A mention in Slack, a name elsewhere, whether or not the configuration knows them."""
    zoe, max_ = "slack:T1/UZOE", "slack:T1/UMAX"
    for actor, name in ((max_, "Max"), (zoe, "Zoe Zed")):
        origin = {"asker": {"actor": actor, "person": actor, "name": name}}
        made = await job(office, actor=actor, person=actor, origin=origin, confirmed_by=max_)
    result, document = await office.read("jobs")
    assert {row[4] for row in _table(document).rows} == {"Max", "Zoe Zed"}
    assert "slack:" not in text_of(document)
    assert result.jobs[0].actor == zoe
    _, document = await office.read(f"jobs {made.id}")
    fields = next(e for e in document.elements if isinstance(e, Fields))
    pairs = {label: value for label, (value, *_) in fields.pairs}
    assert pairs["asked by"] == Person(zoe, "Zoe Zed")
    assert pairs["confirmed by"] == Person(max_, "Max")
    await job(office, confirmed_by="slack:T1/UNEW")
    result, _ = await office.read("jobs")
    assert result.names[ANN.actor] == "ann"
    assert result.names["slack:T1/UNEW"] == "slack:T1/UNEW"


def _table(document: Document) -> Table:
    return next(e for e in document.elements if isinstance(e, Table))


async def test_cancel_asks_the_engine_once_and_only_for_those_who_may(office: Office) -> None:
    running = await job(office)
    with pytest.raises(Denied, match="may not stop"):
        await office.plan(f"cancel {running.id}", VIC)
    result, _ = await office.run(f"cancel {running.id}")
    assert result.asked
    assert office.cancelled == [running.id]
    ended = await job(office, state=State.DONE)
    with pytest.raises(Refused, match="it is done"):
        await office.plan(f"cancel {ended.id}")


async def test_audit_finds_verifies_and_exports_what_was_done(office: Office) -> None:
    await office.run("role grant vic operator")
    found, _ = await office.read("audit search operator --person ann")
    assert [(e.action, e.person) for e in found.entries] == [("role grant", "ann")]
    nothing, document = await office.read("audit search operator --until 1d")
    assert nothing.entries == ()
    assert document.headline == "0 audit rows found"
    verdict, _ = await office.read("audit verify")
    assert (verdict.ok, verdict.rows) == (True, 1)
    table, _ = await office.read("audit export")
    assert table.name.endswith(".csv")
    assert table.text.splitlines()[0].startswith("time,seq")
    lines, _ = await office.read("audit export --format jsonl")
    assert '"action": "role grant"' in lines.text


async def test_check_tells_what_fails(office: Office) -> None:
    good, document = await office.read("check")
    assert document.headline == "Everything works: 1 system asked"
    assert good.ok
    office.probes.append(("Prometheus", "fails", "nothing answers at http://x:9090"))
    bad, document = await office.read("check")
    assert document.headline == "Not everything works: Prometheus"
    assert not bad.ok


CHANGES_WITHOUT_CLUSTER = (
    "role create deployer --allow deploy",
    "role grant vic operator",
    "rule add --role operator --command 'audit *'",
    "lock parse migration",
)


@pytest.mark.parametrize("line", CHANGES_WITHOUT_CLUSTER)
@pytest.mark.parametrize("edge", ["before", "acted", "after"])
async def test_a_cut_change_acts_exactly_once(office: Office, line: str, edge: str) -> None:
    plan = await office.plan(line)
    assert not plan.nothing
    step = {
        "role c": "create role deployer",
        "role g": "give the role",
        "rule a": "add the rule",
        "lock p": "put the lock on",
    }[line[:6]]
    await office.run_cut(line, step, edge)
    rows = await office.desk.audit_search()
    assert (
        len([r for r in rows if r.action == " ".join(line.split()[: 1 if "lock" in line else 2])])
        == 1
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.name)
def test_every_command_says_what_it_takes(command: Any) -> None:
    assert command.summary
    assert command.usage().startswith(command.name)
    assert dataclasses.is_dataclass(command.params_type)
    for param in command.params:
        assert param.arg.help
    if command.effect is Effect.CHANGE:
        assert command.plan is not None
