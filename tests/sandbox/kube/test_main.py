"""The cluster as a program of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

ROOT = Path(__file__).parents[3]


async def _run(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox.kube",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_prints_one_line_serves_and_ends_when_told() -> None:
    process = await _run("--pace", "0")
    assert process.stdout is not None
    try:
        told = json.loads(await process.stdout.readline())
        config = yaml.safe_load(Path(told["kubeconfig"]).read_text())
        assert config["clusters"][0]["cluster"]["server"] == told["url"]
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        token = config["users"][0]["user"]["token"]
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            session.get(f"{told['url']}/api/v1/nodes", ssl=context) as response,
        ):
            assert len((await response.json())["items"]) == 3
    finally:
        process.terminate()
        rest, complaints = await process.communicate()
    assert (process.returncode, rest, complaints) == (0, b"", b"")
    assert not Path(told["kubeconfig"]).exists()


@pytest.mark.parametrize("arguments", [("--pace", "-1"), ("--pace", "x"), ("--nothing",)])
async def test_wrong_arguments_are_usage_errors(arguments: tuple[str, ...]) -> None:
    process = await _run(*arguments)
    _, complaints = await process.communicate()
    assert process.returncode == 2
    assert b"usage:" in complaints


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    process = await _run("--kubeconfig", str(tmp_path / "no" / "where"))
    _, complaints = await process.communicate()
    assert process.returncode == 1
    assert complaints.startswith(b"the practice cluster cannot start:")
    assert b"Traceback" not in complaints
