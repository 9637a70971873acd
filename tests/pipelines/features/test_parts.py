"""What every part of the featurization does."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.pipelines.features.categories import Categories
from engine.pipelines.features.dates import Dates
from engine.pipelines.features.numbers import Numbers
from engine.pipelines.features.part import Part
from engine.pipelines.features.texts import Texts

N = 60
PURPOSES = {
    "age": "Numeric",
    "gaps": "Numeric",
    "colour": "Categorical",
    "town": "CategoricalHash",
    "when": "DateTime",
    "said": "Text",
}
PARTS = {
    "numbers": (Numbers, ("Numeric",), True),
    "dates": (Dates, ("DateTime",), True),
    "texts": (Texts, ("Text",), False),
    "categories": (Categories, ("Categorical", "CategoricalHash"), True),
}
BLOCKED = {"dates": "DateTime", "texts": "TfIdf"}
each_part = pytest.mark.parametrize("name", list(PARTS))
each_output = pytest.mark.parametrize("output", ["encoded", "codes", "native"])


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.normal(size=N),
            "gaps": np.where(rng.random(N) < 0.3, np.nan, rng.normal(size=N)),
            "colour": rng.choice(["red", "green", "blue"], N),
            "town": [f"town {n % 35}" for n in range(N)],
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9999, N), "h"),
            "said": [f"{word} number {n}" for n, word in enumerate(rng.choice(["yes", "no"], N))],
        }
    )


@pytest.fixture(scope="module")
def y(frame):
    return (frame["age"] > 0).to_numpy()


def made(name, output, config=None):
    kind, purposes, has_output = PARTS[name]
    columns = [Column(n, p) for n, p in PURPOSES.items() if p in purposes]
    further = (output,) if has_output else ()
    further += (False,) if kind is Categories else ()
    return kind(columns, config or FeaturizationConfig(), *further)


def values(features):
    return np.asarray(features, dtype=float)


@each_part
@each_output
def test_names_sources_and_summary_agree_with_the_features(name, output, frame, y):
    part = made(name, output)
    assert isinstance(part, Part)
    features = part.fit_transform(frame, y)
    names, sources, summary = part.output_names(), part.source_columns(), part.summary()
    assert features.shape == (N, len(names)) == (N, len(sources))
    assert len(set(names)) == len(names)
    assert set(sources) == set(part.columns) == set(summary)
    for column, (count, steps) in summary.items():
        assert sources.count(column) == count
        assert all(isinstance(step, str) for step in steps)
    for feature, source in zip(names, sources, strict=True):
        assert feature.startswith(source)


@each_part
@each_output
def test_a_pickled_part_transforms_alike_and_is_not_changed(name, output, frame, y):
    part = made(name, output)
    part.fit_transform(frame, y)
    before = pickle.dumps(part)
    first = values(part.transform(frame))
    assert pickle.dumps(part) == before
    np.testing.assert_array_equal(values(pickle.loads(before).transform(frame)), first)
    some = values(part.transform(frame.iloc[5:9]))
    np.testing.assert_allclose(some, first[5:9], rtol=1e-6)


@each_part
@each_output
def test_unreadable_and_missing_values_are_no_error(name, output, frame, y):
    part = made(name, output)
    width = part.fit_transform(frame, y).shape[1]
    odd = frame.head(3).astype(object)
    odd.loc[0] = None
    odd.loc[1] = "never seen"
    found = values(part.transform(odd))
    assert found.shape == (3, width)
    if output == "encoded":
        assert np.isfinite(found).all()


def test_only_text_is_slow():
    assert [name for name in PARTS if made(name, "encoded").is_slow] == ["texts"]


@pytest.mark.parametrize("name", [name for name in PARTS if PARTS[name][0].is_slow])
def test_slow_parts_are_the_same_for_all_outputs(name, frame, y):
    first, *others = [made(name, o).fit_transform(frame, y) for o in ("encoded", "codes", "native")]
    for other in others:
        np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize(("name", "transformer"), BLOCKED.items())
def test_a_blocked_transformer_leaves_no_column(name, transformer):
    config = FeaturizationConfig(blocked_transformers=[transformer])
    assert made(name, "encoded", config).columns == []
    assert made(name, "encoded").columns


def test_columns_are_grouped_by_their_parameters():
    config = FeaturizationConfig(
        transformer_params={"Imputer": [(["gaps"], {"strategy": "median"})]}
    )
    part = made("numbers", "encoded", config)
    groups = part.group_by_params("Imputer", ["age", "gaps", "size"])
    assert groups == [(["age", "size"], {}), (["gaps"], {"strategy": "median"})]
