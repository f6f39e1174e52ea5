"""Whom a drill's binding names."""

from __future__ import annotations

import pytest

from bot.recovery.drills.rights import binding


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        (
            "system:serviceaccount:onprem:bot",
            {"kind": "ServiceAccount", "name": "bot", "namespace": "onprem"},
        ),
        (
            "oidc:ann",
            {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "oidc:ann"},
        ),
    ],
)
def test_the_binding_is_for_the_account_alone(user: str, subject: dict[str, str]) -> None:
    body = binding("parse-drill-1", "job", user)
    assert body["subjects"] == [subject]
    assert body["roleRef"]["name"] == "onprem-app"
    assert body["metadata"]["namespace"] == "parse-drill-1"
    assert body["metadata"]["labels"] == {"onprem.io/drill": "job"}
