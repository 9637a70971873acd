"""Rows to predict of every odd kind, on models over mixed columns and over numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.pipeline import Pipeline

from engine import UnreadableValuesWarning
from engine.ensembles.estimators import SharedFeatures, VotingEnsembleClassifier
from engine.evaluation.parts import pipeline_for
from engine.pipelines.spec import PipelineSpec
from tests.faults.inputs import FRAME, N, X, Y, check, refused

MIXED = FRAME.assign(
    day=pd.date_range("2024-01-01", periods=N), flag=[True, False, True] * 20,
    note=[f"a note of number {n}" for n in range(N)],
)  # fmt: skip
DATA = {
    "mixed": {"X": MIXED, "y": Y},
    "numbers": {"X": FRAME[["a", "b"]], "y": Y},
    "named array": {"X": X, "y": Y, "feature_names": ["a", "b"]},
    "array": {"X": X, "y": Y},
    "array with gaps": {"X": np.where(np.arange(N)[:, None] % 5 == 0, np.nan, X), "y": Y},
}
KINDS = ("LogisticRegression", "DecisionTree", "LightGBM", "voting")


@pytest.fixture(scope="module")
def models():
    made = {}
    for name, raw in DATA.items():
        dataset = check(raw)
        for kind in KINDS[:3]:
            params = {"n_estimators": 5} if kind == "LightGBM" else {}
            pipeline = pipeline_for(dataset, PipelineSpec(kind, estimator_params=params), 1, 0)
            made[name, kind] = pipeline.fit(dataset.X, dataset.y)
        members = [(kind, made[name, kind]) for kind in KINDS[:3]]
        ensemble = VotingEnsembleClassifier.of_fitted(members, [1, 1, 1], dataset.classes)
        features = SharedFeatures(members[0][1][0])
        made[name, "voting"] = Pipeline([("datatransformer", features), ("Voting", ensemble)])
    return made


TWO = MIXED.head(2)
REFUSED = {
    "no rows": (MIXED.head(0), "X has no rows"),
    "no rows, array": (np.zeros((0, 6)), "X has no rows"),
    "lacks a column": (TWO.drop(columns="c"), r"X lacks the columns \['c'\]"),
    "other names": (TWO.set_axis(range(6), axis=1), "X lacks the columns"),
    "other case": (TWO.rename(columns=str.upper), "X lacks the columns"),
    "same names": (pd.concat([TWO, TWO[["c"]]], axis=1), r"more than one column named \['c'\]"),
    "Series": (MIXED.iloc[0], "X is a pandas Series"),
    "dict of lists": (TWO.to_dict("list"), "X is dict"),
    "dict": (MIXED.iloc[0].to_dict(), "X is dict"),
    "list of dicts": (TWO.to_dict("records"), "X is a list of dicts"),
    "row": (MIXED.iloc[0].to_list(), r"shape \(6,\)"),
    "too wide": (np.zeros((2, 7)), r"shape \(2, 7\); the model was fitted with 6 columns"),
    "too narrow": (np.zeros((2, 5)), r"shape \(2, 5\)"),
    "sparse, too wide": (sparse.csr_matrix((2, 7)), r"shape \(2, 7\)"),
    "three dimensions": (np.zeros((2, 6, 1)), r"shape \(2, 6, 1\)"),
    "ragged": ([[1, 2], [3]], "not a rectangular table"),
    "None": (None, r"shape \(\)"),
    "text": ("rows.csv", r"shape \(\)"),
    "number": (1.5, r"shape \(\)"),
    "lazy": (pl.from_pandas(TWO).lazy(), r"shape \(\)"),
    "half a character": (TWO.set_axis(pd.Index([*"abc", "day", "flag", "n\ud800"], dtype=object),
                                      axis=1), "not valid Unicode"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["LightGBM", "voting"])
@pytest.mark.parametrize("name", REFUSED)
def test_rows_are_refused(name, kind, models):
    rows, message = REFUSED[name]
    refused(lambda: models["mixed", kind].predict(rows), message)


SAME = {
    "shuffled": MIXED[MIXED.columns[::-1]],
    "further column": MIXED.assign(more="x"),
    "further columns of one name": pd.concat([MIXED, MIXED[["a"]].set_axis(["z"], axis=1),
                                              MIXED[["a"]].set_axis(["z"], axis=1)], axis=1),
    "one index": MIXED.set_axis([7] * N, axis=0),
    "polars": pl.from_pandas(MIXED),
    "pyarrow": pa.Table.from_pandas(MIXED),
    "objects": MIXED.astype(object),
    "array of objects": MIXED.to_numpy(),
    "lists": MIXED.to_numpy().tolist(),
    "category": MIXED.astype({"c": "category"}),
    "Arrow types": MIXED.convert_dtypes(dtype_backend="pyarrow"),
    "nullable types": MIXED.convert_dtypes(),
    "dates as text": MIXED.assign(day=MIXED["day"].astype(str)),
    "dates in UTC": MIXED.assign(day=MIXED["day"].dt.tz_localize("UTC")),
    "flags as numbers": MIXED.assign(flag=MIXED["flag"].astype(float)),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SAME)
def test_rows_in_another_form_get_the_same_answer(name, kind, models):
    model = models["mixed", kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreadableValuesWarning)
        np.testing.assert_allclose(
            model.predict_proba(SAME[name]), model.predict_proba(MIXED), rtol=1e-9
        )


#: Rows, and the rows that must get the same answer: what cannot be read is missing.
LOST = {
    "infinity": ({"a": np.inf}, {"a": np.nan}, "2 of 2 values of 'a'"),
    "beyond single precision": ({"b": [1e39, 0.5]}, {"b": [np.nan, 0.5]}, "1 of 2 values of 'b'"),
    "text": ({"a": ["1.5", "x"]}, {"a": [1.5, np.nan]}, "1 of 2 values of 'a'"),
    "thousands": ({"a": ["1,234.5", "2"]}, {"a": [np.nan, 2]}, "1 of 2 values of 'a'"),
    "infinite text": ({"a": "inf"}, {"a": np.nan}, "2 of 2 values of 'a'"),
    "huge integer": ({"a": pd.Series([10**400, 1], dtype=object)}, {"a": [np.nan, 1]}, "1 of 2"),
    "flags as text": ({"flag": ["True", "False"]}, {"flag": np.nan}, "2 of 2 values of 'flag'"),
    "number from date": ({"a": pd.Timestamp("2024-01-01")}, {"a": np.nan}, "2 of 2"),
    "date": ({"day": ["2024-05-05", "garbage"]},
             {"day": [pd.Timestamp("2024-05-05"), pd.NaT]}, "1 of 2 values of 'day' are not dates"),
    "date from integer": ({"day": 20240101}, {"day": pd.NaT}, "2 of 2 values of 'day'"),
    "lists": ({"a": pd.Series([[1], [2]])}, {"a": np.nan}, "2 of 2 values of 'a'"),
    "two columns": ({"a": "x", "day": "y"}, {"a": np.nan, "day": pd.NaT}, "'a'.*'day'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOST)
def test_values_that_cannot_be_read_are_missing_and_told(name, kind, models):
    given, same, message = LOST[name]
    model = models["mixed", kind]
    with pytest.warns(UnreadableValuesWarning, match=message) as caught:
        answer = model.predict_proba(TWO.assign(**given))
    assert len([w for w in caught if w.category is UnreadableValuesWarning]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreadableValuesWarning)
        expected = model.predict_proba(TWO.assign(**same))
    np.testing.assert_allclose(answer, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "given",
    [{"c": "never seen"}, {"c": 5}, {"c": None}, {"c": [[1], [2]]}, {"note": 5}, {"note": None},
     {"a": None}, {"day": None}, {"flag": None}, {"c": pd.Series(["\ud800"] * 2, dtype=object)},
     {"note": pd.Series(["a \ud800"] * 2, dtype=object)}, dict.fromkeys(MIXED, None)],
    ids=range(12),
)  # fmt: skip
def test_new_categories_and_missing_values_are_no_loss(given, models):
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UnreadableValuesWarning)
            answer = models["mixed", kind].predict_proba(TWO.assign(**given))
        assert np.isfinite(answer).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", ["numbers", "named array"])
def test_names_are_the_models(data, kind, models):
    model = models[data, kind]
    expected = model.predict_proba(X)
    assert list(model.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(model.predict_proba(FRAME[["c", "b", "a"]]), expected)
    refused(lambda: model.predict(FRAME[["a", "c"]]), r"lacks the columns \['b'\]")
    with pytest.warns(UnreadableValuesWarning, match="1 of 60 values of 'b'"):
        model.predict(FRAME.assign(b=np.where(np.arange(N) == 3, np.inf, FRAME["b"])))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", ["array", "array with gaps"])
def test_without_names_a_table_is_taken_by_position(data, kind, models):
    model, rows = models[data, kind], DATA[data]["X"]
    expected = model.predict_proba(rows)
    table = pd.DataFrame(rows, columns=["first", "second"])
    np.testing.assert_array_equal(model.predict_proba(table), expected)
    ours = pd.DataFrame(rows, columns=["column_0", "column_1"])
    np.testing.assert_array_equal(model.predict_proba(ours[["column_1", "column_0"]]), expected)
    refused(lambda: model.predict(table.assign(third=1)), r"shape \(60, 3\)")


def test_a_share_that_training_lost_too_is_not_told():
    rows = np.resize(np.arange(N), 10 * N)
    total = pd.Series([*map(str, np.arange(10 * N - 6) / 4), *[" "] * 6])
    table = FRAME[["a", "b"]].iloc[rows].reset_index(drop=True).assign(total=total)
    dataset = check({"X": table, "y": Y[rows]})
    assert dataset.layout.columns[2].unreadable == 0.01
    model = pipeline_for(dataset, PipelineSpec("DecisionTree"), 1, 0).fit(dataset.X, dataset.y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreadableValuesWarning)
        model.predict(table)
    with pytest.warns(UnreadableValuesWarning, match="6 of 100 values of 'total'"):
        model.predict(table.tail(100))


def test_a_lost_column_of_the_validation_part_is_told():
    valid = MIXED.head(10).assign(flag=MIXED["flag"].head(10).astype(str))
    dataset = check({"X": MIXED, "y": Y, "X_valid": valid, "y_valid": Y[:10]})
    [note] = dataset.unreadable
    assert note.startswith("10 of 10 values of 'flag' in X_valid are not usable numbers")
    dataset = check({"X": MIXED, "y": Y, "X_valid": MIXED.to_numpy()[:10], "y_valid": Y[:10]})
    pd.testing.assert_frame_equal(dataset.X_valid, dataset.X.head(10), check_categorical=False)
