"""The settings in a run's configuration file.

A TOML file can contain all options.  Keys are the long options without their dashes, with ``-`` or
``_`` between words, in tables of any name or in none.  The command line overrides the file.
"""

from __future__ import annotations

import argparse
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["read_settings"]


def read_settings(path: Path, actions: Mapping[str, argparse.Action]) -> dict[str, Any]:
    """Read a configuration file.

    `actions`: the options by name, which define the allowed values.  Paths in the file are relative
    to its folder.

    Raises
    ------
    ValueError
        If it is not TOML, or contains an unknown option.
    """
    try:
        with path.open("rb") as file:
            said = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not TOML: {error}") from error
    found: dict[str, Any] = {}
    for key, value in _flat(said):
        name = key.replace("-", "_")
        name = {"inputs": "files", "raw": "files"}.get(name, name)
        if name not in actions:
            near = difflib.get_close_matches(name, actions, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{path}: {key} is not an option of tica-fn run{hint}")
        if name in found:
            raise ValueError(f"{path}: {key} is given twice")
        found[name] = _value(path, key, value, actions[name])
    return found


def _flat(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in said.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield key, value


def _value(path: Path, key: str, value: Any, action: argparse.Action) -> Any:
    """Convert a value as the command line would."""
    many = action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction)
    if isinstance(value, list) != many and not (many and not isinstance(value, bool)):
        raise ValueError(f"{path}: {key} is {value!r}; give {'a list' if many else 'one value'}")
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"{path}: {key} is {value!r}; give true or false")
        return value
    if many:
        return [
            _one(path, key, one, action) for one in (value if isinstance(value, list) else [value])
        ]
    return _one(path, key, value, action)


def _one(path: Path, key: str, value: Any, action: argparse.Action) -> Any:
    if isinstance(value, bool | dict | list):
        raise ValueError(f"{path}: {key} is {value!r}, which that option does not take")
    kind: Any = action.type or str
    try:
        made = kind(str(value))
    except (argparse.ArgumentTypeError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: {key} is {value!r}: {error}") from error
    beside = path.parent / str(made)
    if isinstance(made, Path) or (action.dest == "list" and made != "-"):
        return beside if isinstance(made, Path) else str(beside)
    if action.dest == "catalog" and beside.is_file():
        return str(beside)
    if action.choices is not None and made not in action.choices:
        allowed = ", ".join(str(one) for one in action.choices)
        raise ValueError(f"{path}: {key} is {value!r}, not one of {allowed}")
    return made
