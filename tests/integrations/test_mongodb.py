"""Membership changes, against a shell that remembers them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from integrations import mongodb
from integrations.mongodb import MongoError, NoPrimary

PODS = ["parse-mongodb-0", "parse-mongodb-1", "parse-mongodb-2"]


def host(number: int) -> str:
    return f"parse-mongodb-{number}.parse-mongodb:27017"


@dataclass
class Result:
    stdout: str
    stderr: str = ""
    exit_code: int = 0


@dataclass
class Shell:
    """Three calls of mongosh, with a set behind them."""

    hosts: list[str] = field(default_factory=lambda: [host(0), host(1), host(2)])
    primary: str | None = field(default_factory=lambda: host(1))
    down: set[str] = field(default_factory=set)
    refuse: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, pod: str, command: Sequence[str], *, timeout: float) -> Result:
        assert command[:4] == ["mongosh", "--quiet", "--norc", "--eval"]
        assert timeout > 0
        found = re.search(r"print\(JSON\.stringify\((.*)\)\)$", command[4])
        assert found is not None
        self.calls.append((pod, found[1]))
        if pod in self.down:
            return Result("", "connect ECONNREFUSED 127.0.0.1:27017", 1)
        if found[1] != "rs.status()" and self.refuse:
            return Result("", f"MongoServerError: {self.refuse}", 1)
        return Result(f"{json.dumps(self._answer(found[1]))}\n")

    def _answer(self, call: str) -> dict[str, object]:
        if added := re.fullmatch(r"rs\.add\((.*)\)", call):
            self.hosts.append(json.loads(added[1])["host"])
        elif removed := re.fullmatch(r"rs\.remove\((.*)\)", call):
            self.hosts.remove(json.loads(removed[1]))
        elif call == "rs.stepDown(60)":
            self.primary = next(h for h in self.hosts if h != self.primary)
        else:
            assert call == "rs.status()"
            return {"set": "rs0", "ok": 1, "members": [self._member(h) for h in self.hosts]}
        return {"ok": 1}

    def _member(self, name: str) -> dict[str, object]:
        up = name.partition(".")[0] not in self.down
        state = "PRIMARY" if name == self.primary else "SECONDARY" if up else "DOWN"
        return {"name": name, "stateStr": state, "health": int(up), "configVersion": 4}


async def test_status() -> None:
    shell = Shell(down={PODS[2]})
    found = await mongodb.status(shell, PODS)
    assert found.name == "rs0"
    assert found.primary == host(1)
    assert found.config_version == 4
    assert [(m.state, m.healthy) for m in found.members] == [
        ("SECONDARY", True),
        ("PRIMARY", True),
        ("DOWN", False),
    ]
    assert found.has_majority


async def test_status_comes_from_the_first_pod_that_answers() -> None:
    shell = Shell(down={PODS[0]})
    await mongodb.status(shell, PODS)
    assert [pod for pod, _ in shell.calls] == PODS[:2]


async def test_status_of_nobody() -> None:
    with pytest.raises(MongoError, match="None of the pods") as caught:
        await mongodb.status(Shell(down=set(PODS)), PODS)
    assert "ECONNREFUSED" in caught.value.detail


async def test_removing_runs_on_the_primary() -> None:
    shell = Shell()
    after = await mongodb.remove_member(shell, PODS, host(2))
    assert not after.has(host(2))
    assert (PODS[1], f'rs.remove("{host(2)}")') in shell.calls


async def test_adding_runs_on_the_primary() -> None:
    shell = Shell(hosts=[host(0), host(1)])
    after = await mongodb.add_member(shell, PODS, host(2))
    assert after.has(host(2))
    assert (PODS[1], f'rs.add({{"host":"{host(2)}"}})') in shell.calls


async def test_both_are_idempotent() -> None:
    shell = Shell(hosts=[host(0), host(1)])
    await mongodb.remove_member(shell, PODS, host(2))
    await mongodb.add_member(shell, PODS, host(0))
    assert {call for _, call in shell.calls} == {"rs.status()"}


async def test_a_primary_must_step_down_before_it_leaves() -> None:
    shell = Shell()
    with pytest.raises(MongoError, match="primary"):
        await mongodb.remove_member(shell, PODS, host(1))
    assert (await mongodb.step_down(shell, PODS, host(1))).primary == host(0)
    assert not (await mongodb.remove_member(shell, PODS, host(1))).has(host(1))


async def test_stepping_down_is_for_primaries_only() -> None:
    shell = Shell()
    await mongodb.step_down(shell, PODS, host(0))
    assert shell.primary == host(1)


@pytest.mark.parametrize(("down", "hint"), [(set(), "election"), (set(PODS[1:]), "half")])
async def test_without_a_primary_nothing_is_changed(down: set[str], hint: str) -> None:
    shell = Shell(primary=None, down=down)
    with pytest.raises(NoPrimary) as caught:
        await mongodb.remove_member(shell, PODS, host(2))
    assert hint in caught.value.hint
    assert len(shell.hosts) == 3


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Authentication failed.", "Secret"),
        ("not primary", "try again"),
        ("Quorum check failed", "other members"),
    ],
)
async def test_refusals_are_translated(said: str, hint: str) -> None:
    with pytest.raises(MongoError) as caught:
        await mongodb.remove_member(Shell(refuse=said), PODS, host(2))
    assert said.rstrip(".") in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ['a"); db.dropDatabase(); ("', "a b", "", "a:b"])
async def test_hosts_cannot_carry_code(name: str) -> None:
    shell = Shell()
    with pytest.raises(MongoError):
        await mongodb.add_member(shell, PODS, name)
    assert all(call == "rs.status()" for _, call in shell.calls)


async def test_credentials_are_read_inside_the_container_only() -> None:
    commands: list[Sequence[str]] = []
    shell = Shell()

    async def listening(pod: str, command: Sequence[str], *, timeout: float) -> Result:
        commands.append(command)
        return await shell(pod, command, timeout=timeout)

    await mongodb.remove_member(listening, PODS, host(2))
    assert all("process.env.MONGO_INITDB_ROOT_PASSWORD" in c[-1] for c in commands)
    assert all(len(c) == 5 for c in commands)


async def test_an_answer_without_json_is_an_error() -> None:
    async def silent(pod: str, command: Sequence[str], *, timeout: float) -> Result:
        return Result("hello\n")

    with pytest.raises(MongoError):
        await mongodb.status(silent, PODS)


@dataclass
class Counter(Shell):
    """A shell that counts documents."""

    said: str = "3\n"
    code: int = 0

    async def __call__(self, pod: str, command: Sequence[str], *, timeout: float) -> Result:
        if "countDocuments" not in command[4]:
            return await super().__call__(pod, command, timeout=timeout)
        self.calls.append((pod, command[4].rpartition("print")[2]))
        return Result(self.said, "", self.code)


async def test_documents_are_counted_on_the_primary() -> None:
    shell = Counter()
    assert await mongodb.count_documents(shell, PODS, "parse", '_User"); drop("') == 3
    pod, call = shell.calls[-1]
    assert pod == PODS[1]
    assert call == (
        r'(db.getSiblingDB("parse").getCollection("_User\"); drop(\"").countDocuments({}))'
    )


async def test_a_count_that_is_none_is_an_error() -> None:
    with pytest.raises(MongoError, match=r"does not count parse\._User"):
        await mongodb.count_documents(Counter(said="MongoServerError: no", code=1), PODS, "parse",
                                      "_User")  # fmt: skip
    with pytest.raises(NoPrimary):
        await mongodb.count_documents(Counter(primary=None), PODS, "parse", "_User")
