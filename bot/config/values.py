"""The kinds of value in `onprem.yaml`, each with the sentence that says what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from bot import names

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ACTOR = re.compile(r"slack:[A-Z0-9]+/[A-Z0-9]+|os:[A-Za-z0-9._-]+/[^\s/:]+|system:[a-z0-9-]+")


def parse_duration(value: Any) -> Any:
    """Turns `90`, `90s`, `10m`, `2h` or `1d` into seconds.

    Raises:
        ValueError: If it is none of these, or not above zero.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", value.strip())
        if not match:
            raise ValueError("write a duration as 90, 90s, 10m, 2h or 1d")
        value = int(match[1]) * _UNITS[match[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("write a duration as 90, 90s, 10m, 2h or 1d")
    if not 0 < value <= 366 * 86400:
        raise ValueError("a duration must be above zero and at most a year")
    return value


def _anchored(path: Path, info: ValidationInfo) -> Path:
    """Makes a path absolute, seen from the configuration file."""
    base = (info.context or {}).get("base") if isinstance(info.context, Mapping) else None
    path = path.expanduser()
    return Path(base) / path if base else path


def _sound(check: Callable[[Any], str | None]) -> AfterValidator:
    def validate(value: str) -> str:
        if problem := check(value):
            raise ValueError(problem)
        return value

    return AfterValidator(validate)


def _matching(pattern: str, sentence: str) -> AfterValidator:
    return _sound(lambda value: None if re.fullmatch(pattern, value) else sentence)


def _actor(value: str) -> str | None:
    if _ACTOR.fullmatch(value):
        return None
    return f"{names.clip(value)} is no actor: write slack:TEAM/USER, os:HOST/NAME or system:NAME"


def _timezone(value: str) -> str | None:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # unknown, or no name of a file at all
        return f"{names.clip(value)} is no time zone: write a name such as Europe/Berlin"
    return None


def _unless_empty(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda value: check(value) if value else None


def _chart(value: str) -> str | None:
    return None if value.strip() else "name a chart: a path, builtin:parse-server or oci://…"


def _selector(value: str) -> str | None:
    name = r"([a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
    label = rf"{name}=([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?"
    if re.fullmatch(rf"{label}(,{label})*", value):
        return None
    return "write a selector as key=value, several joined by commas"


def _alias(value: str) -> str | None:
    return names.check_workload(value) if "/" in value else "write kind/name, statefulset/mongodb"


def _supported(value: Any) -> Any:
    if value == "second":
        raise ValueError(
            "a second person's approval is not available yet; use run, confirm or type"
        )
    return value


Seconds = Annotated[float, BeforeValidator(parse_duration)]
File = Annotated[Path, AfterValidator(_anchored)]
Name = Annotated[str, _sound(names.check_name)]
Namespace = Annotated[str, _sound(names.check_namespace)]
ObjectName = Annotated[str, _sound(names.check_object)]
ValuePath = Annotated[str, _sound(names.check_value_path)]
Actor = Annotated[str, _sound(_actor)]
Channel = Annotated[str, _matching(r"[CG][A-Z0-9]{2,}", "give a channel's id, such as C0123456789")]
Url = Annotated[
    str, _matching(r"https?://[^\s/?#]+(/[^\s]*)?", "give an address that begins with https://")
]
Address = Annotated[
    str, _matching(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+", "write an address: a@b.example")
]
Listen = Annotated[str, _matching(r"(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", "write host:port")]
UrlPath = Annotated[str, _matching(r"/\S*", "a path begins with a slash")]
Module = Annotated[
    str, _matching(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", "name a Python module: package.module")
]
Slash = Annotated[
    str,
    _matching(r"/[a-z0-9_-]{1,31}", "a slash, then at most 31 lower-case letters, digits, _ or -"),
]
Cron = Annotated[
    str,
    _matching(
        r"|@(yearly|annually|monthly|weekly|daily|midnight|hourly)|\S+( \S+){4}",
        "write five fields, such as 0 3 * * 0, or @daily, @weekly",
    ),
]
Collection = Annotated[str, _matching(r"[\w-]+\.[\w.-]+", "write database.collection")]
OptionalName = Annotated[str, _sound(_unless_empty(names.check_name))]
OptionalObjectName = Annotated[str, _sound(_unless_empty(names.check_object))]
Chart = Annotated[str, _sound(_chart)]
Selector = Annotated[str, _sound(_selector)]
Workload = Annotated[str, _sound(_alias)]
Least = Annotated[Literal["run", "confirm", "type"], BeforeValidator(_supported)]
Timezone = Annotated[str, _sound(_timezone)]
TimeOfDay = Annotated[
    str, _matching(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", "write a time of day as 07:00")
]
Mention = Annotated[
    str,
    _matching(
        r"slack(-group)?:[A-Z0-9]+/[A-Z0-9]+",
        "write whom to call as slack-group:TEAM/GROUP or slack:TEAM/USER",
    ),
]
