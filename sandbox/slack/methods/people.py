"""auth, team, users, usergroups and reactions."""

from __future__ import annotations

from sandbox.slack.entities import JSON
from sandbox.slack.errors import SlackError
from sandbox.slack.methods.base import Call


async def auth_test(call: Call) -> JSON:
    """auth.test."""
    app = call.ws.app
    return {
        "url": f"https://{call.ws.domain}.slack.example/",
        "team": call.ws.name,
        "user": call.ws.users[app.bot_user].name,
        "team_id": call.ws.team_id,
        "user_id": app.bot_user,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


async def team_info(call: Call) -> JSON:
    """team.info."""
    team = {"id": call.ws.team_id, "name": call.ws.name, "domain": call.ws.domain}
    return {"team": team}


async def users_info(call: Call) -> JSON:
    """users.info."""
    return {"user": call.user().to_json(with_email="users:read.email" in call.ws.app.scopes)}


async def users_list(call: Call) -> JSON:
    """users.list."""
    with_email = "users:read.email" in call.ws.app.scopes
    everybody = [user.to_json(with_email=with_email) for user in call.ws.users.values()]
    return call.page(everybody, "members", limit=1000)


async def lookup_by_email(call: Call) -> JSON:
    """users.lookupByEmail."""
    email = call.text("email", error="users_not_found").lower()
    for user in call.ws.users.values():
        if user.email.lower() == email and not user.deleted:
            return {"user": user.to_json()}
    raise SlackError("users_not_found")


async def usergroups_list(call: Call) -> JSON:
    """usergroups.list."""
    include = call.flag("include_users")
    groups = call.ws.groups.values()
    return {"usergroups": [g.to_json(call.ws.team_id, include_users=include) for g in groups]}


async def usergroup_users(call: Call) -> JSON:
    """usergroups.users.list."""
    group = call.ws.groups.get(call.text("usergroup", error="no_such_subteam"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


async def reactions_add(call: Call) -> JSON:
    """reactions.add."""
    name = call.text("name", error="invalid_name").strip(":")
    if not name.replace("_", "").replace("-", "").replace("+", "").isalnum():
        raise SlackError("invalid_name")
    channel = call.channel()
    message = channel.messages.get(call.text("timestamp", error="message_not_found"))
    if message is None:
        raise SlackError("message_not_found")
    if channel.is_archived:
        raise SlackError("is_archived")
    users = message.reactions.setdefault(name, [])
    if call.ws.app.bot_user in users:
        raise SlackError("already_reacted")
    users.append(call.ws.app.bot_user)
    call.ws.touch(message)
    return {}


async def reactions_remove(call: Call) -> JSON:
    """reactions.remove."""
    name = call.text("name", error="invalid_name").strip(":")
    message = call.channel().messages.get(call.text("timestamp", error="message_not_found"))
    if message is None:
        raise SlackError("message_not_found")
    users = message.reactions.get(name, [])
    if call.ws.app.bot_user not in users:
        raise SlackError("no_reaction")
    users.remove(call.ws.app.bot_user)
    if not users:
        del message.reactions[name]
    call.ws.touch(message)
    return {}


async def connections_open(call: Call) -> JSON:
    """apps.connections.open: a web-socket address that can be used once."""
    base = call.core.base_url.replace("http://", "ws://", 1)
    return {"url": f"{base}/link/?ticket={call.core.hub.ticket()}&app_id={call.ws.app.id}"}
