"""What validation finds, in the API's words: one function for each kind of fault."""

from __future__ import annotations

import json
from typing import Any

from sandbox.kube.errors import Cause

Found = list[Cause]


def invalid(path: str, value: Any, detail: str) -> Cause:
    """A value that may not be."""
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {detail}", path)


def required(path: str, detail: str = "") -> Cause:
    """A value that is missing."""
    text = f"Required value: {detail}" if detail else "Required value"
    return Cause("FieldValueRequired", text, path)


def forbidden(path: str, detail: str) -> Cause:
    """A change or a field that is not allowed."""
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", path)
