"""The Web API's methods, one module per family, listed in `TABLE`.

A method is an async function from a `Call` to the fields of its answer; it raises `SlackError`
to refuse. HTTP, tokens, scopes, limits and failures are `webapi`'s business, not theirs.
"""

from sandbox.slack.methods.base import Call, Method
from sandbox.slack.methods.table import TABLE

__all__ = ["TABLE", "Call", "Method"]
