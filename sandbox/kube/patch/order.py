"""The order of merged lists: the writer's order, with other elements near their old places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def interleave(
    named: list[Any], others: list[Any], before: list[Any], key: Callable[[Any], Any]
) -> list[Any]:
    """Merge two ordered lists.

    Args:
        named: Elements whose order the writer gave.
        others: Elements the writer did not name, in their old order.
        before: Keys of all elements in their old order.
        key: Returns an element's key.
    """
    waiting, merged = list(others), []
    for item in named:
        place = key(item)
        while waiting and place in before:
            other = key(waiting[0])
            if other not in before or before.index(other) > before.index(place):
                break
            merged.append(waiting.pop(0))
        merged.append(item)
    return merged + waiting
