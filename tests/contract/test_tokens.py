"""Who asks: tokens of service accounts, and what happens without a good one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.contract.client import Api
from tests.contract.conftest import Cluster
from tests.contract.people import WHOAMI, People, token_request

UNAUTHORIZED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "Unauthorized",
    "reason": "Unauthorized",
    "code": 401,
}


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_nobody_known_is_refused(api: Api, token: str) -> None:
    said = await api.bearing(token).fails("GET", api.path("pods"), expect=401)
    assert said == UNAUTHORIZED


async def test_nobody_known_cannot_pass_for_somebody(api: Api) -> None:
    stranger = api.bearing("garbage").acting("admin", "system:masters")
    assert await stranger.fails("GET", api.path("pods"), expect=401) == UNAUTHORIZED


async def test_what_a_token_request_answers(
    api: Api, cluster: Cluster, people: People, differs: Callable[[str], None]
) -> None:
    await people.account()
    account = await api("GET", api.path("serviceaccounts", "bot"))
    path = api.path("serviceaccounts", "bot", "token")
    made = await api("POST", path, token_request(expirationSeconds=900), expect=201)
    meta = made["metadata"]
    assert (meta["name"], meta["namespace"]) == ("bot", api.namespace)
    if cluster.minor < 34:
        differs("it does not tell the account's uid")
        assert "uid" not in meta
    else:
        assert meta["uid"] == account["metadata"]["uid"]
    assert made["spec"] == {
        "audiences": ["https://kubernetes.default.svc"],
        "expirationSeconds": 900,
        "boundObjectRef": None,
    }
    assert set(made["status"]) == {"token", "expirationTimestamp"}


async def test_a_token_stands_for_its_account(api: Api, people: People) -> None:
    bot = await people.account()
    account = await api("GET", api.path("serviceaccounts", "bot"))
    who = (await bot("POST", WHOAMI, {}, expect=201))["status"]["userInfo"]
    assert (who["username"], who["uid"]) == (people.name(), account["metadata"]["uid"])
    assert who["groups"] == [
        "system:serviceaccounts",
        f"system:serviceaccounts:{api.namespace}",
        "system:authenticated",
    ]
    (credential,) = who["extra"]["authentication.kubernetes.io/credential-id"]
    assert credential.startswith("JTI=")


async def test_a_token_that_was_changed(api: Api, people: People) -> None:
    await people.account()
    head, _, signature = (await people.token()).rpartition(".")
    other = "A" if signature[0] != "A" else "B"
    changed = api.bearing(f"{head}.{other}{signature[1:]}")
    await changed.fails("POST", WHOAMI, {}, expect=401)


async def test_a_token_for_another_audience(api: Api, people: People) -> None:
    await people.account()
    token = await people.token(audiences=["vault"])
    await api.bearing(token).fails("POST", WHOAMI, {}, expect=401)


async def test_a_token_ends_with_its_account(api: Api, people: People) -> None:
    bot = await people.account()
    await api("DELETE", api.path("serviceaccounts", "bot"))
    await _refused(bot)
    await people.account()
    await bot.fails("POST", WHOAMI, {}, expect=401)


async def _refused(bot: Api) -> None:
    """Waits, for servers remember good tokens, and which accounts there are, for a while."""
    async with asyncio.timeout(60):
        while await bot("POST", WHOAMI, {}, expect=(201, 401)) != UNAUTHORIZED:
            await asyncio.sleep(0.2)


async def test_a_token_for_nobody(api: Api) -> None:
    path = api.path("serviceaccounts", "no", "token")
    said = await api.fails("POST", path, token_request(), expect=404)
    assert said["message"] == 'serviceaccounts "no" not found'


@pytest.mark.parametrize(
    ("seconds", "why"),
    [
        (599, "may not specify a duration less than 10 minutes"),
        (2**32 + 1, "may not specify a duration larger than 2^32 seconds"),
    ],
)
async def test_a_lifetime_that_is_not_allowed(
    api: Api, people: People, seconds: int, why: str
) -> None:
    await people.account()
    path = api.path("serviceaccounts", "bot", "token")
    said = await api.fails("POST", path, token_request(expirationSeconds=seconds), expect=422)
    assert said["message"] == (
        'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: '
        f"Invalid value: {seconds}: {why}"
    )


async def test_tokens_are_not_read_back(api: Api, people: People) -> None:
    await people.account()
    said = await api.fails("GET", api.path("serviceaccounts", "bot", "token"), expect=405)
    assert said["reason"] == "MethodNotAllowed"
