"""Requests, their steps and processes."""

from __future__ import annotations

import pytest

from bot.store import processes, requests, steps
from bot.store.requests import State


def test_a_redelivery_finds_the_first_one(db, request_of):
    one = request_of(origin={"channel": "C1"}, params={"replicas": 2}, plan=None)
    assert requests.insert(db, one)
    assert not requests.insert(db, request_of(key=one.key))
    assert requests.by_key(db, one.key) == requests.get(db, one.id) == one
    assert requests.by_key(db, "other") is None
    assert requests.get(db, "other") is None


def test_a_second_request_with_the_same_id_is_a_mistake_and_not_a_redelivery(db, request_of):
    one = request_of()
    requests.insert(db, one)
    with pytest.raises(Exception, match=r"requests\.id"):
        requests.insert(db, request_of(id=one.id))


def test_a_transition_happens_once_and_only_from_where_it_was_expected(db, request_of):
    one = request_of()
    requests.insert(db, one)
    move = {"expect": {State.RECEIVED}, "acked_at": 5, "plan": {"a": [1]}}
    assert requests.transition(db, one.id, State.ACKED, **move)
    assert not requests.transition(db, one.id, "acked", **move)
    assert not requests.transition(db, "unknown", "acked", **move)
    now = requests.get(db, one.id)
    assert (now.state, now.acked_at, now.plan) == (State.ACKED, 5, {"a": [1]})
    assert requests.transition(db, one.id, "acked", expect=["acked"], fingerprint="f")


@pytest.mark.parametrize("column", ["key", "id", "actor", "nonsense", "state"])
def test_what_never_changes_cannot_be_changed(db, request_of, column):
    with pytest.raises(TypeError, match=column):
        requests.transition(db, "x", "acked", expect=["received"], **{column: "y"})


def test_an_unknown_state_is_refused(db, request_of):
    with pytest.raises(ValueError, match="flying"):
        requests.transition(db, "x", "flying", expect=["received"])


def test_only_what_has_not_ended_can_be_cancelled_and_only_once(db, request_of):
    one, ended = request_of(), request_of(state=State.DONE)
    for request in (one, ended):
        requests.insert(db, request)
    assert requests.ask_cancel(db, one.id, "slack:T1/U2", 7)
    assert not requests.ask_cancel(db, one.id, "slack:T1/U3", 8)
    assert not requests.ask_cancel(db, ended.id, "slack:T1/U2", 7)
    now = requests.get(db, one.id)
    assert (now.cancel_by, now.cancel_at) == ("slack:T1/U2", 7)


def test_find_gives_the_newest_first_and_filters(db, request_of):
    made = [
        request_of(),
        request_of(state=State.RUNNING, actor="os:h/bob"),
        request_of(cluster="prod", state=State.STUCK),
    ]
    for request in made:
        requests.insert(db, request)

    def ids(**filters):
        return [made.index(request) for request in requests.find(db, **filters)]

    assert ids() == [2, 1, 0]
    assert ids(limit=2) == [2, 1]
    assert ids(before=made[2].created_at) == [1, 0]
    assert ids(states={State.RUNNING, State.STUCK}) == [2, 1]
    assert ids(states=set()) == []
    assert ids(actor="os:h/bob") == [1]
    assert ids(cluster="prod", states={"stuck"}) == [2]


def test_counts_name_every_state(db, request_of):
    requests.insert(db, request_of())
    counts = requests.count_states(db)
    assert set(counts) == set(State)
    assert counts[State.RECEIVED] == 1
    assert sum(counts.values()) == 1


def test_ids_sort_by_time_and_differ_within_one_moment():
    ids = [requests.new_id(lambda t=t: requests.EPOCH + t) for t in (0, 1, 31, 32, 10**6, 10**15)]
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {14}
    assert len({requests.new_id(lambda: 5) for _ in range(200)}) > 195


def test_pruning_takes_what_ended_long_ago_with_its_steps_and_nothing_else(db, request_of, clock):
    old_done, old_stuck, old_running = (
        request_of(state=state) for state in (State.DONE, State.STUCK, State.RUNNING)
    )
    moment = clock()
    fresh = request_of(state=State.DONE)
    for request in (old_done, old_stuck, old_running, fresh):
        requests.insert(db, request)
        steps.begin(db, request.id, "patch", 1)
    assert requests.prune(db, moment) == 1
    assert {r.id for r in requests.find(db)} == {old_stuck.id, old_running.id, fresh.id}
    assert steps.listed(db, old_done.id) == []
    assert steps.listed(db, fresh.id) != []


def test_steps_keep_their_order_and_place_through_a_restart(db, request_of):
    one = request_of()
    requests.insert(db, one)
    steps.begin(db, one.id, "render", 10)
    assert steps.finish(db, one.id, "render", "done", 11, "3 objects")
    steps.begin(db, one.id, "apply", 12, "helm")
    steps.begin(db, one.id, "apply", 20, "helm again")
    assert steps.listed(db, one.id) == [
        steps.Step("render", "done", "3 objects", 10, 11),
        steps.Step("apply", "started", "helm again", 12, None),
    ]
    assert steps.finish(db, one.id, "apply", "failed", 21)
    assert steps.listed(db, one.id)[1] == steps.Step("apply", "failed", "helm again", 12, 21)
    assert not steps.finish(db, one.id, "never", "done", 22)


def test_processes_are_remembered_per_step(db, request_of):
    one = request_of()
    requests.insert(db, one)
    processes.record(db, one.id, "apply", 100, 555, 1)
    processes.record(db, one.id, "apply", 101, 556, 2)
    processes.record(db, one.id, "rollback", 102, 557, 3)
    assert [p.pid for p in processes.for_request(db, one.id)] == [101, 102]
    assert processes.clear(db, one.id, "apply") == 1
    assert processes.clear(db, one.id) == 1
    assert processes.for_request(db, one.id) == []
