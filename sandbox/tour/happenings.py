"""What happens on the tour without the bot: users, a careless hand, an outage."""

from __future__ import annotations

import json
import ssl

import aiohttp

from sandbox.kube.resources import NAMESPACES, PODS
from sandbox.tour.acts import Happening
from sandbox.tour.show import text_of
from sandbox.trouble import Trouble
from sandbox.world import World

GONE_SECONDS = TOLD_SECONDS = 20.0
_LOGIN = (
    'db.getSiblingDB("admin").auth('
    "process.env.MONGO_INITDB_ROOT_USERNAME, process.env.MONGO_INITDB_ROOT_PASSWORD);"
)
_USERS = 'db.getSiblingDB("parse").getCollection("_User")'
_NOT_PRIMARY = "NotWritablePrimary"


def sign_up(number: int) -> Happening:
    """So many users are written into the database of the example app."""
    users = json.dumps([{"username": f"user-{n}"} for n in range(number)])

    async def happen(world: World) -> str:
        for member in ("parse-mongodb-0", "parse-mongodb-1"):
            done, said = await _mongosh(world, member, f"{_USERS}.insertMany({users})")
            if done or _NOT_PRIMARY not in said:
                break
        return await users_are(number)(world) if done else said

    return happen


def told(channel: str, words: str) -> Happening:
    """The bot has said so in a channel, as its admin reads it; a thread's answers count as well."""

    async def happen(world: World) -> str:
        try:
            await world.slack.wait_for_message(
                "adam", channel, lambda message: words in text_of(message, str), TOLD_SECONDS
            )
        except TimeoutError:
            return f"#{channel} hears nothing of “{words}” within {TOLD_SECONDS:g} s"
        return ""

    return happen


def users_are(number: int) -> Happening:
    """So many users must be in the database."""

    async def happen(world: World) -> str:
        done, said = await _mongosh(
            world, "parse-mongodb-0", f"print({_USERS}.countDocuments({{}}))"
        )
        if not done:
            return said
        found = said.strip().rpartition("\n")[2]
        return "" if found == str(number) else f"there are {found} users, not {number}"

    return happen


def delete_namespace(name: str) -> Happening:
    """A namespace goes, with all that is in it."""

    async def happen(world: World) -> str:
        cluster = world.clusters[0]
        cluster.store.delete(NAMESPACES, None, name)
        try:
            await cluster.wait_for(
                lambda: cluster.store.peek(NAMESPACES, None, name) is None, GONE_SECONDS
            )
        except TimeoutError:
            return f"namespace {name} does not go"
        return ""

    return happen


def scale_by_hand(name: str, replicas: int) -> Happening:
    """Somebody changes the size of a Deployment of the example app, as `kubectl patch` does."""

    async def happen(world: World) -> str:
        server = world.clusters[0].server
        user = server.kubeconfig()["users"][0]["user"]
        trust = ssl.create_default_context(cadata=server.authority_pem)
        url = f"{server.url}/apis/apps/v1/namespaces/parse/deployments/{name}"
        async with (
            aiohttp.ClientSession() as session,
            session.patch(
                f"{url}?fieldManager=kubectl-patch",
                data=json.dumps({"spec": {"replicas": replicas}}),
                headers={
                    "Authorization": f"Bearer {user['token']}",
                    "Content-Type": "application/strategic-merge-patch+json",
                },
                ssl=trust,
            ) as answer,
        ):
            return "" if answer.status == 200 else await answer.text()

    return happen


async def time_passes(world: World) -> str:
    """What happened before has its consequence."""
    return ""


def trouble(word: str) -> Happening:
    """A failure, as `--fault` names it."""

    async def happen(world: World) -> str:
        await world.trouble([Trouble.parse(word)])
        return ""

    return happen


async def _mongosh(world: World, member: str, script: str) -> tuple[bool, str]:
    """Runs a script in the database's shell; whether it went well, and what it said."""
    cluster = world.clusters[0]
    pod = cluster.store.peek(PODS, "parse", member)
    if pod is None:
        return False, f"the cluster has no pod {member}"
    command = ["mongosh", "--quiet", "--norc", "--eval", f"{_LOGIN} {script}"]
    said = await cluster.exec(dict(pod), "mongodb", command)
    done = said.exit_code == 0
    return done, (said.stdout if done else said.stderr).decode()
