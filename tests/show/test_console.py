"""Tables on terminals and in pipes."""

from __future__ import annotations

import io

import pytest

from engine.show.console import print_table, style_of

ROWS = [
    {"run": "[bold]a", "status": "Failed", "best": 0.123456789},
    {"run": "b", "status": "Running", "best": float("nan")},
    {"run": "c", "status": None},
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_plain_lines():
    stream = io.StringIO()
    print_table(["run", "status", "best"], ROWS, stream)
    assert stream.getvalue().splitlines() == [
        "run      status   best",
        "[bold]a  Failed   0.12346",
        "b        Running",
        "c",
    ]


def test_a_terminal_gets_colours_and_no_markup(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    print_table(["run", "status", "best"], ROWS, terminal)
    shown = terminal.getvalue()
    assert "[bold]a" in shown
    assert "\x1b[31mFailed" in shown
    assert "nan" not in shown


def test_a_table_without_rows_has_its_headings():
    stream = io.StringIO()
    print_table(["run", "status"], [], stream)
    assert stream.getvalue() == "run  status\n"


@pytest.mark.parametrize(
    ("status", "style"), [("Completed", "green"), ("BAD", "bold red"), ("Preparing", "")]
)
def test_colours_of_states(status, style):
    assert style_of(status) == style
