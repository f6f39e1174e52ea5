"""Makes ``docs/contract.md`` from what pytest reported of the contract tests.

    pytest tests/contract --junit-xml=FILE
    python -m tests.contract.page FILE ... > docs/contract.md

Of several files the later one counts where both tell of a case. A case is a test with its
parameters; the first parameter is the world in which it ran.
"""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.build import tools
from tests.cluster.lab import OLDER

ROOT = Path(__file__).parents[2]
NEWEST = ".".join(tools()["kube-apiserver"].version.split(".")[:2])
WORLDS = {"sandbox": "practice", "lab": f"real {NEWEST}", f"lab-{OLDER}": f"real {OLDER}"}
"""Column heads by world."""

_NAME = re.compile(
    rf"test_(?P<words>\w+)\[(?P<world>{'|'.join(sorted(WORLDS, reverse=True))})(-(?P<rest>.*))?\]",
    re.DOTALL,
)
PASSED, FAILED, SKIPPED = "✓", "✗", "–"


@dataclass(frozen=True, order=True)
class Case:
    """One case: the file it stands in, and what it says."""

    file: str
    title: str


@dataclass
class Result:
    """What became of a case in one world.

    Attributes:
        mark: ``PASSED``, ``FAILED`` or ``SKIPPED``.
        why: Why it was skipped, or why this world differs.
    """

    mark: str
    why: str = ""


@dataclass
class Report:
    """All results, by case and world.

    Attributes:
        versions: What each world said its version was.
        times: When each world's runs began.
    """

    results: dict[Case, dict[str, Result]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    times: dict[str, set[str]] = field(default_factory=dict)


def case_of(file: str, name: str) -> tuple[Case, str] | None:
    """Split a test's name into its case and its world; None if it is no contract case."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    title = found["words"].replace("_", " ")
    rest = found["rest"]
    return Case(file, f"{title}: {rest}" if rest else title), found["world"]


def collected(lines: Iterable[str]) -> set[tuple[Case, str]]:
    """Read the cases from the lines of ``pytest --collect-only -q``."""
    found = set[tuple[Case, str]]()
    for line in lines:
        file, _, name = line.partition("::")
        case = case_of(file, name)
        if case is not None:
            found.add(case)
    return found


def read(paths: Sequence[Path]) -> Report:
    """Merge the reports that pytest wrote."""
    report = Report()
    for path in paths:
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            _add(report, suite)
    return report


def _add(report: Report, suite: ElementTree.Element) -> None:
    for told in suite.iterfind("properties/property"):
        report.versions[told.attrib["name"]] = told.attrib["value"]
    for test in suite.iter("testcase"):
        file = test.attrib["classname"].replace(".", "/") + ".py"
        split = case_of(file, test.attrib["name"])
        if split is None:
            continue
        case, world = split
        began = suite.attrib["timestamp"][:16].replace("T", " ")
        report.times.setdefault(world, set()).add(began)
        report.results.setdefault(case, {})[world] = _result(test)


def _result(test: ElementTree.Element) -> Result:
    if test.find("failure") is not None or test.find("error") is not None:
        return Result(FAILED)
    skipped = test.find("skipped")
    if skipped is not None:
        return Result(SKIPPED, skipped.attrib.get("message", ""))
    told = (p.attrib["value"] for p in test.iter("property") if p.attrib["name"] == "differs")
    return Result(PASSED, "; ".join(dict.fromkeys(told)))


def render(report: Report) -> str:
    """Write the page."""
    return "\n".join([*_head(report), *_tables(report)]) + "\n"


def _head(report: Report) -> Iterator[str]:
    yield "# The contract: what holds in the practice cluster and on real ones"
    yield ""
    yield (
        "Made by `make contract` from the results of its run; do not edit. Each line is a test "
        "in `tests/contract/` that runs unchanged in every column. "
        f"{PASSED} passed, {FAILED} failed, {SKIPPED} was skipped, for the reason given; an "
        "empty field: it is not meant to run there, or did not."
    )
    yield ""
    yield "| | " + " | ".join(WORLDS.values()) + " |"
    yield "|---|" + "---|" * len(WORLDS)
    rows = {
        "Kubernetes": [report.versions.get(world, "") for world in WORLDS],
        "run began (UTC)": ["<br>".join(sorted(report.times.get(world, ()))) for world in WORLDS],
    }
    for text, mark in (("passed", PASSED), ("failed", FAILED), ("skipped", SKIPPED)):
        rows[text] = [
            str(sum(r[world].mark == mark for r in report.results.values() if world in r))
            for world in WORLDS
        ]
    for text, cells in rows.items():
        yield f"| {text} | " + " | ".join(cells) + " |"


def _tables(report: Report) -> Iterator[str]:
    file = ""
    for case in sorted(report.results):
        if case.file != file:
            file = case.file
            yield from ("", f"## {_about(file)}", "", f"`{file}`", "")
            yield "| case | " + " | ".join(WORLDS.values()) + " |"
            yield "|---|" + ":-:|" * len(WORLDS)
        found = report.results[case]
        whys = dict[str, list[str]]()
        for world, result in found.items():
            if result.why:
                whys.setdefault(result.why, []).append(WORLDS[world])
        notes = "".join(f"<br>*{', '.join(on)}: {escape(why)}*" for why, on in whys.items())
        cells = (found[world].mark if world in found else " " for world in WORLDS)
        yield f"| {escape(case.title)}{notes} | " + " | ".join(cells) + " |"


def _about(file: str) -> str:
    """The first line of a test module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))) or file
    return text.splitlines()[0].rstrip(".")


def escape(text: str) -> str:
    """Make text safe in a cell of a Markdown table."""
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", text)


def listed(page: str) -> set[tuple[str, str, str]]:
    """Read back from a page which cases it lists: file, escaped title and world."""
    found, file = set[tuple[str, str, str]](), ""
    for line in page.splitlines():
        if line.startswith("`tests/"):
            file = line.strip("`")
        elif file and line.startswith("| ") and not line.startswith("| case |"):
            title, *cells = line[2:].removesuffix(" |").split(" | ")
            worlds = (world for world, cell in zip(WORLDS, cells, strict=True) if cell.strip())
            found |= {(file, title.split("<br>")[0], world) for world in worlds}
    return found


if __name__ == "__main__":
    sys.stdout.write(render(read([Path(argument) for argument in sys.argv[1:]])))
