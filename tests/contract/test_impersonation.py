"""Acting as somebody else: who may, and with which rights then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.client import Api, Json
from tests.contract.conftest import Cluster
from tests.contract.people import REVIEWS, WHOAMI, People, rule

AUTHENTICATION = "authentication.k8s.io"


async def who(api: Api) -> Json:
    found: Json = (await api("POST", WHOAMI, {}, expect=201))["status"]["userInfo"]
    return found


async def test_as_a_user(api: Api) -> None:
    assert await who(api.acting("jane")) == {
        "username": "jane",
        "groups": ["system:authenticated"],
    }


async def test_as_a_user_with_everything(api: Api) -> None:
    extra: Any = {"Scopes": "a", "example.com%2fproject": "b"}
    assert await who(api.acting("jane", "dev", "ops", uid="u1", **extra)) == {
        "username": "jane",
        "uid": "u1",
        "groups": ["dev", "ops", "system:authenticated"],
        "extra": {"scopes": ["a"], "example.com/project": ["b"]},
    }


async def test_as_an_account(api: Api, people: People) -> None:
    # Nobody asks whether it is there.
    assert await who(api.acting(people.name("none"))) == {
        "username": people.name("none"),
        "groups": [
            "system:serviceaccounts",
            f"system:serviceaccounts:{api.namespace}",
            "system:authenticated",
        ],
    }


async def test_as_an_account_with_other_groups(api: Api, people: People) -> None:
    found = await who(api.acting(people.name(), "dev"))
    assert found["groups"] == ["dev", "system:authenticated"]


async def test_as_nobody(api: Api) -> None:
    said = await api.acting("system:anonymous").fails("POST", WHOAMI, {}, expect=403)
    assert said["message"] == (
        'selfsubjectreviews.authentication.k8s.io is forbidden: User "system:anonymous" cannot '
        'create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the '
        "cluster scope"
    )
    assert (await api.acting("system:anonymous")("GET", "/version"))["major"] == "1"


async def test_the_rights_are_the_others(api: Api, people: People) -> None:
    said = await api.acting("jane").fails("GET", api.path("pods"), expect=403)
    assert said["message"].startswith('pods is forbidden: User "jane" cannot list ')
    await people.account()
    await people.allow(rule("list", "pods"))
    acting = api.acting(people.name())
    assert (await acting("GET", api.path("pods")))["items"] == []
    await acting.fails("GET", api.path("services"), expect=403)
    spec = {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": api.namespace}}
    review = f"{REVIEWS}/selfsubjectaccessreviews"
    assert (await acting("POST", review, {"spec": spec}, expect=201))["status"]["allowed"] is True


async def test_a_watch_as_somebody_else(api: Api, people: People) -> None:
    await people.account()
    await people.allow(rule("watch", "configmaps"))
    body = {"metadata": {"name": "one"}}
    acting = api.acting(people.name())
    path = api.path("configmaps")
    async with acting.watching(path, resourceVersion="0") as events:
        await api("POST", path, body, expect=201)
        async for event in events:
            if event["object"]["metadata"]["name"] == "one":
                break
    await api.acting("jane").fails("GET", path, expect=403, watch="true")


async def test_as_a_member_of_masters(api: Api) -> None:
    assert "items" in await api.acting("jane", "system:masters")("GET", api.path("secrets"))


@pytest.mark.parametrize(
    ("mask", "what", "verb"),
    [
        (("jane", "", "", ""), 'users "jane"', 'resource "users" in API group ""'),
        (("jane", "dev", "", ""), 'groups "dev"', 'resource "groups" in API group ""'),
        (
            ("jane", "", "u1", ""),
            'uids.authentication.k8s.io "u1"',
            'resource "uids" in API group "authentication.k8s.io"',
        ),
        (
            ("jane", "", "", "a"),
            'userextras.authentication.k8s.io "a"',
            'resource "userextras/scopes" in API group "authentication.k8s.io"',
        ),
    ],
    ids=["user", "group", "uid", "extra"],
)
async def test_each_part_is_a_right_of_its_own(
    people: People, mask: tuple[str, str, str, str], what: str, verb: str
) -> None:
    bot = await people.account()
    if mask != ("jane", "", "", ""):
        await people.allow_everywhere(rule("impersonate", "users", "", "jane"))
        assert (await who(bot.acting("jane")))["username"] == "jane"
    user, group, uid, scopes = mask
    acting = bot.acting(
        user, *([group] if group else []), uid=uid, **({"Scopes": scopes} if scopes else {})
    )
    said = await acting.fails("POST", WHOAMI, {}, expect=403)
    assert said["message"] == (
        f'{what} is forbidden: User "{people.name()}" cannot impersonate {verb} at the cluster '
        "scope"
    )


async def test_as_an_account_within_a_namespace(api: Api, people: People) -> None:
    bot = await people.account()
    acting = bot.acting(people.name("other"))
    said = await acting.fails("POST", WHOAMI, {}, expect=403)
    assert said["message"] == (
        f'serviceaccounts "other" is forbidden: User "{people.name()}" cannot impersonate '
        f'resource "serviceaccounts" in API group "" in the namespace "{api.namespace}"'
    )
    await people.allow(rule("impersonate", "serviceaccounts"))
    assert (await who(acting))["username"] == people.name("other")
    elsewhere = bot.acting("system:serviceaccount:default:default")
    await elsewhere.fails("POST", WHOAMI, {}, expect=403)


async def test_all_parts_when_all_are_allowed(people: People) -> None:
    bot = await people.account()
    await people.allow_everywhere(
        rule("impersonate", "users", "", "jane"),
        rule("impersonate", "userextras/scopes", AUTHENTICATION, "a"),
        rule("impersonate", "uids", AUTHENTICATION, "u1"),
        rule("impersonate", "groups", "", "dev"),
    )
    found = await who(bot.acting("jane", "dev", uid="u1", Scopes="a"))
    assert (found["uid"], found["extra"]) == ("u1", {"scopes": ["a"]})
    await bot.acting("jane", "ops").fails("POST", WHOAMI, {}, expect=403)
    await bot.acting("jane", Scopes="b").fails("POST", WHOAMI, {}, expect=403)


@pytest.mark.parametrize(
    ("groups", "mask", "shown"),
    [
        (["dev"], {}, "{Group  dev    }"),
        ([], {"uid": "u1"}, "{UID  u1  authentication.k8s.io/v1  }"),
        ([], {"Scopes": "a"}, "{UserExtra  a  authentication.k8s.io/v1  scopes}"),
    ],
    ids=["group", "uid", "extra"],
)
async def test_a_mask_without_a_user(
    api: Api,
    cluster: Cluster,
    differs: Callable[[str], None],
    groups: list[str],
    mask: dict[str, str],
    shown: str,
) -> None:
    if cluster.minor < 35:
        differs("before 1.35 half a mask is answered with 500 and plain text")
        acting = api.acting("", *groups, **mask)
        assert f"requested [{shown}]" in await acting("POST", WHOAMI, {}, expect=500)
        return
    said = await api.acting("", *groups, **mask).fails("POST", WHOAMI, {}, expect=400)
    assert said["reason"] == "BadRequest"
    assert said["message"] == f"requested [{shown}] without impersonating a user"
