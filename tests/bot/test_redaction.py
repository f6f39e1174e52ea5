"""Secrets do not get through, and ordinary text does."""

from __future__ import annotations

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.redaction import MARK, Redactor

SLACK_TOKEN = "xox" + "b-1234567890-abcdefABCDEF"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2", f"password={MARK}"),
        ("DB_PASSWORD: 'two words'", f"DB_PASSWORD: {MARK}"),
        ("--set auth.rootPassword=abc,replicas=3", f"--set auth.rootPassword={MARK},replicas=3"),
        ('{"masterKey": "abc\\"def", "n": 1}', f'{{"masterKey": {MARK}, "n": 1}}'),
        ("--token abc rest", f"--token {MARK} rest"),
        (f"using {SLACK_TOKEN} now", f"using {MARK} now"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MARK}"),
        ("got bearer abcdefghijklmnopqrstuv", f"got bearer {MARK}"),
        ("https://u:p@ss@host/x", f"https://u:{MARK}@host/x"),
        ("mongodb://root:s3cr:et@db:27017/x", f"mongodb://root:{MARK}@db:27017/x"),
        ("AKIA" + "ABCDEFGHIJKLMNOP", MARK),
        ("ghp_" + "a" * 36, MARK),
        ("eyJhbGciOiJS.eyJzdWIiOiJh.c2lnbmF0dXJl", MARK),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
            f"a\n{MARK}\nb",
        ),
        ("-----BEGIN PRIVATE KEY-----\ncut off", MARK),
    ],
)
def test_what_looks_like_a_secret_is_hidden(redactor, text, expected):
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "scale mongodb 2",
        "The Secret parse-credentials is kept",
        "Basic understanding of tokens helps",
        "https://charts.example.com/parse:1.2@sha256",
        "keys: a, b",
        "key=value image=parse:8.2.0",
        "",
        "Grüße ≤ 3 🙂",
    ],
)
def test_ordinary_text_is_left_alone(redactor, text):
    assert redactor.text(text) == text


secrets = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=4, max_size=20
).filter(lambda value: value.lower() not in MARK and MARK not in value.lower())


@given(st.lists(secrets, min_size=1, max_size=4), st.text(max_size=10))
def test_a_known_value_is_hidden_wherever_it_stands(values, around):
    redactor = Redactor()
    redactor.register(*values)
    longest = max(values, key=len)
    cleaned = redactor.text(f"{longest}{around}{longest}")
    assert longest not in cleaned.replace(MARK, "\0") or longest in around
    encoded = base64.b64encode(longest.encode()).decode()
    assert encoded not in redactor.text(f"data: <{encoded}>")


def test_values_too_short_to_tell_from_words_are_not_registered(redactor):
    redactor.register("", "abc")
    assert redactor.text("abc") == "abc"


def test_data_is_cleaned_by_content_and_by_name(redactor):
    redactor.register("s3cretvalue")
    data = {
        "password": "x",
        "apiKey": 12345,
        "token": None,
        "nested": [{"note": "it is s3cretvalue"}, ("a", True, 2.5)],
        "replicas": 3,
        "s3cretvalue": "as a name",
    }
    assert redactor.data(data) == {
        "password": MARK,
        "apiKey": MARK,
        "token": None,
        "nested": [{"note": f"it is {MARK}"}, ["a", True, 2.5]],
        "replicas": 3,
        MARK: "as a name",
    }
    assert redactor.processor(None, "info", {"event": "password=x", "n": 1}) == {
        "event": f"password={MARK}",
        "n": 1,
    }


@given(st.text(alphabet=st.characters(), max_size=30))
def test_whatever_comes_in_the_result_can_be_stored(text):
    cleaned = Redactor().text(text + "\ud800\0")
    json.dumps(cleaned, ensure_ascii=False).encode("utf-8")
    assert "\0" not in cleaned


def test_long_awkward_text_takes_no_quadratic_time(redactor):
    start = time.process_time()
    for piece in ("a.", "password", "-", "eyJ", "a=", "http://", "--token"):
        redactor.text(piece * (50_000 // len(piece)))
    assert time.process_time() - start < 10
