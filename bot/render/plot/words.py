"""The same numbers in words, for who cannot see the picture, and in one line for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from bot.render.plot.moments import moment_text, zone_text
from bot.render.plot.pictures import Chart, Limit, Panel
from bot.render.plot.series import Course, breached, course, crossed, infinite, ranked
from bot.render.plot.units import amount
from bot.render.text import clean

SHOWN = 3
"""Lines of one panel that are told one by one."""
LONGEST = 1000
"""What Slack takes as the alternative text of a file."""
LABEL = 40
_BLOCKS = "▁▂▃▄▅▆▇█"


def alt(chart: Chart) -> str:
    """A chart in words: now, least, most and trend of its lines, and which limit was crossed.

    At most `LONGEST` characters; what does not fit is left out, the last panels first.
    """
    text = f"{_short(chart.title, 100)}, {_at(chart.start / 1e6, chart)} to"
    text += f" {_at(chart.end / 1e6, chart)} {zone_text(chart.timezone, chart.end / 1e6)}."
    for panel in chart.panels:
        named = _short(panel.title, 60) if len(chart.panels) > 1 else ""
        for sentence in _sentences(chart, panel):
            more = f" {named}: {sentence}" if named else f" {sentence}"
            if len(text) + len(more) > LONGEST - 1:
                return f"{text}…"
            text, named = text + more, ""
    return text


def _at(moment: float, chart: Chart) -> str:
    return moment_text(moment, chart.end / 1e6, chart.timezone)


def _sentences(chart: Chart, panel: Panel) -> Iterator[str]:
    """Of several panels each has room for its foremost line, and for limits that were crossed."""
    end, several = chart.end / 1e6, len(chart.panels) > 1
    lines, shown = ranked(panel), 1 if several else SHOWN
    for line in lines[:shown]:
        went = course(line, end, panel.step)
        if went is not None:
            yield f"{_short(line.label, LABEL) or 'The line'}: {_course(went, panel.unit, chart)}."
    if len(lines) > shown:
        values = [v for line in lines[shown:] for v in line.values if math.isfinite(v)]
        low, high = amount(min(values), panel.unit), amount(max(values), panel.unit)
        between = f"{low} to {high}" if low != high else low
        yield f"{len(lines) - shown} more: {between}."
    if not lines:
        yield "no data."
    for limit in panel.limits if lines else ():
        said = _limit(limit, chart, panel)
        if not (several and said.startswith("Never")):
            yield said
    if infinite(panel):
        yield "Infinite values are left out."
    if panel.note:
        yield f"{_short(panel.note, 200)}."


def _course(went: Course, unit: str, chart: Chart) -> str:
    now = f"now {amount(went.now, unit)}"
    if went.ended is not None:
        now = f"last {amount(went.now, unit)} at {_at(went.ended, chart)}"
    if went.least == went.most:
        return f"{now}, the same all the time"
    peak = f"{amount(went.most, unit)} at {_at(went.peak_at, chart)}"
    return f"{now}, least {amount(went.least, unit)}, most {peak}, {went.trend}"


def _limit(limit: Limit, chart: Chart, panel: Panel) -> str:
    """Whether a limit holds; if not, for how many and since when."""
    named = f"limit {amount(limit.value, panel.unit)} ({_short(limit.text, LABEL)})"
    side = "below" if limit.below else "above"
    end = chart.end / 1e6
    since = []
    for line in panel.lines:
        went = course(line, end, panel.step)
        moment = crossed(limit, line)
        if went is not None and went.ended is None and moment is not None:
            since.append(moment)
    if since:
        who = "" if len(panel.lines) == 1 else f"{len(since)} of {len(panel.lines)} "
        return f"{who}{side} the {named} since {_at(min(since), chart)}."
    if any(breached(limit, v) for line in panel.lines for v in line.values):
        return f"Was {side} the {named}, is no more."
    return f"Never {side} the {named}."


def _short(text: str, most: int) -> str:
    text = clean(text, breaks=False).rstrip(".")
    return text if len(text) <= most else f"{text[: most - 1]}…"


def sparkline(values: Sequence[float], width: int) -> str:
    """Numbers as one line of blocks; a gap is a space.

    Args:
        values: At even distances; each block shows the highest of those that fall on it.
        width: The most characters.
    """
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    edges = [round(n * len(values) / count) for n in range(count + 1)]
    peaks = [_peak(values[a:b]) for a, b in pairwise(edges)]
    finite = [value for value in peaks if value is not None]
    if not finite:
        return " " * count
    low, high = min(0.0, *finite), max(finite)
    return "".join(" " if value is None else _block(value, low, high) for value in peaks)


def _peak(values: Sequence[float]) -> float | None:
    return max((value for value in values if math.isfinite(value)), default=None)


def _block(value: float, low: float, high: float) -> str:
    value, low, high = value / 2, low / 2, high / 2  # so that no difference overflows
    if high <= low:
        return _BLOCKS[0]
    share = (value - low) / (high - low)
    return _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)]
