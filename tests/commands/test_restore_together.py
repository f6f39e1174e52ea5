"""Two restores of one namespace at once, or a restore and a roll-out: the engine lets one in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import now
from bot.config import Config
from bot.context import Asker
from bot.desk import Desk, Powers
from bot.engine import Engine, Incoming, Parts
from bot.redaction import Redactor
from bot.registry import COMMANDS
from bot.render.plot import Artist
from bot.store import requests
from bot.store.requests import State
from bot.tasks import Tasks
from bot.translation import translate
from integrations.kubernetes.kinds import CONFIG_MAP, NAMESPACE
from integrations.velero.models import BackupSpec
from tests.bot.engine.conftest import Nobody, Rig, Surface
from tests.bot.engine.conftest import World as Nothing
from tests.commands.conftest import ANN, Office, text_of
from tests.commands.recovery import Recovery, shop_config
from tests.commands.test_restore import backed_up, lost

ADA = Asker("slack:T1/ADA", "ada", "Ada")


@asynccontextmanager
async def engine(
    folder: Path, config: Config, office: Office, recovery: Recovery
) -> AsyncIterator[Rig]:
    """The real engine over all commands and the practice cluster."""

    async def never(*_: object) -> bool:
        return False

    tasks, surface, store = Tasks(), Surface(), office.store
    desk = Desk(store, Powers(COMMANDS, lambda: config, never, never))  # type: ignore[arg-type]
    parts = Parts(
        store=store,
        audit=store.audit,
        commands=COMMANDS,
        config=lambda: config,
        clusters={"main": recovery.cluster}.__getitem__,
        desk=desk,
        decide=desk.decide,
        translate=translate,
        redact=Redactor().text,
        repliers={"terminal": surface},
        observer=Nobody(),
        clock=now,
        tasks=tasks,
        artist=Artist(folder / "drawing"),
    )
    made = Engine(parts, folder / "workflows.db")
    try:
        await made.start()
        yield Rig(made, store, Nothing(), surface, tasks, {})
    finally:
        await tasks.close()
        made.close()


async def ask(rig: Rig, words: str, who: Asker = ANN) -> tuple[str, str]:
    """Asks; returns the request, and what is told at once."""
    rig.counter += 1
    origin = {"kind": "terminal"}
    admission = await rig.engine.admit(
        Incoming(f"k{rig.counter}", tuple(words.split()), who, origin, now())
    )
    assert admission.request is not None, admission
    answer = await rig.engine.proceed(admission)
    return admission.request.id, text_of(answer.document) if answer is not None else ""


async def state(rig: Rig, request: str) -> State:
    found = await rig.store.read(lambda db: requests.get(db, request))
    assert found is not None
    return found.state


async def bare(recovery: Recovery) -> None:
    """Backups that are not the shop's: of another app, and of everything."""
    await recovery.kube.create(NAMESPACE, None, {"metadata": {"name": "bare"}})
    await recovery.make(CONFIG_MAP, "settings", {}, namespace="bare", data={"a": "b"})
    for name, namespaces in (("bare-backup-20300101000000", ["bare"]), ("weekly-everything", [])):
        await recovery.velero.create_backup(name, BackupSpec(namespaces=namespaces))
        await recovery.velero.follow_backup(name)


@pytest.mark.parametrize(
    "words",
    [
        "restore shop --yes",
        "restore shop-backup --update --confirm shop",
        "restore bare --to shop --yes",
        "restore weekly-everything --confirm weekly-everything",
        "backup create shop",
        "deploy shop",
    ],
)
async def test_a_second_one_is_told_who_is_at_it(
    recoverable: Office, recovery: Recovery, tmp_path: Path, words: str
) -> None:
    await backed_up(recoverable, recovery)
    await bare(recovery)
    config = shop_config(tmp_path).model_copy(update={"admins": (ANN.actor, ADA.actor)})
    await lost(recovery)
    recovery.server.fault("sticks")
    async with engine(tmp_path, config, recoverable, recovery) as rig:
        first, told = await ask(rig, "restore shop --yes")
        assert told == ""

        async def asked() -> bool:
            return bool(await recovery.velero.restores())

        await rig.until(asked)
        second, told = await ask(rig, words, ADA)
        assert "is busy" in told, told
        assert "Ann has been at it for" in told
        assert await state(rig, second) is State.REFUSED
        assert len(await recovery.velero.restores()) == 1
        recovery.server.heal()

        async def over() -> bool:
            return await state(rig, first) is State.DONE

        await rig.until(over)
        assert recovery.server.volume("shop", "data-db-0")["rows"] == [1, 2, 3]
