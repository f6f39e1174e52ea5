"""The parts of requests that repeat: words for messages, selectors, parameters of writes."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.kubernetes.kinds import Kind, field_selector, label_selector

FIELD_MANAGER = "onprem"


def act(
    verb: str, kind: Kind, namespace: str | None, name: str = "", subresource: str | None = None
) -> str:
    """Words for messages: ``patch Deployment parse/server``."""
    what = kind.kind if name else kind.plural
    place = "/".join(p for p in (namespace, name) if p)
    return " ".join(p for p in (verb, subresource, what, place) if p)


def selectors(
    labels: Mapping[str, str] | None, fields: Mapping[str, str] | None
) -> list[tuple[str, str]]:
    """Query parameters of label and field equalities."""
    query = []
    if selector := label_selector(labels):
        query.append(("labelSelector", selector))
    if selector := field_selector(fields):
        query.append(("fieldSelector", selector))
    return query


def write_query(dry_run: bool) -> list[tuple[str, str]]:
    """Query parameters of every write."""
    query = [("fieldManager", FIELD_MANAGER)]
    return [*query, ("dryRun", "All")] if dry_run else query
