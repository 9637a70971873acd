"""Registered models load and predict where raysmith, Ray and the rest of MLflow are not."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement

from engine.store.mlflow_model import write_mlflow_model
from tests.store.handed_over import FULL, NUMBERS, PLAIN, fitted

#: Loads models with nothing importable but the distributions that they require, and what these
#: require; without any raysmith but the copy in the model.
ALONE = """
import json, pickle, sys
blocked, *folders = json.loads(sys.argv[1])

class Without:
    # A finder that does not find what is blocked.

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        is_blocked = name.partition(".")[0] in blocked
        return None if is_blocked else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path = [Without(f) for f in sys.meta_path if "editable" not in repr(f).lower()]
import mlflow.pyfunc, mlflow.sklearn, pandas
for folder in folders:
    model = mlflow.sklearn.load_model(folder)
    served = mlflow.pyfunc.load_model(folder)
    rows = pandas.DataFrame(pickle.load(open(folder + ".rows", "rb")))
    print(json.dumps([list(map(str, model.predict(rows))), list(map(str, served.predict(rows)))]))
import engine
print(json.dumps([engine.__file__, sorted(n for n in sys.modules if n.startswith("cluster"))]))
"""
#: What raysmith itself needs, and models do not: the server of MLflow among them.
NOT_NEEDED = [
    "ray", "shap", "optuna", "psutil", "rich", "matplotlib", "pyarrow", "shtab", "sqlalchemy",
    "alembic", "flask", "graphene", "docker", "onnx", "polars",
]  # fmt: skip
BOTH_ORDERS = """
import pickle, sys
order, folder = sys.argv[1:]
if order == "engine first":
    import engine
import mlflow.sklearn, pandas
model = mlflow.sklearn.load_model(folder)
rows = pandas.DataFrame(pickle.load(open(folder + ".rows", "rb")))
print(list(map(str, model.predict(rows))))
from engine import Workspace
import cluster, engine, engine.client.workspace
assert Workspace.__module__ in sys.modules
print({m.__file__.rsplit("/", 2)[0] for m in (engine, cluster)}, engine.__version__)
"""


def python(script, *arguments, **variables):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | variables
    return subprocess.run(
        [sys.executable, "-P", "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def written(folder, X, rows, estimator="LogisticRegression"):
    """An MLflow model with its code, rows beside it, and what it should predict for them."""
    model, summary = fitted(X, estimator, featurize=isinstance(X, pd.DataFrame))
    write_mlflow_model(model, folder, summary, with_code=True)
    # Lists: a stored table of texts would need pyarrow.
    lists = {name: rows[name].tolist() for name in rows}
    Path(f"{folder}.rows").write_bytes(pickle.dumps(lists))
    return list(map(str, model.predict(rows)))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of a model -> what it should predict."""
    place = tmp_path_factory.mktemp("models")
    return {
        str(place / "plain"): written(place / "plain", PLAIN, PLAIN[:5]),
        str(place / "forest"): written(
            place / "forest", NUMBERS, pd.DataFrame(NUMBERS[:5]), "RandomForest"
        ),
    }


def loaded_alone(blocked, models):
    done = python(ALONE, json.dumps([blocked, *models]))
    assert done.returncode == 0, done.stderr
    *answers, last = map(json.loads, done.stdout.splitlines())
    for expected, (native, served) in zip(models.values(), answers, strict=True):
        assert native == served == expected
    return last


@pytest.mark.slow
def test_nothing_of_raysmiths_own_packages_is_needed(models):
    file, cluster = loaded_alone([*NOT_NEEDED, "skrub", "lightgbm", "xgboost", "catboost"], models)
    assert file == f"{next(iter(models))}/code/engine/__init__.py"
    assert cluster == []


@pytest.mark.slow
def test_a_date_and_a_text_need_skrub_and_a_booster_its_package(tmp_path):
    models = {
        str(tmp_path / "full"): written(tmp_path / "full", FULL, FULL[:5]),
        str(tmp_path / "trees"): written(tmp_path / "trees", PLAIN, PLAIN[:5], "LightGBM"),
    }
    # matplotlib comes with skrub.
    loaded_alone([name for name in NOT_NEEDED if name != "matplotlib"], models)


def test_the_list_of_what_is_not_needed_is_not_short_of_a_requirement():
    """A new requirement of raysmith is blocked above too, unless models need it."""
    needed = {"scikit-learn", "numpy", "scipy", "pandas", "cloudpickle", "mlflow"}
    often = {"lightgbm", "skrub", "threadpoolctl", "packaging"}
    core = {
        requirement.name
        for requirement in map(Requirement, requires("raysmith") or ())
        if requirement.marker is None
    }
    assert core - needed - often <= set(NOT_NEEDED)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["model first", "engine first"])
def test_beside_a_newer_raysmith_a_model_of_an_older_one_loads(models, tmp_path, order):
    """The newer one is the checkout; the older copy lacks modules that it has."""
    folder = tmp_path / "model"
    [(original, expected), *_] = models.items()
    shutil.copytree(original, folder)
    shutil.copy(f"{original}.rows", f"{folder}.rows")
    code = folder / "code" / "engine"
    text = (code / "_version.py").read_text().rpartition("__version__")[0]
    (code / "_version.py").write_text(f'{text}__version__ = "0.0.1"\n')
    shutil.rmtree(code / "client")
    (code / "data" / "values.py").write_text("raise SystemExit('old')\n")
    import engine

    root = os.path.dirname(os.path.dirname(engine.__file__))
    done = python(BOTH_ORDERS, order, str(folder), PYTHONPATH=root)
    assert done.returncode == 0, done.stderr
    answer, places = done.stdout.splitlines()
    assert answer == str(expected)
    assert places == f"{ {root} } {engine.__version__}"


def test_numbers_are_numbers(models):
    """The fixtures are worth something: both labels are predicted."""
    assert len(set(np.concatenate(list(models.values())))) == 2
