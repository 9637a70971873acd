"""Places for files, under names that a workspace remembers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from engine.client.datastores import (
    DEFAULT_NAME,
    Datastore,
    datastores,
    default_datastore,
    default_location,
    register_datastore,
    set_default_datastore,
    unregister_datastore,
)
from engine.errors import DataException, WorkspaceException


@pytest.fixture
def place(tmp_path):
    return SimpleNamespace(folder=tmp_path / ".raysmith", artifact_location=None)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.csv").write_text("1")
    (folder / "sub" / "b.csv").write_text("2")
    return folder


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    if request.param == "folder":
        yield Datastore("mine", str(tmp_path / "store"))
    else:
        yield Datastore("mine", "memory://datastore")
        fsspec.filesystem("memory").store.clear()


def text(store, path):
    with fsspec.open(store.place(path)) as file:
        return file.read().decode()


def test_a_folder_goes_in_and_comes_out(store, source, tmp_path):
    written = store.upload(source, target_path="data")
    assert len(written) == 2
    assert text(store, "data/sub/b.csv") == "2"
    assert store.download(tmp_path / "out") == 2
    assert (tmp_path / "out/data/sub/b.csv").read_text() == "2"
    assert store.download(tmp_path / "out") == 0
    assert store.download(tmp_path / "out", overwrite=True) == 2
    assert store.download(tmp_path / "one", prefix="data/sub") == 1
    assert (tmp_path / "one/data/sub/b.csv").is_file()
    assert store.download(tmp_path / "file", prefix="data/a.csv") == 1
    assert (tmp_path / "file/data/a.csv").read_text() == "1"


def test_files_that_are_there_stay_unless_overwritten(store, source):
    store.upload(source)
    (source / "a.csv").write_text("new")
    assert store.upload(source) == []
    assert text(store, "a.csv") == "1"
    assert len(store.upload(source, overwrite=True)) == 2
    assert text(store, "a.csv") == "new"


def test_single_files(store, source):
    store.upload_files([str(source / "sub/b.csv")], target_path="x")
    assert text(store, "x/b.csv") == "2"
    store.upload_files([str(source / "sub/b.csv")], relative_root=str(source))
    assert text(store, "sub/b.csv") == "2"
    with pytest.raises(DataException, match="there is no file"):
        store.upload_files([str(source / "no.csv")])
    with pytest.raises(DataException, match="does not lie in relative_root"):
        store.upload_files([str(source / "a.csv")], relative_root=str(source / "sub"))
    with pytest.raises(DataException, match="no such folder"):
        store.upload(source / "a.csv")


@pytest.mark.parametrize("path", ["../outside", "a/../../b", "..\\outside"])
def test_no_path_leads_out_of_it(store, source, path):
    with pytest.raises(DataException, match="leads out"):
        store.place(path)
    with pytest.raises(DataException, match="leads out"):
        store.upload(source, target_path=path)


def test_a_store_inside_the_folder_that_is_uploaded(source):
    store = Datastore("mine", str(source / "store"))
    assert len(store.upload(source)) == 2
    assert store.upload(source) == []


def test_a_uri_that_no_library_reads(source):
    with pytest.raises(DataException, match="cannot write to the datastore 'mine'"):
        Datastore("mine", "nosuchscheme://bucket").upload(source)


@pytest.mark.parametrize(
    ("artifacts", "location"),
    [
        (None, "{own}/datastore"),
        ("file://{own}/artifacts", "{own}/datastore"),
        ("file:///mnt/share%20d/artifacts", "/mnt/share d/artifacts/datastore"),
        ("/mnt/share/artifacts", "/mnt/share/artifacts/datastore"),
        ("memory://bucket/artifacts/", "memory://bucket/artifacts/datastore"),
        ("mlflow-artifacts:/1", "{own}/datastore"),
    ],
)
def test_the_default_lies_where_other_machines_find_it(place, artifacts, location):
    place.artifact_location = artifacts and artifacts.format(own=place.folder)
    assert default_location(place) == location.format(own=place.folder)


def test_names(place, tmp_path):
    place.folder.mkdir()
    assert default_datastore(place).name == DEFAULT_NAME
    register_datastore(place, "shared", str(tmp_path / "share"))
    register_datastore(place, "bucket", "s3://bucket/data")
    assert list(datastores(place)) == [DEFAULT_NAME, "shared", "bucket"]
    set_default_datastore(place, "bucket")
    assert default_datastore(place).location == "s3://bucket/data"
    with pytest.raises(WorkspaceException, match="there are workspaceblobstore, shared, bucket"):
        set_default_datastore(place, "nosuch")
    with pytest.raises(WorkspaceException, match="already"):
        register_datastore(place, "shared", "/elsewhere")
    assert (
        register_datastore(place, "shared", "/elsewhere", overwrite=True).location == "/elsewhere"
    )
    unregister_datastore(place, "bucket")
    assert default_datastore(place).name == DEFAULT_NAME


@pytest.mark.parametrize("name", ["", "a/b", "../x", None, DEFAULT_NAME])
def test_names_that_are_refused(place, name):
    place.folder.mkdir()
    with pytest.raises(WorkspaceException, match="datastore"):
        register_datastore(place, name, "/data")


def test_no_password_is_kept(place):
    place.folder.mkdir()
    with pytest.raises(WorkspaceException, match="password"):
        register_datastore(place, "ftp", "ftp://ada:hunter2@host/data")
    assert not [f for f in place.folder.rglob("*") if f.is_file() and "hunter2" in f.read_text()]
    assert "hunter2" not in repr(Datastore("x", "ftp://ada:hunter2@host/data"))


def test_a_relative_folder_is_found_from_everywhere(place, tmp_path, monkeypatch):
    place.folder.mkdir()
    monkeypatch.chdir(tmp_path)
    register_datastore(place, "shared", "share")
    monkeypatch.chdir("/")
    assert Path(datastores(place)["shared"].location) == tmp_path / "share"
