"""Stores in memory, whose calls can be made to fail."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import Experiment
from engine.driver import driver
from engine.store.mlflow_store import RunStore
from engine.store.retrying import OF_A_CLIENT, OF_A_DRIVER
from tests.faults.stores import FaultyClient, SimulatedTime
from tests.store.memory_client import MemoryClient


@pytest.fixture(autouse=True)
def spool_folder(tmp_path, monkeypatch):
    """Where results wait that a store does not take."""
    monkeypatch.setenv("RAYSMITH_SPOOL", str(tmp_path / "spool"))
    return tmp_path / "spool"


@pytest.fixture
def time(monkeypatch):
    """The time that drivers and clients are patient in."""
    simulated = SimulatedTime()
    monkeypatch.setattr(driver, "OF_A_DRIVER", simulated.patience(OF_A_DRIVER.seconds))
    return simulated


@pytest.fixture
def client(tmp_path, monkeypatch):
    """The calls of a store in memory."""
    monkeypatch.chdir(tmp_path)
    return FaultyClient(MemoryClient(tmp_path / "store"))


@pytest.fixture
def store(client, tmp_path, time):
    uri = (tmp_path / "store").as_uri()
    return RunStore(uri, time.patience(OF_A_CLIENT.seconds), client)


@pytest.fixture
def experiment(store):
    workspace = SimpleNamespace(
        store=store, artifact_location=None, tracking_uri=store.tracking_uri, compute_targets={}
    )
    return Experiment(workspace, "faults")
