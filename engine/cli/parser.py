"""The command ``raysmith``: its arguments. What each command does is in `engine.cli.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import shtab

from cluster.commands import add_cluster_commands
from engine import __version__
from engine.cli import commands
from engine.cli import doctor as doctor_command
from engine.client.workspace import Workspace
from engine.errors import AutoMLError

_EXAMPLES = """examples:
  raysmith run settings.yaml              run what the file says, print the table
  raysmith runs                           the runs of the workspace
  raysmith logs RUN 3 -f                  follow the log of iteration 3
  raysmith predict RUN in.csv out.csv     predictions of the best model
  raysmith cluster create automlcl --vm-size STANDARD_D2_V2 --max-nodes 6
  source <(raysmith --print-completion bash)   complete commands with Tab (also zsh, tcsh)

On a terminal tables have colours; NO_COLOR=1 leaves them out. In a pipe lines are plain, and
--json is for programs.

exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 an error, 2 wrong usage, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (AutoMLError, OSError) as error:
        print(f"raysmith: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="raysmith",
        description="AutoML on a Ray cluster: start runs, look after them, use their models.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"raysmith {__version__}")
    parser.add_argument("--workspace", help="folder of the workspace (default: found upward)")
    shtab.add_argument_to(parser, ["--print-completion"], help="for bash, zsh or tcsh")
    parts = parser.add_subparsers(required=True, metavar="COMMAND")

    run = _command(
        parts, "run", "start a run from a YAML file of settings, or a driver script", commands.run,
        """raysmith run settings.yaml
raysmith run settings.yaml --experiment churn
raysmith run driver.py

settings.yaml holds the parameters of AutoMLConfig, a line each:
  task: classification
  training_data: table.csv
  label_column_name: y
  iterations: 20
Ctrl-C asks the run to stop and keeps what has finished; a second one leaves at once.""",
    )  # fmt: skip
    run.add_argument("file", help="settings.yaml or driver.py").complete = shtab.FILE  # type: ignore[attr-defined]
    run.add_argument("--experiment", help="default: 'experiment' in the file, else its name")

    runs = _command(parts, "runs", "list the runs", commands.runs, "raysmith runs --json")
    runs.add_argument("--json", action="store_true", help="for programs")

    show = _of_run(
        parts, "show", "print the iterations of a run", commands.show, "raysmith show RUN"
    )
    show.add_argument("--json", action="store_true", help="for programs")

    logs = _of_run(
        parts, "logs", "print the log of an iteration", commands.logs, "raysmith logs RUN 3 -f"
    )
    logs.add_argument("iteration", type=int)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until it ends")

    cancel = _of_run(
        parts, "cancel", "cancel a run, or one iteration of it", commands.cancel,
        "raysmith cancel RUN\nraysmith cancel RUN 3",
    )  # fmt: skip
    cancel.add_argument("iteration", type=int, nargs="?")

    _of_run(
        parts, "resume", "go on with a run whose driver has died, or that was paused",
        commands.resume, "raysmith resume RUN",
    )  # fmt: skip

    report = _of_run(
        parts, "report", "write a run's report", commands.report,
        "raysmith report RUN -o report.html",
    )  # fmt: skip
    report.add_argument("-o", "--output", default="report.html", help="default: report.html")

    predict = _of_run(
        parts, "predict", "predict the rows of a CSV or Parquet file", commands.predict,
        "raysmith predict RUN in.csv out.csv\nraysmith predict RUN in.csv - --iteration 3",
    )  # fmt: skip
    predict.add_argument("input").complete = shtab.FILE  # type: ignore[attr-defined]
    predict.add_argument("output", help="a CSV file; - for standard output")
    predict.add_argument("--iteration", type=int, help="default: the best")

    export = _of_run(
        parts, "export", "write a run's model as a file or folder", commands.export,
        "raysmith export RUN --mlflow model\nraysmith export RUN --onnx model.onnx --iteration 3",
    )  # fmt: skip
    kind = export.add_mutually_exclusive_group(required=True)
    kind.add_argument("--mlflow", metavar="FOLDER", help="an MLflow model")
    kind.add_argument("--onnx", metavar="FILE", help="an ONNX model (the extra 'onnx')")
    export.add_argument("--iteration", type=int, help="default: the best")

    ui = _command(
        parts, "ui", "start the MLflow UI on the workspace", commands.ui, "raysmith ui --port 5001"
    )
    ui.add_argument("--host", default="127.0.0.1")
    ui.add_argument("--port", type=int, default=5000)

    doctor = _command(
        parts,
        "doctor",
        "check versions, cores, memory, ports, write access",
        doctor_command.doctor,
        "raysmith doctor",
    )
    doctor.add_argument("--json", action="store_true", help="for programs")

    add_cluster_commands(parts, lambda options: Workspace.from_config(options.workspace))
    return parser


def _command(
    parts: Any, name: str, text: str, command: Any, examples: str
) -> argparse.ArgumentParser:
    lines = "".join(f"  {line}\n" for line in examples.splitlines())
    one: argparse.ArgumentParser = parts.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.set_defaults(command=command)
    return one


def _of_run(
    parts: Any, name: str, text: str, command: Any, examples: str
) -> argparse.ArgumentParser:
    """A command whose first argument is a run."""
    one = _command(parts, name, text, command, examples)
    one.add_argument("run", help="the run's id")
    return one
