"""What a change needs before it runs: nothing, a click, a typed name. Pure.

A second person joins here: a further weight, and one more question to `granted`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.context import Plan, Weight

_NAMES: Mapping[str, Weight] = {
    "run": Weight.RUN,
    "confirm": Weight.CONFIRM,
    "type": Weight.TYPE,
}


@dataclass(frozen=True, slots=True)
class Given:
    """What came with the words themselves: `--yes`, `--confirm NAME`."""

    yes: bool = False
    name: str = ""


def required(policy: Mapping[str, str], command: str, plan: Plan) -> Weight:
    """The heavier of what the plan asks for and what the policy says; never less than the plan."""
    return max(plan.weight, _NAMES[policy.get(command, "run")])


def to_type(plan: Plan, app: str) -> str:
    """The name that must be typed for this plan."""
    return plan.typed or app


def granted(weight: Weight, given: Given, name: str) -> bool:
    """Whether what was given is enough for this weight."""
    if weight is Weight.RUN:
        return True
    if weight is Weight.CONFIRM:
        return given.yes or bool(given.name and given.name == name)
    return bool(name) and given.name == name
