"""The command ``raysmith``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from cluster.commands import add_cluster_commands
from engine import __version__
from engine.errors import AutoMLError
from engine.experiment import Experiment
from engine.run import AutoMLRun
from engine.workspace import Workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 an error, 2 wrong usage."""
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
        prog="raysmith", description="AutoML on a Ray cluster: look after the runs of a workspace."
    )
    parser.add_argument("--version", action="version", version=f"raysmith {__version__}")
    parser.add_argument("--workspace", help="folder of the workspace (default: found upward)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ui = commands.add_parser("ui", help="start the MLflow UI on the workspace")
    ui.add_argument("--host", default="127.0.0.1")
    ui.add_argument("--port", type=int, default=5000)
    ui.set_defaults(command=_ui)

    commands.add_parser("runs", help="list the runs").set_defaults(command=_runs)

    for name, command, text in (
        ("show", _show, "print the iterations of a run"),
        ("resume", _resume, "go on with a run whose driver has died, or that was paused"),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("run", help="the run's id")
        one.set_defaults(command=command)

    logs = commands.add_parser("logs", help="print the log of an iteration")
    logs.add_argument("run", help="the run's id")
    logs.add_argument("iteration", type=int)
    logs.set_defaults(command=_logs)

    cancel = commands.add_parser("cancel", help="cancel a run, or one iteration of it")
    cancel.add_argument("run", help="the run's id")
    cancel.add_argument("iteration", type=int, nargs="?")
    cancel.set_defaults(command=_cancel)

    add_cluster_commands(commands, lambda options: Workspace.from_config(options.workspace))
    return parser


def _open(options: argparse.Namespace) -> AutoMLRun:
    workspace = Workspace.from_config(options.workspace)
    record = workspace.store.run(options.run)
    names = {experiment_id: name for name, experiment_id in workspace.store.experiments().items()}
    return AutoMLRun(Experiment(workspace, names[record.experiment_id]), options.run)


def _ui(options: argparse.Namespace) -> int:
    workspace = Workspace.from_config(options.workspace)
    address = f"http://{options.host}:{options.port}"
    print(f"MLflow UI of {workspace.folder}: {address} (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", workspace.tracking_uri]
    return subprocess.call([*command, "--host", options.host, "--port", str(options.port)])


def _runs(options: argparse.Namespace) -> int:
    workspace = Workspace.from_config(options.workspace)
    for experiment in workspace.experiments.values():
        for run in experiment.get_runs():
            print(f"{run.id}  {run.get_status():<11} {experiment.name}")
    return 0


def _show(options: argparse.Namespace) -> int:
    run = _open(options)
    print(f"{run.id}  {run.get_status()}  {run.get_portal_url()}")
    columns = ["iteration", "pipeline", "duration", "metric", "best", "status", "reason"]
    print(run.summary()[columns].to_string(index=False))
    return 0


def _logs(options: argparse.Namespace) -> int:
    for child in _open(options).get_children():
        if child.iteration == options.iteration:
            print(child.get_logs(), end="")
            return 0
    raise AutoMLError(f"run {options.run} has no iteration {options.iteration}")


def _cancel(options: argparse.Namespace) -> int:
    run = _open(options)
    if options.iteration is None:
        run.cancel()
    else:
        run.cancel_iteration(options.iteration)
    return 0


def _resume(options: argparse.Namespace) -> int:
    run = _open(options).resume()
    run.wait_for_completion(show_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
