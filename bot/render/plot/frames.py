"""A picture as bytes, on its way to the process that draws it.

JSON for the words, plain doubles for the numbers: no code can travel, and a day of ten series
costs the loop 2 ms instead of 15.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from bot.render.plot.pictures import Bar, Bars, Chart, Limit, Line, Mark, Panel, Picture

LENGTH = struct.Struct(">I")
"""Stands before every part."""
PNG, FAILED = b"P", b"E"
"""The first byte of an answer: the picture, or why there is none."""
_NUMBERS = "d"


def pack(picture: Picture) -> bytes:
    """One frame: its length, that of its words, words, numbers."""
    numbers: array[float] = array(_NUMBERS)
    if isinstance(picture, Bars):
        words = {"bars": asdict(picture)}
    else:
        words = {"chart": _chart(picture, numbers)}
    head = json.dumps(words).encode()
    blob = numbers.tobytes()
    size = LENGTH.size + len(head) + len(blob)
    return b"".join((LENGTH.pack(size), LENGTH.pack(len(head)), head, blob))


def _chart(chart: Chart, numbers: array[float]) -> dict[str, Any]:
    panels = []
    for panel in chart.panels:
        lines = []
        for line in panel.lines:
            if len(line.times) != len(line.values):
                counts = f"{len(line.times)} times, {len(line.values)} values"
                raise ValueError(f"{line.label}: {counts}")
            numbers.extend(line.times)
            numbers.extend(line.values)
            lines.append({"label": line.label, "tone": line.tone, "points": len(line.times)})
        limits = [asdict(limit) for limit in panel.limits]
        panels.append(_plain(panel) | {"lines": lines, "limits": limits})
    return _plain(chart) | {"panels": panels, "marks": [asdict(mark) for mark in chart.marks]}


def _plain(record: Panel | Chart) -> dict[str, Any]:
    """The fields that are no tuples."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if not isinstance(value, tuple)}


def unpack(body: bytes) -> Picture:
    """The picture of a frame without its own length."""
    (length,) = LENGTH.unpack_from(body)
    start = LENGTH.size + length
    words = json.loads(body[LENGTH.size : start])
    if "bars" in words:
        bars = words["bars"]
        return Bars(**bars | {"bars": tuple(Bar(**bar) for bar in bars["bars"])})
    numbers: array[float] = array(_NUMBERS)
    numbers.frombytes(body[start:])
    return _unpacked(words["chart"], numbers)


def _unpacked(words: Mapping[str, Any], numbers: array[float]) -> Chart:
    panels, at = [], 0
    for panel in words["panels"]:
        lines = []
        for line in panel["lines"]:
            middle, end = at + line["points"], at + 2 * line["points"]
            times, values = tuple(numbers[at:middle]), tuple(numbers[middle:end])
            lines.append(Line(line["label"], times, values, line["tone"]))
            at = end
        limits = tuple(Limit(**limit) for limit in panel["limits"])
        panels.append(Panel(**panel | {"lines": tuple(lines), "limits": limits}))
    marks = tuple(Mark(**mark) for mark in words["marks"])
    return Chart(**{**words, "panels": tuple(panels), "marks": marks})
