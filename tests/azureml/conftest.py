"""A workspace of the tree, and runs that exist without a driver."""

from __future__ import annotations

import pytest

from engine.azureml.core import Workspace
from engine.azureml.core.experiment import Experiment
from engine.azureml.train.automl.run import AutoMLRun
from tests.client.recorded import record_run


@pytest.fixture
def ws(workspace):
    """The workspace of the test's own, by the tree's class."""
    return Workspace.from_config()


@pytest.fixture(scope="module")
def v1_experiment(module_workspace) -> Experiment:
    """An experiment that tests of the file share."""
    return Experiment(module_workspace, "recorded")


@pytest.fixture(scope="module")
def v1_run(v1_experiment: Experiment) -> AutoMLRun:
    """A completed run, which tests of the file share and do not change."""
    return v1_experiment.run_of(record_run(v1_experiment).id)
