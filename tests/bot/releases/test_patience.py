"""A change that has begun waits for its cluster, says so, and ends by any other failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bot.context import Op
from bot.releases.patience import patiently
from integrations.kubernetes.errors import ClusterUnreachable, Forbidden

AWAY = ClusterUnreachable("Cluster main at https://h cannot be reached: connection refused.")


@dataclass
class Saying:
    """The one thing of an operation that is used."""

    said: list[str] = field(default_factory=list)

    async def say(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Reads:
    """A read that ends as told, time after time."""

    ends: list[Any]
    asked: int = 0

    async def __call__(self) -> str:
        self.asked += 1
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return str(end)


async def test_it_reads_again_until_the_cluster_is_back() -> None:
    op, read = Saying(), Reads([AWAY, "all"])
    assert await patiently(cast("Op", op), read) == "all"
    assert op.said == [f"waiting for the cluster: {AWAY.message}"]


async def test_another_failure_is_not_waited_for() -> None:
    op, read = Saying(), Reads([Forbidden("no", status=403), "all"])
    with pytest.raises(Forbidden):
        await patiently(cast("Op", op), read)
    assert (op.said, read.asked) == ([], 1)


async def test_patience_ends() -> None:
    op, read = Saying(), Reads([AWAY, "all"])
    with pytest.raises(ClusterUnreachable):
        await patiently(cast("Op", op), read, timeout=0.1)
    assert read.asked == 1
