"""Arguments checked before helm sees them: nothing may be read as an option."""

from __future__ import annotations

import re

from integrations.helm.errors import BadArgument

OPERATION_LABEL = "onprem-operation"
"""Label on the release's Secret, there from the first moment; the description comes last."""

_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?\Z")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_OPERATION = re.compile(r"[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?\Z", re.ASCII)


def checked_release(name: str) -> str:
    """Return the release name, or raise ``BadArgument``."""
    if not _RELEASE.match(name):
        raise BadArgument(f"{name!r} is not a name that a Helm release can have.")
    return name


def checked_namespace(name: str) -> str:
    """Return the namespace, or raise ``BadArgument``."""
    if not _NAMESPACE.match(name):
        raise BadArgument(f"{name!r} is not a name that a namespace can have.")
    return name


def checked_operation(operation: str) -> str:
    """Return the operation's id, or raise ``BadArgument`` (it must do as a label's value)."""
    if not _OPERATION.match(operation):
        raise BadArgument(f"{operation!r} cannot be an operation's id: it is no label value.")
    return operation


def checked_argument(argument: str, what: str) -> str:
    """Return a chart or version, or raise ``BadArgument`` when helm would see an option."""
    if not argument or argument.startswith("-") or "\0" in argument:
        raise BadArgument(f"{argument!r} is not a {what}: helm would read it as an option.")
    return argument
