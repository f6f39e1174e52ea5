"""Slack messages: within every limit, nothing lost, nothing from outside that acts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import Button, Code, Document, Fields, Mono, Note, Person, Strong, Table, Text, Title
from bot.render.blockkit import Rendered, render
from bot.render.document import Actions, Diff, Element, Image, Progress, Step, When
from sandbox.slack.blocks import check_message_blocks

_text = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["&" * 4000, "<!channel>", "x" * 9000, "`" * 700, "line\n" * 900, "", " ", "\x1b"]
    ),
)
_inline: st.SearchStrategy[Any] = st.one_of(
    _text,
    st.builds(Mono, _text),
    st.builds(Strong, _text),
    st.builds(When, st.integers(-(10**18), 10**19)),
    st.builds(Person, st.one_of(_text, st.just("slack:T1/U1")), _text),
)
_parts = st.lists(_inline, max_size=5).map(tuple)
_tone = st.sampled_from(["plain", "good", "warn", "bad"])
_state = st.sampled_from(["pending", "running", "done", "skipped", "failed"])


def _tables() -> st.SearchStrategy[Table]:
    def build(columns: int, rows: int, cell: str, tones: list[Any], title: str) -> Table:
        return Table(("column",) * columns, ((cell,) * columns,) * rows, title, tuple(tones))

    return st.builds(
        build, st.integers(1, 5), st.integers(0, 150), _text, st.lists(_tone, max_size=200), _text
    )


_buttons = st.builds(
    Button,
    _text,
    st.sampled_from(["run", "confirm", "type", "dismiss", "cancel"]),
    _text,
    style=st.sampled_from(["plain", "primary", "danger"]),
    token=st.text("abc", max_size=20),
)
_elements: st.SearchStrategy[Any] = st.one_of(
    st.builds(Title, _text, _tone),
    st.builds(Text, _parts),
    st.builds(Fields, st.lists(st.tuples(_text, _parts), max_size=12).map(tuple)),
    _tables(),
    st.builds(Code, _text, _text),
    st.builds(Diff, _text, _text),
    st.builds(Progress, st.lists(st.builds(Step, _text, _state, _text), max_size=9).map(tuple)),
    st.builds(Image, st.binary(max_size=4), _text, _text),
    st.builds(Actions, st.lists(_buttons, max_size=60).map(tuple)),
    st.builds(Note, _parts, _tone),
)


def shown(rendered: Rendered) -> str:
    """Everything that can be read in the message and its files."""
    found: list[str] = [rendered.text]

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for item in value.values():
                visit(item)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    visit(rendered.blocks)
    return "\n".join([*found, *(file.content.decode(errors="replace") for file in rendered.files)])


def inline(rendered: Rendered) -> str:
    return shown(Rendered(rendered.text, rendered.blocks))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_elements, max_size=4), st.sampled_from([1, 1, 1, 3, 8]))
def test_any_document_is_within_slacks_limits(elements: list[Element], times: int) -> None:
    document = Document(tuple(elements * times))
    drawn = render(document)
    check_message_blocks(list(drawn.blocks))
    json.dumps(drawn.blocks)
    assert drawn.blocks
    assert 0 < len(drawn.text) <= 4000
    assert len({file.name for file in drawn.files}) == len(drawn.files)
    assert all("/" not in file.name and len(file.alt) <= 1000 for file in drawn.files)
    assert not any("<!channel>" in text for text in (drawn.text, *_mrkdwn(list(drawn.blocks))))


def test_long_output_keeps_head_and_tail_and_comes_whole_as_a_file() -> None:
    lines = [f"line {n} <&>" for n in range(2000)]
    drawn = render(Document.of(Title("Logs"), Code("\n".join(lines), name="web.log")))
    text = inline(drawn)
    assert "line 0 &lt;&amp;&gt;" in text
    assert "line 1999 " in text
    assert "line 1000 " not in text
    assert "of 2000 lines are left out here. All of it is in web.log." in text
    assert [f.name for f in drawn.files] == ["web.log"]
    assert drawn.files[0].content.decode().splitlines() == lines


def test_one_endless_line_is_shown_in_part() -> None:
    drawn = render(Document.of(Code("x" * 50_000)))
    assert "xxx" in inline(drawn)
    assert "The ends of long lines are left out here. All of it is in output.txt." in inline(drawn)
    assert drawn.files[0].content == b"x" * 50_000 + b"\n"


def test_a_long_table_shows_its_head_and_comes_whole_as_a_file() -> None:
    rows = tuple((f"pod-{n}", "Running") for n in range(500))
    drawn = render(Document.of(Table(("name", "state"), rows)))
    text = inline(drawn)
    assert "pod-0 " in text
    assert "pod-499" not in text
    assert "of 500 rows are shown. All of them are in table.txt." in text
    assert len(drawn.files[0].content.decode().splitlines()) == 501


def test_rows_too_wide_for_a_message_are_paragraphs() -> None:
    why = "no pod mounts it, and Velero copies volumes of running pods only"
    rows = (("data-2", why, "Start what uses it"), ("data-3", "", "Wait"))
    wide = Table(("claim", "why", "what to do"), rows, tones=("bad", "plain"))
    drawn = render(Document.of(wide))
    assert _mrkdwn(list(drawn.blocks)) == [
        f"❌ *data-2*\nwhy: {why}\nwhat to do: Start what uses it",
        "*data-3*\nwhat to do: Wait",
    ]
    assert not drawn.files


def test_short_cells_of_a_wide_row_share_a_line() -> None:
    cells = ("x" * 40, "y" * 40, "z" * 40)
    [text] = _mrkdwn(list(render(Document.of(Table(("a", "b", "c"), (cells,)))).blocks))
    assert text == f"*{cells[0]}*\nb: {cells[1]} · c: {cells[2]}"


def test_many_wide_rows_stay_a_table() -> None:
    row = ("x" * 60, "y" * 60)
    text = inline(render(Document.of(Table(("a", "b"), (row,) * 9))))
    assert text.count("```") == 2


def test_long_paragraphs_are_cut_at_spaces_and_never_inside_an_escape() -> None:
    words = "word & " * 900
    texts = _mrkdwn(list(render(Document.of(Text.of(words))).blocks))
    assert len(texts) > 1
    assert all(text.startswith(("word", "&amp;")) for text in texts)
    assert "".join(texts) == words.replace("&", "&amp;")
    awkward = ("0", " ", Mono("&" * 3100))
    check_message_blocks(list(render(Document.of(Text(awkward))).blocks))


def test_what_fits_needs_no_file() -> None:
    rows = tuple((f"pod-{n}", "Running") for n in range(50))
    drawn = render(Document.of(Code("a\nb"), Table(("name", "state"), rows)))
    assert not drawn.files
    assert "pod-49" in inline(drawn)


def test_several_long_outputs_shrink_so_that_the_message_holds() -> None:
    outputs = [Code("y" * 60 + f"\nend-{n}\n" + "z\n" * 2000) for n in range(12)]
    drawn = render(Document.of(Title("Many"), *outputs))
    check_message_blocks(list(drawn.blocks))
    assert len(drawn.files) == 12
    assert len({f.name for f in drawn.files}) == 12


def test_a_message_that_cannot_hold_keeps_its_buttons_and_comes_as_a_file() -> None:
    paragraphs = [Text.of(f"paragraph-{n} " + "word " * 200) for n in range(80)]
    buttons = Actions((Button("Roll back", "run", "rollback parse", token="t"),))
    drawn = render(Document.of(Title("Long"), *paragraphs, buttons))
    check_message_blocks(list(drawn.blocks))
    assert "paragraph-0 " in inline(drawn)
    assert "All of it is in message.txt" in inline(drawn)
    assert drawn.blocks[-1]["elements"][0]["value"] == "t"
    assert all(f"paragraph-{n} " in shown(drawn) for n in range(80))


def test_nothing_from_outside_acts() -> None:
    hostile = "<!channel> <@U1> *b* _i_ ~s~ `c` ```x``` :tada: &lt;"
    document = Document.of(
        Title(hostile),
        Text.of(hostile, Mono(hostile), Strong(hostile), Person("slack:T1/<!here>", hostile)),
        Fields(((hostile, (hostile,)),)),
        Table((hostile,), ((hostile,),), title=hostile),
        Code(hostile),
        Note.of(hostile),
        Progress((Step(hostile, "running", hostile),)),
    )
    for block in render(document).blocks:
        for text in _mrkdwn(block):
            assert "<!channel>" not in text
            assert "<@U1>" not in text
            assert "&amp;lt;" in text
            outside = text.strip("`\n") if text.startswith("```") else _without_mono(text)
            assert "```" not in outside
            if not text.startswith("```"):
                assert not set("_~`") & set(outside)
                assert ":tada:" not in outside
                assert "*b*" not in outside


def _mrkdwn(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _mrkdwn(item)]
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == "mrkdwn" else []
        return own + [text for item in value.values() for text in _mrkdwn(item)]
    return []


def _without_mono(text: str) -> str:
    return "".join(part for n, part in enumerate(text.split("`")) if n % 2 == 0)


def test_people_of_slack_are_mentioned_and_others_named() -> None:
    text = inline(
        render(Document.of(Text.of(Person("slack:T1/U7", "ann"), Person("os:h/bob", "bob"))))
    )
    assert "<@U7>bob" in text


def test_a_user_group_is_mentioned_and_no_other_word_is() -> None:
    calls = Person("slack-group:T1/S7", "oncall"), Person("slack-group:T1/<!here>", "<!here>")
    text = inline(render(Document.of(Text.of(*calls))))
    assert "<!subteam^S7>&lt;!here&gt;" in text


def test_buttons_carry_their_token_and_ids_that_differ() -> None:
    buttons = tuple(Button("x" * 90, "run", token=f"t{n}") for n in range(30))
    drawn = render(Document.of(Actions(buttons)))
    elements = [element for block in drawn.blocks for element in block["elements"]]
    assert [e["value"] for e in elements] == [f"t{n}" for n in range(30)]
    assert len({e["action_id"] for e in elements}) == 30
    assert {e["action_id"].partition(".")[0] for e in elements} == {"run"}
    assert elements[0]["text"]["text"] == "x" * 74 + "…"


def test_the_notification_is_the_headline_with_its_tone() -> None:
    assert render(Document.of(Title("Broken & sad", tone="bad"))).text == "❌ Broken &amp; sad"
    assert render(Document.of(Text.of("only this"))).text == "only this"
    assert render(Document()).text == "–"
