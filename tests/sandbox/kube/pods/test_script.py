"""What the practice world's mongosh can read, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.kube.pods.mongo.evaluate import Evaluator, Host, Thrown
from sandbox.kube.pods.mongo.syntax import ScriptError
from sandbox.kube.pods.mongo.values import UNDEFINED, Long, dumps, extended, plain, shown


def run(text: str, **names: Any) -> Any:
    return Evaluator(names).run(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2", 3),
        ("'a' + 1", "a1"),
        ("'a' + true", "atrue"),
        ('"x\\n\\u0041"', "x\nA"),
        ("({a: 1, 'b': [1, 2,],})", {"a": 1, "b": [1, 2]}),
        ("const a = {b: {c: 3}}; a.b.c", 3),
        ("const a = [1, 2]; a[1] + a.length", 4),
        ("let x = 1; x = x + 1; x", 2),
        ("true && null", None),
        ("0 || 'no'", "no"),
        ("null ?? 5", 5),
        ("0 ?? 5", 0),
        ("!({})", False),
        ("1 === 1.0 && 1 !== '1'", True),
        ("true === 1", False),
        ("3 > 2 ? 'yes' : 'no'", "yes"),
        ("-1", -1),
        ("typeof 'a'", "string"),
        ("const o = {}; o.missing", UNDEFINED),
        ("const o = {}; o.a?.b", UNDEFINED),
        ("if (false) 1; else { 2 }", 2),
        ("try { throw 'x' } catch (e) { e }", "x"),
        ("try { 1 } catch { 2 }", 1),
        ("// nothing\n/* at all */", UNDEFINED),
        ("1\n2", 2),
    ],
)
def test_what_it_runs(text: str, value: Any) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("for (const x of []) {}", "'for' in line 1 is more than it can run"),
        ("\nfunction f() {}", "'function' in line 2"),
        ("[1].map(x => x)", "expected ')', not '=>'"),
        ("await 1", "'await'"),
        ("nobody.knows", "nobody is not known"),
        ("host.other()", "host.other is not known"),
        ("1 2", "'2' in line 1"),
        ("a.b = 1", "only a name can be assigned to"),
        ("{", "the end"),
        ("'open", "cannot read"),
        ("host.call(1, 2)", "host.call was called in a way it does not know"),
        ("`${1}`", "cannot read"),
    ],
)
def test_what_it_refuses_and_how_it_says_so(text: str, says: str) -> None:
    with pytest.raises(ScriptError) as error:
        run(text, host=Host("host", {"call": lambda: 1}), a={})
    assert says in str(error.value)


def test_reading_from_nothing_is_the_scripts_own_error() -> None:
    with pytest.raises(Thrown) as error:
        run("null.x")
    assert error.value.value["message"] == "Cannot read properties of null (reading 'x')"


def test_the_three_ways_to_write_a_value() -> None:
    value = {"term": Long(1), "none": UNDEFINED, "text": "ä"}
    assert dumps(plain(value)) == '{"term":{"low":1,"high":0,"unsigned":false},"text":"ä"}'
    assert dumps(extended(value)) == '{"term":1,"text":"ä"}'
    assert shown({"ok": 1, "t": Long(5), "a-b": ["x"]}) == "{ ok: 1, t: Long('5'), 'a-b': [ 'x' ] }"
    assert shown({"key": "v" * 80}) == "{\n  key: '" + "v" * 80 + "'\n}"
