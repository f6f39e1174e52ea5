"""Which kinds a cluster knows, and lists of metadata alone: labels of everything, contents of none.

Aggregated discovery is one answer for all groups (Kubernetes 1.30 and later; a beta before).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from integrations.kubernetes import kinds, wording
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.models import Object
from integrations.kubernetes.transport import Request, to_json

if TYPE_CHECKING:
    from integrations.kubernetes.client import KubeClient

_DISCOVERY = ", ".join(
    f"application/json;g=apidiscovery.k8s.io;v={v};as=APIGroupDiscoveryList"
    for v in ("v2", "v2beta1")
)
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_USUAL = (
    *(kinds.POD, kinds.SERVICE, kinds.SECRET, kinds.CONFIG_MAP, kinds.PERSISTENT_VOLUME_CLAIM),
    *(kinds.DEPLOYMENT, kinds.STATEFUL_SET, kinds.DAEMON_SET, kinds.JOB),
    kinds.HORIZONTAL_POD_AUTOSCALER,
)


async def namespaced_kinds(kube: KubeClient) -> tuple[Kind, ...]:
    """Every kind with objects in namespaces that can be listed, in its preferred version.

    A server that knows no aggregated discovery gives the usual kinds.
    """
    found: list[Kind] = []
    for path in ("/api", "/apis"):
        request = Request("GET", path, "list kinds", headers={"Accept": _DISCOVERY})
        answer = to_json(await kube.transport.send(request))
        if answer.get("kind") != "APIGroupDiscoveryList":
            return _USUAL
        found += _kinds(answer)
    return tuple(found)


def _kinds(answer: Mapping[str, Any]) -> Iterator[Kind]:
    for group in answer.get("items") or ():
        name = (group.get("metadata") or {}).get("name") or ""
        seen: set[str] = set()
        for version in group.get("versions") or ():
            api = "/".join(part for part in (name, str(version.get("version"))) if part)
            for one in version.get("resources") or ():
                plural = str(one.get("resource"))
                if plural in seen or one.get("scope") != "Namespaced":
                    continue
                if "list" in (one.get("verbs") or ()):
                    seen.add(plural)
                    yield Kind(api, plural, str((one.get("responseKind") or {}).get("kind")))


async def list_metadata(kube: KubeClient, kind: Kind, namespace: str) -> list[Object]:
    """The metadata of all objects of a kind in a namespace; nothing of what they hold is sent.

    Raises:
        StatusError: The server refuses.
    """
    query = [("limit", str(_PAGE))]
    found: list[Object] = []
    while True:
        request = Request(
            "GET",
            kind.path(namespace),
            wording.act("list", kind, namespace),
            query,
            headers={"Accept": _METADATA},
        )
        page = to_json(await kube.transport.send(request))
        found += [item.get("metadata") or {} for item in page.get("items") or ()]
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return found
        query = [("limit", str(_PAGE)), ("continue", str(token))]
