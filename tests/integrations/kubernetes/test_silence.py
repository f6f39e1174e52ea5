"""A server that answers nobody is not waited for again and again."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import pytest

from integrations.kubernetes.silence import BELIEVED, Silence


class World:
    """A clock, and requests over it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent = 0
        self.silence = Silence(lambda: self.now)

    def ask(
        self,
        took: float = 0.1,
        fails: Exception | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        with self.silence.broken():
            self.sent += 1
            if meanwhile is not None:
                meanwhile()
            self.now += took
            if fails is not None:
                raise fails

    def in_vain(self, meanwhile: Callable[[], None] | None = None) -> None:
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            self.ask(3.0, aiohttp.ConnectionTimeoutError("no connection"), meanwhile)


def test_who_comes_just_after_a_connection_in_vain_is_told_at_once() -> None:
    world = World()
    world.in_vain()
    for _ in range(3):
        with pytest.raises(aiohttp.ConnectionTimeoutError, match="nobody"):
            world.ask()
    assert world.sent == 1


def test_it_is_asked_again_a_moment_later() -> None:
    world = World()
    world.in_vain()
    world.now += BELIEVED
    world.ask()
    world.ask()
    assert world.sent == 3


def test_a_server_that_answered_somebody_meanwhile_is_only_busy() -> None:
    world = World()
    world.in_vain(meanwhile=world.ask)
    world.ask()
    assert world.sent == 3


def test_an_answer_to_one_who_had_begun_before_ends_it() -> None:
    world = World()
    world.ask(meanwhile=world.in_vain)
    world.ask()
    assert world.sent == 3


@pytest.mark.parametrize(
    "error", [aiohttp.ServerDisconnectedError(), TimeoutError(), ConnectionResetError()]
)
def test_other_failures_say_nothing_about_the_next(error: Exception) -> None:
    world = World()
    with pytest.raises(type(error)):
        world.ask(fails=error)
    world.ask()
    assert world.sent == 2
