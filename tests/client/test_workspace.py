from __future__ import annotations

import shutil
import socket
import stat
from pathlib import Path

import pytest

from engine import Experiment, Workspace, WorkspaceException


def test_the_default_is_made_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Workspace.from_config()
    assert made.folder == tmp_path / ".raysmith"
    assert made.tracking_uri == f"sqlite:///{tmp_path}/.raysmith/mlflow.db"
    assert stat.S_IMODE((made.folder / "config.json").stat().st_mode) == 0o600


def test_the_nearest_one_upward_is_found(workspace, monkeypatch):
    below = Path("a/b")
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Workspace.from_config().folder == workspace.folder
    assert Workspace.from_config(workspace.folder).folder == workspace.folder
    assert Workspace.from_config(workspace.folder / "config.json").folder == workspace.folder


def test_a_path_without_one(tmp_path):
    with pytest.raises(WorkspaceException, match="no workspace at"):
        Workspace.from_config(tmp_path)


def test_create(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mine.db"
    made = Workspace.create("mine", tracking_uri=uri, artifact_location=str(tmp_path / "files"))
    assert Workspace.from_config().tracking_uri == uri
    assert Workspace.create("mine", exist_ok=True).tracking_uri == uri
    with pytest.raises(WorkspaceException, match="already holds the workspace 'mine'"):
        Workspace.create("mine")
    with pytest.raises(WorkspaceException, match="already holds"):
        Workspace.create("other", exist_ok=True)
    assert made.artifact_location == str(tmp_path / "files")


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".raysmith").write_text("a file is in the way")
    with pytest.raises(WorkspaceException, match="cannot write the workspace folder"):
        Workspace.from_config()
    monkeypatch.chdir("/proc")
    with pytest.raises(WorkspaceException, match="cannot write the workspace folder"):
        Workspace.from_config()


def test_a_broken_configuration(tmp_path):
    config = tmp_path / "config.json"
    config.write_text("{")
    with pytest.raises(WorkspaceException, match="is not a workspace configuration"):
        Workspace.from_config(config)


def test_a_store_that_cannot_be_reached_hides_the_password(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Workspace.create("w", tracking_uri="nosuchdb://user:secret@host/db")
    with pytest.raises(WorkspaceException, match="cannot open") as caught:
        made.store  # noqa: B018
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        made = Workspace.create("w", tracking_uri=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(WorkspaceException, match="ConnectionRefusedError"):
            made.store  # noqa: B018


def test_the_default_may_be_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("RAYSMITH_STORE", uri)
    assert Workspace.from_config().tracking_uri == uri
    monkeypatch.delenv("RAYSMITH_STORE")
    assert Workspace.from_config().tracking_uri == uri  # it is written down
    # What mlflow.set_tracking_uri() leaves behind says nothing of workspaces.
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    shutil.rmtree(tmp_path / ".raysmith")
    assert Workspace.from_config().folder == tmp_path / "other" / ".raysmith"
    assert Workspace.from_config().tracking_uri.endswith("/other/.raysmith/mlflow.db")


def test_experiments_and_targets(workspace):
    Experiment(workspace, "one")
    again = workspace.experiments["one"]
    assert again.id == Experiment(workspace, "one").id
    assert again.get_runs() == []
    assert set(workspace.compute_targets) == {"local"}
    assert workspace.models == {}


def test_a_moved_workspace_still_opens(workspace, tmp_path, monkeypatch):
    Experiment(workspace, "one")
    new = tmp_path / "elsewhere"
    new.mkdir()
    workspace.folder.rename(new / ".raysmith")
    monkeypatch.chdir(new)
    assert list(Workspace.from_config().experiments) == ["one"]
