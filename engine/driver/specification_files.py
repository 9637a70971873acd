"""A run's specification in the store: written for other drivers, and read by them."""

from __future__ import annotations

from functools import partial

from engine.config.specification import RunSpecification
from engine.store.mlflow_store import RunStore


def load_specification(store: RunStore, run_id: str) -> RunSpecification:
    """Return what an earlier driver of the run was given.

    Raises
    ------
    DataException
        When data given directly cannot be used.
    """
    return RunSpecification.from_spec(store.load_spec(run_id), partial(_load, store, run_id))


def keep_data(store: RunStore, run_id: str, given: RunSpecification) -> RunSpecification:
    """Write what another driver could not get otherwise; return ``given`` without the raw data."""
    for name, content in given.files().items():
        store.save_data(run_id, content, name)
    return given.kept()


def _load(store: RunStore, run_id: str, name: str) -> object:
    return store.load_data(run_id, name)
