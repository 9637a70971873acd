"""Data of a run on the embedded cluster: tables of every kind, and scripts, good and bad."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine import AutoMLConfig, DataException
from tests.live.helpers import FRAME, LABELS, quick_config, statuses

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


def test_a_table_of_every_kind_of_column(experiment):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", None], 200),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 200), "D"),
            "size": np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200)),
            "same": "x",
        }
    )
    y = np.where((X["colour"] == "red") ^ (X["size"] > 0), "yes", "no")
    run = experiment.submit(
        AutoMLConfig(
            "classification", X=X, y=y, iterations=3, n_cross_validations=3,
            max_concurrent_iterations=1,
            # A straight line through an exclusive or tells nothing.
            allowed_models=["DecisionTree", "ExtremeRandomTrees"],
        )
    )  # fmt: skip
    run.wait_for_completion()
    _, model = run.get_output()
    assert model.score(X, y) > 0.9
    assert len(model.predict(X.iloc[:3, ::-1].assign(colour="violet"))) == 3
    summary = model.named_steps["datatransformer"].get_featurization_summary()
    assert [row["Dropped"] for row in summary] == ["No", "No", "No", "Yes"]


def long(*values):
    """A case that differs from others only in what the tests of the data show without Ray."""
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize(
    "given",
    [
        long({"X": FRAME.to_numpy(), "y": LABELS}),
        long({"X": FRAME, "y": LABELS, "sample_weight": np.ones(60)}),
        {"X": sparse.csr_matrix(FRAME.to_numpy()), "y": LABELS},
        long({"X": FRAME, "y": LABELS, "X_valid": FRAME[:20], "y_valid": LABELS[:20]}),
        long({"training_data": FRAME.assign(t=LABELS), "label_column_name": "t"}),
        {"training_data": "table.csv", "label_column_name": "t"},
    ],
    ids=["array", "frame", "sparse", "validation", "table", "file"],
)
def test_data_of_every_kind(experiment, given):
    FRAME.assign(t=LABELS).to_csv("table.csv", index=False)
    config = AutoMLConfig(
        task="classification",
        iterations=2,
        allowed_models=["LogisticRegression", "LightGBM"],
        verbosity=logging.WARNING,
        **given,
    )
    run = experiment.submit(config)
    run.wait_for_completion()
    _, model = run.get_output()
    X = given.get("X", FRAME)
    assert set(model.predict(X)) <= {"yes", "no"}
    assert set(statuses(run).values()) == {"Completed"}


@pytest.mark.parametrize(
    ("script", "match"),
    [
        ("def get_data():\n    raise KeyError('my key')", r"(?s)KeyError.*Traceback.*line 2"),
        long("def get_data():\n    return None", "returned None"),
        long("def get_data():\n    return [1, 2]", "returned list"),
        long("def get_data():\n    return {'X': [[1.0]]}", "no 'y'"),
        long("def get_data():\n    return {'X': [[1.0]], 'y': [1, 2]}", "1 rows but y has 2"),
        long(
            "def get_data():\n    return {'X': [[1.], [2.]], 'y': [0, 1]}", "needs at least 10 rows"
        ),
        long("import nowhere_to_be_found\ndef get_data(): ...", "ModuleNotFoundError"),
        long("import sys\ndef get_data():\n    sys.exit(3)", "SystemExit"),
        ("import os\ndef get_data():\n    os._exit(3)", "died"),
        long("from os import *\n", "has no get_data"),
    ],
)
def test_a_bad_script_is_one_error_and_no_iterations(experiment, script, match):
    Path("bad.py").write_text(script)
    config = AutoMLConfig(task="classification", data_script="bad.py")
    with pytest.raises(DataException, match=match) as caught:
        experiment.submit(config, show_output=True)
    assert "nodedata" not in str(caught.value)
    (run,) = experiment.get_runs()
    assert run.get_status() == "Failed"
    assert run.get_children() == []


def test_a_script_that_hangs(experiment):
    Path("hang.py").write_text("import time\ndef get_data():\n    time.sleep(600)")
    config = AutoMLConfig(
        task="classification", data_script="hang.py", iteration_timeout_minutes=0.02
    )
    with pytest.raises(DataException, match=r"within iteration_timeout_minutes=0\.02"):
        experiment.submit(config, show_output=True)


def test_a_script_imports_its_neighbours_and_reads_its_folder(experiment):
    Path("project").mkdir()
    Path("project/neighbour.py").write_text("ROWS = 40")
    Path("project/data.txt").write_text("3")
    Path("project/get_data.py").write_text(
        "import numpy as np, neighbour\n"
        "def get_data():\n"
        "    columns = int(open('data.txt').read())\n"
        "    return {'X': np.random.default_rng(0).normal(size=(neighbour.ROWS, columns)),\n"
        "            'y': ['a', 'b'] * 20}\n"
    )
    config = quick_config(data_script="get_data.py", path="project", iterations=1)
    run = experiment.submit(config)
    run.wait_for_completion()
    assert run.get_output()[1].named_steps["datatransformer"].n_features_in_ == 3


def test_notes_reach_the_user(experiment, capsys):
    config = AutoMLConfig(
        task="classification",
        X=FRAME,
        y=[None, *LABELS[1:]],
        iterations=1,
        allowed_models=["KNN"],
    )
    with pytest.warns(UserWarning, match="1 of 60 rows"):
        run = experiment.submit(config)
    run.wait_for_completion(show_output=True)
    assert "Warning: 1 of 60 rows have no value" in capsys.readouterr().out
