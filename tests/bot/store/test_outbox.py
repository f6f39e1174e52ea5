"""The outbox: order, superseding, and what a kill leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.store import messages, outbox
from bot.store.outbox import Draft

POST = Draft("post", "T1", "C1", {"text": "hi"}, message_key="m1")
EDIT = Draft("update", "T1", "C1", {"text": "1 of 3"}, message_key="m1")


def claimed(db, now=100, **kwargs):
    entry = outbox.claim_next(db, now, **kwargs)
    return entry.payload["text"] if entry else None


def say(db, text, draft=POST, now=1, **changes):
    return outbox.enqueue(db, replace(draft, payload={"text": text}, **changes), now)


def test_a_post_is_sent_once_and_can_be_edited_afterwards(db):
    post = outbox.enqueue(db, POST, 1)
    edit = outbox.enqueue(db, EDIT, 2)
    entry = outbox.claim_next(db, 5)
    assert (entry.id, entry.state, entry.attempts) == (post, "sending", 1)
    assert outbox.claim_next(db, 5) is None, "the edit waits for its post"
    outbox.sent(db, post, 6, "17.0001")
    assert messages.get(db, "m1") == messages.Handle("m1", "T1", "C1", "17.0001", 6)
    assert messages.at(db, "T1", "C1", "17.0001").message_key == "m1"
    assert outbox.claim_next(db, 7).id == edit
    outbox.sent(db, edit, 8)
    assert outbox.claim_next(db, 9) is None
    assert outbox.get(db, edit).state == "sent"


def test_a_newer_edit_supersedes_queued_ones_and_takes_their_turn(db):
    first = say(db, "1", EDIT, now=1)
    say(db, "other message", EDIT, now=2, message_key="m2")
    say(db, "2", EDIT, now=3)
    assert outbox.get(db, first).state == "superseded"
    assert [claimed(db), claimed(db), claimed(db)] == ["2", "other message", None]


def test_a_final_state_is_never_superseded_by_a_live_one(db):
    say(db, "live", EDIT)
    final = say(db, "done", EDIT, final=True)
    assert say(db, "late", EDIT) is None
    assert claimed(db) == "done"
    assert say(db, "late", EDIT) is None
    outbox.sent(db, final, 5)
    assert say(db, "late", EDIT) is None
    assert say(db, "done, corrected", EDIT, final=True) is not None


def test_final_edits_go_before_live_ones_and_interactive_before_bulk(db):
    say(db, "bulk", message_key="", priority=outbox.BULK, channel="C9")
    say(db, "live", EDIT, message_key="m3")
    say(db, "final", EDIT, message_key="m4", final=True)
    say(db, "reply", message_key="", priority=outbox.INTERACTIVE, channel="C2")
    assert [claimed(db) for _ in range(4)] == ["reply", "final", "live", "bulk"]


def test_at_most_one_post_of_a_channel_is_on_its_way(db):
    for text, channel in (("a", "C1"), ("b", "C1"), ("c", "C2")):
        say(db, text, message_key="", channel=channel)
    assert [claimed(db), claimed(db), claimed(db)] == ["a", "c", None]
    outbox.sent(db, 1, 3)
    assert claimed(db) == "b"


def test_a_thread_waits_for_its_root_and_not_for_its_neighbours(db):
    root = say(db, "root")
    say(db, "in thread", message_key="", thread_key="m1", priority=outbox.INTERACTIVE)
    assert claimed(db) == "root"
    outbox.retry(db, root, 50, "offline")
    assert claimed(db, 10) is None
    say(db, "elsewhere", message_key="")
    assert claimed(db, 10) == "elsewhere"


def test_the_sender_can_hold_back_channels_messages_kinds_and_live_edits(db):
    say(db, "live", EDIT, message_key="m1")
    say(db, "post", message_key="m9")
    assert claimed(db, skip_channels=[("T1", "C1")]) is None
    assert claimed(db, skip_messages=["m1", "m9"]) is None
    assert claimed(db, kinds=["ephemeral"]) is None
    assert claimed(db, only_final=True) == "post"
    assert claimed(db) == "live"


def test_a_retry_waits_for_its_time(db):
    say(db, "x")
    assert outbox.due_at(db) == 0
    assert claimed(db) == "x"
    outbox.retry(db, 1, 500, "429")
    assert outbox.due_at(db) == 500
    assert claimed(db, 499) is None
    entry = outbox.claim_next(db, 500)
    assert (entry.attempts, entry.error) == (2, "429")
    outbox.fail(db, 1, 501, "channel_not_found")
    assert outbox.get(db, 1).state == "failed"
    assert outbox.due_at(db) is None


def test_an_edit_that_a_newer_one_overtook_is_not_tried_again(db):
    old = say(db, "live", EDIT)
    claimed(db)
    say(db, "final", EDIT, final=True)
    outbox.retry(db, old, 0, "timeout")
    assert outbox.get(db, old).state == "superseded"
    assert [claimed(db), claimed(db)] == ["final", None]


def test_after_a_kill_messages_are_sent_again_but_stale_edits_are_not(db):
    say(db, "post", message_key="m9", channel="C9")
    stale = say(db, "live", EDIT)
    assert {claimed(db), claimed(db)} == {"post", "live"}
    say(db, "final", EDIT, final=True)
    assert outbox.recover(db) == 2
    assert outbox.get(db, stale).state == "superseded"
    assert [claimed(db), claimed(db), claimed(db)] == ["final", "post", None]


def test_age_is_that_of_the_oldest_unsent_message(db):
    assert outbox.age(db, 50) == 0
    say(db, "x", now=10)
    assert outbox.age(db, 50) == 40
    outbox.claim_next(db, 50)
    assert outbox.age(db, 60) == 50
    outbox.sent(db, 1, 60)
    assert outbox.age(db, 70) == 0


def test_pruning_and_giving_up_leave_the_right_rows(db):
    for n in range(3):
        say(db, str(n), message_key="", now=n)
    outbox.claim_next(db, 5)
    outbox.sent(db, 1, 5)
    assert outbox.prune(db, 2) == 1
    assert [entry.payload["text"] for entry in outbox.listed(db, states=["queued"])] == ["1", "2"]
    assert outbox.abandon(db, 9, "restored") == 2
    assert {entry.error for entry in outbox.listed(db, states=["failed"])} == {"restored"}


def test_a_handle_moves_with_a_repost_and_can_be_forgotten(db):
    for ts in ("1.0", "2.0"):
        messages.put(db, messages.Handle("m1", "T1", "C1", ts, 1))
    assert messages.get(db, "m1").ts == "2.0"
    assert messages.at(db, "T1", "C1", "1.0") is None
    assert messages.forget(db, "m1")
    assert not messages.forget(db, "m1")
    messages.put(db, messages.Handle("m1", "T1", "C1", "3.0", 1))
    assert (messages.prune(db, 1), messages.prune(db, 2)) == (0, 1)


@pytest.mark.parametrize("kind", ["shout", ""])
def test_an_unknown_kind_is_refused(db, kind):
    with pytest.raises(Exception, match="CHECK"):
        outbox.enqueue(db, replace(POST, kind=kind), 1)


def test_a_queued_post_can_be_given_newer_content(db):
    assert (outbox.waiting(db), outbox.posted(db, "m1")) == (False, False)
    say(db, "old")
    assert (outbox.waiting(db), outbox.posted(db, "m1")) == (True, True)
    assert outbox.amend(db, "m1", {"text": "new"}, 2)
    assert claimed(db) == "new"
    assert not outbox.amend(db, "m1", {"text": "too late"}, 2)
    assert (outbox.waiting(db), outbox.posted(db, "m1")) == (False, True)
    outbox.fail(db, 1, 5, "gone")
    assert not outbox.posted(db, "m1")


def test_an_older_edit_does_not_undo_what_a_repeated_post_tells(db):
    say(db, "asked")
    post = outbox.claim_next(db, 5)
    running = say(db, "running", EDIT)
    outbox.retry(db, post.id, 0, "ratelimited")
    assert outbox.amend(db, "m1", {"text": "done"}, 7)
    assert outbox.get(db, running).state == "superseded"
    assert claimed(db) == "done"
    outbox.sent(db, post.id, 8, "17.0001")
    assert outbox.claim_next(db, 9) is None


def test_old_rows_cost_the_sender_nothing(db):
    statements = []
    db.conn.set_trace_callback(statements.append)
    outbox.claim_next(db, 5)
    outbox.waiting(db)
    outbox.due_at(db)
    outbox.age(db, 5)
    db.conn.set_trace_callback(None)
    plans = [
        row[3]
        for statement in statements
        for row in db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    ]
    assert len(statements) == 4
    assert not [step for step in plans if step.startswith("SCAN") and "json_each" not in step]


@pytest.mark.parametrize("state", ["sent", "failed"])
def test_of_a_file_that_is_done_with_nothing_is_kept_but_that_it_was(db, state):
    for draft in (replace(POST, message_key=""), replace(POST, kind="file", message_key="")):
        at = outbox.enqueue(db, draft, 1)
        assert outbox.claim_next(db, 5, kinds=[draft.kind]).payload == POST.payload
        outbox.end(db, at, state, 6, "why")
    post, file = outbox.listed(db, states=[state])
    assert (post.kind, post.payload, post.error) == ("post", POST.payload, "why")
    assert (file.kind, file.payload, file.error) == ("file", {}, "why")


def test_a_file_that_is_tried_again_keeps_its_picture(db):
    file = outbox.enqueue(db, replace(POST, kind="file", message_key=""), 1)
    outbox.claim_next(db, 5)
    outbox.retry(db, file, 7, "busy")
    assert outbox.claim_next(db, 8).payload == POST.payload


def test_files_that_are_given_up_with_the_rest_are_emptied(db):
    file = outbox.enqueue(db, replace(POST, kind="file"), 1)
    post = outbox.enqueue(db, replace(POST, message_key="m2"), 1)
    assert outbox.abandon(db, 9, "restored") == 2
    assert (outbox.get(db, file).payload, outbox.get(db, post).payload) == ({}, POST.payload)


def test_what_nobody_looks_at_again_goes_sooner(db):
    file = outbox.enqueue(db, replace(POST, kind="file", message_key=""), 1)
    outbox.claim_next(db, 1)
    outbox.sent(db, file, 2)
    say(db, "superseded", EDIT)
    edit = say(db, "newest", EDIT)
    outbox.claim_next(db, 3)
    outbox.sent(db, edit, 4)
    waits = say(db, "waits", kind="file", message_key="m2")
    assert outbox.prune(db, 0, spent=1) == 0
    assert outbox.prune(db, 0, spent=2) == 2
    assert [e.id for e in outbox.listed(db, states=["sent", "superseded"])] == [edit]
    assert outbox.get(db, waits).payload["text"] == "waits"
