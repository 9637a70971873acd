from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from engine import Experiment, Workspace, WorkspaceException
from tests.conftest import mlflow_uri


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


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A working directory without a workspace, and an environment that names no store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAYSMITH_STORE", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def test_the_store_of_a_new_workspace_is_chosen_by_rank(fresh, monkeypatch, capsys):
    def made(folder):
        (fresh / folder).mkdir()
        monkeypatch.chdir(fresh / folder)
        uri = Workspace.from_config().tracking_uri
        said = capsys.readouterr().out
        assert said.count("\n") == 1
        assert f"store: {uri}" in said
        return uri, said

    uri, said = made("neither")
    assert uri == f"sqlite:///{fresh}/neither/.raysmith/mlflow.db"
    assert "(the default)" in said
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{fresh}/mlflow.db")
    uri, said = made("mlflow")
    assert uri == f"sqlite:///{fresh}/mlflow.db"
    assert "(from MLFLOW_TRACKING_URI)" in said
    monkeypatch.setenv("RAYSMITH_STORE", f"sqlite:///{fresh}/raysmith.db")
    uri, said = made("both")
    assert uri == f"sqlite:///{fresh}/raysmith.db"
    assert "(from RAYSMITH_STORE)" in said
    monkeypatch.setenv("RAYSMITH_STORE", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert made("empty")[0] == f"sqlite:///{fresh}/empty/.raysmith/mlflow.db"


def test_what_a_script_has_set_in_mlflow_names_the_store(fresh):
    uri = f"sqlite:///{fresh / 'set.db'}"
    with mlflow_uri(uri):
        assert Workspace.from_config().tracking_uri == uri
        # raysmith leaves what the script has set as it is.
        import mlflow

        Experiment(Workspace.from_config(), "one")
        assert mlflow.get_tracking_uri() == uri
        os.environ.pop("MLFLOW_TRACKING_URI")
        (fresh / "below").mkdir()
        os.chdir(fresh / "below")
        shutil.rmtree(fresh / ".raysmith")
        assert Workspace.from_config().tracking_uri == uri


def test_an_existing_workspace_wins_over_the_environment(fresh, monkeypatch, capsys):
    before = Workspace.from_config().tracking_uri
    capsys.readouterr()
    monkeypatch.setenv("RAYSMITH_STORE", f"sqlite:///{fresh}/raysmith.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{fresh}/mlflow.db")
    assert Workspace.from_config().tracking_uri == before
    assert capsys.readouterr().out == ""


def test_the_store_is_written_down(fresh, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///relative.db")
    assert Workspace.from_config().tracking_uri == f"sqlite:///{fresh}/relative.db"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (fresh / "below").mkdir()
    monkeypatch.chdir(fresh / "below")
    assert Workspace.from_config().tracking_uri == f"sqlite:///{fresh}/relative.db"


def test_create_asks_the_caller_alone(fresh, monkeypatch):
    monkeypatch.setenv("RAYSMITH_STORE", f"sqlite:///{fresh}/raysmith.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{fresh}/mlflow.db")
    assert Workspace.create("w").tracking_uri == f"sqlite:///{fresh}/.raysmith/mlflow.db"


@pytest.mark.parametrize("variable", ["RAYSMITH_STORE", "MLFLOW_TRACKING_URI"])
@pytest.mark.parametrize("uri", ["./mlruns", "file:///srv/mlruns", "databricks", "s3://b/key", " "])
def test_a_store_that_keeps_no_runs_of_ours_is_refused_and_nothing_is_made(
    fresh, monkeypatch, variable, uri
):
    monkeypatch.setenv(variable, uri)
    with pytest.raises(WorkspaceException, match=rf"{variable}='.*allowed is.*unset it"):
        Workspace.from_config()
    assert list(fresh.iterdir()) == []


def test_the_line_about_the_store_hides_its_password(fresh, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://ada:secret@host/db")
    made = Workspace.from_config()
    said = capsys.readouterr().out
    assert "postgresql://ada:***@host/db" in said
    assert "secret" not in said + repr(made)


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
