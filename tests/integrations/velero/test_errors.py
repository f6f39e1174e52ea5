"""What the store said, in few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.velero.errors import store_cause

CAUSES = {
    "no-bucket": "no such bucket",
    "unreach": "the store cannot be reached",
    "nohost": "the store's address is unknown",
    "badkey": "the store does not accept the key",
    "wrongkey": "the store does not accept the key",
    "plugin": "Velero lacks the plugin for this kind of store",
    "tls": "the store speaks http, but its address says https",
    "nosecret": "Velero has no key for the store: the Secret that the location names lacks it",
}


@pytest.mark.parametrize("what", CAUSES)
def test_messages_of_the_real_server(recorded: Callable[[str], Any], what: str) -> None:
    assert store_cause(recorded("store-messages")[what]) == CAUSES[what]


def test_every_recorded_message_is_known(recorded: Callable[[str], Any]) -> None:
    assert set(recorded("store-messages")) == set(CAUSES)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("api error AccessDenied: Access Denied.", "the store denies access"),
        ("x509: certificate signed by unknown authority", "the store's certificate is not trusted"),
        (
            "Backup store contains invalid top-level directories: unexpected top-level "
            "directories [x]",
            "the bucket's folder holds other things; give Velero a prefix of its own",
        ),
        ("XMinioStorageFull: Storage backend has reached its limit", "the store is full"),
        (
            "backup deletion failed: cannot delete backup because backup storage location default "
            "is currently in read-only mode",
            "its storage location is read-only",
        ),
        (
            'BackupStorageLocation "a" is unavailable: rpc error: code = Unknown desc = something '
            "new",
            "something new",
        ),
    ],
)
def test_other_messages(message: str, cause: str) -> None:
    assert store_cause(message) == cause


@given(st.text())
def test_a_cause_is_short(message: str) -> None:
    assert len(store_cause(message)) <= 160
    assert "\n" not in store_cause(message)
