"""Bodies of requests: what is taken, and what is refused with which status, column and reason."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.columns import Column
from engine.serving.problems import RequestProblem
from engine.serving.rows import (
    NumberRows,
    Rows,
    as_table,
    check_values,
    has_doubtful_values,
    joined,
    parse,
)
from engine.serving.schema import ModelSchema, openapi
from tests.serving.models import classifier, regression

JSON = "application/json"
SCHEMA = ModelSchema.of(classifier())
NUMBERS = ModelSchema.of(regression())
UNNAMED = ModelSchema.of(regression(named=False))
ROW = {"age": 30, "plan": "gold", "since": "2020-02-01"}


def parsed(body, schema=SCHEMA, kind=JSON):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(raw, kind, schema)


def test_the_schema_is_that_of_training():
    assert SCHEMA.names == ["age", "plan", "since", "country"]
    assert [c.name for c in SCHEMA.needed] == ["age", "plan", "since"]
    assert SCHEMA.classes == ("gone", "here")
    assert (SCHEMA.named, NUMBERS.named, UNNAMED.named) == (True, True, False)
    assert NUMBERS.classes is None
    row = openapi("churn", SCHEMA, "3")["components"]["schemas"]["Row"]
    assert row["required"] == ["age", "plan", "since"]
    assert row["properties"]["since"]["type"] == ["string", "number", "null"]
    json.dumps(openapi("churn", SCHEMA, "3"))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"dataframe_records": [ROW, {**ROW, "age": None}]}, JSON),
        ({"instances": [ROW, {**ROW, "age": None}]}, JSON),
        ({"data": [ROW, {**ROW, "age": None}]}, JSON),
        ({"dataframe_records": [ROW, {k: ROW[k] for k in ("since", "plan")}]}, JSON),
        ({"inputs": {"plan": ["gold"] * 2, "since": ["2020-02-01"] * 2, "age": [30, None]}}, JSON),
        (
            {
                "dataframe_split": {
                    "columns": ["since", "plan", "age"],
                    "index": [7, 8],
                    "data": [["2020-02-01", "gold", 30], ["2020-02-01", "gold", None]],
                }
            },
            "application/json; charset=UTF-8",
        ),
        (b"plan,age,since\ngold,30,2020-02-01\ngold,,2020-02-01\n", "text/csv"),
    ],
)
def test_all_forms_give_the_same_rows(body, kind):
    rows = parsed(body, kind=kind)
    expected = {"age": [30, None], "plan": ["gold"] * 2, "since": ["2020-02-01"] * 2}
    assert rows == Rows(expected, 2)
    assert list(rows.columns) == ["age", "plan", "since"]
    check_values(rows, SCHEMA)


@pytest.mark.parametrize("key", ["instances", "inputs", "data", "dataframe_split"])
def test_arrays_are_taken_by_position(key):
    rows = [[1.0, 2.0], [3.0, 4.0]]
    body = {key: {"data": rows} if key == "dataframe_split" else rows}
    assert parsed(body, NUMBERS).columns == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_names_mean_nothing_to_a_model_without_names():
    body = {"dataframe_split": {"columns": ["x", "y"], "data": [[1.0, 2.0]]}}
    assert list(parsed(body, UNNAMED).columns.values()) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("body", "status", "column", "reason"),
    [
        (b"", 400, None, "the body is empty"),
        (b"  \n", 400, None, "the body is empty"),
        (b"{", 400, None, "not JSON"),
        (b"\xff\xfe", 400, None, "not JSON"),
        (b"[" * 100_000, 400, None, "not JSON"),
        ([ROW], 400, None, "the body is no object"),
        ({}, 400, None, r"the keys \[\]"),
        ({"instances": [ROW], "inputs": [ROW]}, 400, None, "dataframe_records"),
        ({"instances": [ROW], "parameters": {}}, 400, None, "parameters"),
        ({"instances": [ROW], "params": {"a": 1}}, 400, None, "params"),
        ({"instances": ROW}, 400, None, "expected a list of rows"),
        ({"dataframe_split": [ROW]}, 400, None, "expected"),
        ({"dataframe_split": {"columns": "age", "data": []}}, 400, None, "expected a list"),
        ({"instances": []}, 422, None, "has no rows"),
        ({"inputs": {}}, 422, "age", "missing"),
        ({"instances": [[1, 2]]}, 422, None, "row 0 is 2 values; expected 4 values"),
        ({"instances": [ROW, [1]]}, 422, None, "row 0 is dict"),
        ({"instances": [{"age": 1, "plan": "gold"}]}, 422, "since", "it is missing"),
        ({"instances": [{**ROW, "agee": 1}]}, 422, "agee", "was not fitted with it"),
        ({"inputs": {**ROW, "age": [1, 2]}}, 422, None, r"\[1, 2\] values"),
        (
            {"dataframe_split": {"columns": ["age", "age", "plan", "since"], "data": [[1] * 4]}},
            422, "age", "more than once",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(body, status, column, reason):
    with pytest.raises(RequestProblem, match=reason) as problem:
        parsed(body)
    assert (problem.value.status, problem.value.column) == (status, column)


@pytest.mark.parametrize("kind", ["text/html", "application/json; charset=latin-1"])
def test_other_types_are_refused(kind):
    with pytest.raises(RequestProblem) as problem:
        parsed({"instances": [ROW]}, kind=kind)
    assert problem.value.status == 415


@pytest.mark.parametrize("body", [b"age,plan,since\n", b'a,b\n"1,2\n3,4,5\n'])
def test_csv_without_rows_or_with_broken_ones(body):
    with pytest.raises(RequestProblem) as problem:
        parsed(body, kind="text/csv")
    assert problem.value.status in (400, 422)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"age": "old"}, "'old'.* is no number"),
        ({"age": [1]}, "a JSON array"),
        ({"plan": {"a": 1}}, "a JSON object"),
        ({"since": "yesterday"}, "'yesterday'.* is no date"),
        ({"age": math.inf}, "is no number"),
    ],
)
def test_a_value_of_another_type_is_named(changes, reason):
    rows = parsed({"instances": [ROW, {**ROW, **changes}]})
    assert has_doubtful_values(as_table([rows], SCHEMA), SCHEMA)
    with pytest.raises(RequestProblem, match=reason) as problem:
        check_values(rows, SCHEMA)
    assert problem.value.status == 422
    assert problem.value.column == next(iter(changes))


@pytest.mark.parametrize("changes", [{"age": "31"}, {"age": True}, {"age": None}, {"plan": 7}])
def test_values_that_can_be_read_are_taken(changes):
    check_values(parsed({"instances": [{**ROW, **changes}]}), SCHEMA)


def test_requests_with_and_without_an_ignored_column_go_together():
    both = [parsed({"instances": [{**ROW, "country": "SE"}]}), parsed({"instances": [ROW]})]
    assert list(as_table(both, SCHEMA).columns) == ["age", "plan", "since"]
    assert list(as_table(both[:1], SCHEMA).columns) == SCHEMA.names


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["age", "plan", "since", "columns", "data", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["instances", "inputs", "dataframe_split", "dataframe_records", "data"]),
        _JSON_VALUES,
        max_size=2,
    )
    | _JSON_VALUES
)
def test_any_body_gives_rows_that_can_be_predicted_or_a_problem(body):
    problem = None
    try:
        rows = parsed(body)
        check_values(rows, SCHEMA)
    except RequestProblem as refusal:
        problem = refusal
    if problem is None:
        assert {len(values) for values in rows.columns.values()} == {rows.count}
    else:
        assert problem.status in (400, 422)
        assert problem.reason


WIDE = ModelSchema(
    (Column("a", "Numeric"), Column("id", "Ignore", "an ID"), Column("b", "Numeric")), True, None
)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, "x", 2.5], [3, "y", 4]]},
        {"instances": [[1, 7, 2.5], [3, 8, 4]]},
        {"dataframe_records": [{"b": 2.5, "a": 1}, {"a": 3, "id": "y", "b": 4}]},
        {"inputs": {"b": [2.5, 4], "a": [1, 3]}},
        {"dataframe_split": {"columns": ["b", "a"], "data": [[2.5, 1], [4, 3]]}},
        b"b,a\n2.5,1\n4,3\n",
    ],
)
def test_numbers_alone_are_a_matrix(body):
    kind = "text/csv" if isinstance(body, bytes) else JSON
    rows = parsed(body, WIDE, kind)
    table = joined([rows, rows], WIDE)
    used = table[["a", "b"]].to_numpy() if isinstance(table, pd.DataFrame) else table[:, [0, 2]]
    assert used.tolist() == [[1.0, 2.5], [3.0, 4.0]] * 2
    assert not has_doubtful_values(table, WIDE)
    check_values(rows, WIDE)
    if "'x'" not in str(body):  # a text by position goes the longer way
        assert isinstance(rows, NumberRows)
        assert isinstance(table, np.ndarray)
        assert np.isnan(table[:, 1]).all()


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([None, 1], [math.nan, 1.0]),
        ([None, None], [math.nan] * 2),
        ([True, 2.5], [1.0, 2.5]),
        ([2**53, 2**62], [2.0**53, 2.0**62]),
        ([2**70, -1], [2.0**70, -1.0]),
        ([math.nan, 1], [math.nan, 1.0]),
    ],
)
def test_numbers_of_every_form(values, read):
    rows = parsed({"inputs": {"a": values, "b": [0, 0]}}, NUMBERS)
    assert isinstance(rows, NumberRows)
    np.testing.assert_array_equal(rows.matrix[:, 0], read)
    check_values(rows, NUMBERS)
    assert not has_doubtful_values(joined([rows], NUMBERS), NUMBERS)


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e39, 10**400, "1.5e400"])
def test_numbers_that_no_model_takes_are_named_in_any_batch(value):
    bad = parsed({"instances": [[1, value]]}, NUMBERS)
    good = parsed({"instances": [[1, 2]]}, NUMBERS)
    for together in ([bad], [good, bad]):
        assert has_doubtful_values(joined(together, NUMBERS), NUMBERS)
    with pytest.raises(RequestProblem, match="is no number") as problem:
        check_values(bad, NUMBERS)
    assert problem.value.column == "b"


@pytest.mark.parametrize("value", [[1], {"a": 1}, "many"])
def test_what_is_no_number_is_no_matrix(value):
    for body in ({"instances": [[1, value], [1, 2]]}, {"instances": [{"a": 1, "b": value}]}):
        rows = parsed(body, NUMBERS)
        assert isinstance(rows, Rows)
        with pytest.raises(RequestProblem) as problem:
            check_values(rows, NUMBERS)
        assert (problem.value.status, problem.value.column) == (422, "b")


@pytest.mark.parametrize("body", [[[1, 2], [1]], [[1, 2, 3]], [[1], [2]], [1, 2], [[]]])
def test_rows_of_another_width_are_refused(body):
    with pytest.raises(RequestProblem, match="expected 2 values") as problem:
        parsed({"instances": body}, NUMBERS)
    assert problem.value.status == 422


@given(
    st.lists(
        st.lists(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_both_forms_of_rows_are_judged_alike(given_rows):
    """What is read as a matrix is what the column-wise reading finds."""
    rows = parsed({"instances": given_rows}, NUMBERS)
    columns = Rows(
        {name: [row[i] for row in given_rows] for i, name in enumerate(("a", "b"))},
        len(given_rows),
    )

    def problem(checked):
        try:
            check_values(checked, NUMBERS)
        except RequestProblem as found:
            return found.column
        return None

    assert problem(rows) == problem(columns)
