"""Names and summaries of the shipped commands, read from their source without importing it.

Importing every command takes longer than `onprem --help` may; their declarations are a decorator
with the name and a docstring with the summary, and those can simply be read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path


def summaries() -> list[tuple[str, str]]:
    """Name and summary of each shipped command, in the order of their names."""
    spec = find_spec("commands")
    places = spec.submodule_search_locations if spec else None
    sources = [path for place in places or () for path in Path(place).glob("*.py")]
    return sorted(found for path in sources for found in _declared(path))


def _declared(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.AsyncFunctionDef):
            for name in filter(None, map(_name, node.decorator_list)):
                yield name, (ast.get_docstring(node) or "").split("\n")[0].rstrip(".")


def _name(decorator: ast.expr) -> str:
    """The name in `@command("name", …)`; empty for any other decorator."""
    match decorator:
        case ast.Call(func=ast.Name(id="command"), args=[ast.Constant(value=str(name))]):
            return name
    return ""
