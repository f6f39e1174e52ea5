"""What is wrong, as one thread each: opened, edited as it changes, closed when it heals.

Whoever watches something hands over all that is wrong with it now; what of that is news is found
here, from the database, so that a restart tells nothing twice. Where it is told is behind
`outlet.Outlet`, and nothing of Slack is known here. What needs the database is imported from its
module.
"""

from __future__ import annotations

from bot.alerts.condition import Act, Condition, Findings, Item

__all__ = ["Act", "Condition", "Findings", "Item"]
