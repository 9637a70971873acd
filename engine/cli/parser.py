"""The command ``raysmith``: its arguments. The modules beside this one do the work.

They are imported when their command is called: help, completion and a script need few packages.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

import shtab

from cluster.commands import add_cluster_commands
from engine import __version__
from engine.errors import AutoMLError

_DESCRIPTION = "AutoML on a Ray cluster: start runs, follow them, use their models."

_EXAMPLES = """examples:
  raysmith run settings.yaml              start the run that the file describes, print its table
  raysmith runs                           list the runs of the workspace
  raysmith logs RUN 3 -f                  follow the log of iteration 3
  raysmith predict RUN in.csv out.csv     predict with the best model
  raysmith serve RUN                      serve the best model over HTTP
  raysmith cluster create automlcl --vm-size STANDARD_D2_V2 --max-nodes 6
  source <(raysmith --print-completion bash)   complete commands with Tab (also zsh, tcsh)

Tables have colours on a terminal, unless NO_COLOR=1 is set. Lines are plain in a pipe. --json is
for programs.

exit codes: 0 done, 1 an error, 2 wrong usage, 3 and 4 of migrate, 130 interrupted
"""

_EXAMPLES_OF_RUN = """raysmith run settings.yaml
raysmith run settings.yaml --experiment churn
raysmith run driver.py
raysmith run driver.py -- --seed 3      words after -- are the script's arguments
raysmith run old_script.py --v1         a script of Azure ML SDK v1 as it is, or a notebook

settings.yaml holds the parameters of AutoMLConfig, a line each:
  task: classification
  training_data: table.csv
  label_column_name: y
  iterations: 20
Ctrl-C asks the run to stop and keeps what has finished; a second Ctrl-C leaves at once."""

_EXAMPLES_OF_MIGRATE = """raysmith migrate train.py score.py       print a diff, change nothing
raysmith migrate notebook.ipynb --write  rewrite it, keep notebook.ipynb.bak
raysmith migrate *.py --check            for continuous integration
Scripts that a file names as data_script or entry script and that lie beside it come along.

exit codes: 0 nothing is left, 1 with --check: a file would change, 3 a person must look at what is
listed, 4 a file cannot be migrated"""

_ERROR, _INTERRUPTED = 1, 130

Command = Callable[[argparse.Namespace], int]


class Subparsers(Protocol):
    """The object to add commands to, as ``ArgumentParser.add_subparsers`` returns it."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,
        description: str,
        epilog: str,
        formatter_class: type[argparse.HelpFormatter],
    ) -> argparse.ArgumentParser:
        """Add a command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments:
        The words after ``raysmith``; default: those of the process.

    Returns
    -------
    int
        Exit code: 0 done, 1 an error, 130 interrupted. Wrong usage leaves with 2.

    Examples
    --------
    >>> main(["--version"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    SystemExit: 0
    """
    given, of_script = _divide(list(sys.argv[1:] if arguments is None else arguments))
    options = make_parser().parse_args(given)
    options.arguments = of_script
    try:
        return int(options.command(options))
    except (AutoMLError, OSError) as error:
        print(f"raysmith: {error}", file=sys.stderr)
        return _ERROR
    except KeyboardInterrupt:
        return _INTERRUPTED


def _divide(words: list[str]) -> tuple[list[str], list[str]]:
    """Divide words into those of raysmith and, after ``run ... --``, those of a script."""
    command = words[2:] if words[:1] == ["--workspace"] else words
    command = command[1:] if command[:1] and command[0].startswith("--workspace=") else command
    if command[:1] != ["run"] or "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands; each sets ``command`` to the function that runs it.

    Examples
    --------
    >>> options = make_parser().parse_args(["logs", "RUN", "3", "-f"])
    >>> options.command.__name__, options.iteration, options.follow
    ('logs', 3, True)
    """
    parser = argparse.ArgumentParser(
        prog="raysmith",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"raysmith {__version__}")
    parser.add_argument("--workspace", help="folder of the workspace (default: found upward)")
    shtab.add_argument_to(parser, ["--print-completion"], help="for bash, zsh or tcsh")
    parts = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_run, _runs, _show, _logs, _cancel, _resume, _report, _predict, _export, _ui):
        add(parts)
    _serve(parts)
    _endpoints(parts)
    _doctor(parts)
    _migrate(parts)
    add_cluster_commands(parts, _open_workspace)
    return parser


def _open_workspace(options: argparse.Namespace) -> Any:
    from engine.cli.workspace import open_workspace

    return open_workspace(options.workspace)


def _deferred(name: str, module: str = "commands") -> Command:
    """The function of a module of this package, which is imported when it is called."""

    def command(options: argparse.Namespace) -> int:
        return int(getattr(import_module(f"engine.cli.{module}"), name)(options))

    command.__name__ = name
    return command


def _run(parts: Subparsers) -> None:
    text = "start a run from a YAML file of settings, or run a driver script or a notebook"
    parser = _add(parts, "run", text, _deferred("run", "starting"), _EXAMPLES_OF_RUN)
    _complete_files(parser.add_argument("file", help="settings.yaml, driver.py or notebook.ipynb"))
    parser.add_argument(
        "--experiment", help="default: 'experiment' in the file, else the file's name"
    )
    parser.add_argument(
        "--v1",
        action="store_true",
        help="run a script or notebook of Azure ML SDK v1 as it is (needs the extra 'v1')",
    )


def _runs(parts: Subparsers) -> None:
    parser = _add(parts, "runs", "list the runs", _deferred("runs"), "raysmith runs --json")
    _add_json(parser)


def _show(parts: Subparsers) -> None:
    text = "print the iterations of a run"
    _add_json(_add_of_run(parts, "show", text, _deferred("show"), "raysmith show RUN"))


def _logs(parts: Subparsers) -> None:
    text = "print the log of an iteration"
    parser = _add_of_run(parts, "logs", text, _deferred("logs"), "raysmith logs RUN 3 -f")
    parser.add_argument("iteration", type=int)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until it ends")


def _cancel(parts: Subparsers) -> None:
    text = "cancel a run, or one iteration of it"
    examples = "raysmith cancel RUN\nraysmith cancel RUN 3"
    parser = _add_of_run(parts, "cancel", text, _deferred("cancel"), examples)
    parser.add_argument("iteration", type=int, nargs="?")


def _resume(parts: Subparsers) -> None:
    text = "go on with a run whose driver has died, or that was paused"
    _add_of_run(parts, "resume", text, _deferred("resume"), "raysmith resume RUN")


def _report(parts: Subparsers) -> None:
    examples = "raysmith report RUN -o report.html"
    parser = _add_of_run(parts, "report", "write a run's report", _deferred("report"), examples)
    parser.add_argument("-o", "--output", default="report.html", help="default: report.html")


def _predict(parts: Subparsers) -> None:
    text = "predict the rows of a CSV or Parquet file"
    examples = "raysmith predict RUN in.csv out.csv\nraysmith predict RUN in.csv - --iteration 3"
    parser = _add_of_run(parts, "predict", text, _deferred("predict"), examples)
    _complete_files(parser.add_argument("input"))
    parser.add_argument("output", help="a CSV file; - for standard output")
    _add_iteration(parser)


def _export(parts: Subparsers) -> None:
    text = "write a run's model as a file or folder"
    examples = (
        "raysmith export RUN --mlflow model\nraysmith export RUN --onnx model.onnx --iteration 3"
    )
    parser = _add_of_run(parts, "export", text, _deferred("export"), examples)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--mlflow", metavar="FOLDER", help="an MLflow model")
    kind.add_argument("--onnx", metavar="FILE", help="an ONNX model (needs the extra 'onnx')")
    _add_iteration(parser)


def _ui(parts: Subparsers) -> None:
    text = "start the MLflow UI on the workspace"
    parser = _add(parts, "ui", text, _deferred("ui"), "raysmith ui --port 5001")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)


def _serve(parts: Subparsers) -> None:
    text = "serve a model over HTTP (needs the extra 'serve')"
    examples = (
        "raysmith serve RUN\nraysmith serve churn@champion --name churn\n"
        "raysmith serve RUN --compute-target automlcl --replicas 2"
    )
    parser = _add(parts, "serve", text, _deferred("serve", "serving"), examples)
    parser.add_argument("model", help="a run's id, or a registered model: NAME, NAME/3, NAME@alias")
    parser.add_argument("--name", help="of the endpoint (default: the experiment's or model's)")
    _add_iteration(parser)
    parser.add_argument("--compute-target", help="default: this machine, until Ctrl-C")
    parser.add_argument("--replicas", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--cores", type=float, default=1, help="of each replica (default: 1)")
    parser.add_argument("--batch-size", type=int, default=32, help="requests at once (default: 32)")
    parser.add_argument("--batch-wait-ms", type=float, default=5, help="default: 5")
    _complete_files(parser.add_argument("--token-file", help="file with the token to be sent"))
    parser.add_argument("--timeout", type=float, default=300, help="seconds (default: 300)")


def _endpoints(parts: Subparsers) -> None:
    text = "list the endpoints, or show, roll back or delete one"
    examples = (
        "raysmith endpoints\nraysmith endpoints churn --logs\nraysmith endpoints churn --delete"
    )
    parser = _add(parts, "endpoints", text, _deferred("endpoints", "serving"), examples)
    parser.add_argument("name", nargs="?")
    _add_json(parser)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--logs", action="store_true", help="print the log of its replicas")
    action.add_argument("--rollback", action="store_true", help="serve the version before")
    action.add_argument("--delete", action="store_true", help="end it")


def _doctor(parts: Subparsers) -> None:
    text = "check versions, cores, memory, ports, write access"
    _add_json(_add(parts, "doctor", text, _deferred("doctor", "doctor"), "raysmith doctor"))


def _migrate(parts: Subparsers) -> None:
    text = "rewrite scripts and notebooks of Azure ML SDK v1 for raysmith"
    parser = _add(parts, "migrate", text, _deferred("migrate", "migrate"), _EXAMPLES_OF_MIGRATE)
    files = parser.add_argument("files", nargs="+", metavar="FILE", help="a .py or .ipynb file")
    _complete_files(files)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--write", action="store_true", help="rewrite the files and keep FILE.bak; default: a diff"
    )
    kind.add_argument(
        "--check", action="store_true", help="print no diff; exit with 1 if a file would change"
    )
    _add_json(parser)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_iteration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--iteration", type=int, help="default: the best")


def _complete_files(argument: argparse.Action) -> None:
    argument.complete = shtab.FILE  # type: ignore[attr-defined]


def _add(
    parts: Subparsers, name: str, text: str, command: Command, examples: str
) -> argparse.ArgumentParser:
    lines = "".join(f"  {line}\n" for line in examples.splitlines())
    parser = parts.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def _add_of_run(
    parts: Subparsers, name: str, text: str, command: Command, examples: str
) -> argparse.ArgumentParser:
    """A command whose first argument is a run."""
    parser = _add(parts, name, text, command, examples)
    parser.add_argument("run", help="the run's id")
    return parser
