"""What `onprem init` writes is valid, and documents exactly the keys that exist."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from bot import example
from bot.config import AppConfig, Config, load
from bot.errors import Refused

COMMENTED = re.compile(r"^( *)# ( *(?:- )?[A-Za-z0-9_]+: ?.*)$", re.MULTILINE)


def uncommented() -> typing.Any:
    text = example.text(state="state", host="host", user="ann")
    return yaml.safe_load(COMMENTED.sub(r"\1\2", text))


def keys(value: typing.Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {k for v in value.values() for k in keys(v)}
    return {k for item in value for k in keys(item)} if isinstance(value, list) else set()


def fields(model: type[BaseModel]) -> set[str]:
    found = {field.alias or name for name, field in model.model_fields.items()}
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            found |= fields(inner)
    return found


def models_in(annotation: typing.Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in typing.get_args(annotation) for m in models_in(a)]


def test_it_loads_as_written(tmp_path: Path) -> None:
    path = tmp_path / "onprem.yaml"
    example.write(path, example.text(state=str(tmp_path / "a b: #c"), host="ho.st", user="ann"))
    config = load(path)
    assert config.state.directory == tmp_path / "a b: #c"
    assert config.admins == ("os:ho.st/ann",)
    assert config.person_of("os:ho.st/ann") == "ann"
    assert path.stat().st_mode & 0o007 == 0


def test_every_documented_key_is_real() -> None:
    data = uncommented()
    assert data["apps"]["parse"].pop("cluster") == "main"
    config = Config.model_validate(data)
    assert config.apps["parse"].clusters == ("main", "spare")


def test_every_key_is_documented() -> None:
    optional = {"token", "password"}  # documented as …_file
    inline = {"bot_token", "app_token", "signing_secret"}  # documented as …_file
    assert fields(Config) - keys(uncommented()) - optional - inline == set()
    assert fields(AppConfig) <= keys(uncommented())


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "onprem.yaml"
    path.write_text("mine")
    with pytest.raises(Refused, match="it is there already"):
        example.write(path, "new")
    assert path.read_text() == "mine"
