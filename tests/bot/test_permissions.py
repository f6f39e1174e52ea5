"""Who may do what, and the reasons people are given."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.permissions import Ask, Policy, PolicyCache, Subject, check_rule, decide, visible
from bot.spec import Role
from bot.store.roles import Grant, Rule

COMMANDS = {
    "help": Role.ANYONE,
    "status": Role.VIEWER,
    "scale": Role.OPERATOR,
    "deploy": Role.OPERATOR,
    "node drain": Role.OPERATOR,
    "role grant": Role.ADMIN,
}
PARAMS = {
    name: {"replicas": int, "name": str} if name == "scale" else {"name": str} for name in COMMANDS
}
ADA = Subject("slack:T1/U1", "ada", ("slack-group:T1/S1",))
GUEST = replace(ADA, guest=True)
STRANGER = replace(ADA, external=True)
SCALE = Ask("scale", "lab", "parse", "parse", "C1", {"replicas": 3})


def granted(subject: str, role: str) -> Grant:
    return Grant(subject, role, "os:h/root", "root", 1)


def policy(*items: Grant | Rule, admins: tuple[str, ...] = ()) -> Policy:
    return Policy.build(
        COMMANDS,
        [item for item in items if isinstance(item, Grant)],
        [item for item in items if isinstance(item, Rule)],
        admins,
    )


def test_nothing_is_allowed_by_default_but_what_everybody_may():
    decision = decide(policy(), ADA, SCALE)
    assert not decision.allowed
    assert decision.would_allow == ("role operator",)
    assert decision.reason == (
        "`scale` needs role operator, and you have none. Ask an admin for that role."
    )
    assert decide(policy(), ADA, Ask("help")).allowed


@pytest.mark.parametrize("subject", ["slack:T1/U1", "person:ada", "slack-group:T1/S1"])
def test_a_role_is_had_by_user_person_or_group_and_said(subject):
    decision = decide(policy(granted(subject, "operator")), ADA, SCALE)
    assert decision.allowed
    assert decision.reason == f"Role operator (from {subject}) may run `scale`."


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("viewer", {"help", "status"}),
        ("operator", {"help", "status", "scale", "deploy", "node drain"}),
        ("admin", set(COMMANDS)),
    ],
)
def test_a_built_in_role_follows_from_the_declarations(role, allowed):
    built = policy(granted(ADA.actor, role))
    assert {name for name in COMMANDS if decide(built, ADA, Ask(name)).allowed} == allowed
    assert set(visible(built, ADA)) == allowed


def test_the_first_admin_comes_from_the_configuration():
    decision = decide(policy(admins=("slack:T1/U1",)), ADA, Ask("role grant"))
    assert decision.allowed
    assert "the configuration" in decision.reason


def test_an_unknown_command_is_denied():
    assert "no command" in decide(policy(admins=(ADA.actor,)), ADA, Ask("fly")).reason


DEPLOYER = Rule("deployer", None, "scale", condition="replicas <= 10", id=7)


def test_a_custom_role_allows_what_its_rules_say_and_names_the_rule():
    built = policy(granted(ADA.actor, "deployer"), DEPLOYER)
    decision = decide(built, ADA, SCALE)
    assert (decision.allowed, decision.rule) == (True, 7)
    assert decision.reason == ("Rule 7 allows it: role deployer may run scale when replicas <= 10.")
    assert not decide(built, ADA, Ask("deploy")).allowed


def test_a_missed_limit_is_told_first():
    built = policy(granted(ADA.actor, "deployer"), DEPLOYER)
    decision = decide(built, ADA, replace(SCALE, params={"replicas": 11}))
    assert decision.would_allow == (
        "rule 7 within its limits (role deployer may run scale when replicas <= 10)",
        "role operator",
    )
    assert "you have deployer" in decision.reason


def test_a_role_that_would_allow_it_is_named_only_if_it_would():
    built = policy(DEPLOYER, replace(DEPLOYER, role="small", condition="replicas <= 2", id=8))
    assert decide(built, ADA, SCALE).would_allow == ("role operator", "role deployer")


@pytest.mark.parametrize(
    ("field", "glob", "other"),
    [
        ("command", "sc*", "deploy"),
        ("cluster", "la?", "prod"),
        ("namespace", "parse*", "default"),
        ("app", "parse", "mongodb"),
        ("channel", "C1", "C2"),
    ],
)
def test_every_limit_of_a_rule_counts(field, glob, other):
    built = policy(Rule(None, ADA.actor, **{"command": "*", field: glob}, id=1))
    assert decide(built, ADA, SCALE).allowed
    assert not decide(built, ADA, replace(SCALE, **{field: other})).allowed


@pytest.mark.parametrize("outsider", [GUEST, STRANGER])
class TestOutsiders:
    @pytest.mark.parametrize(
        "how",
        [
            (granted(ADA.actor, "admin"),),
            (granted("slack-group:T1/S1", "admin"),),
            (granted(ADA.actor, "deployer"), DEPLOYER),
            (Rule(None, "slack-group:T1/S1", "*", id=1),),
            (Rule(None, "person:ada", "*", id=1),),
        ],
    )
    def test_roles_groups_and_persons_let_nobody_in(self, outsider, how):
        for command in COMMANDS:
            assert not decide(policy(*how), outsider, replace(SCALE, command=command)).allowed
        assert visible(policy(*how), outsider) == []

    def test_a_rule_that_names_them_does(self, outsider):
        built = policy(Rule(None, ADA.actor, "scale", id=1))
        assert decide(built, outsider, SCALE).rule == 1
        assert visible(built, outsider) == ["scale"]

    def test_the_denial_says_so(self, outsider):
        decision = decide(policy(), outsider, SCALE)
        assert decision.would_allow == ("a rule for slack:T1/U1",)
        assert ("guest" in decision.reason) == outsider.guest

    def test_the_configuration_may_name_them_but_not_their_group(self, outsider):
        assert decide(policy(admins=(ADA.actor,)), outsider, Ask("role grant")).allowed
        assert not decide(policy(admins=("slack-group:T1/S1",)), outsider, SCALE).allowed


globs = st.sampled_from(["*", "scale", "deploy", "node *", "s*"])
rules = st.builds(
    Rule,
    role=st.sampled_from(["deployer", "viewer", "ghost"]),
    subject=st.none(),
    command=globs,
    cluster=st.sampled_from(["*", "lab", "prod"]),
    condition=st.sampled_from(["", "replicas <= 10", "replicas > 2"]),
    id=st.integers(1, 5),
)
asks = st.builds(
    Ask,
    command=st.sampled_from(list(COMMANDS)),
    cluster=st.sampled_from(["lab", "prod"]),
    params=st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 20)}),
)
grants = st.lists(st.sampled_from(["viewer", "operator", "deployer"]), max_size=2, unique=True)


@given(st.lists(rules, max_size=5), rules, grants, asks, st.randoms())
def test_order_never_matters_and_a_rule_never_takes_away(some, extra, roles, ask, random):
    given_roles = [granted(ADA.actor, role) for role in roles]
    before = decide(policy(*given_roles, *some), ADA, ask).allowed
    shuffled = list(some)
    random.shuffle(shuffled)
    assert decide(policy(*given_roles, *shuffled), ADA, ask).allowed == before
    more = policy(*given_roles, *some, extra)
    assert decide(more, ADA, ask).allowed >= before
    if decide(more, ADA, ask).allowed:
        assert ask.command in visible(more, ADA)


def test_help_shows_what_is_possible_somewhere_but_not_elsewhere():
    built = policy(granted(ADA.actor, "deployer"), replace(DEPLOYER, cluster="prod", channel="C1"))
    assert visible(built, ADA, channel="C1") == ["help", "scale"]
    assert visible(built, ADA, channel="C2") == ["help"]
    assert visible(built, ADA, ["scale", "status"], channel="C1") == ["scale"]


class TestNewRules:
    def test_a_good_one_passes(self):
        assert check_rule(DEPLOYER, PARAMS, COMMANDS) == ""

    def test_one_for_no_command_is_refused(self):
        with pytest.raises(UsageError, match="no command is named 'sclae'"):
            check_rule(replace(DEPLOYER, command="sclae"), PARAMS, COMMANDS)

    def test_a_condition_must_fit_every_command_it_is_for(self):
        with pytest.raises(UsageError, match="no argument 'replicas'"):
            check_rule(replace(DEPLOYER, command="*"), PARAMS, COMMANDS)

    def test_one_that_adds_nothing_says_so(self):
        said = check_rule(replace(DEPLOYER, role="operator"), PARAMS, COMMANDS)
        assert "operator may do that already" in said
        assert check_rule(replace(DEPLOYER, role="viewer"), PARAMS, COMMANDS) == ""


def test_the_cache_loads_again_only_when_the_version_moves():
    loaded: list[Policy] = []

    def load() -> Policy:
        loaded.append(policy())
        return loaded[-1]

    cache = PolicyCache(load)
    assert cache.get(1) is cache.get(1)
    assert cache.get(2) is loaded[1]
    assert len(loaded) == 2
