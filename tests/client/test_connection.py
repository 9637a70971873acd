"""The connection to a store: the journal of an SQLite database."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from types import SimpleNamespace

import psutil
import pytest

from engine import Experiment, Workspace


def journal(workspace):
    with closing(sqlite3.connect(workspace.folder / "mlflow.db")) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def mounted(monkeypatch, folder, file_system):
    partitions = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=str(folder), fstype=file_system),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: partitions)


@pytest.mark.parametrize("file_system", ["nfs4", "NFS", "cifs", "fuse.sshfs", "lustre", "9p", ""])
def test_no_write_ahead_log_on_what_machines_may_share(workspace, monkeypatch, file_system):
    # It was used on this machine's disk before, and then moved.
    with closing(sqlite3.connect(workspace.folder / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    mounted(monkeypatch, workspace.folder, file_system)
    with pytest.warns(UserWarning, match="which several machines may share"):
        Experiment(workspace, "one")
    assert journal(workspace) == "delete"
    assert not list(workspace.folder.glob("mlflow.db-*"))
    assert list(Workspace.from_config().experiments) == ["one"]


def test_a_write_ahead_log_on_this_machines_disk(workspace, monkeypatch):
    mounted(monkeypatch, workspace.folder.parent, "xfs")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        Experiment(workspace, "one")
    assert journal(workspace) == "wal"
