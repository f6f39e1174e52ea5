"""`python -m sandbox.graphs`: every graph of the catalogue, as the bot draws it, for `docs/`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from bot.graphs.catalogue import Catalogue, load
from sandbox.cluster import write_private
from sandbox.kube.controllers import Pace
from sandbox.prometheus import PracticePrometheus
from sandbox.tour.bot import ROOT, running
from sandbox.world import World

PLACE = Path("docs/pictures/graphs")
APP = "parse"
AUTOSCALED = ("--set", "autoscaling.enabled=true")
LAST = "24h"
SECONDS = 60.0
"""For one command of the bot."""


class NotDrawn(Exception):
    """The bot drew nothing; the message ends with what it said."""


async def draw(folder: Path, names: Sequence[str] = ()) -> None:
    """Draws graphs and dashboards of a practice cluster with one app, as `NAME.png`.

    Args:
        folder: Where they go; it is made.
        names: Which; all unless given.

    Raises:
        NotDrawn: One could not be.
    """
    questions = dict(_questions(load()))
    for name in names:
        if name not in questions:
            raise NotDrawn(f"there is no graph {name}; there is {', '.join(questions)}")
    folder.mkdir(parents=True, exist_ok=True)
    async with World.start() as world, _watched(world) as config:
        for name in names or questions:
            await _saved(config, folder / f"{name}.png", *questions[name])


def _questions(catalogue: Catalogue) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names of pictures, and what to ask for each."""
    for name, graph in catalogue.items():
        yield name, ("graph", name, *(("--app", APP) if graph.scope == "app" else ()))
    for name in catalogue.dashboards:
        yield f"dashboard-{name}", ("dashboard", name)


@asynccontextmanager
async def _watched(world: World) -> AsyncIterator[Path]:
    """Deploys the app and runs a bot whose Prometheus has seen it all the time; its configuration.

    A practice Prometheus takes what it finds at its start for what has always been. So a second one
    is started when the app is there, and a second bot, which has not made it.
    """
    await _onprem(world.config, "deploy", APP, *AUTOSCALED)
    cluster = world.clusters[0]
    prometheus = PracticePrometheus.of(cluster.store, cluster.controllers, pace=Pace())
    await prometheus.start()
    try:
        settings = yaml.safe_load(world.config.read_text(encoding="utf-8"))
        settings["clusters"][cluster.name]["prometheus"] = prometheus.url
        settings["state"] = {"directory": str(world.directory / "second")}
        del settings["slack"]
        del settings["alerts"]
        config = world.directory / "second.yaml"
        write_private(config, yaml.safe_dump(settings))
        async with running(config, world.directory / "second.log"):
            yield config
    finally:
        await prometheus.close()


async def _saved(config: Path, file: Path, *words: str) -> None:
    file.unlink(missing_ok=True)
    said = await _onprem(config, *words, "--last", LAST, "--save", str(file.absolute()))
    if not file.exists():
        raise NotDrawn(f"`{' '.join(words)}` drew nothing:\n{said}")
    print(file, flush=True)


async def _onprem(config: Path, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--config", str(config), *words),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NotDrawn(f"`{' '.join(words)}` did not end within {SECONDS:.0f} s") from None
    said = (out + err).decode(errors="replace")
    if process.returncode:
        raise NotDrawn(f"`{' '.join(words)}` failed:\n{said}")
    return said


def main(argv: Sequence[str] | None = None) -> int:
    """Draws and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.graphs", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=PLACE)
    parser.add_argument("names", nargs="*", help="which graphs; all unless given")
    given = parser.parse_args(argv)
    try:
        asyncio.run(draw(given.folder, given.names))
    except NotDrawn as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
