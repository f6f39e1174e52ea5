"""Words → commands, compiled to click from the declarations; help and completion from the same.

Not here: which commands exist (`bot.registry`), who may run them, and anything that takes longer
than reading a line. Importing this loads click and nothing else of weight.
"""

from bot.grammar.completing import complete
from bot.grammar.forms import Form, filled, form, mistakes
from bot.grammar.helping import help_document, parameter_rows, usage_text
from bot.grammar.parsing import Parsed, find, line, parse
from bot.grammar.words import from_slack, quote, split

__all__ = [
    "Form",
    "Parsed",
    "complete",
    "filled",
    "find",
    "form",
    "from_slack",
    "help_document",
    "line",
    "mistakes",
    "parameter_rows",
    "parse",
    "quote",
    "split",
    "usage_text",
]
