"""For any table, the check refuses it, or pipelines fit it and predict the raw rows the same."""

from __future__ import annotations

import datetime
import decimal
import pickle
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import DataException, FeaturizationConfig
from engine.data.check import check_data
from engine.data.sources import DataRules
from engine.data.splits import SplitPlan
from engine.evaluation.parts import pipeline_for
from engine.pipelines.spec import PipelineSpec

N = 24
CODES = np.array([0, 1] * (N // 2))
SPECS = {
    "classification": [
        PipelineSpec("LogisticRegression", "StandardScalerWrapper"),
        PipelineSpec("DecisionTree", estimator_params={"max_depth": 3}),
        PipelineSpec("LightGBM", estimator_params={"n_estimators": 2, "min_child_samples": 2}),
    ],
    "regression": [
        PipelineSpec("ElasticNet", "StandardScalerWrapper"),
        PipelineSpec("DecisionTree", estimator_params={"max_depth": 3}),
        PipelineSpec("LightGBM", estimator_params={"n_estimators": 2, "min_child_samples": 2}),
    ],
}

floats = st.floats(width=64) | st.floats(-10, 10) | st.sampled_from([np.inf, -np.inf, 1e300, 1e39])
texts = st.text(max_size=6) | st.sampled_from(["", " ", "NaN", "inf", "1e999", "1.5", "a\ud800"])
whole = st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2200, 1, 1))
few_texts = st.sampled_from(["red", "green", "blue", "1", "2024-01-01"])
numbers_as_text = st.floats(-100, 100).map(str)
odd = st.one_of(
    st.none(), st.just(pd.NA), st.just(float("nan")), floats, texts, whole, st.booleans(), moments,
    st.integers(10**300, 10**310), st.complex_numbers(), st.binary(max_size=3),
    st.lists(st.integers(), max_size=2), st.decimals(allow_nan=False), st.dates(), st.fractions(),
    st.just({"a": 1}), st.just((1, 2)),
)  # fmt: skip


def column(values):
    """N values, some of them missing."""
    return st.lists(values | st.none(), min_size=N, max_size=N)


def as_dtype(values, dtype):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pd.Series(values, dtype=dtype)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return pd.Series(values, dtype=object)


columns = st.one_of(
    column(st.floats(-10, 10)).map(lambda v: as_dtype(v, "float64")),
    column(st.floats(-10, 10)).map(lambda v: as_dtype(v, "float32")),
    column(floats).map(lambda v: as_dtype(v, "float64")),
    column(floats).map(lambda v: as_dtype(v, object)),
    column(whole).map(lambda v: as_dtype(v, "Int64")),
    column(st.booleans()).map(lambda v: as_dtype(v, "boolean")),
    column(st.booleans()).map(lambda v: as_dtype(v, object)),
    column(texts).map(lambda v: as_dtype(v, object)),
    column(few_texts).map(lambda v: as_dtype(v, "category")),
    column(few_texts).map(lambda v: as_dtype(v, "str")),
    column(numbers_as_text | st.sampled_from([" ", "unknown"])).map(lambda v: as_dtype(v, object)),
    column(moments).map(lambda v: as_dtype(v, "datetime64[us]")),
    column(moments).map(lambda v: as_dtype(v, "datetime64[us, UTC]")),
    column(moments.map(str)).map(lambda v: as_dtype(v, object)),
    column(moments).map(lambda v: as_dtype(v, pd.ArrowDtype(pa.timestamp("us")))),
    column(st.timedeltas()).map(lambda v: as_dtype(v, "timedelta64[us]")),
    column(whole).map(lambda v: as_dtype(v, pd.ArrowDtype(pa.int64()))),
    column(few_texts).map(lambda v: as_dtype(v, pd.ArrowDtype(pa.string()))),
    column(st.decimals(-99, 99, places=2)).map(
        lambda v: as_dtype(v, pd.ArrowDtype(pa.decimal128(9, 3)))
    ),
    column(st.lists(st.integers(0, 9), max_size=2)).map(
        lambda v: as_dtype(v, pd.ArrowDtype(pa.list_(pa.int64())))
    ),
    column(floats).map(lambda v: as_dtype(v, "category")),
    column(odd).map(lambda v: as_dtype(v, object)),
)
names = st.text(max_size=4) | st.sampled_from(
    ["id", "f0", "a_missing", 0, ("x", 1), None, "a\ud800"]
)


@st.composite
def tables(draw):
    """A table of one good column and some of any kind, under any names."""
    count = draw(st.integers(1, 4))
    good = pd.Series(np.sin(np.arange(N)) + CODES)
    series = [good, *(draw(columns) for _ in range(count))]
    found = draw(st.lists(names, min_size=count + 1, max_size=count + 1, unique_by=str))
    frame = pd.concat(series, axis=1, ignore_index=True)
    return frame.set_axis(pd.Index(found, dtype=object, tupleize_cols=False), axis=1)


def is_clear(error):
    """The last resort of the check, for errors that nobody thought of, is not needed."""
    assert "cannot be checked" not in str(error)
    assert "cannot be read as" not in str(error)


def holds(frame, task, featurization):
    y = CODES if task == "classification" else np.sin(np.arange(N))
    rules = DataRules(task, featurization=featurization, plan=SplitPlan(2))
    try:
        dataset = rules.check({"X": frame, "y": y})
    except DataException as error:
        is_clear(error)
        return
    for spec in SPECS[task]:
        pipeline = pipeline_for(dataset, spec, cores=1, random_state=0).fit(dataset.X, dataset.y)
        model = pickle.loads(pickle.dumps(pipeline))
        answer = model.predict_proba if task == "classification" else model.predict
        expected = answer(dataset.X)
        assert np.isfinite(expected).all()
        np.testing.assert_array_equal(answer(frame), expected)
        np.testing.assert_array_equal(answer(frame[frame.columns[::-1]]), expected)


bounded = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@bounded
@given(tables(), st.sampled_from(["classification", "regression"]))
def test_any_table_with_featurization(frame, task):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        holds(frame, task, FeaturizationConfig())


@bounded
@given(tables())
def test_any_table_without_featurization(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        holds(frame, "classification", None)


@bounded
@given(
    column(odd | few_texts | st.floats(-1, 1)), st.sampled_from(["classification", "regression"])
)
def test_any_target(values, task):
    X = np.arange(2.0 * N).reshape(N, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = check_data({"X": X, "y": values}, task)
        except DataException as error:
            is_clear(error)
            return
    assert data.y.dtype.kind in ("f" if task == "regression" else "biufU")
    assert len(data.y) == data.X.shape[0] <= N


def test_decimals_are_numbers():
    """The generated tables reach the case that numbers of other libraries are read."""
    X = pd.DataFrame({"d": [decimal.Decimal(i) / 4 for i in range(N)]})
    data = check_data({"X": X, "y": CODES}, "classification", featurization=FeaturizationConfig())
    assert data.X["d"].tolist() == [i / 4 for i in range(N)]
