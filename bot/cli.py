"""`onprem`: the same commands in a terminal, and the few that only make sense on the host.

Nothing heavy is imported before it is needed, so that `onprem --help` is at once there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import OnpremError, UsageError

if TYPE_CHECKING:
    from bot.config import Config

PLACES = ("onprem.yaml", "/etc/onprem/onprem.yaml")

HOST_COMMANDS = {
    "run": "Run the bot until it is told to stop",
    "init": "Write a commented onprem.yaml",
    "manifest": "Print the Slack app manifest",
    "sandbox": "Run the practice world and print how to reach it",
    "demo": "Play the tour in the practice world",
    "state copy": "Copy the state now",
    "state list": "List the copies of the state",
    "state restore": "Bring back a copy of the state (the bot must be stopped)",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What comes before the command."""

    config: Path | None
    kubeconfig: Path | None
    sandbox: bool
    words: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line; returns the exit code: 0 done, 1 failed, 2 usage, 3 denied."""
    try:
        options = _options(list(sys.argv[1:] if argv is None else argv))
        if not options.words or options.words[0] in ("--help", "-h"):
            print(help_text())
            return 0
        return _dispatch(options)
    except OnpremError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read us has had enough; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nStopped listening. A job that was accepted goes on: onprem jobs", file=sys.stderr)
        return 130


def help_text() -> str:
    """All commands. Static: what you may run is for the bot to say (`onprem help`)."""
    from bot.outline import summaries

    rows = summaries()
    width = max(len(name) for name, _ in [*rows, *HOST_COMMANDS.items()])
    lines = ["Usage: onprem [--config FILE | --kubeconfig FILE | --sandbox] COMMAND …", ""]
    lines += [f"  {name:{width}}  {summary}" for name, summary in rows]
    lines += ["", "On the bot's own host:"]
    lines += [f"  {name:{width}}  {summary}" for name, summary in HOST_COMMANDS.items()]
    lines += ["", "`onprem COMMAND --help` tells more. Add --json for machines."]
    return "\n".join(lines)


def _options(words: list[str]) -> Options:
    paths: dict[str, Path] = {}
    sandbox = False
    while words and words[0].startswith("--") and words[0] != "--help":
        word, _, value = words.pop(0).partition("=")
        if word == "--sandbox":
            sandbox = True
        elif word in ("--config", "--kubeconfig"):
            if not value and not words:
                raise UsageError(f"{word} needs a file")
            paths[word] = Path(value or words.pop(0))
        else:
            raise UsageError(f"There is no option {word}", hint="See onprem --help")
    return Options(paths.get("--config"), paths.get("--kubeconfig"), sandbox, tuple(words))


def _dispatch(options: Options) -> int:
    first, *rest = options.words
    own = first in {name.partition(" ")[0] for name in HOST_COMMANDS}
    if not own and not options.sandbox and options.kubeconfig is None:
        return _command(options)
    from bot import host  # only now: it loads what asking the running bot does not need

    if first == "state" and rest:
        return host.state(_config(options), rest)
    if first == "run":
        return host.run(_place(options))
    if first == "init":
        return host.init(rest)
    if first == "manifest":
        return host.manifest(_config(options))
    if first in ("sandbox", "demo"):
        return host.practice(first, rest)
    if options.sandbox:
        return host.in_sandbox(options.words)
    if options.kubeconfig is not None:
        return host.trial(options.kubeconfig, options.words)
    return _command(options)


def _command(options: Options) -> int:
    """Asks the running bot, for which its tokens need not be readable; else is the bot."""
    from bot.place import state_directory
    from bot.terminal.client import reach

    directory = state_directory(_place(options))
    code = reach(directory, options.words) if directory else None
    if code is None:
        from bot import host

        return host.command(_config(options), options.words)
    return code


def _config(options: Options) -> Config:
    from bot import registry
    from bot.config import load

    return load(_place(options), command_names=registry.names)


def _place(options: Options) -> Path:
    named = options.config or os.environ.get("ONPREM_CONFIG")
    if named:
        return Path(named)
    return next((Path(place) for place in PLACES if Path(place).exists()), Path(PLACES[0]))


if __name__ == "__main__":
    sys.exit(main())
