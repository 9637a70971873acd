"""The packages that a stored model asks for."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from engine.ensembles.estimators import (
    SharedFeatures,
    StackEnsembleClassifier,
    VotingEnsembleClassifier,
)
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import CLASSIFIERS
from engine.pipelines.spec import PipelineSpec
from engine.store.model_requirements import model_requirements, pinned

ALWAYS = {"scikit-learn", "numpy", "scipy", "pandas", "cloudpickle"}
BOOSTERS = {
    "LightGBM": "lightgbm",
    "XGBoostClassifier": "xgboost-cpu",
    "CatBoostClassifier": "catboost",
}


def pipeline_of(name):
    return build_pipeline(PipelineSpec(name), "classification")


def names(model):
    return {requirement.partition("==")[0] for requirement in model_requirements(model)}


@pytest.mark.parametrize(("name", "package"), BOOSTERS.items())
def test_a_booster_needs_its_package(name, package):
    if not CLASSIFIERS[name].installed:
        pytest.skip(f"{package} is not installed")
    assert names(pipeline_of(name)) == {*ALWAYS, package}
    assert f"{package}=={version(package)}" in model_requirements(pipeline_of(name))


@pytest.mark.parametrize("name", ["GradientBoosting", "RandomForest", "SVM"])
def test_other_estimators_need_no_other_package(name):
    found = model_requirements(pipeline_of(name))
    assert names(pipeline_of(name)) == ALWAYS
    assert len(found) == len(ALWAYS)


def test_an_ensemble_needs_what_its_members_need():
    members = [pipeline_of(name) for name in ("KNN", "LightGBM")]
    voting = VotingEnsembleClassifier([("a", members[0]), ("b", members[1])], [0.5, 0.5])
    voting.members_ = members
    stack = StackEnsembleClassifier([("a", members[0])], LogisticRegression())
    stack.members_, stack.meta_learner_ = members[:1], pipeline_of("LightGBM")[-1]
    for ensemble in (voting, stack):
        model = Pipeline(
            [("datatransformer", SharedFeatures(members[0][0])), ("Ensemble", ensemble)]
        )
        assert names(model) == {*ALWAYS, "lightgbm"}


def test_packages_of_other_classes_inside_a_pipeline():
    """A custom estimator may hold objects of any package."""
    from packaging.version import Version
    from sklearn.preprocessing import FunctionTransformer

    model = Pipeline([("first", FunctionTransformer(kw_args={"above": Version("1.0")}))])
    assert names(model) == {*ALWAYS, "packaging"}
    model = Pipeline([("first", FunctionTransformer(os.path.join))])
    assert names(model) == ALWAYS


def test_what_cannot_be_installed_is_not_pinned(monkeypatch):
    monkeypatch.setattr("engine.store.model_requirements.version", lambda name: "2.1.0+cpu")
    assert pinned("torch") == "torch==2.1.0"
