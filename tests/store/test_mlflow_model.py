"""What an MLflow model of a run holds, and what it answers through MLflow."""

from __future__ import annotations

import json
import warnings

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model
from mlflow.pyfunc.scoring_server import invocations
from scipy import sparse

# Else loading a model would import its copy, and write bytecode beside it.
import cluster
import engine
from engine import UnreadableValuesWarning
from engine.data.training_summary import TrainingSummary
from engine.store.mlflow_model import SUMMARY_IN_MODEL, write_mlflow_model
from tests.store.handed_over import FULL, NUMBERS, PLAIN, RNG, N, Y, fitted

ALWAYS = ["mlflow-skinny", "scikit-learn", "numpy", "scipy", "pandas", "cloudpickle"]


def written(folder, model, summary, with_code=False):
    write_mlflow_model(model, folder / "model", summary, with_code)
    return folder / "model"


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    model, summary = fitted(FULL)
    return written(tmp_path_factory.mktemp("full"), model, summary, with_code=True), model


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    model, summary = fitted(NUMBERS, featurize=False)
    return written(tmp_path_factory.mktemp("numbers"), model, summary), model


def requirements(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines)
    return [line.partition("==")[0] for line in lines]


def test_nobody_looks_at_the_files_of_every_package(tmp_path, monkeypatch):
    """MLflow does, for a warning that cannot come, and it still does for others."""
    from mlflow.utils import environment

    comparison = environment.warn_dependency_requirement_mismatches
    monkeypatch.setattr("mlflow.utils.requirements_utils._MODULES_TO_PACKAGES", None)
    monkeypatch.setattr("importlib_metadata.packages_distributions", lambda: pytest.fail("looked"))
    model = fitted(NUMBERS, featurize=False)
    written(tmp_path, *model)
    assert environment.warn_dependency_requirement_mismatches is comparison
    with pytest.raises(mlflow.MlflowException, match="already exists"):
        written(tmp_path, *model)
    assert environment.warn_dependency_requirement_mismatches is comparison


def test_the_signature_has_names_types_and_what_may_be_absent(full):
    folder, _ = full
    signature = Model.load(folder).signature
    found = {c["name"]: (c["type"], c["required"]) for c in signature.inputs.to_dict()}
    assert found == {
        "age": ("any", True),  # MLflow's whole numbers could not be missing
        "income": ("double", True),
        "town": ("string", True),
        "member": ("boolean", True),
        "id": ("string", False),
        "since": ("datetime", True),
        "note": ("string", True),
    }
    [output] = signature.outputs.to_dict()
    assert output["type"] in ("string", "tensor")


def test_the_example_is_made_up_and_is_predicted(full):
    folder, model = full
    stored = Model.load(folder)
    example = stored.load_input_example(str(folder))
    assert list(example.columns) == list(FULL.columns)
    assert pd.merge(example, FULL, on=["age", "income", "town"]).empty
    served = mlflow.pyfunc.load_model(str(folder))
    assert list(served.predict(example)) == list(model.predict(example))
    assert set(example["town"]) == {"Rome", "Oslo"}
    assert example["age"].between(18, 80).all()
    text = (folder / "input_example.json").read_text()
    assert "u00" not in text
    assert "the note number" not in text


def test_raw_training_rows_fit_the_signature(full):
    folder, model = full
    served = mlflow.pyfunc.load_model(str(folder))
    assert list(served.predict(FULL)) == list(model.predict(FULL))
    shuffled = FULL.drop(columns="id")[::-1][["note", "age", "town", "member", "since", "income"]]
    assert list(served.predict(shuffled)) == list(model.predict(FULL))[::-1]
    # Missing values and whole numbers where training had none.
    odd = FULL.assign(age=FULL["age"].where(FULL.index % 2 == 0), town=None)
    assert list(served.predict(odd)) == list(model.predict(odd))


def test_what_does_not_fit_is_an_error_that_names_the_column(full):
    served = mlflow.pyfunc.load_model(str(full[0]))
    with pytest.raises(mlflow.MlflowException, match="income"):
        served.predict(FULL.assign(income="much"))
    with pytest.raises(mlflow.MlflowException, match="town"):
        served.predict(FULL.drop(columns="town"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreadableValuesWarning)
        with pytest.raises(UnreadableValuesWarning, match="age"):
            served.predict(FULL.assign(age="old"))


def test_what_mlflows_server_answers(full):
    folder, model = full
    served = mlflow.pyfunc.load_model(str(folder))
    [row, _] = json.loads(FULL[:2].to_json(orient="records", date_format="iso"))

    def ask(**changes):
        rows = {"dataframe_records": [{k: v for k, v in (row | changes).items() if v != "absent"}]}
        schema = served.metadata.get_input_schema()
        answer = invocations(json.dumps(rows), "application/json", served, schema)
        return answer.status, json.loads(answer.response)["predictions"]

    expected = model.predict(FULL[:1]).tolist()
    assert ask() == ask(id="absent") == (200, expected)
    nothing = dict.fromkeys(("age", "income", "town", "member", "note", "since"))
    assert ask(**nothing)[0] == 200
    for changes in ({"income": "much"}, {"town": "absent"}):
        with pytest.raises(mlflow.MlflowException, match=next(iter(changes))):
            ask(**changes)


def test_arrays_tables_and_sparse_rows_of_a_model_without_names(numbers):
    folder, model = numbers
    served = mlflow.pyfunc.load_model(str(folder))
    expected = list(model.predict(NUMBERS))
    assert list(served.predict(NUMBERS)) == expected
    assert list(served.predict(pd.DataFrame(NUMBERS))) == expected
    assert list(served.predict(sparse.csr_matrix(NUMBERS))) == expected
    [inputs] = Model.load(folder).signature.inputs.to_dict()
    assert inputs["tensor-spec"] == {"dtype": "float64", "shape": (-1, 3)}


@pytest.mark.parametrize(
    ("estimator", "X", "more"),
    [
        ("LogisticRegression", PLAIN, []),
        ("LogisticRegression", FULL, ["skrub"]),
        ("LightGBM", PLAIN, ["lightgbm"]),
        ("RandomForest", NUMBERS, []),
    ],
    ids=["plain", "date and text", "LightGBM", "numbers"],
)
def test_only_what_the_model_needs_is_required(tmp_path, estimator, X, more):
    model, summary = fitted(X, estimator, featurize=isinstance(X, pd.DataFrame))
    folder = written(tmp_path, model, summary, with_code=True)
    assert requirements(folder) == [*ALWAYS, *more]
    assert "raysmith" not in (folder / "conda.yaml").read_text()


def test_a_model_that_stays_in_the_run_names_raysmith_instead(numbers):
    folder, _ = numbers
    assert requirements(folder) == [*ALWAYS, "raysmith"]
    assert not (folder / "code").exists()


def test_the_code_is_the_whole_of_both_packages(full):
    for package in (engine, cluster):
        here = package.__path__[0]
        copy = full[0] / "code" / package.__name__
        files = {str(f.relative_to(copy)) for f in copy.rglob("*") if f.is_file()}
        assert not any("__pycache__" in f for f in files)
        for wanted in ("__init__.py", "py.typed"):
            assert (copy / wanted).read_text() == (type(copy)(here) / wanted).read_text()
        originals = {str(f.relative_to(here)) for f in type(copy)(here).rglob("*.py")}
        assert originals <= files


def test_the_summary_of_the_training_data_is_in_the_model(full):
    text = (full[0] / SUMMARY_IN_MODEL).read_text()
    summary = TrainingSummary.from_json(text)
    assert summary.n_rows == N
    assert set(summary.counted) == set(FULL.columns) - {"id"}
    assert json.loads((full[0] / "serving_input_example.json").read_text())


def test_a_regression_and_its_outputs(tmp_path):
    model, summary = fitted(PLAIN, y=RNG.normal(size=N), estimator="ElasticNet")
    folder = written(tmp_path, model, summary)
    [output] = Model.load(folder).signature.outputs.to_dict()
    assert output["tensor-spec"]["dtype"] == "float64"
    np.testing.assert_allclose(
        mlflow.pyfunc.load_model(str(folder)).predict(PLAIN), model.predict(PLAIN)
    )


def test_without_a_summary_names_and_an_example_are_left(tmp_path):
    """Data of which nothing may be kept."""
    model, summary = fitted(PLAIN)
    bare = written(tmp_path / "a", model, None)
    assert [c.name for c in Model.load(bare).signature.inputs.inputs] == list(PLAIN.columns)
    assert not (bare / SUMMARY_IN_MODEL).exists()
    assert len(mlflow.pyfunc.load_model(str(bare)).predict(PLAIN)) == N
    types = written(tmp_path / "b", model, summary.without_counts())
    found = [c["type"] for c in Model.load(types).signature.inputs.to_dict()]
    assert found == ["any", "double", "string", "boolean", "string"]
    assert list(mlflow.pyfunc.load_model(str(types)).predict(PLAIN)) == list(model.predict(PLAIN))
    for folder in (bare, types):
        assert "Rome" not in (folder / "input_example.json").read_text()


def test_labels_are_what_they_were(tmp_path):
    model, summary = fitted(PLAIN, y=Y)
    served = mlflow.pyfunc.load_model(str(written(tmp_path, model, summary)))
    assert set(served.predict(PLAIN)) <= {"yes", "no"}
