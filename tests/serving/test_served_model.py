"""Several requests predicted at once: each has its own answer."""

from __future__ import annotations

import logging

import pytest

from engine.serving.problems import RequestProblem
from engine.serving.rows import Rows, parse
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
