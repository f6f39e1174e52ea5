"""RBAC's rules: what one allows, whether some cover others, and how they are worded.

A rule is the JSON of a ``PolicyRule``. Follows ``pkg/apis/rbac/v1/evaluation_helpers.go`` of
Kubernetes v1.35 and ``auth/rbac/validation`` of its component-helpers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from sandbox.kube.jsonutil import Json
from sandbox.kube.rights.attributes import Attributes, quoted

_FIELDS = ("APIGroups", "Resources", "NonResourceURLs", "ResourceNames", "Verbs")
_KEYS = ("apiGroups", "resources", "nonResourceURLs", "resourceNames", "verbs")


def allows(rule: Json, wish: Attributes) -> bool:
    """Whether a rule grants a wish."""
    if not _among(rule, "verbs", wish.verb):
        return False
    if not wish.resource:
        return any(_path_fits(url, wish.path) for url in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames")
    return (
        _among(rule, "apiGroups", wish.group)
        and _resource_fits(rule.get("resources") or (), wish.combined, wish.subresource)
        and (not names or wish.name in names)
    )


def _among(rule: Json, key: str, value: str) -> bool:
    held = rule.get(key) or ()
    return "*" in held or value in held


def _resource_fits(held: Iterable[str], combined: str, subresource: str) -> bool:
    return any(
        name in ("*", combined) or (subresource and name == f"*/{subresource}") for name in held
    )


def _path_fits(held: str, path: str) -> bool:
    return held in ("*", path) or (held.endswith("*") and path.startswith(held.rstrip("*")))


def missing(held: list[Json], wanted: Iterable[Json]) -> list[Json]:
    """Return what of the wanted rules the held ones do not cover, in the smallest pieces."""
    pieces = (piece for rule in wanted for piece in _pieces(rule))
    return [piece for piece in pieces if not any(_covers(rule, piece) for rule in held)]


def _pieces(rule: Json) -> Iterator[Json]:
    verbs, names = rule.get("verbs") or (), rule.get("resourceNames") or ()
    places = product(rule.get("apiGroups") or (), rule.get("resources") or (), verbs)
    for group, resource, verb in places:
        piece = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        if not names:
            yield piece
        for name in names:
            yield {**piece, "resourceNames": [name]}
    for url, verb in product(rule.get("nonResourceURLs") or (), verbs):
        yield {"nonResourceURLs": [url], "verbs": [verb]}


def _covers(rule: Json, piece: Json) -> bool:
    if not _among(rule, "verbs", piece["verbs"][0]):
        return False
    if "nonResourceURLs" in piece:
        url = piece["nonResourceURLs"][0]
        return any(_path_fits(held, url) for held in rule.get("nonResourceURLs") or ())
    resource, names = piece["resources"][0], rule.get("resourceNames")
    return (
        _among(rule, "apiGroups", piece["apiGroups"][0])
        and _resource_fits(rule.get("resources") or (), resource, resource.partition("/")[2])
        and (not names or set(piece.get("resourceNames", ("",))) <= set(names))
    )


def described(pieces: Iterable[Json]) -> list[str]:
    """Word what is missing: one line for each resource, with all its verbs."""
    verbs: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for piece in pieces:
        place = tuple(tuple(piece.get(key) or ()) for key in _KEYS[:-1])
        if piece.get("nonResourceURLs"):
            place = (*place, tuple(piece["verbs"]))  # paths are listed verb by verb
        verbs.setdefault(place, []).extend(piece["verbs"])
    return sorted({_line([*place[:4], held]) for place, held in verbs.items()})


def _line(values: Iterable[Iterable[str]]) -> str:
    parts = [
        f"{name}:[{' '.join(map(quoted, held))}]"
        for name, held in zip(_FIELDS, map(list, values), strict=True)
        if held
    ]
    return f"{{{', '.join(parts)}}}"
