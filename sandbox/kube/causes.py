"""What validation finds, in the API's words: one function for each kind of fault."""

from __future__ import annotations

import json
from collections.abc import Iterable
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


def unsupported(path: str, value: str | list[str], allowed: Iterable[str]) -> Cause:
    """A word, or a list of words, of which none may stand there."""
    words = ", ".join(json.dumps(word, ensure_ascii=False) for word in allowed)
    shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    text = f"Unsupported value: {shown}: supported values: {words}"
    return Cause("FieldValueNotSupported", text, path)
