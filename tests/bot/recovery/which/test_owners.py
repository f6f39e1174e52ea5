"""GitOps controllers, by the marks that they leave on objects."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import Refused
from bot.recovery.which.owners import Owner, owners, refuse_owned, suspended


def argo(tracked: str) -> dict[str, Any]:
    return {"annotations": {"argocd.argoproj.io/tracking-id": tracked}}


def flux(kind: str) -> dict[str, Any]:
    return {"labels": {f"{kind}.toolkit.fluxcd.io/name": "shop",
                       f"{kind}.toolkit.fluxcd.io/namespace": "flux-system"}}  # fmt: skip


@pytest.mark.parametrize(
    ("meta", "owner", "words"),
    [
        (argo("shop:apps/Deployment:shop/web"), Owner("Application", "shop"),
         "Argo CD's Application shop"),
        (argo("team_shop:/Service:shop/web"), Owner("Application", "shop", "team"),
         "Argo CD's Application team/shop"),
        (flux("kustomize"), Owner("Kustomization", "shop", "flux-system"),
         "Flux's Kustomization flux-system/shop"),
        (flux("helm"), Owner("HelmRelease", "shop", "flux-system"),
         "Flux's HelmRelease flux-system/shop"),
    ],
)  # fmt: skip
def test_marks_name_their_owner(meta: dict[str, Any], owner: Owner, words: str) -> None:
    assert owners([meta, meta, {}]) == (owner,)
    assert owner.words == words


def test_what_nobody_keeps_has_no_owner() -> None:
    assert owners([{}, {"labels": {"app": "shop"}}, {"labels": None}]) == ()
    refuse_owned((), "Namespace shop")


@pytest.mark.parametrize(
    ("item", "sleeps"),
    [
        ({"kind": "Kustomization", "spec": {"suspend": True}}, True),
        ({"kind": "Kustomization", "spec": {}}, False),
        ({"kind": "HelmRelease"}, False),
        ({"kind": "Application", "spec": {}}, True),
        ({"kind": "Application", "spec": {"syncPolicy": {"automated": {}}}}, False),
        ({"kind": "Application", "spec": {"syncPolicy": {"automated": {"enabled": False}}}}, True),
    ],
)
def test_who_is_suspended(item: dict[str, Any], sleeps: bool) -> None:
    assert suspended(item) is sleeps


def test_the_refusal_says_how_to_suspend() -> None:
    with pytest.raises(Refused) as caught:
        refuse_owned([Owner("HelmRelease", "shop", "flux-system")], "What is in shop")
    assert "`flux suspend helmrelease shop -n flux-system`" in str(caught.value)
