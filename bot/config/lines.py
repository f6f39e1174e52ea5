"""YAML text → values, with the line that each of them stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bot.errors import Problem

Where = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A YAML document.

    Attributes:
        data: Its values.
        lines: Path of keys and indexes → line, counted from 1.
        problems: Keys written twice, or why it is not YAML.
    """

    data: Any
    lines: dict[Where, int]
    problems: tuple[Problem, ...] = ()

    def line(self, path: Where) -> int:
        """The line of a path, or of its nearest parent; 1 for the document itself."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1


def parse(text: str, file: str) -> Parsed:
    """Reads one YAML document; never raises, all problems are in the result."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Parsed({}, {})
        walked = list(_walk(node, (), ()))
        data = loader.construct_document(node)
    except _SelfReference as error:
        return Parsed({}, {}, (Problem(file, error.line, "an alias must not contain itself"),))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return Parsed({}, {}, (Problem(file, line, f"this is not YAML: {error.problem}"),))
    except (yaml.YAMLError, ValueError) as error:
        return Parsed({}, {}, (Problem(file, 0, f"this is not YAML: {error}"),))
    finally:
        loader.dispose()
    lines: dict[Where, int] = {}
    problems = []
    for path, line in walked:
        if path in lines and not path[-1].isdigit():
            first = f"{'.'.join(path)} is written twice, first on line {lines[path]}"
            problems.append(Problem(file, line, first))
        lines.setdefault(path, line)
    return Parsed(data, lines, tuple(problems))


class _SelfReference(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


def _walk(node: yaml.Node, path: Where, above: tuple[int, ...]) -> Iterator[tuple[Where, int]]:
    if id(node) in above:
        raise _SelfReference(node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _walk(value, here, (*above, id(node)))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            here = (*path, str(index))
            yield here, item.start_mark.line + 1
            yield from _walk(item, here, (*above, id(node)))
