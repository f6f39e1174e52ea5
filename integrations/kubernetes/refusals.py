"""Refusals whose status says too little: webhooks, quotas, namespaces that are being deleted.

The API server answers 403 or 500 to all of these, and helm repeats its words; what to do next
stands only in the English text (``k8s.io/apiserver/pkg/admission``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """What refused, as the rest of a sentence that begins with the cluster, and what next."""

    words: str
    hint: str


HOLDS = (
    "Wait until it is gone, then make it anew. "
    "If it stays, `kubectl get namespace {} -o yaml` shows what holds it."
)
_TERMINATING = re.compile(r"in namespace (\S+) because it is being terminated")
_DENIED = re.compile(
    r'admission webhook "([^"]+)" denied the request(?: without explanation|: (.*))?', re.DOTALL
)
_UNANSWERED = re.compile(
    r'failed calling webhook "([^"]+)":(?: failed to call webhook:)? ?(.*)', re.DOTALL
)
_QUOTA = re.compile(r"exceeded quota: ([^,]+), (.*)", re.DOTALL)
_CALL = re.compile(r'^(?:Post|Get) "[^"]*": ')


def refusal(text: str) -> Refusal | None:
    """What a failure's text says; None when it is none of these."""
    if found := _TERMINATING.search(text):
        name = found[1].rstrip(".,:")
        return Refusal(
            f"is deleting namespace {name} and takes nothing new into it",
            HOLDS.format(name).rstrip("."),
        )
    if found := _DENIED.search(text):
        why = _plain(found[2] or "it gives no reason")
        return Refusal(
            f"refuses it through admission webhook {found[1]}: {why}",
            "Do what that policy asks for, or ask those who run the webhook",
        )
    if found := _UNANSWERED.search(text):
        why = _plain(_CALL.sub("", found[2]))
        return Refusal(
            f"asks admission webhook {found[1]} first, which does not answer: {why}",
            "Bring the webhook's service back; until then the cluster takes no such change",
        )
    if found := _QUOTA.search(text):
        return Refusal(
            f"has no room left in quota {found[1]}: {_plain(found[2])}",
            "Free some of it, or have the quota raised",
        )
    return None


def _plain(text: str) -> str:
    """One line of at most 300 characters, without a full stop."""
    return " ".join(text.split())[:300].rstrip(" .")
