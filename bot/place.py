"""Where the bot's state lies, without what only the bot itself may read.

Apart from `bot.config`, because checking a configuration takes a tenth of a second to load, and
a terminal that only asks the running bot has no need of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

PREFIX = "ONPREM_"
"""What variables of the environment begin with when they override the configuration."""


def state_directory(path: Path) -> Path | None:
    """The state directory that a configuration names; None when it cannot be told.

    Nothing else in the file needs to be valid or readable: whoever only asks the running bot has
    no business with its tokens.
    """
    given: Any = os.environ.get(f"{PREFIX}STATE__DIRECTORY")
    if not given:
        try:
            settings = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            given = settings["state"]["directory"]
        except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
            return None
    if not isinstance(given, str) or not given:
        return None
    return path.absolute().parent / Path(given).expanduser()
