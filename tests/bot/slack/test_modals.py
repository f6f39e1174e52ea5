"""Modals are what Slack takes, whatever the words in them are."""

from __future__ import annotations

import json

from bot.grammar.forms import Field, Form
from bot.slack import modals
from sandbox.slack.blocks import check_view


def test_long_words_fit_slacks_limits() -> None:
    fields = (Field("for_", "F" * 3000, "1h", True), Field("comment", "Why", "", False))
    form = Form("backup schedule create now", "S" * 4000, "line", fields)
    kept = {"token": "t", "place": {"channel": "C1"}}
    for view in (modals.form(form, kept), modals.name_wanted("n" * 300, kept)):
        checked = check_view(view)
        assert json.loads(checked["private_metadata"]) == kept


def test_what_was_typed_is_read_by_the_names_of_the_fields() -> None:
    values = {
        "for_": {"for_": {"type": "plain_text_input", "value": "1h"}},
        "comment": {"comment": {"type": "plain_text_input", "value": None}},
    }
    assert modals.typed({"state": {"values": values}}) == {"for_": "1h", "comment": ""}
    assert modals.typed({}) == {}
    assert modals.name_typed({}) == ""
