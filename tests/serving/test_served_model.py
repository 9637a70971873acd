"""Several requests predicted at once: each has its own answer."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from engine.data.check import check_data
from engine.data.columns import infer_columns
from engine.data.training_summary import TrainingSummary
from engine.pipelines.build import build_pipeline
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.spec import PipelineSpec
from engine.serving.drift import Drift
from engine.serving.problems import RequestProblem
from engine.serving.rows import NumberRows, Rows, parse
from engine.serving.served_model import ServedModel
from tests.serving.models import Breaking, classifier, customers, regression

TABLE = customers()


def rows_of(table):
    return Rows({name: table[name].tolist() for name in table}, len(table))


def test_a_batch_is_split_as_it_came():
    model = classifier()
    parts = [TABLE[:1], TABLE[1:20], TABLE[20:22]]
    answers = ServedModel(model, 1).answer([rows_of(part) for part in parts])
    assert answers == [model.predict(part).tolist() for part in parts]


def test_a_request_that_does_not_fit_costs_the_others_nothing():
    model = classifier()
    bad = rows_of(TABLE[:2].assign(age=["x", 2]))
    answers = ServedModel(model, 1).answer([rows_of(TABLE[:3]), bad, rows_of(TABLE[3:5])])
    assert answers[0] == model.predict(TABLE[:3]).tolist()
    assert answers[2] == model.predict(TABLE[3:5]).tolist()
    assert isinstance(answers[1], RequestProblem)
    assert (answers[1].status, answers[1].column) == (422, "age")


def test_a_model_that_raises_fails_its_own_request_and_logs_no_rows(caplog):
    served = ServedModel(Breaking(classifier()), 1)
    bad = rows_of(TABLE[:1].assign(age=13, plan="a secret plan"))
    with caplog.at_level(logging.ERROR, logger="ray.serve"):
        good, failed = served.answer([rows_of(TABLE[:2].assign(age=[20, 60])), bad])
    assert good == ["here", "gone"]
    assert isinstance(failed, RequestProblem)
    assert failed.status == 500
    assert failed.reason.split()[-1] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text + failed.reason
    assert served.answer([bad])[0].status == 500


@pytest.mark.parametrize("named", [True, False])
def test_numbers_alone(named):
    model = regression(named)
    served = ServedModel(model, 1)
    rows = parse(b'{"instances": [[1, null], [0, 0]]}', "application/json", served.schema)
    [answer] = served.answer([rows])
    assert len(answer) == 2
    assert all(type(value) is float for value in answer)


def test_a_column_of_missing_values_is_predicted():
    model = classifier()
    table = TABLE[:2].assign(age=[None, None])
    assert ServedModel(model, 1).answer([rows_of(table)]) == [model.predict(table).tolist()]


@pytest.mark.parametrize("named", [True, False])
def test_a_row_has_the_same_answer_in_any_batch(named):
    X, y = load_digits(return_X_y=True)
    spec = PipelineSpec("SVM", "PCA", {"C": 3.0})
    rows = pd.DataFrame(X).add_prefix("pixel_") if named else X
    model = build_pipeline(spec, "classification").fit(rows[:300], y[:300])
    served = ServedModel(model, 1)
    expected = model.predict(rows[300:364]).tolist()
    body = [json.dumps({"instances": [row]}).encode() for row in X[300:364].tolist()]
    requests = [parse(one, "application/json", served.schema) for one in body]
    assert all(isinstance(rows, NumberRows) for rows in requests)
    for size in (1, 7, 64):
        batches = [requests[i : i + size] for i in range(0, 64, size)]
        answers = [answer for batch in batches for answer in served.answer(batch)]
        assert answers == [[label] for label in expected]


def test_a_matrix_and_a_table_may_be_one_batch():
    model = regression()
    served = ServedModel(model, 1)
    numbers = parse(b'{"instances": [[1, 2]]}', "application/json", served.schema)
    texts = parse(b'{"instances": [["3", 4]]}', "application/json", served.schema)
    bad = parse(b'{"instances": [[5, 1e39]]}', "application/json", served.schema)
    expected = model.predict(pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.0]})).tolist()
    one, other, refused = served.answer([numbers, texts, bad])
    assert [*one, *other] == pytest.approx(expected)
    assert (refused.status, refused.column) == (422, "b")


def test_an_ignored_column_may_be_missing_without_names():
    table = pd.DataFrame({"a": np.arange(60.0), "same": 1.0, "b": np.arange(60.0) % 7})
    columns = infer_columns(table, list(table.columns))
    first = DataTransformer(columns, named=False)
    model = make_pipeline(first, LinearRegression()).fit(table.to_numpy(), table["a"])
    served = ServedModel(model, 1)
    rows = parse(b'{"instances": [{"a": 3, "b": 1}]}', "application/json", served.schema)
    assert served.answer([rows])[0] == pytest.approx([3.0])


def test_drift_counts_what_was_predicted_once_the_answers_are_given():
    data = check_data({"X": np.arange(400.0)[:, None], "y": np.arange(400) % 2}, "classification")
    model = make_pipeline(NumericMatrix(), LinearRegression()).fit(data.X, data.y)
    drift = Drift(TrainingSummary.of(data))
    served = ServedModel(model, 1, drift)
    bodies = [[[300.0 + n] for n in range(150)], [["no number"]]]
    requests = [
        parse(json.dumps({"instances": rows}).encode(), "application/json", served.schema)
        for rows in bodies
    ]
    answers = served.answer(requests)
    assert drift.indices() == {}
    served.count(requests, answers)
    assert drift.indices()["column_0"] > 0.25
