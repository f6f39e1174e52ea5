"""Commands that pods want run around their backup and after their restore.

Only hooks in annotations of pods and in the spec of a Backup; follows ``internal/hook`` of
velero v1.18.3.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.kube.controllers.meta import matches
from sandbox.kube.errors import ApiError
from sandbox.velero.selecting import Filter
from sandbox.velero.site import Site, duration

Json = dict[str, Any]
Phase = Literal["pre", "post"]

_RESTORE = "post.hook.restore.velero.io/"


@dataclass(frozen=True, slots=True)
class Hook:
    """One command.

    Attributes:
        on_error: ``Fail`` or ``Continue``; empty when nothing is said.
        timeout: Seconds that the command may take.
        wait: Seconds to wait for the container after a restore; 0 for as long as it takes.
        wait_ready: The container must be ready, not only run.
    """

    name: str
    container: str
    command: tuple[str, ...]
    on_error: str = ""
    timeout: float = 30.0
    wait: float = 0.0
    wait_ready: bool = False


def backup_hooks(pod: Json, backup: Json, phase: Phase) -> list[Hook]:
    """Return the hooks of a pod before or after it is saved; annotations come first."""
    notes = pod["metadata"].get("annotations") or {}
    heads = [f"{phase}.hook.backup.velero.io/"] + ["hook.backup.velero.io/"] * (phase == "pre")
    for head in heads:
        found = _annotated(pod, notes, head, f"{head}timeout")
        if found is not None:
            return [found]
    return list(_specified(pod, backup, phase))


def _annotated(pod: Json, notes: dict[str, str], head: str, timeout: str) -> Hook | None:
    text = notes.get(f"{head}command", "")
    if not text:
        return None
    wait = notes.get(f"{head}wait-timeout")
    return Hook(
        "<from-annotation>",
        notes.get(f"{head}container") or pod["spec"]["containers"][0]["name"],
        _command(text),
        notes.get(f"{head}on-error", ""),
        duration(notes.get(timeout), 30.0),
        duration(wait, 0.0),
        notes.get(f"{head}wait-for-ready") == "true",
    )


def _command(text: str) -> tuple[str, ...]:
    if text.startswith("["):
        try:
            return tuple(map(str, json.loads(text)))
        except ValueError:
            pass
    return (text,)


def _specified(pod: Json, backup: Json, phase: Phase) -> Iterator[Hook]:
    meta = pod["metadata"]
    for one in (backup["spec"].get("hooks") or {}).get("resources") or ():
        homes = Filter(
            tuple(one.get("includedNamespaces") or ()), tuple(one.get("excludedNamespaces") or ())
        )
        selector = one.get("labelSelector")
        fits = selector is None or matches(selector, meta.get("labels") or {})
        if not homes.takes(meta["namespace"]) or not fits:
            continue
        for hook in one.get(phase) or ():
            action = hook["exec"]
            yield Hook(
                one["name"],
                action.get("container") or pod["spec"]["containers"][0]["name"],
                tuple(action["command"]),
                action.get("onError", ""),
                duration(action.get("timeout"), 30.0),
            )


def restore_hook(pod: Json) -> Hook | None:
    """Return the hook that a restored pod wants, if any."""
    notes = pod["metadata"].get("annotations") or {}
    hook = _annotated(pod, notes, _RESTORE, f"{_RESTORE}exec-timeout")
    has = hook and any(c["name"] == hook.container for c in pod["spec"]["containers"])
    return hook if has else None


async def run(site: Site, pod: Json, hook: Hook) -> str:
    """Run a hook; returns what went wrong, empty for nothing."""
    if all(c["name"] != hook.container for c in pod["spec"]["containers"]):
        return f'no such container: "{hook.container}"'
    try:
        async with asyncio.timeout(hook.timeout):
            result = await site.exec(pod, hook.container, list(hook.command))
    except ApiError as error:
        return error.message
    except TimeoutError:
        return f"timed out after {hook.timeout:g}s"
    if result.exit_code:
        return f"command terminated with exit code {result.exit_code}"
    return ""
