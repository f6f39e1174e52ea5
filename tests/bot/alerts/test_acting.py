"""What is offered below an alert, and how what was done is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alerts import acting
from bot.config import Config
from bot.grammar import parse
from bot.registry import COMMANDS
from bot.render import terminal
from bot.render.document import Document, Text
from tests.bot.store.test_alert_acts import NOW, episode, silencing

APP = {
    "namespace": "parse",
    "chart": "builtin:parse-server",
    "aliases": {
        "mongodb": {"workload": "statefulset/parse-mongodb"},
        "server": {"workload": "deployment/parse-server"},
        "dashboard": {"workload": "deployment/parse-server-dashboard"},
    },
}
SHOP = {"namespace": "shop", "chart": "builtin:parse-server"}


def config(*clusters: str, **apps: Any) -> Config:
    return Config.model_validate(
        {
            "state": {"directory": "state"},
            "clusters": {name: {} for name in clusters or ("main",)},
            "default_cluster": "main",
            "apps": apps or {"parse": APP, "shop": SHOP},
        },
        context={"base": Path("/nowhere")},
    )


def offered(*args: Any, **labels: str) -> dict[str, str]:
    acts = acting.prepared(args[0] if args else config(), "main", labels, {})
    return {act.label: act.command for act in acts}


def words(document: Document) -> str:
    return terminal.plain(document).strip()


def test_the_app_that_the_labels_name_is_offered_its_commands() -> None:
    assert offered(namespace="parse", statefulset="parse-mongodb") == {
        "Status": "status parse",
        "Restart": "restart parse/mongodb",
        "Scale": "scale parse/mongodb N",
        "Roll back": "rollback parse",
    }


@pytest.mark.parametrize(
    ("pod", "restart"),
    [
        ("parse-server-7d9f-x2k", "restart parse/server"),
        ("parse-server-dashboard-7d9f-x2k", "restart parse/dashboard"),
        ("parse-mongodb-0", "restart parse/mongodb"),
        ("something-else", "restart parse"),
    ],
)
def test_a_pod_names_the_workload_whose_name_it_begins_with(pod: str, restart: str) -> None:
    assert offered(namespace="parse", pod=pod)["Restart"] == restart


def test_a_workload_without_an_alias_is_named_in_full() -> None:
    found = offered(namespace="parse", deployment="worker")
    assert found["Restart"] == "restart deployment/worker --namespace parse"
    assert found["Scale"] == "scale deployment/worker N --namespace parse"


def test_what_belongs_to_no_app_is_offered_nothing() -> None:
    assert offered(namespace="kube-system", pod="coredns-1") == {}
    assert offered(instance="worker-1") == {}


def test_two_apps_in_a_namespace_are_told_apart_by_the_workload() -> None:
    both = config(a={**APP}, b={**SHOP, "namespace": "parse"})
    assert offered(both, namespace="parse") == {}
    assert offered(both, namespace="parse", pod="parse-mongodb-1")["Status"] == "status a"


def test_commands_name_the_cluster_where_there_are_several() -> None:
    two = config("main", "prod", parse={**APP, "clusters": ["main", "prod"]})
    acts = acting.prepared(two, "prod", {"namespace": "parse", "deployment": "parse-server"}, {})
    assert [act.command for act in acts] == [
        "status parse --cluster prod",
        "restart parse/server --cluster prod",
        "scale parse/server N --cluster prod",
        "rollback parse --cluster prod",
    ]


def test_a_known_size_makes_scaling_a_button() -> None:
    labels = {"namespace": "parse", "deployment": "parse-server"}
    acts = acting.prepared(config(), "main", labels, {"deployment/parse-server": 3})
    (scale,) = [act for act in acts if act.command.startswith("scale")]
    assert (scale.label, scale.command, scale.button) == (
        "Scale to 3",
        "scale parse/server 3",
        True,
    )
    (scale,) = [a for a in acting.prepared(config(), "main", labels, {}) if "scale" in a.command]
    assert not scale.button


def labels_of(**labels: str) -> dict[str, Any]:
    return {"shared": labels, "labels": labels}


def test_what_is_offered_follows_who_has_it_and_what_holds_it_back() -> None:
    one = episode("k7", **labels_of(namespace="parse"))

    def labels(*args: Any) -> list[str]:
        return [act.label for act in acting.acts(config(), *args) if act.button][:3]

    assert labels(one, []) == ["Ack", "Silence 1 h", "Silence 4 h"]
    owned = replace(one, owner="slack:T1/ANN", owner_person="ann", owned_at=NOW)
    assert labels(owned, []) == ["Take over", "Silence 1 h", "Silence 4 h"]
    assert labels(one, [silencing("s", "k7", covers=2)]) == ["Ack", "Unsilence", "Status"]
    assert labels(one, [silencing("s", "k7", covers=1)])[1] == "Silence 1 h"
    assert acting.acts(config(), replace(one, closed_at=NOW), []) == ()
    (asks,) = [act for act in acting.acts(config(), one, []) if act.ask]
    assert (asks.label, asks.command, asks.button) == (
        "Silence …",
        "silence k7 --for 12h --namespace parse",
        True,
    )


@given(
    st.dictionaries(
        st.sampled_from(["namespace", "pod", "deployment", "statefulset", "daemonset"]),
        st.one_of(st.text(), st.sampled_from(["parse", "shop", "parse-server-1", "a --cluster b"])),
    )
)
def test_every_offer_is_a_command_whatever_labels_say(labels: dict[str, str]) -> None:
    one = episode("k7", **labels_of(**labels))
    for act in acting.acts(config("main", "prod"), one, []):
        if act.button:
            parsed = parse(act.command, COMMANDS)
            assert parsed.params is not None
            assert getattr(parsed.params, "cluster", "main") == "main"


def test_remarks_tell_of_silences_and_of_an_escalation_until_somebody_has_it() -> None:
    one = episode("k7")
    held = [
        silencing("s1", "k7", actor="slack:T1/ANN", request_id="r"),
        silencing("s2", "k7", covers=0),
    ]
    found = [words(Document.of(Text(r))) for r in acting.remarks(one, held, NOW)]
    assert found[0].startswith("Nobody has taken it; escalated ")
    assert found[1].startswith("Silenced until ")
    assert found[1].endswith("by ann: disks")
    assert len(found) == 2
    owned = replace(one, owner="slack:T1/ANN", owner_person="ann")
    found = [words(Document.of(Text(r))) for r in acting.remarks(owned, held, NOW)]
    assert found[0].startswith("Taken by ann")
    assert len(found) == 2


def test_the_end_of_a_silence_says_how_much_still_fires() -> None:
    one = silencing("s1", "k7", person="zoe")
    assert words(acting.silence_over(one, True, 1)) == (
        "The silence by zoe was ended early. 1 alert still fires."
    )
    assert words(acting.silence_over(one, False, 3)) == (
        "The silence by zoe is over. 3 alerts still fire."
    )
