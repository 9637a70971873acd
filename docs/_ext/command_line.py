"""The page of the command line, from its parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from _ext import sources
from _ext.markdown import code, codes, fenced, table

_WIDTH = 88


def render() -> str:
    """A section for each command, with its usage, arguments and examples."""
    parts = []
    for parser in commands(sources.command_parser()):
        parts += [f"({parser.prog.replace(' ', '-')})=", f"## {parser.prog}", *_section(parser)]
    return "\n\n".join(parts) + "\n"


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all parsers below it, depth first."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from commands(child)


def _section(parser: argparse.ArgumentParser) -> Iterator[str]:
    if parser.description:
        yield parser.description
    yield fenced(_usage(parser))
    choices = _below(parser)
    if choices:
        rows = [[f"[`{prog}`](#{prog.replace(' ', '-')})", text] for prog, text in choices]
        yield table(["command", "effect"], rows)
    rows = [
        [codes(_names(action)), _help(action), _default(action)]
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
    ]
    if rows:
        yield table(["argument", "meaning", "default"], rows)
    if parser.epilog:
        yield fenced(parser.epilog)


def _usage(parser: argparse.ArgumentParser) -> str:
    formatter = argparse.HelpFormatter(parser.prog, width=_WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)
    return formatter.format_help()


def _below(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    return [
        (f"{parser.prog} {choice.dest}", choice.help or "")
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    ]


def _names(action: argparse.Action) -> list[str]:
    if not action.option_strings:
        return [str(action.metavar or action.dest)]
    if action.nargs == 0:
        return list(action.option_strings)
    value = str(action.metavar or action.dest.upper())
    return [f"{option} {value}" for option in action.option_strings]


def _help(action: argparse.Action) -> str:
    parts = [] if action.help in (None, argparse.SUPPRESS) else [str(action.help)]
    if action.choices is not None:
        parts.append(f"one of {codes(action.choices)}")
    return "; ".join(parts)


def _default(action: argparse.Action) -> str:
    hidden = (None, False, argparse.SUPPRESS, ())
    return "" if action.default in hidden else code(action.default)
