#!/usr/bin/env python3
"""Builds real servers and clients for the tests from their Go modules.

    python3 tests/cluster/build.py kubectl etcd      # builds what is missing, prints the paths

Each folder beside this file with a ``go.mod`` is a family. Its ``tool`` lines say what can be
built, and its ``require`` lines are the only place where versions stand. Binaries go into
``$XDG_CACHE_HOME/onprem-tools`` (``~/.cache`` when unset), named after tool, version and a key
over all that decides their content, so that an old one is never taken for a new one. Go keeps
every compiled package: an interrupted build goes on where it was cut.

Only the standard library is needed, because CI builds before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
CPUS = "ONPREM_BUILD_CPUS"
"""Environment variable: how many packages are compiled at once (default: one per core)."""

PROGRESS = 10.0
"""Seconds between two lines about a running build."""

# Programs that cannot tell their version unless it is stamped into them: family → symbols.
# Velero also serves its library's metrics on port 8080 of every address, and has no option for
# that: "0" is none, so that two servers fit on one machine.
STAMPS: Mapping[str, tuple[str, ...]] = {
    "kubernetes": (
        "k8s.io/component-base/version.gitVersion=v{version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
    ),
    "helm4": ("helm.sh/helm/v4/internal/version.version=v{version}",),
    "velero": (
        "github.com/vmware-tanzu/velero/pkg/buildinfo.Version=v{version}",
        "sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=0",
    ),
    "prometheus": ("github.com/prometheus/common/version.Version={version}",),
    "alertmanager": ("github.com/prometheus/common/version.Version={version}",),
    "node_exporter": ("github.com/prometheus/common/version.Version={version}",),
    "kube-state-metrics": ("github.com/prometheus/common/version.Version={version}",),
}


class BuildError(Exception):
    """Something cannot be built; the message says what and what to do."""


@dataclass(frozen=True)
class Tool:
    """One program of a family.

    Attributes:
        name: What it is asked for and called by, such as ``kube-apiserver``.
        package: Its Go package.
        version: Its module's version without the ``v``.
        family: The folder with its go.mod.
    """

    name: str
    package: str
    version: str
    family: Path


def tools(root: Path = HERE) -> dict[str, Tool]:
    """Read every program that the go.mod files declare, by name.

    Raises:
        BuildError: A ``tool`` line names a package that no ``require`` line provides.
    """
    found: dict[str, Tool] = {}
    for path in sorted(root.glob("*/go.mod")):
        for tool in _declared(path.parent, path.read_text(encoding="utf-8")):
            found[tool.name] = tool
    return found


def _declared(family: Path, text: str) -> Iterator[Tool]:
    text = re.sub(r"//.*", "", text)
    lines: dict[str, list[list[str]]] = {"tool": [], "require": []}
    for word, block, single in re.findall(r"^(\w+) (?:\(\n(.*?)^\)|([^\n]+)$)", text, re.M | re.S):
        if word in lines:
            lines[word] += [line.split() for line in (block or single).splitlines() if line.strip()]
    versions = {fields[0]: fields[1] for fields in lines["require"]}
    for (package,) in lines["tool"]:
        modules = [m for m in versions if package == m or package.startswith(f"{m}/")]
        if not modules:
            raise BuildError(f"{family.name}/go.mod has no version for {package}: run go mod tidy.")
        last = package.rsplit("/", 1)[-1]
        # `example.com/thing/v2` is the program `thing`; Helm 4 must not be called like Helm 3.
        name = family.name if re.fullmatch(r"v\d+", last) or last == "helm" else last
        # A folder named after a version holds a second one: `kube-apiserver-1.33`.
        _, _, second = family.name.partition("-1.")
        name = f"{name}-1.{second}" if second else name
        yield Tool(name, package, versions[max(modules, key=len)].removeprefix("v"), family)


@dataclass(frozen=True)
class _Place:
    """Where a program lies once it is built, and how that is done."""

    path: Path
    go: str
    flags: list[str]


class Builder:
    """Builds into one cache; two of them, in two processes, do no harm to each other."""

    def __init__(self, cache: Path | None = None, root: Path = HERE) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self.cache = cache or Path(home) / "onprem-tools"
        self.tools = tools(root)

    def build(self, names: Sequence[str]) -> dict[str, Path]:
        """Return the path of each named program, after building those that are missing.

        Progress goes to stderr. Blocks while another process builds the same family.

        Raises:
            BuildError: A name is unknown, Go is missing, or the compiler refused.
        """
        places = self._places(names)
        for name, place in places.items():
            if not place.path.is_file():
                self.cache.mkdir(parents=True, exist_ok=True)
                family = self.tools[name].family.name
                with _alone(self.cache / f".{family}.lock", family):
                    if not place.path.is_file():
                        self._one(self.tools[name], place)
        return {name: place.path for name, place in places.items()}

    def missing(self, names: Sequence[str]) -> list[str]:
        """Name those that are not built yet.

        Raises:
            BuildError: A name is unknown, or Go is missing.
        """
        return [name for name, place in self._places(names).items() if not place.path.is_file()]

    def _places(self, names: Sequence[str]) -> dict[str, _Place]:
        unknown = [name for name in names if name not in self.tools]
        if unknown:
            raise BuildError(
                f"Nothing here builds {', '.join(unknown)}. Known: {', '.join(self.tools)}."
            )
        go = _go()
        keys: dict[Path, tuple[str, list[str]]] = {}
        places: dict[str, _Place] = {}
        for tool in (self.tools[name] for name in dict.fromkeys(names)):
            if tool.family not in keys:
                flags = [*FLAGS, f"-ldflags={_ldflags(tool)}"]
                keys[tool.family] = _key(go, tool.family, flags), flags
            key, flags = keys[tool.family]
            path = self.cache / f"{tool.name}-{tool.version}-{key}"
            places[tool.name] = _Place(path, go, flags)
        return places

    def _one(self, tool: Tool, place: _Place) -> None:
        what = f"{tool.name} {tool.version}"
        started = time.monotonic()
        _say(f"building {what} (minutes when cold; Ctrl-C loses nothing) …")
        unfinished = f".build-{tool.family.name}+"
        for left in self.cache.glob(f"{unfinished}*"):  # by a killed run: the family is ours alone
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=unfinished, dir=self.cache) as folder:
            made = Path(folder) / tool.name
            command = [place.go, "build", "-v", *place.flags, *_parallel()]
            command += ["-o", str(made), tool.package]
            code, said = _run(command, tool.family, what)
            if code:
                raise BuildError(
                    f"{what} did not build. Go says:\n{said}\n"
                    "If modules could not be fetched: the module proxy (GOPROXY) must be "
                    "reachable once."
                )
            made.replace(place.path)
        _say(f"built {what} in {time.monotonic() - started:.0f} s")


def _run(command: Sequence[str], folder: Path, what: str) -> tuple[int, str]:
    """Run the compiler, saying now and then how far it is; return its code and last words."""
    words: deque[str] = deque(maxlen=30)
    fetched = compiled = 0
    shown = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, env=_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                words.append(line)
                if line.startswith("go: downloading"):
                    fetched += 1
                elif not line.startswith(("#", "\t")):
                    compiled += 1
                if time.monotonic() - shown > PROGRESS:
                    shown = time.monotonic()
                    _say(f"  {what}: {fetched} modules fetched, {compiled} packages compiled")
        except BaseException:
            process.terminate()
            raise
    return process.returncode, "".join(words).rstrip()


def _go() -> str:
    found = shutil.which("go")
    if found is None:
        raise BuildError(
            "Go is needed to build the servers of the lab, and there is no `go` on PATH. "
            "Install Go 1.25 or newer (https://go.dev/doc/install) and try again."
        )
    return found


def _environment() -> dict[str, str]:
    # A user's GOFLAGS (-mod=vendor, -race …) would change what is built under the same key, and
    # without cgo no C compiler is needed.
    return {**os.environ, "GOFLAGS": "", "CGO_ENABLED": "0", "GOWORK": "off"}


def _parallel() -> list[str]:
    cpus = os.environ.get(CPUS)
    return ["-p", cpus] if cpus else []


def _ldflags(tool: Tool) -> str:
    major, minor, *_ = tool.version.split(".")
    given = {"version": tool.version, "major": major, "minor": minor}
    family = tool.family.name.partition("-1.")[0]
    stamps = [f"-X {stamp.format(**given)}" for stamp in STAMPS.get(family, ())]
    return " ".join(["-s", "-w", *stamps])


def _key(go: str, family: Path, flags: Sequence[str]) -> str:
    asked = [go, "env", "GOVERSION", "GOOS", "GOARCH"]
    told = subprocess.run(
        asked, cwd=family, env=_environment(), capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise BuildError(
            f"`go env` failed in {family.name}: {told.stderr.strip()}\n"
            "If this Go is too old: install the one that is asked for, or let it fetch that by "
            "itself (GOTOOLCHAIN=auto)."
        )
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((family / name).read_bytes())
    digest.update("\0".join([*flags, *told.stdout.split()]).encode())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def _alone(path: Path, what: str) -> Iterator[None]:
    """Hold the family's lock; it ends with the process, so a kill leaves nothing behind."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"another process builds {what}; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the named programs and print one path a line; returns the exit code."""
    options = argparse.ArgumentParser(prog="build.py", description=__doc__.splitlines()[0])
    options.add_argument("names", nargs="*", metavar="NAME", help="default: list what there is")
    names = options.parse_args(arguments).names
    try:
        builder = Builder()
        if not names:
            for tool in builder.tools.values():
                print(f"{tool.name:32}{tool.version}")
            return 0
        built = builder.build(names)
    except BuildError as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("stopped; the next build goes on from here")
        return 130
    for name in names:
        print(built[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
