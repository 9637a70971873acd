"""The page of the architecture says how the house is: rooms, files, classes in stored models."""

from __future__ import annotations

import io
import pickle
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from _ext import pages, sources

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.ensembles.compose import EnsembleResult, as_pipeline
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec
from tests.test_architecture import FLOORS

PAGES = [
    pytest.param(page, id=str(page.relative_to(sources.ROOT))) for page in pages.written_pages()
]
#: Few rounds, trees and epochs: only the classes matter here.
FEW = {"n_estimators": 3, "iterations": 3, "max_iter": 3}


def page():
    return (sources.DOCS / "architecture.md").read_text(encoding="utf-8")


class Names(pickle.Unpickler):
    """Loads a pickle and keeps which classes of raysmith it names."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))
        self.found = set()

    def find_class(self, module, name):
        if module.partition(".")[0] in ("engine", "cluster"):
            self.found.add((module, name))
        return super().find_class(module, name)


def named_in(model):
    names = Names(pickle.dumps(model))
    names.load()
    return names.found


@cache
def data_of(task):
    """A table with a column of each type."""
    rng = np.random.default_rng(0)
    n_rows = 120
    X = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "kind": rng.choice(["a", "b", "c"], n_rows),
            "place": rng.choice([f"place {i}" for i in range(40)], n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n_rows), "D"),
            "note": [" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(n_rows)],
        }
    )
    y = X["number"].to_numpy() * 10
    if task == "classification":
        y = np.where(y > 0, "yes", "no")
    return check_data({"X": X, "y": y}, task, featurization=FeaturizationConfig())


def fitted(task, estimator, scaler):
    data, entry = data_of(task), estimators_of(task)[estimator]
    few = {k: v for k, v in FEW.items() if k in (entry.rounds_parameter, entry.steps_parameter)}
    spec = PipelineSpec(estimator, scaler, few)
    pipeline = build_pipeline(spec, task, layout=data.layout)
    return pipeline.fit(data.X, data.y)


def models(task):
    for name, entry in estimators_of(task).items():
        yield fitted(task, name, entry.scalers[0])
    linear = "LogisticRegression" if task == "classification" else "ElasticNet"
    pair = {0: fitted(task, linear, "StandardScalerWrapper"), 1: fitted(task, "DecisionTree", "")}
    for scaler, entry in SCALERS.items():
        if entry.handles_dense:
            yield fitted(task, linear, scaler)
    X = np.random.default_rng(0).normal(size=(60, 2))
    numeric = build_pipeline(PipelineSpec("DecisionTree"), task)
    yield numeric.fit(X, X[:, 0] > 0 if task == "classification" else X[:, 0])
    if task == "classification":  # with a machine for each class
        machines = build_pipeline(PipelineSpec("SVM"), task)
        yield machines.fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))
    half = {0: 0.5, 1: 0.5}
    for learner in (None, pair[1][-1]):
        result = EnsembleResult(half, {}, [], np.zeros(0), learner)
        yield as_pipeline("Ensemble", result, pair, data_of(task).classes)


@pytest.mark.filterwarnings("ignore")
def test_the_table_of_pickled_classes_is_what_stored_models_name():
    found = set()
    for task in ("classification", "regression"):
        for model in models(task):
            found |= named_in(model)
    table = page().split("## Pickled classes")[1]
    listed = {
        (module, name)
        for module, names in re.findall(r"^\| `(engine\.[\w.]+)` \| (.*) \|$", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert listed == found


def test_the_order_of_rooms_is_that_of_the_house():
    block = page().split("## Rooms")[1].split("```")[1].split("cluster/")[0]
    lines = [re.split(r" {3,}", line.strip())[0] for line in block.splitlines()[2:]]
    rooms = [{f"engine.{name}" for name in line.split()} for line in lines if line]
    assert rooms == FLOORS


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\b(?:engine|cluster|tests|benchmarks)/[\w/]+(?:\.\w+)?", text):
        assert (sources.ROOT / name).exists(), name


def test_modules_and_classes_that_the_page_names_exist():
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for package in ("engine", "cluster")
        for file in (sources.ROOT / package).rglob("*.py")
    )
    text = page().split("## The life of a run")[1].split("## Pickled classes")[0]
    for name in re.findall(r"`([A-Z][a-z]+[A-Z]\w+)(?:\.\w+)*`", text):
        defined = re.search(rf"\bclass {name}\b", code) or f'"{name}"' in code
        assert defined, name
