"""The command ``raysmith``: its arguments. What each command does is in `engine.commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cluster.commands import add_cluster_commands
from engine import __version__, commands
from engine.errors import AutoMLError
from engine.workspace import Workspace

_EXAMPLES = """examples:
  raysmith run settings.yaml              run what the file says, print the table
  raysmith runs                           the runs of the workspace
  raysmith logs RUN 3 -f                  follow the log of iteration 3
  raysmith predict RUN in.csv out.csv     predictions of the best model
  raysmith cluster create automlcl --vm-size STANDARD_D2_V2 --max-nodes 6

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
    parts = parser.add_subparsers(required=True, metavar="COMMAND")

    run = parts.add_parser(
        "run", help="start a run from a YAML file of AutoMLConfig's parameters, or a driver script"
    )
    run.add_argument("file", help="settings.yaml or driver.py")
    run.add_argument("--experiment", help="default: 'experiment' in the file, else its name")
    run.set_defaults(command=commands.run)

    runs = parts.add_parser("runs", help="list the runs")
    runs.add_argument("--json", action="store_true", help="for programs")
    runs.set_defaults(command=commands.runs)

    show = _of_run(parts, "show", "print the iterations of a run", commands.show)
    show.add_argument("--json", action="store_true", help="for programs")

    logs = _of_run(parts, "logs", "print the log of an iteration", commands.logs)
    logs.add_argument("iteration", type=int)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until it ends")

    cancel = _of_run(parts, "cancel", "cancel a run, or one iteration of it", commands.cancel)
    cancel.add_argument("iteration", type=int, nargs="?")

    _of_run(
        parts, "resume", "go on with a run whose driver has died, or that was paused",
        commands.resume,
    )  # fmt: skip

    report = _of_run(parts, "report", "write a run's report", commands.report)
    report.add_argument("-o", "--output", default="report.html", help="default: report.html")

    predict = _of_run(
        parts, "predict", "predict the rows of a CSV or Parquet file", commands.predict
    )
    predict.add_argument("input")
    predict.add_argument("output", help="a CSV file; - for standard output")
    predict.add_argument("--iteration", type=int, help="default: the best")

    export = _of_run(parts, "export", "write a run's model as a folder", commands.export)
    export.add_argument("--mlflow", metavar="FOLDER", required=True, help="an MLflow model")
    export.add_argument("--iteration", type=int, help="default: the best")

    ui = parts.add_parser("ui", help="start the MLflow UI on the workspace")
    ui.add_argument("--host", default="127.0.0.1")
    ui.add_argument("--port", type=int, default=5000)
    ui.set_defaults(command=commands.ui)

    doctor = parts.add_parser("doctor", help="check versions, cores, memory, ports, write access")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(command=commands.doctor)

    add_cluster_commands(parts, lambda options: Workspace.from_config(options.workspace))
    return parser


def _of_run(parts: object, name: str, text: str, command: object) -> argparse.ArgumentParser:
    """A command whose first argument is a run."""
    one: argparse.ArgumentParser = parts.add_parser(name, help=text)  # type: ignore[attr-defined]
    one.add_argument("run", help="the run's id")
    one.set_defaults(command=command)
    return one


if __name__ == "__main__":
    sys.exit(main())
