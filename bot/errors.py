"""Every way the product says no, as one small tree.

    OnpremError            what failed, why, what to do next
    ├── UsageError         the words do not form a command            (exit 2)
    ├── Denied             a role or rule is missing                  (exit 3)
    ├── Refused            understood and allowed, but not now        (exit 1)
    │   ├── Busy           somebody else holds the target
    │   └── Drifted        the world moved between preview and click
    ├── Failed             it was tried and did not work              (exit 1)
    │   └── Cancelled      a person stopped it
    ├── StoreUnavailable   the state database cannot be written       (exit 1)
    └── ConfigError        onprem.yaml is wrong: all problems at once (exit 2)

Integrations have a tree of their own; the engine translates at its edge.
"""

from __future__ import annotations

from dataclasses import dataclass


def sentence(text: str) -> str:
    """A clause as a sentence: a capital at its beginning, one mark at its end.

    Names of objects and actors at the beginning stay as they are.
    """
    text = text.strip().rstrip(".")
    if not text:
        return ""
    ended = text if text[-1] in "?!…" else f"{text}."
    return ended[0].upper() + ended[1:] if text.split()[0].isalpha() else ended


class OnpremError(Exception):
    """A failure told to a person.

    Args:
        what: What failed, one clause, no full stop.
        why: The cause, when it is known.
        hint: What to do next.
        detail: Raw text of the other system, for the log and the thread, never the only answer.
    """

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.hint, self.detail = what, why, hint, detail

    def __str__(self) -> str:
        cause = f"{self.what}: {self.why}" if self.why else self.what
        return f"{sentence(cause)} {sentence(self.hint)}".strip()


class UsageError(OnpremError):
    """The words do not form a command; nothing was looked at, nothing was done."""

    exit_code = 2


class Denied(OnpremError):
    """The asker's roles and rules do not allow it; the reason says which would."""

    exit_code = 3


class Refused(OnpremError):
    """The command is understood and allowed, but must not run now."""


class Busy(Refused):
    """Another operation or a person's lock holds the target."""


class Drifted(Refused):
    """What would happen is no longer what was previewed."""


class Failed(OnpremError):
    """It was tried and did not work."""


class Cancelled(Failed):
    """A person stopped it between two steps."""


class StoreUnavailable(OnpremError):
    """The state database cannot take a write, so nothing may act."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a configuration file; `line` counts from 1, 0 when unknown."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}"


class ConfigError(OnpremError):
    """The configuration cannot be used; carries every problem found."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        one = len(problems) == 1
        count = "1 problem" if one else f"{len(problems)} problems"
        hint = f"Mend {'it' if one else 'them'} and start again"
        super().__init__(f"The configuration has {count}", hint=hint)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {problem}" for problem in self.problems)])
