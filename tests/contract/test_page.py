"""The page that lists the contract's cases: made from results, and never stale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.conftest import WORLDS
from tests.contract.page import (
    FAILED,
    PASSED,
    ROOT,
    SKIPPED,
    Case,
    case_of,
    collected,
    escape,
    listed,
    read,
    render,
)
from tests.contract.page import WORLDS as COLUMNS

FILE = "tests/contract/test_lists.py"
SUITE = """<testsuites><testsuite timestamp="2026-01-02T03:04:05.6+00:00">
<properties><property name="lab" value="v1.35.4"/></properties>
<testcase classname="tests.contract.test_lists" name="test_pages[sandbox-a|b]">{sandbox}</testcase>
<testcase classname="tests.contract.test_lists" name="test_pages[lab-1.33-a|b]">
<properties><property name="differs" value="there are none before 1.34"/></properties></testcase>
<testcase classname="tests.contract.test_lists" name="test_pages[lab-a|b]">
<skipped message="no such thing"/></testcase>
<testcase classname="tests.contract.test_page" name="test_anything"/>
</testsuite></testsuites>
"""


def page(tmp_path: Path, *sandbox: str) -> str:
    paths = []
    for number, inside in enumerate(sandbox):
        paths.append(tmp_path / f"{number}.xml")
        paths[-1].write_text(SUITE.format(sandbox=inside), encoding="utf-8")
    return render(read(paths))


def test_a_name_tells_case_and_world() -> None:
    assert case_of(FILE, "test_a_b[lab-1.33-x-1]") == (Case(FILE, "a b: x-1"), "lab-1.33")
    assert case_of(FILE, "test_a_b[lab]") == (Case(FILE, "a b"), "lab")
    assert case_of(FILE, "test_a_b[label-x]") is None
    assert case_of(FILE, "test_a_b") is None


def test_a_row_tells_each_world_and_why_one_differs(tmp_path: Path) -> None:
    made = page(tmp_path, "")
    row = (
        "| pages: a\\|b<br>*real 1.33: there are none before 1.34*<br>*real 1.35: no such thing* "
        f"| {PASSED} | {SKIPPED} | {PASSED} |"
    )
    assert row in made.splitlines()
    assert "| Kubernetes |  | v1.35.4 |  |" in made
    assert "| run began (UTC) | 2026-01-02 03:04 | 2026-01-02 03:04 | 2026-01-02 03:04 |" in made
    assert "| passed | 1 | 0 | 1 |" in made
    assert listed(made) == {(FILE, "pages: a\\|b", world) for world in COLUMNS}


def test_a_failure_shows_and_the_later_run_counts(tmp_path: Path) -> None:
    failure = '<failure message="boom">boom</failure>'
    assert "| failed | 1 | 0 | 0 |" in page(tmp_path, "", failure)
    assert f"| {FAILED} | {SKIPPED} | {PASSED} |" in page(tmp_path, "", failure)
    assert "| failed | 0 | 0 | 0 |" in page(tmp_path, failure, "")


def test_there_is_a_column_for_each_world() -> None:
    assert list(COLUMNS) == list(WORLDS)


@pytest.mark.slow
def test_the_page_lists_exactly_the_cases_that_exist() -> None:
    command = [sys.executable, "-m", "pytest", "tests/contract", "--collect-only"]
    told = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stdout + told.stderr
    cases = {(c.file, escape(c.title), world) for c, world in collected(told.stdout.splitlines())}
    shown = listed((ROOT / "docs" / "contract.md").read_text(encoding="utf-8"))
    missing, gone = sorted(cases - shown), sorted(shown - cases)
    advice = "docs/contract.md is older than the tests: run `make contract`."
    assert (missing, gone) == ([], []), advice
