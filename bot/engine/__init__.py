"""The engine: from words to an outcome in the audit log, whatever happens in between.

`admission` settles what must be settled before an acknowledgement; `changes` plans, asks and
launches; `running` runs durable operations; `operation` is what commands see of it. The engine
knows no surface and no outside system: repliers and clients are handed to it.
"""

from bot.engine.engine import Engine
from bot.engine.parts import Parts
from bot.engine.ports import Admission, Answer, Incoming, Notice, Observer, Press, Replier

__all__ = [
    "Admission",
    "Answer",
    "Engine",
    "Incoming",
    "Notice",
    "Observer",
    "Parts",
    "Press",
    "Replier",
]
