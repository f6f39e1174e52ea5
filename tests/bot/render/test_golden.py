"""One document with every element, as each surface shows it.

After a wanted change: `UPDATE_GOLDEN=1 python -m pytest tests/bot/render/test_golden.py`, then read
the difference.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import Button, Code, Diff, Document, Fields, Mono, Note, Person, Strong, Table, Text, Title
from bot.render import blockkit, terminal
from bot.render.document import Actions, Image, Progress, Step, When, from_json, to_json

GOLDEN = Path(__file__).parent / "golden"
AT = 1_795_370_000_000_000

DOCUMENT = Document.of(
    Title("Deployed parse, revision 4", tone="good"),
    Text.of("By ", Person("slack:T1/U1", "ann"), " at ", When(AT), ", tag ", Mono("9.<1>`&")),
    Text.of("From outside: *bold* _it_ ~s~ `c` <!channel> :tada: snake_case\n> quote"),
    Text.of("Asked by ", Person("os:bastion/bob", "bob"), Strong(" twice"), "\x1b[31m!\x1b[0m"),
    Fields.of(release="parse", old_revision=Mono("3")),
    Table(
        ("workload", "ready", "image"),
        (("parse-server", "2/2", "9.1"), ("parse-mongodb", "1/3", "名前")),
        title="Workloads",
        tones=("plain", "bad"),
    ),
    Table(("name",), (), title="Jobs", empty="none runs"),
    Code("a & b\n```\n\x1b[1mbold\x1b[0m"),
    Diff("@@ -1 +1 @@\n-tag: 9.0\n+tag: 9.1"),
    Progress(
        (
            Step("helm", "done"),
            Step("migrate", "skipped", "nothing to do"),
            Step("pods", "running", "2 of 3 ready"),
            Step("check", "pending"),
            Step("tell", "failed", "no answer"),
        )
    ),
    Image(b"PNG", "cpu.png", "CPU rose from 1 to 3 cores"),
    Note.of("Two members have no majority if one fails.", tone="warn"),
    Note.of("Reference ", Mono("r-1")),
    Actions(
        (
            Button("Roll back", "run", "rollback parse", style="danger", token="tok-1"),
            Button("Show status", "run", "status parse", token="tok-2"),
            Button("Not now", "dismiss", token="tok-3"),
        )
    ),
)


def _slack(document: Document) -> str:
    drawn = blockkit.render(document)
    files = [{"name": f.name, "bytes": len(f.content), "alt": f.alt} for f in drawn.files]
    body = {"text": drawn.text, "blocks": drawn.blocks, "files": files}
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("all.slack.json", _slack),
        ("all.plain.txt", terminal.plain),
        ("all.colour.txt", lambda document: terminal.coloured(document, columns=60)),
    ],
)
def test_every_element(name: str, draw: Callable[[Document], str]) -> None:
    shown = draw(DOCUMENT)
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(shown)
    assert shown == file.read_text()


def test_a_stored_document_draws_the_same() -> None:
    stored = from_json(json.loads(json.dumps(to_json(DOCUMENT))))
    assert _slack(stored) == _slack(DOCUMENT)
