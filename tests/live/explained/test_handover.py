"""Models leave raysmith: the registry, a clean process, a server, ONNX; runs in the MLflow UI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest

from engine import AutoMLConfig, ModelException, onnx_inputs
from engine.cli.parser import main
from tests.conftest import mlflow_uri
from tests.live.helpers import customers, free_port, leaves, server
from tests.show.browser import open_browser
from tests.show.test_report import keep

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

CLEAN = """
import sys
import mlflow
import pandas as pd

uri, version, table = sys.argv[1:]
mlflow.set_tracking_uri(uri)
rows = pd.read_json(table, orient="records")
model = mlflow.sklearn.load_model(f"models:/churn/{version}")
print(model.predict(rows).tolist())
print(mlflow.pyfunc.load_model(f"models:/churn/{version}").predict(rows).tolist())
heavy = {"ray", "engine.driver.driver", "engine.client.run", "engine.store.mlflow_store"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def run(explained_run):
    """The explained run; its workspace's folder is the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(explained_run.experiment.workspace.folder.parent)
        yield explained_run


@pytest.fixture(scope="module")
def version(run):
    with mlflow_uri(run.experiment.workspace.tracking_uri):
        yield run.register_model("churn", description="Who leaves, and who stays.")


def test_the_card_lies_beside_the_model(run, version):
    folder = mlflow.artifacts.download_artifacts(f"models:/churn/{version.version}")
    card = (Path(folder) / "model_card.md").read_text()
    best, _ = run.get_output()
    assert card.startswith("# churn\n\nWho leaves, and who stays.\n")
    for text in (
        best.get_details()["pipeline"], run.id, "240 rows, 3 columns", "| `plan` | Categorical |",
        "mean over 3 folds", f"{best.get_metrics()['log_loss']:.6g}", "## What it looks at",
        "| `age` |", 'load_model("models:/churn/<version>")', "scikit-learn ",
    ):  # fmt: skip
        assert text in card, text


def test_a_clean_process_loads_it(run, version):
    new = customers(30, seed=5)
    new.to_json("new.json", orient="records")
    Path("clean.py").write_text(CLEAN)
    uri = run.experiment.workspace.tracking_uri
    command = [sys.executable, "clean.py", uri, str(version.version), "new.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    natively, generally, loaded = (
        json.loads(line.replace("'", '"')) for line in done.stdout.splitlines()
    )
    expected = run.get_output()[1].predict(new).tolist()
    assert natively == generally == expected
    assert loaded == []


@pytest.mark.long
def test_it_is_served(run, version):
    new = customers(5, seed=6)
    uri = f"models:/churn/{version.version}"
    folder = mlflow.artifacts.download_artifacts(uri, dst_path="served")
    port = str(free_port())
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", folder, "-p", port,
               "--env-manager", "local", "--workers", "1"]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    # mlflow starts uvicorn by its name.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with server(command, f"{address}/ping", "serve.log", PATH=path):
        request = urllib.request.Request(
            f"{address}/invocations",
            json.dumps({"dataframe_split": new.to_dict(orient="split", index=False)}).encode(),
            {"Content-Type": "application/json"},
        )
        answer = json.loads(urllib.request.urlopen(request, timeout=30).read())
    assert answer == {"predictions": run.get_output()[1].predict(new).tolist()}


def test_every_iteration_as_onnx(run, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    new = customers(60, seed=7)
    new.loc[0, "plan"] = "unheard of"
    new.loc[1, "age"] = np.nan
    names = set()
    for child in run.get_children():
        if child.get_status() == "Pruned":
            continue
        names.add(child.get_properties()["run_algorithm"])
        _, model = run.get_output(iteration=child.iteration)
        _, converted = run.get_output(iteration=child.iteration, return_onnx_model=True)
        session = onnxruntime.InferenceSession(converted.SerializeToString())
        label, probabilities = session.run(None, onnx_inputs(converted, new))
        np.testing.assert_allclose(probabilities, model.predict_proba(new), atol=1e-4)
        assert list(label) == list(model.predict(new))
    assert {"VotingEnsemble", "StackEnsemble"} <= names
    assert "SVM" not in names
    assert main(["export", run.id, "--onnx", "made/churn.onnx"]) == 0
    assert onnxruntime.InferenceSession("made/churn.onnx").get_outputs()[0].name == "label"
    assert main(["export", run.id, "--onnx", "made/churn.onnx"]) == 1
    assert "name a new file" in capsys.readouterr().err


def test_what_does_not_convert_says_why(experiment):
    frame = customers(90)
    config = AutoMLConfig(
        task="classification", X=frame, y=leaves(frame), iterations=1, n_cross_validations=2,
        allowed_models=["SVM"], enable_voting_ensemble=False, enable_stack_ensemble=False,
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion(timeout_seconds=120)
    with pytest.raises(ModelException, match="cannot convert"):
        run.get_output(return_onnx_model=True)


@pytest.mark.long
def test_the_report_inside_the_mlflow_ui(run):
    port = str(free_port())
    command = [sys.executable, "-m", "engine.cli", "ui", "--port", port]
    address = f"http://127.0.0.1:{port}"
    with (
        server(command, f"{address}/health", "ui.log"),
        open_browser() as browser,
    ):
        page = browser.new_page(viewport={"width": 1500, "height": 1100})
        page.goto(run.get_portal_url().replace("http://127.0.0.1:5000", address))
        try:
            page.get_by_text("handover", exact=False).first.wait_for(timeout=60_000)
            keep(page, "mlflow-run")
            page.goto(f"{page.url.split('?')[0]}/artifacts/report.html")
            rows = page.frame_locator("iframe").locator("tr.row")
            rows.first.wait_for(timeout=60_000)
        finally:
            keep(page, "mlflow-report")
        assert rows.count() == len(run.get_children())
