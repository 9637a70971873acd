"""A run that exists without a driver."""

from __future__ import annotations

import pytest

from engine import AutoMLRun, Experiment, Workspace
from tests.client.recorded import record_run


@pytest.fixture(scope="module")
def run(module_workspace: Workspace) -> AutoMLRun:
    """A completed run, which tests of the file share and do not change."""
    return record_run(Experiment(module_workspace, "recorded"))


@pytest.fixture
def workspace(common_workspace: Workspace) -> Workspace:
    """A workspace of the test's own, on the common database; also its working directory."""
    return common_workspace
