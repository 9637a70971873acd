"""Runs from their submit on: whole drivers, their trials replayed without Ray."""

from __future__ import annotations

import numpy as np
import pytest

from engine import ConfigException, DataException
from engine.azureml.core import Experiment, Workspace
from engine.azureml.train.automl import AutoMLConfig
from tests.azureml.replays import replay_local_runs
from tests.driver.replay import X, Y, scored

SETTINGS = {
    "primary_metric": "accuracy",
    "iterations": 4,
    "n_cross_validations": 3,
    "whitelist_models": ["LogisticRegression", "KNN", "DecisionTree"],
    "enable_stack_ensemble": False,
    "enable_voting_ensemble": False,
    "debug_log": "automl_errors.log",
}


@pytest.fixture
def experiment(store_in_memory, workspace, monkeypatch):
    replay_local_runs(monkeypatch, {1: scored(0.9)})
    return Experiment(Workspace.from_config(), "local")


def config(**changes):
    return AutoMLConfig(task="classification", X=X, y=Y, **SETTINGS | changes)


def test_a_local_run_has_ended_when_submit_returns(experiment, capsys):
    run = experiment.submit(config(), show_output=True)
    assert run.status == "Completed"
    assert f"Parent Run ID: {run.id}" in capsys.readouterr().out
    assert [child.iteration for child in run.get_children()] == [0, 1, 2, 3]
    assert run.get_output()[0].id == f"{run.id}_1"
    assert run.summary()[0][2] == 0.9
    assert np.mean(run.get_output()[1].predict(X) == Y) > 0.8


def test_tags_come_second_and_nothing_is_printed_by_default(experiment, capsys):
    run = experiment.submit(config(), {"team": "x"})
    assert capsys.readouterr().out == ""
    assert (run.status, run.tags["team"]) == ("Completed", "x")
    assert [found.id for found in experiment.get_runs(tags={"team": "x"})] == [run.id]


def test_more_iterations_are_added_and_waited_for(experiment):
    run = experiment.submit(config(iterations=2))
    again = run.continue_experiment(X=X, y=Y, show_output=True, iterations=2)
    assert again is run
    assert run.status == "Completed"
    assert [child.iteration for child in run.get_children()] == [0, 1, 2, 3]
    with pytest.raises(DataException, match="the data is not what the run's 4 iterations"):
        run.continue_experiment(X=X * 2, y=Y, iterations=1)
    assert len(list(run.get_children())) == 4


def test_the_ensemble_is_the_last_of_the_iterations(experiment):
    run = experiment.submit(config(iterations=3, enable_voting_ensemble=True))
    rows = [child.get_properties() for child in run.get_children()]
    assert [row["run_algorithm"] for row in rows][2:] == ["VotingEnsemble"]
    assert rows[2]["pipeline_id"] == "__AutoML_Ensemble__"
    assert rows[2]["run_preprocessor"] == ""
    _, model = run.get_output(iteration=2)
    assert len(model[-1].estimators) == len(model[-1].weights)


def test_a_run_that_fails_comes_back_with_a_warning(experiment, monkeypatch):
    def broken(*arguments):
        raise DataException("the disk is full")

    monkeypatch.setattr("engine.driver.ray_platform.RayPlatform", broken)
    with pytest.warns(UserWarning, match="has failed: the disk is full"):
        run = experiment.submit(config())
    assert run.get_status() == "Failed"
    assert run.get_details()["error"]["error"]["message"] == "the disk is full"


def test_what_cannot_be_submitted(experiment):
    with pytest.raises(ConfigException, match="expected an AutoMLConfig"):
        experiment.submit({"task": "classification"})
    assert not list(experiment.get_runs())
