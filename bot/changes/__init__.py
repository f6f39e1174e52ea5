"""What changed in a cluster, and who did it: the bot's own operations, and others.

`history` answers; the rest watches what others do. Nothing here knows Slack or draws pictures.
"""

from bot.changes.history import AUTOSCALER, ChangeSeen, Records, changes, marks

__all__ = ["AUTOSCALER", "ChangeSeen", "Records", "changes", "marks"]
