"""Every spelling people and phones produce, and one sentence with a usage line for the rest."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import Arg, Command, Document, Effect, Plan, Role, Target, UsageError, command
from bot.grammar import Parsed, complete, help_document, line, parse, quote, split, usage_text
from bot.names import check_name, check_set, check_tag
from bot.render.document import Code, Table


@dataclass(frozen=True, slots=True)
class Scale:
    name: Annotated[str, Arg("App or workload", complete="workloads", check=check_name)]
    replicas: Annotated[int, Arg("How many pods", minimum=0, maximum=1000)]
    grace: Annotated[int, Arg("Seconds per pod", flag=True, short=("-g",))] = 30
    cluster: Annotated[str, Arg("Cluster", flag=True, complete="clusters")] = ""
    reset: Annotated[bool, Arg("Forget overrides", flag=True)] = False


@dataclass(frozen=True, slots=True)
class Deploy:
    app: Annotated[str, Arg("App to deploy", complete="apps", check=check_name)]
    version: Annotated[str | None, Arg("Image tag", flag=True, metavar="TAG", check=check_tag)] = (
        None
    )
    set: Annotated[tuple[str, ...], Arg("A value", flag=True, check=check_set)] = ()
    password: Annotated[str, Arg("A secret", flag=True, secret=True, check=check_name)] = ""


@dataclass(frozen=True, slots=True)
class Grant:
    role: Annotated[str, Arg("Role", choices=("viewer", "operator", "admin"))]
    who: Annotated[str, Arg("Whom")]


@dataclass(frozen=True, slots=True)
class CanI:
    words: Annotated[tuple[str, ...], Arg("A command", rest=True, complete="commands")]
    cluster: Annotated[str, Arg("Cluster", flag=True)] = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


def _target(scope: Any, p: Any) -> Target:
    return Target("lab")


async def _plan(ctx: Any, p: Any) -> Plan:
    return Plan("x", {})


def _change(name: str, params: type[Any], **kwargs: Any) -> Command[Any, Any]:
    async def run(ctx: Any, p: Any, op: Any) -> None:
        """Change something.

        With a second
        paragraph.
        """

    return command(
        name,
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        params=params,
        view=lambda result, now: Document(),
        target=_target,
        plan=_plan,
        **kwargs,
    )(run)


def _read(name: str, params: type[Any], **kwargs: Any) -> Command[Any, Any]:
    async def run(ctx: Any, p: Any) -> None:
        """Look at something."""

    return command(
        name,
        effect=Effect.READ,
        role=Role.ANYONE,
        params=params,
        view=lambda result, now: Document(),
        **kwargs,
    )(run)


COMMANDS = (
    _change("scale", Scale, examples=("scale mongodb 2",)),
    _change("deploy", Deploy, aliases=("ship", "roll out")),
    _change("role grant", Grant),
    _read("role list", Nothing),
    _read("can-i", CanI),
    _read("help", Nothing),
    _read("backup schedule list", Nothing),
)


def ask(given: str | list[str], **kwargs: Any) -> Any:
    return parse(given, COMMANDS, prefix="/onprem", **kwargs)


def refusal(given: str | list[str], **kwargs: Any) -> str:
    with pytest.raises(UsageError) as caught:
        ask(given, **kwargs)
    text = str(caught.value)
    assert text.count("Usage: /onprem") == 1, text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "text",
    [
        "scale mongodb 2 --grace 5",
        "scale mongodb --grace=5 2",
        "scale --grace 5 mongodb 2",
        "scale “mongodb” 2 —grace 5",
        "scale ‘mongodb’ 2 –grace 5",
        "Scale mongodb\u00a02 -grace 5",
        "scale mongodb 2 -g 5",
        "scale mongodb 2\n ———grace 5",
        "scale\u200b mongo\u200bdb 02 --grace=“5”",
        "scale <http://mongodb|mongodb> 2 --grace 5",
        "scale -grace=5 -- mongodb 2",
    ],
)
def test_spellings_of_one_request(text: str) -> None:
    parsed = ask(text)
    assert parsed.command.name == "scale"
    assert parsed.params == Scale("mongodb", 2, 5)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("-1", "REPLICAS must be at least 0, not “-1”"),
        ("−1", "REPLICAS must be at least 0, not “-1”"),
        ("—1", "REPLICAS must be at least 0, not “-1”"),
        ("two", "REPLICAS must be a whole number in digits, not “two”"),
        ("1e9", "REPLICAS must be a whole number in digits, not “1e9”"),
        ("1.5", "REPLICAS must be a whole number in digits, not “1.5”"),
        ("-1.5", "REPLICAS must be a whole number in digits, not “-1.5”"),
        ("٣", "REPLICAS must be a whole number in digits, not “٣”"),
        ("+3", "REPLICAS must be a whole number in digits, not “+3”"),
        ("1_0", "REPLICAS must be a whole number in digits, not “1_0”"),
        ("0x10", "REPLICAS must be a whole number in digits, not “0x10”"),
        ("1001", "REPLICAS must be at most 1000, not “1001”"),
        ("9" * 5000, "REPLICAS must be at most 1000, not “999"),
        ('""', "REPLICAS is empty"),
    ],
)
def test_numbers_that_are_none(value: str, sentence: str) -> None:
    assert refusal(f"scale mongodb {value}").startswith(sentence)
    assert refusal(f"scale mongodb {value} -g 1").startswith(sentence)


def test_a_negative_value_of_a_flag_has_the_same_sentence() -> None:
    assert refusal("scale m 1 --grace -5").startswith("--grace must be at least 0, not “-5”")
    assert refusal("scale m 1 --grace=-5").startswith("--grace must be at least 0, not “-5”")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("depoly parse", "There is no command “depoly”: did you mean “deploy”?"),
        ("xyzzy", "There is no command “xyzzy”"),
        ("role", "“role” needs one more word: use grant, list"),
        (
            "role grnt a b",
            "There is no command “role grnt”: use grant, list; did you mean “grant”?",
        ),
        ("backup schedul list", "There is no command “backup schedul”: use schedule; did you mean"),
        ("deploy", "APP (app to deploy) is missing"),
        ("scale", "NAME (app or workload) and REPLICAS (how many pods) are missing"),
        ("deploy parse extra", "There is more than the command takes: “extra”"),
        ("deploy parse --versoin 1", "There is no flag “--versoin”: did you mean “--version”?"),
        ("deploy parse --zzz", "There is no flag “--zzz”: a value that begins with a dash goes"),
        ("deploy parse --version", "--version needs a value"),
        ("deploy parse --dry-run=yes", "--dry-run takes no value"),
        ("deploy parse --version 1 --version 2", "--version is given 2 times"),
        ("deploy parse --version a:b", "--version is wrong: “a:b” is not an image tag"),
        ("deploy Parse", "APP is wrong: “Parse” is not a name: use lower-case"),
        ("deploy parse --set x", "--set is wrong: “x” sets nothing"),
        ("deploy -- -x", "APP is wrong: “-x” is not a name"),
        ("role grant vewer bob", "“vewer” is no ROLE: use viewer, operator, admin; did you mean"),
        ("deploy 'parse", "A quote is not closed: “'parse”"),
        ("deploy parse\x07", "The text holds a control character (U+0007)"),
        ("deploy parse --yes", "--yes works in a terminal only"),
        ("role list --dry-run", "There is no flag “--dry-run”"),
        ("can-i deploy parse --clutser lab", "There is no flag “--clutser”: did you mean"),
    ],
)
def test_one_sentence_for_each_mistake(text: str, sentence: str) -> None:
    assert refusal(text).startswith(sentence)


def test_help_itself_is_not_needed_for_an_empty_line() -> None:
    commands = [c for c in COMMANDS if c.name != "help"]
    with pytest.raises(UsageError, match="No command was given"):
        parse("", commands)
    assert ask("--help").command.name == "help"


def test_universal_flags() -> None:
    parsed = ask("deploy parse --dry-run --confirm parse")
    assert (parsed.dry_run, parsed.confirm, parsed.help) == (True, "parse", False)
    parsed = ask(["deploy", "parse", "--yes", "--json"], terminal=True)
    assert (parsed.yes, parsed.json) == (True, True)
    for text in ("deploy --help", "deploy -h", "deploy —help", "deploy a b c --nonsense --help"):
        assert ask(text).help
        assert ask(text).params is None
    assert not ask("deploy parse --set a.b=--help").help


def test_values_keep_what_phones_did_not_do() -> None:
    parsed = ask("deploy parse --set=a.b=“x — y” --set c=don’t --set d=&lt;&amp;&gt;")
    assert parsed.params.set == ("a.b=x — y", "c=don’t", "d=<&>")
    assert ask('role grant viewer "it\'s “me” —now"').params.who == "it's “me” —now"
    assert ask("deploy parse --set -opt=1").params.set == ("-opt=1",)


def test_slack_mentions_and_links() -> None:
    assert ask("role grant viewer <@U123|bob>").params.who == "<@U123>"
    assert ask("role grant viewer <!subteam^S1|@ops>").params.who == "<!subteam^S1>"
    assert ask("role grant viewer <#C12|general>").params.who == "<#C12>"
    assert ask("role grant viewer <https://x.y/z>").params.who == "https://x.y/z"
    assert ask("role grant viewer <https://x.y/z|click here>").params.who == "https://x.y/z"
    assert ask("role grant viewer <mailto:a@b.c|a@b.c>").params.who == "a@b.c"


def test_aliases_and_names_of_several_words() -> None:
    assert ask("ship parse").command.name == "deploy"
    assert ask("roll out parse").params.app == "parse"
    assert ask("backup schedule list").command.name == "backup schedule list"
    assert ask("ROLE List").command.name == "role list"


def test_remaining_words_may_be_a_command_with_flags() -> None:
    parsed = ask("can-i deploy parse --version 2 --cluster lab")
    assert parsed.params == CanI(("deploy", "parse", "--version", "2"), "lab")


def test_a_secret_value_is_not_repeated() -> None:
    assert "HUNTER2" not in refusal("deploy parse --password HUNTER2")
    parsed = ask("deploy parse --password hunter2")
    assert "hunter2" not in line(parsed)


def test_a_terminals_words_are_taken_as_they_are() -> None:
    assert ask(["role", "grant", "viewer", "“a b”"]).params.who == "“a b”"
    assert ask(["deploy", "parse", "-version", "1"]).params.version == "1"
    assert "U+DCFF" in refusal(["deploy", "a\udcff"])


def test_help_tells_usage_parameters_and_who() -> None:
    assert usage_text(COMMANDS[0], "/onprem ") == (
        "Usage: /onprem scale NAME REPLICAS [--grace GRACE] [--cluster CLUSTER] [--reset]"
    )
    document = help_document(COMMANDS[0], "/onprem")
    assert document.headline == "/onprem scale: Change something"
    table = next(e for e in document.elements if isinstance(e, Table))
    assert ("REPLICAS", "How many pods. From 0 to 1000.") in table.rows
    assert ("--grace, -g GRACE", "Seconds per pod. Default: 30.") in table.rows
    assert ("--dry-run", "Show what would happen, and stop.") in table.rows
    assert "/onprem scale mongodb 2" in [e.text for e in document.elements if isinstance(e, Code)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["backup", "can-i", "deploy", "help", "role", "scale"]),
        ("de", ["deploy"]),
        ("role ", ["grant", "list"]),
        ("backup schedule ", ["list"]),
        ("role grant ", ["admin", "operator", "viewer"]),
        ("role grant o", ["operator"]),
        ("deploy p", ["parse"]),
        ("ship ", ["parse", "web"]),
        ("scale ", ["mongodb"]),
        ("scale mongodb ", []),
        ("scale mongodb 2 --cl", ["--cluster"]),
        ("scale mongodb 2 --cluster ", ["lab", "prod"]),
        ("scale mongodb 2 --cluster=p", ["--cluster=prod"]),
        ("scale --grace 5 m", ["mongodb"]),
        (
            "deploy parse --version x --",
            ["--confirm", "--dry-run", "--help", "--password", "--set"],
        ),
        ('deploy "pa', ["parse"]),
        ("nonsense ", []),
    ],
)
def test_completion(text: str, expected: list[str]) -> None:
    lists = {"apps": ["parse", "web"], "workloads": ["mongodb"], "clusters": ["lab", "prod"]}
    assert complete(text, COMMANDS, lists) == expected


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs")))))
def test_quoting_goes_round(words: list[str]) -> None:
    assert split(quote(words)) == words


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1),
    st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs"))).map(lambda v: f"a.b={v}")),
)
def test_a_written_line_is_read_back(who: str, sets: list[str]) -> None:
    for name, params in (
        ("role grant", Grant("viewer", who)),
        ("deploy", Deploy("a", set=(*sets,))),
    ):
        request = Parsed(next(c for c in COMMANDS if c.name == name), params, (), dry_run=True)
        text = line(request).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert ask(text).params == params
        assert ask(text).dry_run


PIECES = (
    *("scale", "deploy", "role", "grant", "can-i", "--", "-", "--set", "--grace", "--help", "-x"),
    *("=", '"', "“", "'", "’", "—", "\\", "-1", "<@U1|b>", "&lt;", "\u00a0", " ", "\n", "\0"),
)
_pieces = st.one_of(st.sampled_from(PIECES), st.text(max_size=5), st.just("\ud800"))


def outcome(given: str | list[str], **kwargs: Any) -> bool:
    """Whether it became a request, or an error with a usage line."""
    try:
        parsed = ask(given, **kwargs)
    except UsageError as error:
        return "Usage: " in str(error)
    return parsed.help or parsed.params is not None


@given(st.lists(_pieces).map(" ".join))
def test_no_text_raises_anything_but_a_usage_error(text: str) -> None:
    complete(text, COMMANDS, {})
    assert outcome(text)


@given(st.lists(_pieces))
def test_no_words_raise_anything_but_a_usage_error(words: list[str]) -> None:
    assert outcome(words, terminal=True)


def test_importing_the_grammar_loads_nothing_heavy() -> None:
    heavy = ["pydantic", "rich", "yaml", "slack_sdk", "kubernetes", "aiohttp"]
    script = f"import sys, bot.grammar; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
