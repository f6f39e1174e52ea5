"""The explicit list of methods with their rate tier and scope, from docs.slack.dev/reference."""

from __future__ import annotations

from sandbox.slack.methods import chat, conversations, files, people, views
from sandbox.slack.methods.base import Method

TABLE: dict[str, Method] = {
    "apps.connections.open": Method(people.connections_open, 1, "connections:write", True),
    "auth.test": Method(people.auth_test),
    "chat.delete": Method(chat.delete, 3, "chat:write"),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, 4, "chat:write"),
    "chat.postMessage": Method(chat.post_message, None, "chat:write"),
    "chat.update": Method(chat.update, 3, "chat:write"),
    "conversations.history": Method(conversations.history, 3),
    "conversations.info": Method(conversations.info, 3),
    "conversations.join": Method(conversations.join, 3, "channels:join"),
    "conversations.list": Method(conversations.list_all, 2),
    "conversations.members": Method(conversations.members, 4),
    "conversations.open": Method(conversations.open_im, 3, "im:write"),
    "conversations.replies": Method(conversations.replies, 3),
    "files.completeUploadExternal": Method(files.complete_upload, 4, "files:write"),
    "files.getUploadURLExternal": Method(files.get_upload_url, 4, "files:write"),
    "files.info": Method(files.info, 4, "files:read"),
    "files.upload": Method(files.upload_retired, 2, "files:write"),
    "reactions.add": Method(people.reactions_add, 3, "reactions:write"),
    "reactions.remove": Method(people.reactions_remove, 2, "reactions:write"),
    "team.info": Method(people.team_info, 3, "team:read"),
    "usergroups.list": Method(people.usergroups_list, 2, "usergroups:read"),
    "usergroups.users.list": Method(people.usergroup_users, 2, "usergroups:read"),
    "users.info": Method(people.users_info, 4, "users:read"),
    "users.list": Method(people.users_list, 2, "users:read"),
    "users.lookupByEmail": Method(people.lookup_by_email, 3, "users:read.email"),
    "views.open": Method(views.open_view, 4),
    "views.publish": Method(views.publish, 4),
    "views.push": Method(views.push, 4),
    "views.update": Method(views.update, 4),
}
