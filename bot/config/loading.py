"""File → `Config`, or every problem at once with file and line."""

from __future__ import annotations

import copy
import re
import typing
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bot.config import checks, lines, sources
from bot.config.models import AppConfig, Config
from bot.errors import ConfigError, Problem

Where = tuple[str, ...]
CommandNames = Callable[[tuple[str, ...]], Collection[str]]

_SENTENCES = {
    "missing": "is missing",
    "string_type": "should be text; put it in quotes",
    "dict_type": "should hold keys and values",
    "model_type": "should hold keys and values",
    "tuple_type": "should be a list",
    "path_type": "should be a path",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "too_short": "needs at least one entry",
    "timezone_aware": "needs a time zone, such as 2026-12-24T18:00:00Z",
}

# Lets the rest be checked when something required is missing or wrong; never leaves this module.
_STAND_INS: dict[str, Any] = {
    "state": {"directory": "."},
    "directory": ".",
    "clusters": {"none": {}},
    "namespace": "none",
    "chart": "oci://none",
}


def load(path: Path, *, command_names: CommandNames | None = None) -> Config:
    """Reads `onprem.yaml` with what overrides it.

    Args:
        path: The file. Paths inside it are seen from its folder.
        command_names: From the users' own command modules to all command names; given, names in
            `policy` and channels are checked too.

    Raises:
        ConfigError: With all problems, each with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = "there is no such file; `onprem init` writes one"
        raise ConfigError((Problem(str(path), 0, message),)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((Problem(str(path), 0, f"it cannot be read: {error}"),)) from None
    return _Loading(path, text).config(command_names)


class ConfigFile:
    """A configuration that can be read again while the bot runs."""

    def __init__(self, path: Path, *, command_names: CommandNames | None = None) -> None:
        """Loads it the first time.

        Raises:
            ConfigError: As `load`.
        """
        self._path, self._names = path, command_names
        self.current = load(path, command_names=command_names)

    def reload(self) -> bool:
        """Reads the file again; True when something changed.

        Raises:
            ConfigError: As `load`; `current` stays as it was.
        """
        fresh = load(self._path, command_names=self._names)
        changed = fresh != self.current
        self.current = fresh
        return changed


class _Loading:
    def __init__(self, path: Path, text: str) -> None:
        self.base = path.absolute().parent
        self.file = str(path)
        self.parsed = lines.parse(text, self.file)
        self.problems = list(self.parsed.problems)
        self.overlay: dict[str, Any] = {}
        self.exposed = sources.exposed(path)

    def config(self, command_names: CommandNames | None) -> Config:
        data = self._merged()
        clusters = data.get("clusters")
        names = {str(name) for name in clusters} if isinstance(clusters, dict) else set()
        config = self._valid_part(data)
        if config is not None:
            self._report(checks.findings(config, names))
            if command_names is not None:
                self._report(self._commands(config, command_names))
        if self.problems or config is None:
            ordered = sorted(set(self.problems), key=lambda p: (p.file, p.line, p.message))
            raise ConfigError(tuple(ordered))
        return config

    def _commands(self, config: Config, names: CommandNames) -> Iterator[tuple[Where, str]]:
        """What is wrong with names of commands; a module that cannot be used is told as well."""
        try:
            known = names(config.commands)
        except ConfigError as error:
            self.problems += (replace(one, file=self.file) for one in error.problems)
            return
        yield from checks.command_findings(config, known)

    def _merged(self) -> dict[str, Any]:
        data = self.parsed.data
        if not isinstance(data, dict):
            self.problems.append(Problem(self.file, 1, "the file should hold keys and values"))
            data = {}
        try:
            self.overlay = sources.overrides()
        except sources.SettingsError as error:
            self.problems.append(Problem("environment", 0, str(error)))
        if self.exposed:
            self._report(_inline_secrets(data))
        data = sources.merged(copy.deepcopy(data), self.overlay)
        self._report(sources.read_secret_files(data, self.base))
        return data

    def _valid_part(self, data: dict[str, Any]) -> Config | None:
        """Validates; on problems leaves out the wrong parts, so that the rest is checked too."""
        first = not (self.parsed.problems and not self.parsed.data)
        for _ in range(1000):
            try:
                return Config.model_validate(data, context={"base": self.base})
            except ValidationError as error:
                for one in reversed(error.errors(include_url=False, include_context=False)):
                    where = tuple(str(p) for p in one["loc"] if p != "[key]")
                    if first:
                        self._add(where, _sentence(where, one["type"], one["msg"]))
                    _leave_out(data, where, missing=one["type"] == "missing")
            first = False
        return None

    def _report(self, findings: Iterator[tuple[Where, str]]) -> None:
        for where, message in findings:
            self._add(where, message)

    def _add(self, where: Where, message: str) -> None:
        label = ".".join(where)
        text = f"{label}: {message}" if label else message
        if _inside(self.overlay, where) and where not in self.parsed.lines:
            variable = sources.PREFIX + "__".join(where).upper()
            self.problems.append(Problem(f"environment {variable}", 0, text))
            return
        one = (*where[:2], "cluster")  # apps may say `cluster: a` for `clusters: [a]`
        at = one if where[2:3] == ("clusters",) and one in self.parsed.lines else where
        self.problems.append(Problem(self.file, self.parsed.line(at), text))


def _inline_secrets(data: dict[str, Any]) -> Iterator[tuple[Where, str]]:
    for path, holder, secrets in sources.holders(data):
        for key in secrets:
            if isinstance(holder.get(key), str):
                yield (
                    (*path, key),
                    "everyone on this host can read this secret; run chmod 600 on the file, or "
                    f"use {key}_file",
                )


def _sentence(where: Where, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        known = _keys_at(where[:-1])
        return "unknown key" + checks.did_you_mean(where[-1], known)
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    message = message.removeprefix("Value error, ")
    return re.sub(r"^(Input|Value|List|Dictionary) should", "should", message)


def _keys_at(where: Where) -> Collection[str]:
    """The keys that the models know at a path."""
    model: type[BaseModel] = Config
    parts = iter(where)
    for part in parts:
        field = model.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if field is None or inner is None:
            return ()
        model = inner
        if typing.get_origin(field.annotation) in (dict, tuple):
            next(parts, None)
    return (*model.model_fields, *(("cluster",) if model is AppConfig else ()))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `X | None`, `dict[str, X]` or `tuple[X, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in found if model), None)


def _leave_out(data: dict[str, Any], where: Where, *, missing: bool) -> None:
    """Removes what a path names, or gives what is missing there a stand-in."""
    holder: Any = data
    trail: list[tuple[Any, Any]] = []
    for part in where:
        if isinstance(holder, dict):
            key: Any = next((k for k in holder if str(k) == part), None)
        else:
            inside = isinstance(holder, list) and part.isdigit() and int(part) < len(holder)
            key = int(part) if inside else None
        if key is None:
            if missing and isinstance(holder, dict) and part in _STAND_INS:
                holder[part] = copy.deepcopy(_STAND_INS[part])
                return
            break
        trail.append((holder, key))
        holder = holder[key]
    if trail:
        parent, key = trail[-1]
        del parent[key]


def _inside(data: Any, where: Where) -> bool:
    for part in where:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return bool(where)
