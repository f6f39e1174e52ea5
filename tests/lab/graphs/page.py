"""Writes the catalogue into ``docs/graphs.md``: each graph with its picture, query and needs.

    python -m tests.lab.graphs.page

What stands above ``MARK`` is written by hand. Pictures are made by ``python -m sandbox.graphs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.graphs.catalogue import Catalogue, Graph, load
from tests.lab.graphs.absent import ABSENT

PAGE = Path(__file__).parents[3] / "docs" / "graphs.md"
PICTURES = "pictures/graphs"
MARK = "<!-- From here on: made by `make docs` from bot/graphs/catalogue.yaml. -->\n"

COLUMNS = ("graph", "shows", "unit", "narrow with", "measured by", "on real servers")


def page(text: str, catalogue: Catalogue) -> str:
    """The page, as it should be after what is written by hand."""
    written, _, _ = text.partition(MARK)
    return f"{written}{MARK}\n{''.join(_catalogue(catalogue)).rstrip()}\n"


def _catalogue(catalogue: Catalogue) -> Iterator[str]:
    yield "## The catalogue\n\n"
    yield (
        "Each query is held against written series by `promtool test rules` "
        "(`tests/bot/graphs/`), and asked of a real Prometheus that scrapes real servers "
        "(`tests/lab/graphs/`). The last column says which have no data there, and why.\n\n"
    )
    yield _cells(COLUMNS) + _cells(["---"] * len(COLUMNS))
    yield from map(_row, catalogue.values())
    yield "\nWhat scrape jobs are called unless `jobs` says otherwise:\n\n"
    yield _cells(("job", "names")) + _cells(("---", "---"))
    for kind, names in next(iter(catalogue.values())).jobs.items():
        yield _cells((f"`{kind}`", " or ".join(f"`{name}`" for name in names.split("|"))))
    yield "\n"
    for name, graphs in catalogue.dashboards.items():
        yield f"`dashboard {name}` has {', '.join(map(_link, graphs))}.\n\n"
        yield f"![Dashboard {name}]({PICTURES}/dashboard-{name}.png)\n\n"
    for graph in catalogue.values():
        yield from _section(graph)


def _row(graph: Graph) -> str:
    flags = [f"`--{flag}`" for flag in ("app", "node") if _place(flag) in graph.places]
    if graph.with_app:
        flags = [f"`--app` ({_link(graph.with_app)})", *(f for f in flags if f != "`--app`")]
    if graph.scope == "app":
        flags = ["needs `--app`"]
    lab = f"no data: {ABSENT[graph.name]}" if graph.name in ABSENT else "✓"
    said = (_link(graph.name), graph.title, graph.unit, ", ".join(flags), graph.needs, lab)
    return _cells(said)


def _place(flag: str) -> str:
    return "namespace" if flag == "app" else flag


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _link(name: str) -> str:
    return f"[{name}](#{name})"


def _section(graph: Graph) -> Iterator[str]:
    yield f"## {graph.name}\n\n"
    limits = [
        f"{'below' if limit.below else 'above'} {limit.value:g} {limit.text}"
        for limit in graph.thresholds
    ]
    about = [f"{graph.title}. {graph.description}".strip()]
    if limits:
        about.append(f"Marked: {'; '.join(limits)}.")
    if graph.alerts:
        about.append(f"Shown with {', '.join(f'`{alert}`' for alert in graph.alerts)}.")
    yield " ".join(about) + "\n\n"
    yield f"![{graph.title}]({PICTURES}/{graph.name}.png)\n\n"
    yield f"```promql\n{graph.query.strip()}\n```\n\n"


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), load()), encoding="utf-8")


if __name__ == "__main__":
    main()
