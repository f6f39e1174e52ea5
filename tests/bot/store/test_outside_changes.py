"""Changes by others, and what was last seen, as rows."""

from __future__ import annotations

from dataclasses import replace

from bot.store import outside_changes
from bot.store.db import Store
from bot.store.outside_changes import Known, OutsideChange
from tests.bot.store.conftest import START

ONE = OutsideChange(
    *(START, "main", "shop", "shop", "deployment/web", "scale", "web scaled", "kubectl")
)


async def test_changes_are_found_by_place_app_and_time_newest_first(store: Store) -> None:
    rows = [
        ONE,
        replace(ONE, at=START + 5, text="later", automatic=True),
        replace(ONE, app="", text="of nobody alone"),
        replace(ONE, namespace="other", app="other", text="elsewhere"),
        replace(ONE, cluster="second", text="far away"),
    ]
    await store.write(lambda db: outside_changes.record(db, START, rows))

    async def texts(**where: object) -> list[str]:
        base = {"cluster": "main", "since": START, "until": START + 10}
        found = await store.read(lambda db: outside_changes.find(db, **{**base, **where}))  # type: ignore[arg-type]
        return [one.text for one in found]

    assert (await texts())[0] == "later"
    assert set(await texts()) == {"later", "web scaled", "of nobody alone", "elsewhere"}
    assert await texts(until=START + 5, app="shop") == ["web scaled"]
    assert set(await texts(namespace="shop", app="shop")) == {
        "later",
        "web scaled",
        "of nobody alone",
    }
    assert await texts(namespace="shop", app="other") == ["of nobody alone"]
    assert await texts(since=START + 5) == ["later"]
    assert await texts(limit=1) == ["later"]
    found = await store.read(
        lambda db: outside_changes.find(db, cluster="main", since=START + 5, until=START + 6)
    )
    assert found[0].automatic is True


async def test_what_was_seen_is_replaced_and_forgotten_by_name(store: Store) -> None:
    def look(db: object, at: int, seen: list[Known], gone: list[str]) -> None:
        outside_changes.remember(
            db,  # type: ignore[arg-type]
            *("main", "shop", at),
            kinds=["deployment"],
            seen=seen,
            gone=gone,
        )

    web, api = Known("shop", "deployment/web", {"replicas": 1}), Known("shop", "deployment/api", {})
    assert await store.read(lambda db: outside_changes.watched_since(db, "main")) is None
    await store.write(lambda db: look(db, START, [web, api], []))
    two = replace(web, facts={"replicas": 2})
    await store.write(lambda db: look(db, START + 9, [two], ["deployment/api"]))
    kinds, known = await store.read(lambda db: outside_changes.known(db, "main", "shop"))
    assert (kinds, known) == (frozenset({"deployment"}), [two])
    assert await store.read(lambda db: outside_changes.known(db, "main", "other")) == (
        frozenset(),
        [],
    )
    since = await store.read(lambda db: outside_changes.watched_since(db, "main", "shop"))
    assert since == START  # looking again does not make it younger


async def test_old_changes_are_pruned(store: Store) -> None:
    await store.write(
        lambda db: outside_changes.record(db, START, [ONE, replace(ONE, at=START - 5)])
    )
    assert await store.write(lambda db: outside_changes.prune(db, START)) == 1
