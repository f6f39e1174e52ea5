"""Lists: selectors, pages, and tokens that grow old."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.client import Api, Json
from tests.contract.conftest import Cluster

Make = Callable[..., Json]


def names(listed: Json) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


@pytest.fixture
async def five(api: Api, config_map: Make) -> Api:
    for number in range(5):
        labels = {"number": str(number), "parity": "even" if number % 2 == 0 else "odd"}
        if number == 4:
            labels["last"] = ""
        body = config_map(f"map-{number}", labels=labels)
        await api("POST", api.path("configmaps"), body, expect=201)
    return api


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("parity=even", [0, 2, 4]),
        ("parity==odd", [1, 3]),
        ("parity!=even", [1, 3]),
        ("number in (1, 3,4)", [1, 3, 4]),
        ("number notin (0,1)", [2, 3, 4]),
        ("last", [4]),
        ("!last", [0, 1, 2, 3]),
        ("last=", [4]),
        ("parity=even,number!=0", [2, 4]),
        ("number>2", [3, 4]),
        ("number<1", [0]),
        ("parity=none", []),
    ],
)
async def test_label_selectors(five: Api, selector: str, found: list[int]) -> None:
    query = (
        {"labelSelector": f"{selector},number"}
        if "!" in selector or "notin" in selector
        else {"labelSelector": selector}
    )
    listed = await five("GET", five.path("configmaps"), **query)
    assert names(listed) == [f"map-{n}" for n in found]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("metadata.name=map-1", ["map-1"]),
        ("metadata.name=map-1,metadata.name!=map-1", []),
    ],
)
async def test_field_selectors(five: Api, selector: str, found: list[str]) -> None:
    listed = await five("GET", five.path("configmaps"), fieldSelector=selector)
    assert names(listed) == found


@pytest.mark.parametrize(
    "query",
    [
        {"labelSelector": "a in (b"},
        {"labelSelector": "=x"},
        {"fieldSelector": "data.colour=red"},
        {"fieldSelector": "metadata.name"},
        {"limit": "x"},
        {"resourceVersion": "x"},
    ],
    ids=str,
)
async def test_a_question_that_makes_no_sense(api: Api, query: dict[str, str]) -> None:
    said = await api.fails("GET", api.path("configmaps"), expect=400, **query)
    assert said["reason"] == "BadRequest"


async def test_pods_by_node_and_phase(api: Api, pod: Make) -> None:
    await api("POST", api.path("pods"), pod("one"), expect=201)
    seen = await api.until(
        api.path("pods"), lambda pods: pods["one"]["status"]["phase"] == "Running"
    )
    node = seen[-1]["one"]["spec"]["nodeName"]
    by_node = f"spec.nodeName={node},status.phase=Running"
    assert names(await api("GET", api.path("pods"), fieldSelector=by_node)) == ["one"]
    other = "status.phase!=Running"
    assert names(await api("GET", api.path("pods"), fieldSelector=other)) == []


async def test_pages(five: Api) -> None:
    path = five.path("configmaps")
    first = await five("GET", path, limit="2", labelSelector="parity")
    assert names(first) == ["map-0", "map-1"]
    # A selector makes counting too dear for the server.
    assert "remainingItemCount" not in first["metadata"]
    second = await five(
        "GET",
        path,
        limit="2",
        labelSelector="parity",
        **{"continue": first["metadata"]["continue"]},
    )
    assert names(second) == ["map-2", "map-3"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    third = await five(
        "GET",
        path,
        limit="2",
        labelSelector="parity",
        **{"continue": second["metadata"]["continue"]},
    )
    assert names(third) == ["map-4"]
    assert "continue" not in third["metadata"]


async def test_pages_without_a_selector_count_what_is_left(five: Api) -> None:
    path = five.path("configmaps")
    whole = await five("GET", path)
    first = await five("GET", path, limit="2")
    assert first["metadata"]["remainingItemCount"] == len(whole["items"]) - 2


async def test_pages_show_one_moment(five: Api, config_map: Make) -> None:
    path = five.path("configmaps")
    first = await five("GET", path, limit="2", labelSelector="parity")
    late = config_map("map-9", labels={"parity": "odd"})
    await five("POST", path, late, expect=201)
    rest = await five(
        "GET", path, labelSelector="parity", **{"continue": first["metadata"]["continue"]}
    )
    assert names(rest) == ["map-2", "map-3", "map-4"]


async def test_a_token_that_makes_no_sense(api: Api) -> None:
    said = await api.fails("GET", api.path("configmaps"), expect=400, **{"continue": "nonsense"})
    assert "continue key is not valid" in said["message"]


async def test_an_expired_token_ends_with_410_and_a_way_on(
    five: Api, cluster: Cluster, config_map: Make
) -> None:
    path = five.path("configmaps")
    asked = {"limit": "2", "labelSelector": "parity"}
    first = await five("GET", path, **asked)
    old = {"continue": first["metadata"]["continue"]}
    await five("DELETE", f"{path}/map-2")
    await cluster.forget()
    said = await five.fails("GET", path, expect=410, **asked, **old)
    assert said["reason"] == "Expired"
    assert "The provided continue parameter is too old" in said["message"]
    on = {"continue": said["metadata"]["continue"]}
    await five("POST", path, config_map("map-3a", labels={"parity": "odd"}), expect=201)
    await five("POST", path, config_map("map-0a", labels={"parity": "odd"}), expect=201)
    second = await five("GET", path, **asked, **on)
    # From where the first page ended, as it is now.
    assert names(second) == ["map-3", "map-3a"]
    rest = await five("GET", path, **asked, **{"continue": second["metadata"]["continue"]})
    assert names(rest) == ["map-4"]
    assert "continue" not in rest["metadata"]


async def test_a_token_and_a_version_do_not_go_together(five: Api) -> None:
    path = five.path("configmaps")
    first = await five("GET", path, limit="2")
    query = {"continue": first["metadata"]["continue"], "resourceVersion": "5"}
    said = await five.fails("GET", path, expect=400, **query)
    assert said["message"] == "specifying resource version is not allowed when using continue"


async def test_a_version_from_the_future(api: Api) -> None:
    said = await api.fails("GET", api.path("configmaps"), expect=504, resourceVersion="999999999")
    assert said["reason"] == "Timeout"
    assert "Too large resource version" in said["message"]
