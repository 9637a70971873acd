"""The stores that the tests of this folder run on: a database, a server, and one in memory."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from engine.store.mlflow_store import RunStore
from tests.store.memory_client import MemoryClient

SETTINGS = {"task": "classification", "primary_metric": "accuracy", "iterations": 3, "name": None}


def _database(folder: Path, template: Path) -> str:
    shutil.copy(template / "mlflow.db", folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, workspace_template: Path) -> Iterator[str]:
    """Address of a tracking server in a thread of this process."""
    # Here, as the import takes seconds.
    from mlflow.server import app
    from mlflow.server.handlers import initialize_backend_stores
    from werkzeug.serving import make_server

    folder = tmp_path_factory.mktemp("server")
    uri = _database(folder, workspace_template)
    initialize_backend_stores(uri, uri, str(folder / "artifacts"))
    # The server has set the whole process to its own store.
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    os.environ.pop("MLFLOW_REGISTRY_URI")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    serving = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()


@pytest.fixture(scope="session", params=["database", "server", "memory"])
def store(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    workspace_template: Path,
) -> RunStore:
    if request.param == "server":
        return RunStore(request.getfixturevalue("server"))
    if request.param == "memory":
        folder = tmp_path_factory.mktemp("memory")
        return RunStore(folder.as_uri(), client=MemoryClient(folder))
    return RunStore(_database(tmp_path_factory.mktemp("database"), workspace_template))


@pytest.fixture
def experiment_id(store: RunStore, tmp_path: Path) -> str:
    """An experiment of the test's own."""
    return store.experiment_id(f"test {uuid.uuid4()}", tmp_path.as_uri())


@pytest.fixture
def run_id(store: RunStore, experiment_id: str) -> str:
    return store.create_run(experiment_id, SETTINGS, {"mine": "1"})
