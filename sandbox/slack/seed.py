"""The practice workspace: a small operations team, so that roles can be tried out."""

from __future__ import annotations

from sandbox.slack.clock import Clock
from sandbox.slack.model import Workspace


def practice_workspace(clock: Clock | None = None) -> Workspace:
    """People of every kind a bot must tell apart, and the channels where they work.

    alice and bob operate, vera only looks, adam administers, gus is a guest, and sam belongs to
    another company (Slack Connect).
    """
    ws = Workspace("Acme", clock=clock)
    ws.add_user("alice", real_name="Alice Moreau", role="operator")
    ws.add_user("bob", real_name="Bob Tanaka", role="operator", tz="Asia/Tokyo", tz_offset=32400)
    ws.add_user("vera", real_name="Vera Lindqvist", role="viewer")
    ws.add_user("adam", real_name="Adam Okafor", role="admin", is_admin=True, is_owner=True)
    ws.add_user("gus", real_name="Gus Guest", role="guest", is_restricted=True)
    ws.add_user("sam", real_name="Sam Stranger", role="other company", is_stranger=True)
    stranger = ws.person("sam")
    stranger.team_id, stranger.email = "T0OTHER01", "sam@example.org"
    staff: list[str] = ["alice", "bob", "vera", "adam"]
    ws.add_channel("ops", [*staff], topic="Operations: deployments, alerts, incidents")
    ws.add_channel("general", [*staff, "gus"], bot=False, topic="Company-wide")
    ws.add_channel("incidents", ["alice", "bob", "adam"], is_private=True)
    ws.add_channel("partners", ["alice", "sam"], is_ext_shared=True)
    ws.add_group("platform", "Platform team", ["alice", "bob"])
    return ws
