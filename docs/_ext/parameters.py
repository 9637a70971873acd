"""The table of configuration parameters: meanings from a file, defaults and types from the code."""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from _ext import sources
from _ext.markdown import code, table

MEANINGS = sources.DOCS / "reference" / "parameters.toml"
_LEVELS = {logging.INFO: "logging.INFO"}


@dataclass(frozen=True)
class Group:
    """Parameters of one subject.

    ``meanings`` maps a parameter's name to a sentence in Markdown, ``types`` and ``defaults``
    replace what the code says where that is long or is decided later.
    """

    title: str
    meanings: Mapping[str, str]
    types: Mapping[str, str]
    defaults: Mapping[str, str]


def groups() -> list[Group]:
    """The groups of `MEANINGS`, in the order of the file."""
    content = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))
    return [
        Group(
            title=group["title"],
            meanings=group["meaning"],
            types=group.get("type", {}),
            defaults=group.get("default", {}),
        )
        for group in content["group"]
    ]


def render() -> str:
    """One table for each group."""
    parts = []
    for group in groups():
        rows = [
            [
                code(name),
                group.types.get(name) or _type(name),
                f"{meaning} Default: {group.defaults.get(name) or code(_default(name))}.",
            ]
            for name, meaning in group.meanings.items()
        ]
        parts += [f"## {group.title}", table(["parameter", "type", "meaning"], rows)]
    return "\n\n".join(parts) + "\n"


def _default(name: str) -> str:
    field = sources.config_fields().get(name)
    if field is None:
        return repr(None)
    return _LEVELS[field.default] if name == "verbosity" else repr(field.default)


def _type(name: str) -> str:
    """What the rule of a parameter allows: its answer to a value that nothing allows."""
    allowed = sources.config_fields()[name].metadata["check"](object())
    if allowed is None:
        return "anything"
    return re.sub(r"'[^']*'", lambda match: code(match[0]), str(allowed).removesuffix(", or None"))
