"""Arguments, help and exit codes of the command ``raysmith``."""

from __future__ import annotations

import pytest

from engine import ConfigException
from engine.cli import commands
from engine.cli.parser import main, make_parser

COMMANDS = (
    "run", "runs", "show", "logs", "cancel", "resume", "report", "predict", "export", "ui",
)  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        (["run", "a.yaml"], {"file": "a.yaml", "experiment": None}),
        (["run", "a.py", "--v1"], {"file": "a.py", "v1": True}),
        (["runs", "--json"], {"json": True}),
        (["show", "RUN"], {"run": "RUN", "json": False}),
        (["logs", "RUN", "3", "-f"], {"run": "RUN", "iteration": 3, "follow": True}),
        (["cancel", "RUN"], {"iteration": None}),
        (["cancel", "RUN", "3"], {"iteration": 3}),
        (["resume", "RUN"], {"run": "RUN"}),
        (["report", "RUN"], {"output": "report.html"}),
        (["predict", "RUN", "a.csv", "-"], {"input": "a.csv", "output": "-", "iteration": None}),
        (["export", "RUN", "--onnx", "m.onnx"], {"onnx": "m.onnx", "mlflow": None}),
        (["ui"], {"host": "127.0.0.1", "port": 5000}),
        (["--workspace", "there", "runs"], {"workspace": "there"}),
    ],
)
def test_arguments_of_the_commands(arguments, values):
    options = make_parser().parse_args(arguments)
    name = arguments[0] if arguments[0] in COMMANDS else "runs"
    assert options.command.__name__ == name
    assert {key: getattr(options, key) for key in values} == values


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["show"],
        ["nonsense"],
        ["logs", "x", "one"],
        ["export", "RUN"],
        ["export", "RUN", "--onnx", "a", "--mlflow", "b"],
    ],
)
def test_wrong_usage_leaves_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: raysmith" in capsys.readouterr().err


@pytest.mark.parametrize("command", [*COMMANDS, "doctor", "migrate", "cluster"])
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert f"raysmith {command}" in shown.partition("examples:")[2]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_completes(shell, capsys):
    with pytest.raises(SystemExit):
        main(["--print-completion", shell])
    assert "--mlflow" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "shown"),
    [
        (ConfigException(["task='x'"]), 1, "raysmith: task='x'\n"),
        (FileNotFoundError("there is no a.csv"), 1, "raysmith: there is no a.csv\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_are_one_line_and_a_code(monkeypatch, capsys, raised, code, shown):
    def fail(options):
        raise raised

    monkeypatch.setattr(commands, "runs", fail)
    assert main(["runs"]) == code
    assert capsys.readouterr().err == shown
