"""Protocols through which the client's classes use each other.

`Workspace` makes experiments, `Experiment` makes runs and `AutoMLRun` makes iterations. Each class
sees the one that made it through a protocol, so that no module imports a module above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord


class WorkspaceLike(Protocol):
    """A place where experiments and their runs are kept."""

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking URI of the store."""

    @property
    def artifact_location(self) -> str | None:
        """Folder or URI for the files of new experiments."""

    @property
    def folder(self) -> Path:
        """Folder that holds the workspace's own files."""

    @property
    def store(self) -> RunStore:
        """The open store."""

    @property
    def compute_targets(self) -> Mapping[str, Any]:
        """Name -> compute target."""


class ExperimentLike(Protocol):
    """A name under which runs are kept."""

    @property
    def id(self) -> str:
        """Id of the experiment in MLflow."""

    @property
    def name(self) -> str:
        """Name of the experiment."""

    @property
    def workspace(self) -> WorkspaceLike:
        """The workspace that holds the experiment."""


class RunLike(Protocol):
    """A run as its iterations see it."""

    @property
    def id(self) -> str:
        """Id of the run in MLflow."""

    @property
    def store(self) -> RunStore:
        """The store that holds the run."""

    def as_seen(self, iteration: IterationRecord) -> IterationRecord:
        """Return an iteration's record; one that a dead driver has left open has failed."""
