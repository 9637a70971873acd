"""Raw tables through every pipeline: any kind of column, at training and at prediction."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from engine import DataException, FeaturizationConfig
from engine.data.check import check_data
from engine.data.columns import Column
from engine.data.splits import SplitPlan, make_splits
from engine.ensembles.estimators import SharedFeatures
from engine.evaluation.cross_validation import evaluate
from engine.evaluation.fit_options import FitOptions
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.spec import PipelineSpec

N = 240
OUTPUTS = ("encoded", "codes", "native")


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": rng.normal(size=N),
            "gaps": np.where(rng.random(N) < 0.3, np.nan, rng.normal(size=N)),
            "few": rng.choice(["red", "green", "blue"], N),
            "few gaps": pd.Series(rng.choice(["x", "y", "z"], N)).mask(rng.random(N) < 0.2),
            "many": rng.choice([f"town {i}" for i in range(60)], N),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9999, N), "h"),
            "said": [f"they {v} it for the {n}th time" for n, v in
                     enumerate(rng.choice(["love", "hate"], N))],
            "yes": rng.random(N) < 0.5,
            "same": 1,
            "id": np.arange(N) + 1000,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def y(frame):
    return np.where(frame["number"] + (frame["few"] == "red") > 0.3, "yes", "no")


@pytest.fixture(scope="module")
def dataset(frame, y):
    return check_data({"X": frame, "y": y}, "classification", featurization=FeaturizationConfig())


def fitted(dataset, frame, y, output="encoded", config=None):
    transformer = DataTransformer(dataset.layout.columns, config, output)
    return transformer, transformer.fit_transform(frame, y)


@pytest.mark.parametrize("output", OUTPUTS)
def test_names_and_columns_agree_and_a_clone_does_the_same(dataset, frame, y, output):
    transformer, first = fitted(dataset, frame, y, output)
    names = transformer.get_engineered_feature_names()
    assert first.shape == (N, len(names)) == (N, len(set(names)))
    again = clone(transformer).fit(frame, y)
    later = pickle.loads(pickle.dumps(transformer)).transform(frame)
    np.testing.assert_array_equal(
        np.asarray(again.transform(frame), float), np.asarray(later, float)
    )
    assert not any(name.startswith(("same", "id")) for name in names)


def test_only_encoded_output_is_free_of_missing_values(dataset, frame, y):
    assert not np.isnan(fitted(dataset, frame, y)[1]).any()
    assert np.isnan(fitted(dataset, frame, y, "codes")[1]).any()
    native = fitted(dataset, frame, y, "native")[1]
    kinds = [isinstance(dtype, pd.CategoricalDtype) for dtype in native.dtypes]
    assert sum(kinds) == 2
    assert native.isna().to_numpy().any()


@pytest.mark.parametrize("output", OUTPUTS)
def test_prediction_copes_with_what_training_did_not_have(dataset, frame, y, output):
    transformer, _ = fitted(dataset, frame, y, output)
    new = frame.head(6).copy()
    expected = transformer.transform(new)
    moved = new[new.columns[::-1]].assign(extra="?").drop(columns=["same", "id"])
    np.testing.assert_array_equal(np.asarray(transformer.transform(moved)), np.asarray(expected))
    odd = new.astype(object)
    odd.loc[0, ["few", "number", "when", "said", "yes"]] = ["violet", None, None, None, None]
    odd.loc[1, ["number", "few gaps"]] = ["no number", 7]
    changed = np.asarray(transformer.transform(odd), dtype=float)
    assert changed.shape == np.asarray(expected).shape
    if output == "encoded":
        assert np.isfinite(changed).all()
    with pytest.raises(DataException, match=r"lacks the columns \['many'\]"):
        transformer.transform(new.drop(columns="many"))


def test_the_summary_tells_what_became_of_each_column(dataset, frame, y):
    transformer, _ = fitted(dataset, frame, y)
    rows = {row["RawFeatureName"]: row for row in transformer.get_featurization_summary()}
    assert list(rows) == list(frame.columns)
    assert rows["gaps"]["Transformations"] == ["Imputer", "MissingMarker"]
    assert rows["few"]["Transformations"] == ["OneHotEncoder"]
    assert rows["few"]["EngineeredFeatureCount"] == 3
    assert rows["few gaps"]["EngineeredFeatureCount"] == 4  # three and the missing one
    assert rows["many"]["Transformations"] == ["TargetEncoder"]
    assert rows["when"]["TypeDetected"] == "DateTime"
    assert rows["same"]["Dropped"] == "Yes"
    assert rows["same"]["Reason"] == "constant"
    count = sum(row["EngineeredFeatureCount"] for row in rows.values())
    assert count == len(transformer.get_engineered_feature_names())
    assert "few_red" in transformer.get_engineered_feature_names()
    assert "when_weekday" in transformer.get_engineered_feature_names()


def test_target_encoding_does_not_leak_in_training(frame):
    rng = np.random.default_rng(1)
    names = [f"c{i}" for i in range(N // 2)] * 2
    noise = pd.DataFrame({"many": names, "number": rng.normal(size=N)})
    y = rng.integers(2, size=N)
    config = FeaturizationConfig(column_purposes={"many": "CategoricalHash"})
    data = check_data({"X": noise, "y": y}, "classification", featurization=config)
    encoded = fitted(data, noise, y)[1][:, 1]
    assert abs(np.corrcoef(encoded, y)[0, 1]) < 0.35


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("scaled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_estimator_takes_the_table(frame, y, task, scaled):
    target = y if task == "classification" else frame["number"] + (frame["few"] == "red")
    data = check_data({"X": frame, "y": target}, task, featurization=FeaturizationConfig())
    folds = make_splits(data, SplitPlan(2))
    made = {}

    def kept(number, make):
        """As a node keeps it: the features of texts are made once for all pipelines."""
        if number not in made:
            made[number] = make()
        return made[number]

    for entry in estimators_of(task).values():
        scalers = [s for s in entry.scalers if bool(s) == scaled]
        if not scalers or not entry.installed:
            continue
        quick = {
            entry.rounds_parameter or "": 10,
            **({"n_estimators": 10} if "Forest" in entry.name or "Trees" in entry.name else {}),
        }
        quick.pop("", None)
        spec = PipelineSpec(entry.name, scalers[0], quick)
        result = evaluate(spec, data, folds, FitOptions(kept=kept))
        assert np.isfinite(result.predictions).all(), entry.name
        raw = frame.head(5)[frame.columns[::-1]].assign(few=["a", "red", None, 3, "blue"])
        assert len(result.model.predict(raw)) == 5, entry.name


def test_native_categories_reach_the_boosters(frame):
    """Sixty categories in no order: only what sees them as categories gets them right at once."""
    rng = np.random.default_rng(0)
    good = set(rng.choice(60, 30, replace=False))
    codes = rng.integers(60, size=3000)
    X = pd.DataFrame({"town": [f"t{c}" for c in codes], "noise": rng.normal(size=3000)})
    y = np.isin(codes, list(good)).astype(int)
    data = check_data({"X": X, "y": y}, "classification", featurization=FeaturizationConfig())
    folds = make_splits(data, SplitPlan(2))
    for name in ("LightGBM", "GradientBoosting"):
        assert evaluate(PipelineSpec(name), data, folds).metrics["accuracy"] > 0.99


def test_config_changes_what_is_done(frame, y):
    config = FeaturizationConfig(
        blocked_transformers=["MissingMarker", "TfIdf"],
        column_purposes={"yes": "Categorical", "few": "CategoricalHash"},
        drop_columns=["number"],
        transformer_params={"Imputer": [(["gaps"], {"strategy": "constant", "fill_value": -9.0})]},
    )
    data = check_data({"X": frame, "y": y}, "classification", featurization=config)
    transformer, values = fitted(data, frame, y, config=config)
    names = transformer.get_engineered_feature_names()
    assert not any("missing" in n and n.startswith("gaps") for n in names)
    assert not any(n.startswith(("number", "said")) for n in names)
    assert "few_target" in names
    assert {"yes_True", "yes_False"} <= set(names)
    gaps = values[:, names.index("gaps")]
    assert (gaps[frame["gaps"].isna()] == -9.0).all()
    rows = {row["RawFeatureName"]: row for row in transformer.get_featurization_summary()}
    assert rows["said"]["Reason"] == "its transformer is blocked"


def test_numbers_without_gaps_need_no_featurization(y):
    X = np.random.default_rng(0).normal(size=(N, 3))
    data = check_data({"X": X, "y": y}, "classification", featurization=FeaturizationConfig())
    assert data.layout is None
    assert data.X is X


def test_arrays_with_constants_and_gaps(y):
    X = np.random.default_rng(0).normal(size=(N, 3))
    X[:, 1] = 4.0
    X[::5, 2] = np.nan
    data = check_data({"X": X, "y": y}, "classification", featurization=FeaturizationConfig())
    transformer, values = fitted(data, X, y)
    assert transformer.get_engineered_feature_names() == [
        "column_0",
        "column_2",
        "column_2_missing",
    ]
    assert values.shape == (N, 3)
    with pytest.raises(DataException, match=r"expects \(n_rows, 3\)"):
        transformer.transform(X[:, :2])


def test_an_object_array_is_a_table(y):
    X = np.array([[i * 1.5, "ab"[i % 2]] for i in range(N)], dtype=object)
    data = check_data({"X": X, "y": y}, "classification", featurization=FeaturizationConfig())
    assert [c.purpose for c in data.layout.columns] == ["Numeric", "Categorical"]
    assert len(fitted(data, X, y)[0].transform(X[:3])) == 3


@pytest.mark.parametrize("output", OUTPUTS)
def test_features_that_were_kept_are_as_good_as_new_ones(dataset, frame, y, output):
    train, valid = frame[:180], frame[180:]
    asked, kept = [], {}

    def keep(make):
        asked.append(make)
        kept.setdefault("texts", make())
        return pickle.loads(pickle.dumps(kept["texts"]))

    columns = dataset.layout.columns
    expected = DataTransformer(columns, None, output)
    first, first_valid = expected.fit_transform(train, y[:180]), expected.transform(valid)
    for other in ("encoded", output):  # kept by a pipeline with another input, and by the same
        transformer = DataTransformer(columns, None, other)
        both = transformer.fit_transform_both(train, y[:180], valid, keep)
    np.testing.assert_array_equal(both[0], first)
    np.testing.assert_array_equal(both[1], first_valid)
    np.testing.assert_array_equal(transformer.transform(valid), first_valid)
    assert len(asked) == 2
    again = pickle.loads(pickle.dumps(transformer))
    assert again.get_engineered_feature_names() == expected.get_engineered_feature_names()


def test_nothing_is_kept_of_what_is_quickly_made(y, frame):
    numbers = frame[["number", "few", "when"]]
    data = check_data({"X": numbers, "y": y}, "classification",
                      featurization=FeaturizationConfig())  # fmt: skip
    transformer = DataTransformer(data.layout.columns)
    features, others = transformer.fit_transform_both(numbers, y, None, pytest.fail)
    assert len(features) == N
    assert others is None


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_same_features_twice(dataset, frame, y, output):
    (_, first), (_, second) = (fitted(dataset, frame, y, output) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("output", OUTPUTS)
def test_each_of_a_thousand_categories_counts(output):
    rng = np.random.default_rng(0)
    shop = np.repeat(np.arange(1000), 4)
    X = pd.DataFrame({"shop": [f"shop {n}" for n in shop], "kind": rng.choice(["a", "b"], 4000)})
    y = rng.normal(size=1000)[shop]
    data = check_data({"X": X, "y": y}, "regression", featurization=FeaturizationConfig())
    transformer = DataTransformer(data.layout.columns, None, output, is_regression=True)
    transformer.fit(X, y)
    features = pd.DataFrame(transformer.transform(X))
    assert features.shape == (4000, 3 if output == "encoded" else 2)
    by_target = features.iloc[:, -1].astype(float)
    assert np.corrcoef(by_target, y)[0, 1] > 0.999
    assert transformer.get_engineered_feature_names()[-1] == "shop_target"
    unknown = pd.DataFrame({"shop": ["new"], "kind": ["a"]})
    assert pd.DataFrame(transformer.transform(unknown)).iloc[0, -1] == pytest.approx(y.mean())


def test_whole_numbers_of_a_regression_are_no_classes():
    towns = np.array([f"town {i}" for i in range(60)])[np.arange(N) % 60]
    X, y = pd.DataFrame({"town": towns}), (np.arange(N) % 60).astype(float)
    data = check_data({"X": X, "y": y}, "regression", featurization=FeaturizationConfig())
    assert data.layout.columns[0].purpose == "CategoricalHash"
    pipeline = build_pipeline(PipelineSpec("ElasticNet", estimator_params={"alpha": 0.001}),
                              "regression", layout=data.layout).fit(X, y)  # fmt: skip
    assert pipeline[:-1].transform(X).shape == (N, 1)
    np.testing.assert_allclose(pipeline.predict(X), y, atol=5)


def test_summaries_of_columns_in_two_more_forms():
    table = pd.DataFrame({"size": [1.0, None, 3.0], "id": [7, 8, 9]})
    config = FeaturizationConfig(transformer_params={"Imputer": [(["size"], {"strategy": "mean"})]})
    columns = [Column("size", "Numeric"), Column("id", "Ignore", "unique in each row")]
    transformer = DataTransformer(columns, config).fit(table)
    size, number = transformer.get_featurization_summary(is_user_friendly=False)
    assert size["TransformationParams"] == {"Imputer": {"strategy": "mean"}, "MissingMarker": {}}
    assert number["TransformationParams"] == {}
    assert "TransformationParams" not in transformer.get_featurization_summary()[0]
    types = [
        {"RawFeatureName": "size", "TypeDetected": "Numeric"},
        {"RawFeatureName": "id", "TypeDetected": "Ignore"},
    ]
    assert transformer.get_stats_feature_type_summary() == types
    shared = SharedFeatures(transformer)
    assert shared.get_stats_feature_type_summary() == types
    assert shared.get_featurization_summary(is_user_friendly=False)[0] == size
    matrix = NumericMatrix().fit(pd.DataFrame({"a": [1.0, 2.0]}))
    assert matrix.get_stats_feature_type_summary() == [
        {"RawFeatureName": "a", "TypeDetected": "Numeric"}
    ]
    [row] = matrix.get_featurization_summary(is_user_friendly=False)
    assert row["TransformationParams"] == {"Imputer": {}}
