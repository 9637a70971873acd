"""The commands of ``raysmith``; each takes its options and returns an exit code."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import yaml

from cluster.providers.attached import LOOPBACK
from cluster.targets.embedded import leave_drivers
from engine.cli.workspace import open_workspace
from engine.client.experiment import Experiment
from engine.client.iteration import IterationRun
from engine.client.overview import overview_of
from engine.client.run import AutoMLRun
from engine.config.automl_config import AutoMLConfig
from engine.data.tables import read_table
from engine.errors import AutoMLError, ConfigException
from engine.show.console import print_table
from engine.show.summary import TABLE_COLUMNS
from engine.store.mlflow_model import download_mlflow_model, save_mlflow_model
from engine.store.status import IterationStatus
from engine.store.texts import plain_text
from engine.temporary import passing_folder

_FOLLOW_SECONDS = 0.5
_DONE, _INTERRUPTED = 0, 130


def run_settings(file: Path, experiment: str | None, workspace: str | None) -> int:
    """Start the run that a file of settings describes, and print its iterations."""
    settings = read_settings(file)
    in_file = settings.pop("experiment", None)
    name = experiment or in_file or file.stem
    started = Experiment(open_workspace(workspace), str(name)).submit(AutoMLConfig(**settings))
    print(f"run {started.id}", flush=True)
    try:
        started.wait_for_completion(show_output=True)
    except KeyboardInterrupt:
        _stop(started)
        return _INTERRUPTED
    best = started.get_output()[0]
    print(f"best: iteration {best.iteration}, {_score(best, started)}")
    return _DONE


def read_settings(file: Path) -> dict[str, Any]:
    """Read the parameters of `AutoMLConfig` from a YAML file.

    Raises
    ------
    ConfigException
        When the file is not YAML, or not a mapping of names to values.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "settings.yaml"
    ...     _ = file.write_text("task: regression\\niterations: 5")
    ...     read_settings(file)
    {'task': 'regression', 'iterations': 5}
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigException([f"{file} is no YAML file: {error}"]) from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigException([f"{file}: expected AutoMLConfig's parameters, a line each"])
    return content


def _stop(started: AutoMLRun) -> None:
    """Cancel a run and wait for its end, unless the user interrupts that too."""
    try:
        print("stopping the run; what has finished stays (Ctrl-C again leaves at once)", flush=True)
        started.cancel()
        started.wait_for_completion()
    except KeyboardInterrupt:
        leave_drivers()


def _score(best: IterationRun, started: AutoMLRun) -> str:
    name = started.metric.name
    return f"{best.get_details()['pipeline']}, {name} {best.get_metrics()[name]:.5f}"


def runs(options: argparse.Namespace) -> int:
    """Print all runs of the workspace."""
    workspace = open_workspace(options.workspace)
    ids = {name: experiment.id for name, experiment in workspace.experiments.items()}
    overview = overview_of(workspace, ids)
    found = [
        {"run": one.run_id, "status": one.status.value, "experiment": one.experiment}
        for one in overview
    ]
    for target in sorted({one.target for one in overview if not one.is_certain}):
        print(
            f"raysmith: compute target {target!r} does not answer; the states of its runs are the "
            "last ones that their drivers wrote",
            file=sys.stderr,
        )
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print_table(["run", "status", "experiment"], found)
    return _DONE


def show(options: argparse.Namespace) -> int:
    """Print a run's iterations."""
    chosen = open_run(options)
    summary = chosen.summary()
    status, url = chosen.get_status(), chosen.get_portal_url()
    if options.json:
        rows = json.loads(summary.to_json(orient="records"))
        found = {"run": chosen.id, "status": status, "url": url, "iterations": rows}
        print(json.dumps(found, indent=1))
        return _DONE
    print(f"{chosen.id}  {status}  {url}")
    columns = list(TABLE_COLUMNS)
    rows = summary[columns].to_dict("records")
    print_table(columns, [{str(key): value for key, value in row.items()} for row in rows])
    return _DONE


def logs(options: argparse.Namespace) -> int:
    """Print an iteration's log."""
    child = _iteration(open_run(options), options.iteration)
    text = child.get_logs()
    print(plain_text(text), end="", flush=True)
    while options.follow and not IterationStatus(child.get_status()).is_final:
        time.sleep(_FOLLOW_SECONDS)
        longer = child.get_logs()
        # An iteration that was started again has a new log, which is printed from its beginning.
        print(plain_text(longer.removeprefix(text)), end="", flush=True)
        text = longer
    return _DONE


def cancel(options: argparse.Namespace) -> int:
    """Cancel a run or an iteration."""
    chosen = open_run(options)
    if options.iteration is None:
        chosen.cancel()
    else:
        chosen.cancel_iteration(options.iteration)
    return _DONE


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, and wait for its end."""
    open_run(options).resume().wait_for_completion(show_output=True)
    return _DONE


def report(options: argparse.Namespace) -> int:
    """Write the report of a run."""
    print(open_run(options).report(options.output))
    return _DONE


def predict(options: argparse.Namespace) -> int:
    """Predict the rows of a file.

    The result has a column ``prediction`` and, for classifiers, a column of probabilities for
    each class.
    """
    rows = read_table(options.input)
    _, model = open_run(options).get_output(iteration=options.iteration)
    predicted = {"prediction": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        probabilities = np.asarray(model.predict_proba(rows))
        for index, label in enumerate(model.classes_):
            predicted[f"probability_{label}"] = probabilities[:, index]
    target: TextIO | str = sys.stdout if options.output == "-" else options.output
    pd.DataFrame(predicted).to_csv(target, index=False)
    return _DONE


def export(options: argparse.Namespace) -> int:
    """Write a model as an MLflow model in a new folder, or as an ONNX file."""
    target = Path(options.mlflow or options.onnx)
    if target.exists():
        raise ConfigException(
            [f"{target} exists; name a new {'folder' if options.mlflow else 'file'}"]
        )
    chosen = open_run(options)
    target.parent.mkdir(parents=True, exist_ok=True)
    if options.onnx:
        _, converted = chosen.get_output(iteration=options.iteration, return_onnx_model=True)
        target.write_bytes(converted.SerializeToString())
    else:
        child, _ = chosen.get_output(iteration=options.iteration)
        save_mlflow_model(child.store, child.run_id, with_code=True)
        with passing_folder("model") as place:
            shutil.move(download_mlflow_model(child.store, child.run_id, str(place)), target)
    print(target)
    return _DONE


def ui(options: argparse.Namespace) -> int:
    """Run the MLflow UI until Ctrl-C."""
    workspace = open_workspace(options.workspace)
    address = f"http://{options.host}:{options.port}"
    if options.host not in LOOPBACK:
        print(
            f"raysmith: warning: everybody who reaches {options.host}:{options.port} can read and "
            "change these runs without a login, and a model that somebody has replaced runs that "
            "person's code when it is loaded. Safer: leave --host out, and use a tunnel: "
            f"ssh -L {options.port}:127.0.0.1:{options.port} <this machine>",
            file=sys.stderr,
        )
    print(f"MLflow UI of {workspace.folder}: {address} (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui"]
    command += ["--host", options.host, "--port", str(options.port)]
    environment = {
        # MLflow's seven worker processes for jobs of language models serve nothing here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **os.environ,
        # Not an argument: other users see command lines, and the URI may hold a password.
        "MLFLOW_BACKEND_STORE_URI": workspace.tracking_uri,
    }
    return subprocess.call(command, env=environment)


def open_run(options: argparse.Namespace) -> AutoMLRun:
    """Open the run that the options name, in the workspace that they name.

    Raises
    ------
    RunException
        When the workspace has no such run.
    """
    workspace = open_workspace(options.workspace)
    record = workspace.store.run(options.run)
    name = workspace.store.experiment_of(record.run_id)
    return AutoMLRun(Experiment.existing(workspace, name, record.experiment_id), record.run_id)


def _iteration(chosen: AutoMLRun, number: int) -> IterationRun:
    for child in chosen.get_children():
        if child.iteration == number:
            return child
    raise AutoMLError(f"run {chosen.id} has no iteration {number}")
