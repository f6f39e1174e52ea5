"""Which app, workload, permission scope and lock a word means."""

from __future__ import annotations

from typing import Any

import pytest

from bot.config import AppConfig, Config
from bot.errors import UsageError
from bot.releases.targets import app_ref, owner_target, workload_ref


def app(namespace: str, **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "chart": "oci://charts.example.com/x", **more}


CONFIG = Config.model_validate(
    {
        "state": {"directory": "/state"},
        "clusters": {"main": {}, "spare": {}, "far": {}},
        "default_cluster": "main",
        "apps": {
            "parse": app(
                "parse",
                clusters=["main", "spare"],
                aliases={"mongodb": {"workload": "statefulset/parse-mongodb"}},
            ),
            "shop": app("shop", aliases={"mongodb": {"workload": "statefulset/shop-db"}}),
            "blog": app("web"),
            "wiki": app("web"),
            "attic": app("attic", clusters=["far"]),
            "twice": app("twice", clusters=["spare", "far"]),
        },
    }
)


@pytest.mark.parametrize(
    ("name", "cluster", "default", "found"),
    [
        ("parse", "", "main", "main"),
        ("parse", "", "spare", "spare"),
        ("parse", "spare", "main", "spare"),
        ("shop", "", "main", "main"),
        ("shop", "", "spare", "main"),
        ("attic", "", "main", "far"),
    ],
)
def test_an_app_is_where_the_configuration_says(
    name: str, cluster: str, default: str, found: str
) -> None:
    assert app_ref(CONFIG, name, cluster, default).cluster == found


@pytest.mark.parametrize(
    ("name", "cluster", "message"),
    [
        ("prase", "", "Did you mean parse"),
        ("parse", "mian", "Did you mean main"),
        ("parse", "far", "it is on main, spare"),
        ("twice", "", "--cluster with one of spare, far"),
    ],
)
def test_what_is_wrong_with_an_app_is_said(name: str, cluster: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        app_ref(CONFIG, name, cluster, "main")


@pytest.mark.parametrize(
    ("word", "namespace", "path", "target"),
    [
        ("parse/mongodb", "", "statefulset/parse-mongodb", "main/parse/parse"),
        ("sts/parse-mongodb", "", "statefulset/parse-mongodb", "main/parse/parse"),
        ("deployment/web", "parse", "deployment/web", "main/parse/parse"),
        ("deploy/web", "web", "deployment/web", "main/web"),
        ("deployment/web", "else", "deployment/web", "main/else/deployment-web"),
        ("parse", "", "/", "main/parse/parse"),
        ("mongodb", "shop", "statefulset/shop-db", "main/shop/shop"),
        ("anything", "else", "/anything", "main/else"),
        ("anything", "", "/anything", "main"),
    ],
)
def test_a_word_means_a_workload_and_a_scope(
    word: str, namespace: str, path: str, target: str
) -> None:
    ref = workload_ref(CONFIG, word, namespace, "main")
    assert f"{ref.kind}/{ref.name}" == path
    assert owner_target(ref, CONFIG).path == target


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("mongodb", "parse/mongodb, shop/mongodb"),
        ("parse/mongod", "Did you mean mongodb"),
        ("job/x", "Write deployment/NAME"),
        ("deployment/web", "--namespace"),
    ],
)
def test_a_word_that_is_not_clear_lists_what_it_could_be(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        workload_ref(CONFIG, word, "", "main")


def test_the_only_namespace_of_a_cluster_is_the_usual_one() -> None:
    alone = CONFIG.model_copy(update={"apps": {"attic": CONFIG.apps["attic"]}})
    ref = workload_ref(alone, "deployment/web", "", "far")
    assert (ref.namespace, ref.app and ref.app.name) == ("attic", "attic")


def test_one_workload_path_in_two_apps_needs_its_namespace() -> None:
    alias = {"db": {"workload": "statefulset/db"}}
    apps = {name: AppConfig.model_validate(app(name, aliases=alias)) for name in ("one", "two")}
    config = CONFIG.model_copy(update={"apps": apps})
    with pytest.raises(UsageError, match="not clear"):
        workload_ref(config, "statefulset/db", "", "main")
    found = workload_ref(config, "statefulset/db", "two", "main")
    assert found.app is not None
    assert found.app.name == "two"
