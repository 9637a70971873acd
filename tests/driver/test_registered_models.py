"""A run's model in the registry, with summary and alias, and served in a new environment."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.models import Model

from engine import ConfigException, Experiment
from engine.data.training_summary import TrainingSummary
from engine.store.mlflow_model import SUMMARY_IN_MODEL
from engine.store.training_summary import load_training_summary
from tests.conftest import mlflow_uri
from tests.driver.replay import Replay, X, scored

SCRIPT = """
def get_data():
    import numpy as np
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return {"X": X, "y": (X[:, 0] + 0.3 * rng.normal(size=120) > 0).astype(int)}
"""
#: Made by `make`, when uv's cache has what a model requires.
FILLED = Path(sys.prefix, ".uv-cache")
_PATIENCE = 120


def finished(workspace, **settings):
    replay = Replay(
        Experiment(workspace, "churn"), {1: scored(0.9, estimator="KNN")}, iterations=2, **settings
    )
    assert set(replay.drive().values()) == {"Completed"}
    return replay


@pytest.mark.parametrize("script", [None, SCRIPT], ids=["data given directly", "data script"])
def test_the_summary_is_made_in_the_data_step_and_goes_with_the_model(workspace, script):
    run = finished(workspace, script=script).run
    kept = load_training_summary(run.store, run.id)
    assert kept is not None
    assert kept.n_rows == len(X)
    assert kept.stability_indices({"column_0": kept.columns[0].count(_series())}) == {
        "column_0": 0.0
    }
    best = run.get_output()[0]
    assert load_training_summary(run.store, best.id) == kept
    assert "model/code/engine/__init__.py" not in best.get_file_names()
    run.register_model()
    files = best.get_file_names()
    assert "model/code/engine/__init__.py" in files
    assert "model/code/cluster/targets/compute_target.py" in files
    text = run.store.read_bytes(best.id, f"model/{SUMMARY_IN_MODEL}").decode()
    assert TrainingSummary.from_json(text) == kept


def _series():
    import pandas as pd

    return pd.Series(X[:, 0])


def test_a_run_without_a_summary_registers_its_models(workspace, monkeypatch, caplog):
    """The store refused it."""

    def refuse(*_):
        raise OSError("no space left")

    monkeypatch.setattr("engine.driver.data_step.keep_training_summary", refuse)
    run = finished(workspace).run
    assert "no summary of the training data" in caplog.text
    assert load_training_summary(run.store, run.id) is None
    version = run.register_model("bare")
    with mlflow_uri(workspace.tracking_uri):
        assert len(mlflow.pyfunc.load_model(f"models:/bare/{version.version}").predict(X)) == 120


def test_an_alias_points_to_the_last_version_that_took_it(workspace):
    run = finished(workspace).run
    other = run.register_model(f"a-{run.id}", iteration=0, alias="champion")
    best = run.register_model(f"a-{run.id}", alias="champion")
    again = run.register_model(f"a-{run.id}", iteration=0, alias="challenger")
    assert (other.aliases, best.aliases, again.aliases) == (
        ["champion"], ["champion"], ["challenger"],
    )  # fmt: skip
    with mlflow_uri(workspace.tracking_uri):
        loaded = mlflow.sklearn.load_model(f"models:/a-{run.id}@champion")
        challenger = mlflow.sklearn.load_model(f"models:/a-{run.id}@challenger")
        info = Model.load(f"models:/a-{run.id}@champion")
    child, model = run.get_output()
    assert child.iteration == 1
    assert type(loaded[-1]) is type(model[-1]) is not type(challenger[-1])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert info.signature.inputs is not None


def test_an_alias_that_the_registry_does_not_take(workspace):
    run = finished(workspace).run
    for alias in ("latest", "v1", "V22", "", "a b", "x" * 256, "é", 7, "a\n"):
        with pytest.raises(ConfigException, match="alias="):
            run.register_model(f"b-{run.id}", alias=alias)
    assert f"b-{run.id}" not in workspace.models


# It makes an environment and starts a server.
@pytest.mark.slow
def test_mlflow_serves_it_in_a_rebuilt_environment_without_a_network(workspace, tmp_path):
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    uv = shutil.which("uv", path=path)
    if uv is None or not FILLED.exists():
        pytest.skip("uv's cache is not filled: run `make test`")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
        "PATH": path,
        "UV_OFFLINE": "1",
        "MLFLOW_TRACKING_URI": workspace.tracking_uri,
        "MLFLOW_ENV_ROOT": str(tmp_path / "environments"),
    }
    find = [uv, "python", "find", python]
    if subprocess.run(find, env=environment, capture_output=True, check=False).returncode:
        pytest.skip(f"uv finds no Python {python}")
    run = finished(workspace).run
    run.register_model("served", alias="champion")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["mlflow", "models", "serve", "--env-manager", "uv", "--port", str(port)]
    log = tmp_path / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, "--model-uri", "models:/served@champion"],
            env=environment, stdout=output, stderr=output, cwd=tmp_path, start_new_session=True,
        )  # fmt: skip
    try:
        body = json.dumps({"inputs": X[:4].tolist()}).encode()
        answer = _ask(f"http://127.0.0.1:{port}", body, server, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    assert answer == {"predictions": run.get_output()[1].predict(X[:4]).tolist()}
    [rebuilt] = (tmp_path / "environments").iterdir()
    packages = {
        p.name for p in next((rebuilt / "lib").iterdir()).joinpath("site-packages").iterdir()
    }
    assert "mlflow" in packages
    assert not packages & {"ray", "shap", "raysmith", "engine", "flask", "sqlalchemy", "pyarrow"}


def _ask(address, body, server, log):
    """Wait until the server answers, and return what it says of ``body``."""
    until = time.monotonic() + _PATIENCE
    while True:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/ping", timeout=5).close()
            break
        time.sleep(0.2)
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
