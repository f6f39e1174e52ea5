"""Buttons: each works once, for a while."""

from __future__ import annotations

import pytest

from bot.store import approvals, requests
from bot.store.approvals import Unusable


@pytest.fixture
def request_id(db, request_of) -> str:
    request = request_of()
    requests.insert(db, request)
    return request.id


def make(db, request_id, action="approve", **more):
    return approvals.create(db, request_id, action, now=10, expires_at=100, **more)


def test_a_token_works_once(db, request_id):
    token = make(db, request_id, data={"revision": 3})
    used = approvals.use(db, token.id, "slack:T1/U2", 50)
    assert (used.action, used.data, used.used_by, used.used_at) == (
        "approve",
        {"revision": 3},
        "slack:T1/U2",
        50,
    )
    assert approvals.use(db, token.id, "slack:T1/U3", 51) is Unusable.USED
    assert approvals.get(db, token.id).used_by == "slack:T1/U2"


def test_it_ends_at_its_time(db, request_id):
    token = make(db, request_id)
    assert approvals.use(db, token.id, "a", 100) is Unusable.EXPIRED
    assert approvals.use(db, token.id, "a", 99).used_by == "a"


def test_an_invented_one_does_nothing(db):
    assert approvals.use(db, "made-up", "a", 1) is Unusable.UNKNOWN


def test_buttons_of_one_choice_are_used_up_together_and_others_are_not(db, request_id):
    yes, no = (make(db, request_id, act, choice="decide") for act in ("approve", "deny"))
    alone = [make(db, request_id, "rollback"), make(db, request_id, "status")]
    approvals.use(db, no.id, "a", 20)
    assert approvals.use(db, yes.id, "b", 21) is Unusable.USED
    for token in alone:
        assert approvals.use(db, token.id, "b", 22).used_by == "b"


def test_what_was_decided_elsewhere_ends_its_buttons(db, request_id):
    token = make(db, request_id)
    assert approvals.expire(db, request_id, 20) == 1
    assert approvals.use(db, token.id, "a", 20) is Unusable.EXPIRED


def test_ids_say_nothing_and_fit_in_a_button(db, request_id):
    ids = {make(db, request_id).id for _ in range(50)}
    assert len(ids) == 50
    assert all(len(one) == 24 and request_id not in one for one in ids)


def test_an_edited_message_finds_its_unused_button_again(db, request_id):
    token = make(db, request_id, data={"n": 1})
    assert approvals.standing(db, request_id, "approve", {"n": 1}, 20) == token
    assert approvals.standing(db, request_id, "approve", {"n": 2}, 20) is None
    assert approvals.standing(db, request_id, "approve", {"n": 1}, 100) is None
    approvals.use(db, token.id, "a", 20)
    assert approvals.standing(db, request_id, "approve", {"n": 1}, 20) is None


@pytest.mark.parametrize("pressed", [0, 1])
def test_a_use_is_taken_back_with_the_others_of_its_choice(db, request_id, pressed):
    pair = [make(db, request_id, act, choice="decide") for act in ("approve", "deny")]
    alone = make(db, request_id, "rollback")
    for token in (pair[pressed], alone):
        approvals.use(db, token.id, "a", 20)
    assert approvals.release(db, pair[pressed].id)
    assert [approvals.get(db, one.id).used_at for one in (*pair, alone)] == [None, None, 20]
    assert not approvals.release(db, pair[pressed].id)
    assert not approvals.release(db, "made-up")
    assert approvals.release(db, alone.id)


def test_the_last_choice_is_known(db, request_id):
    assert approvals.chosen(db, request_id, "decide") is None
    first = make(db, request_id, choice="decide")
    approvals.use(db, first.id, "a", 20)
    assert approvals.chosen(db, request_id, "decide").used_at == 20
    later = make(db, request_id, choice="decide")
    approvals.use(db, later.id, "b", 30)
    assert approvals.chosen(db, request_id, "decide").id == later.id
    assert approvals.chosen(db, request_id, "other") is None
