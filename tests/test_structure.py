"""The shape of the tree: sizes, documents, the map that newcomers are given."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("bot", "commands", "integrations", "sandbox")
LONGEST_FILE = 360
LONGEST_FUNCTION = 60


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def sources() -> list[Path]:
    return [p for p in tracked("*.py") if p.relative_to(ROOT).parts[0] in SHIPPED]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the module has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_sql_lives_only_in_the_store() -> None:
    sql = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")
    found = [
        str(path.relative_to(ROOT))
        for path in sources()
        if sql.search(path.read_text(encoding="utf-8"))
        and not str(path.relative_to(ROOT)).startswith("bot/store/")
    ]
    assert found == []


def test_the_map_names_every_part_of_the_product() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = {
        "/".join(path.relative_to(ROOT).parts[:2]).removesuffix(".py")
        for path in sources()
        if path.name != "__init__.py" and path.relative_to(ROOT).parts[0] in ("bot", "integrations")
    }
    missing = sorted(part for part in parts if f"`{part}" not in text)
    assert missing == []


def test_no_lock_file_records_addresses_and_nothing_names_a_machine() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in constraints
    assert all("==" in line for line in constraints.splitlines() if line)


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []
