"""The API server killed, its store frozen, under a running bot that follows a roll-out."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.kill.bots import Bot, Ran, Start
from tests.lab.faults.conftest import Asker
from tests.lab.grounds import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.helm, pytest.mark.timeout(300)]


AT_ONCE = 10
"""Seconds; five are promised, and a machine that is busy with real servers gets twice that."""


def told(ran: Ran) -> tuple[str, str]:
    """How it ended, and what a person reads, as one line."""
    assert ran.told is not None
    text = " ".join(ran.told["text"].split())
    assert "Traceback" not in text
    assert "Something unexpected" not in text
    return ran.told["state"], text


@pytest.fixture
def following(asker: Asker, start: Start) -> Iterator[tuple[Bot, int]]:
    """A bot in the middle of a deploy: helm has ended, and no pod gets ready, for kwok stands."""
    lab = asker.grounds.lab
    bot = start(asker.site().config).ready()
    assert told(bot.ask("deploy", "parse"))[0] == "done"
    lab.kwok.pause()
    try:
        number = bot.tell("deploy", "parse", "--version", "8.3.0")
        bot.reach("wait for", "before")
        yield bot, number
    finally:
        lab.kwok.resume()


def test_an_api_server_that_is_killed_and_comes_back(
    asker: Asker, following: tuple[Bot, int]
) -> None:
    lab, (bot, number) = asker.grounds.lab, following
    lab.apiserver.kill()
    down = f"Cluster main at {lab.url} cannot be reached"
    for words in (("status", "parse"), ("check",), ("scale", "server", "3")):
        ran = bot.ask(*words)
        text = told(ran)[1]
        assert ran.told is not None
        assert ran.told["took"] < AT_ONCE
        if words[0] == "scale":
            # No look at the cluster is needed to know that the deploy holds the app.
            assert "main/parse/parse is busy" in text, text
            assert "Deploy parse 8.3.0 on main (job " in text, text
            assert "Wait for it, or stop it with cancel " in text, text
        else:
            assert down in text, text
            assert "Check that the API server runs and that this host can reach it." in text
    lab.start_apiserver()
    lab.kwok.resume()
    back = time.monotonic()
    state, text = told(bot.answer(number))
    assert state == "done", text
    assert "parse 8.3.0 is running on main, revision 2" in text
    assert time.monotonic() - back < 90
    assert "5 of 5 pods ready" in told(bot.ask("status", "parse"))[1]


def test_a_store_that_hangs(asker: Asker, following: tuple[Bot, int]) -> None:
    lab, (bot, number) = asker.grounds.lab, following
    lab.etcd.pause()
    paused = time.monotonic()
    store = "The API server of cluster main answers, but its store does not"
    hint = "Look at etcd on the control plane: its disk, its members, its logs."
    try:
        numbers = [bot.tell(*words) for words in (("status", "parse"), ("check",))]
        for each in numbers:
            ran = bot.answer(each)
            text = told(ran)[1]
            assert ran.told is not None
            assert ran.told["took"] < 30
            assert store in text, text
            assert hint in text
        wait_for(lambda: time.monotonic() - paused > 20, "20 s are over")
    finally:
        lab.etcd.resume()
        lab.kwok.resume()
    state, text = told(bot.answer(number))
    assert state == "done", text
    assert "parse 8.3.0 is running on main, revision 2" in text
