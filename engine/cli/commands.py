"""What the commands of ``raysmith`` do; each takes its options and returns an exit code."""

from __future__ import annotations

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from cluster.targets.embedded import leave_drivers
from engine.client.experiment import Experiment
from engine.client.iteration import IterationRun
from engine.client.run import AutoMLRun
from engine.client.workspace import Workspace
from engine.config.automl_config import AutoMLConfig
from engine.data.tables import read_table
from engine.errors import AutoMLError, ConfigException
from engine.show.console import print_table
from engine.store.mlflow_model import MLFLOW_MODEL, save_mlflow_model

_FOLLOW_SECONDS = 0.5


_COLUMNS = ["iteration", "pipeline", "duration", "metric", "best", "status", "reason"]


_LEAST_MEMORY_GIB, _LEAST_DISK_GIB = 2.0, 2.0


def run(options: argparse.Namespace) -> int:
    """A run from a file of settings, or a driver script as it is."""
    file = Path(options.file)
    if not file.is_file():
        raise ConfigException([f"{options.file}: there is no such file"])
    if file.suffix == ".py":
        sys.path.insert(0, str(file.parent.resolve()))
        runpy.run_path(str(file), run_name="__main__")
        return 0
    settings = _settings(file)
    name = options.experiment or settings.pop("experiment", None) or file.stem
    settings.pop("experiment", None)
    workspace = Workspace.from_config(options.workspace)
    started = Experiment(workspace, str(name)).submit(AutoMLConfig(**settings))
    print(f"run {started.id}", flush=True)
    try:
        started.wait_for_completion(show_output=True)
    except KeyboardInterrupt:
        print("stopping the run; what has finished stays (Ctrl-C again leaves at once)", flush=True)
        try:
            started.cancel()
            started.wait_for_completion()
        except KeyboardInterrupt:
            leave_drivers()
        return 130
    best = started.get_output()[0]
    print(f"best: iteration {best.iteration}, {_scores(best, started)}")
    return 0


def runs(options: argparse.Namespace) -> int:
    """All runs of the workspace."""
    workspace = Workspace.from_config(options.workspace)
    found = [
        {"run": one.id, "status": one.get_status(), "experiment": experiment.name}
        for experiment in workspace.experiments.values()
        for one in experiment.get_runs()
    ]
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    print_table(["run", "status", "experiment"], found)
    return 0


def show(options: argparse.Namespace) -> int:
    """A run's iterations."""
    chosen = _open(options)
    summary = chosen.summary()
    if options.json:
        rows = json.loads(summary.to_json(orient="records"))
        told = {"run": chosen.id, "status": chosen.get_status(), "url": chosen.get_portal_url()}
        print(json.dumps({**told, "iterations": rows}, indent=1))
        return 0
    print(f"{chosen.id}  {chosen.get_status()}  {chosen.get_portal_url()}")
    rows = summary[_COLUMNS].to_dict("records")
    print_table(_COLUMNS, [{str(key): value for key, value in row.items()} for row in rows])
    return 0


def logs(options: argparse.Namespace) -> int:
    """An iteration's log."""
    child = _iteration(_open(options), options.iteration)
    text = child.get_logs()
    print(text, end="", flush=True)
    while options.follow and child.get_status() in ("Running", "Retried"):
        time.sleep(_FOLLOW_SECONDS)
        longer = child.get_logs()
        # One that was begun again has a new log.
        print(longer.removeprefix(text), end="", flush=True)
        text = longer
    return 0


def cancel(options: argparse.Namespace) -> int:
    """End a run or an iteration."""
    chosen = _open(options)
    if options.iteration is None:
        chosen.cancel()
    else:
        chosen.cancel_iteration(options.iteration)
    return 0


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, and wait for its end."""
    _open(options).resume().wait_for_completion(show_output=True)
    return 0


def report(options: argparse.Namespace) -> int:
    """Write the report."""
    print(_open(options).report(options.output))
    return 0


def predict(options: argparse.Namespace) -> int:
    """Predictions for the rows of a file: ``prediction``, and a class's probability a column."""
    rows = read_table(options.input)
    _, model = _open(options).get_output(iteration=options.iteration)
    if not hasattr(model[0], "feature_names_in_"):
        rows = rows.to_numpy()
    predicted = {"prediction": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        probabilities = np.asarray(model.predict_proba(rows))
        for index, label in enumerate(model.classes_):
            predicted[f"probability_{label}"] = probabilities[:, index]
    target: Any = sys.stdout if options.output == "-" else options.output
    pd.DataFrame(predicted).to_csv(target, index=False)
    return 0


def export(options: argparse.Namespace) -> int:
    """The model as an MLflow model in a new folder, or as an ONNX file."""
    target = Path(options.mlflow or options.onnx)
    if target.exists():
        raise ConfigException(
            [f"{target} exists; name a new {'folder' if options.mlflow else 'file'}"]
        )
    chosen = _open(options)
    target.parent.mkdir(parents=True, exist_ok=True)
    if options.onnx:
        _, converted = chosen.get_output(iteration=options.iteration, return_onnx_model=True)
        target.write_bytes(converted.SerializeToString())
        print(target)
        return 0
    child, _ = chosen.get_output(iteration=options.iteration)
    save_mlflow_model(chosen._store, child.id)
    with tempfile.TemporaryDirectory(prefix="raysmith-") as place:
        shutil.move(chosen._store.download(child.id, MLFLOW_MODEL, place), target)
    print(target)
    return 0


def ui(options: argparse.Namespace) -> int:
    """The MLflow UI, until Ctrl-C."""
    workspace = Workspace.from_config(options.workspace)
    address = f"http://{options.host}:{options.port}"
    print(f"MLflow UI of {workspace.folder}: {address} (Ctrl-C ends it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", workspace.tracking_uri]
    # Its workers for jobs of language models: seven processes that nothing here asks for.
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
    command += ["--host", options.host, "--port", str(options.port)]
    return subprocess.call(command, env=environment)


def _settings(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigException([f"{file} is no YAML file: {error}"]) from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ConfigException([f"{file}: expected AutoMLConfig's parameters, a line each"])
    return content


def _open(options: argparse.Namespace) -> AutoMLRun:
    workspace = Workspace.from_config(options.workspace)
    name = workspace.store.experiment_of(workspace.store.run(options.run).run_id)
    return AutoMLRun(Experiment(workspace, name), options.run)


def _iteration(chosen: AutoMLRun, number: int) -> IterationRun:
    for child in chosen.get_children():
        if child.iteration == number:
            return child
    raise AutoMLError(f"run {chosen.id} has no iteration {number}")


def _scores(best: IterationRun, chosen: AutoMLRun) -> str:
    name = chosen._metric.name
    return f"{best.get_details()['pipeline']}, {name} {best.get_metrics()[name]:.5f}"
