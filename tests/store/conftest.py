"""The stores that the tests of this folder run on: a database, a server, and one in memory."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from engine import Workspace
from engine.store.mlflow_store import RunStore
from tests.conftest import copied_database
from tests.store.memory_client import MemoryClient

SETTINGS = {"task": "classification", "primary_metric": "accuracy", "iterations": 3, "name": None}


@pytest.fixture(
    scope="session", params=["database", pytest.param("server", marks=pytest.mark.slow), "memory"]
)
def store(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    workspace_template: Path,
) -> RunStore:
    if request.param == "server":
        return RunStore(request.getfixturevalue("tracking_server"))
    if request.param == "memory":
        folder = tmp_path_factory.mktemp("memory")
        return RunStore(folder.as_uri(), client=MemoryClient(folder))
    return RunStore(copied_database(tmp_path_factory.mktemp("database"), workspace_template))


@pytest.fixture
def experiment_id(store: RunStore, tmp_path: Path) -> str:
    """An experiment of the test's own."""
    return store.experiment_id(f"test {uuid.uuid4()}", tmp_path.as_uri())


@pytest.fixture
def run_id(store: RunStore, experiment_id: str) -> str:
    return store.create_run(experiment_id, SETTINGS, {"mine": "1"})


@pytest.fixture
def workspace(common_workspace: Workspace) -> Workspace:
    """A workspace of the test's own, on the common database; also its working directory."""
    return common_workspace
