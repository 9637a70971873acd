from __future__ import annotations

import numpy as np
import optuna
import pytest

from engine.metrics.metric import METRICS
from engine.pipelines.catalogue.estimators import CLASSIFIERS
from engine.pipelines.catalogue.ranges import Choices, FloatRange, IntRange
from engine.search.portfolio import load_portfolio
from engine.search.proposals import (
    as_spec,
    model_point,
    nearby_point,
    random_point,
    search_space,
)
from engine.search.usable import usable_scalers

ACCURACY, LOSS = METRICS["accuracy"], METRICS["log_loss"]
SPACE = {
    "share": FloatRange(0.0, 1.0),
    "rate": FloatRange(1e-4, 1.0, log=True),
    "count": IntRange(1, 100),
    "kind": Choices(("a", "b", "c")),
}
POINT = {"share": 0.5, "rate": 1e-2, "count": 50, "kind": "b"}


def inside(point, space=SPACE):
    return set(point) == set(space) and all(space[k].contains(v) for k, v in point.items())


@pytest.mark.parametrize("seed", range(20))
def test_points_lie_in_the_space(seed):
    assert inside(random_point(SPACE, seed))
    assert inside(model_point(SPACE, [(POINT, 0.5)] * 8, ACCURACY, seed))
    assert inside(nearby_point(SPACE, POINT, np.random.default_rng(seed)))
    assert inside(nearby_point(SPACE, {}, np.random.default_rng(seed)))


def test_a_seed_gives_one_point():
    assert random_point(SPACE, 1) == random_point(SPACE, 1) != random_point(SPACE, 2)
    scored = [(random_point(SPACE, n), n / 20) for n in range(20)]
    first, again = (model_point(SPACE, scored, ACCURACY, 1) for _ in range(2))
    assert first == again


def test_steps_are_small():
    points = [nearby_point(SPACE, POINT, np.random.default_rng(n)) for n in range(200)]
    assert np.std([point["share"] for point in points]) == pytest.approx(0.15, abs=0.03)
    assert np.std([np.log10(point["rate"]) for point in points]) == pytest.approx(0.6, abs=0.1)
    assert np.mean([point["kind"] == "b" for point in points]) > 0.8


@pytest.mark.parametrize(("metric", "wanted"), [(ACCURACY, 0.9), (LOSS, 0.1)])
def test_the_model_follows_the_scores(metric, wanted):
    scored = [({**POINT, "share": share}, share) for share in np.linspace(0, 1, 40)]
    shares = [model_point(SPACE, scored, metric, seed)["share"] for seed in range(30)]
    assert np.median(shares) == pytest.approx(wanted, abs=0.15)


def test_coordinates_outside_of_the_space_are_ignored():
    space = {"share": SPACE["share"]}
    scored = [({"share": 0.5, "count": 3, "estimator": "KNN"}, 0.5), ({"share": 7.0}, 0.5)] * 5
    assert set(model_point(space, scored, ACCURACY, 0)) == {"share"}


def test_optuna_keeps_its_verbosity():
    before = optuna.logging.get_verbosity()
    with pytest.raises(AttributeError):
        model_point({"share": None}, [(POINT, 0.5)], ACCURACY, 0)
    assert optuna.logging.get_verbosity() == before


@pytest.mark.parametrize("spec", load_portfolio("classification"), ids=lambda spec: spec.name)
def test_pipelines_and_points_are_the_same_thing(spec):
    entry = CLASSIFIERS[spec.estimator]
    assert as_spec(entry, spec.flat()) == spec


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_point_of_an_estimators_space_is_a_pipeline(name):
    entry = CLASSIFIERS[name]
    space = search_space(entry, usable_scalers(entry, sparse=False))
    for seed in range(5):
        spec = as_spec(entry, random_point(space, seed))
        assert spec.scaler in entry.scalers
        assert set(spec.estimator_params) == set(entry.space)
        flat = spec.flat()
        assert all(space[key].contains(v) for key, v in flat.items() if key != "estimator")
