"""A practice Slack: Web API, Socket Mode, HTTP delivery, limits, and a page for people.

Real `slack_bolt` and `slack_sdk` work against it unmodified. It keeps everything in memory,
listens on loopback only, and knows nothing of the bot: what is true here must come from Slack's
documentation, not from what the bot happens to need.
"""

from sandbox.slack.clock import Clock, ManualClock, SystemClock
from sandbox.slack.delivery import Delivery
from sandbox.slack.errors import Refused, SlackError
from sandbox.slack.faults import Fault
from sandbox.slack.limits import Limits
from sandbox.slack.model import Workspace
from sandbox.slack.seed import practice_workspace
from sandbox.slack.server import SlackServer

__all__ = [
    "Clock",
    "Delivery",
    "Fault",
    "Limits",
    "ManualClock",
    "Refused",
    "SlackError",
    "SlackServer",
    "SystemClock",
    "Workspace",
    "practice_workspace",
]
