"""Fixtures of the driver's tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine import Workspace
from tests.driver.in_process_ray import InProcessRay


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory, workspace_template: Path) -> str:
    """One database for the runs of all tests: each database compiles its statements anew."""
    folder = tmp_path_factory.mktemp("database")
    shutil.copy(workspace_template / "mlflow.db", folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture
def workspace(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace of the test's own, on the common database; also its working directory."""
    monkeypatch.chdir(tmp_path)
    return Workspace.create(tmp_path.name, tracking_uri=database)


@pytest.fixture
def in_process_ray(monkeypatch):
    """Ray's functions, replaced by calls in this process."""
    fake = InProcessRay()
    fake.install(monkeypatch)
    return fake
