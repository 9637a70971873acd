"""Files that run code when they are loaded: only as they were written."""

from __future__ import annotations

import copy
import pickle
import shutil
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline

from engine.errors import RunException
from engine.store.digests import digest_of_folder
from engine.store.files import MODEL_FILE
from engine.store.mlflow_model import download_mlflow_model, load_model, save_mlflow_model
from engine.store.packing import pack_model
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

loaded = []


class Hostile:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self):
        return loaded.append, ("code of somebody else",)


@pytest.fixture(autouse=True)
def nothing_loaded():
    loaded.clear()
    yield
    assert loaded == []


@pytest.fixture
def child(store, run_id):
    child = store.start_iteration(
        store.run(run_id), 0, "Dummy", {}, IterationProperties(node_ip="x"), 1.0
    )
    model = make_pipeline(DummyRegressor()).fit(np.zeros((2, 1)), [1.0, 3.0])
    end = IterationEnd(IterationStatus.COMPLETED, model=pack_model(model))
    store.end_iteration(child, end)
    return child


def place(store, run_id) -> Path:
    """Folder of a run's artifacts, for somebody who can write there."""
    uri = store.client.get_run(run_id).info.artifact_uri
    return Path(url2pathname(urlparse(uri).path))


def test_a_model_loads(store, child):
    assert load_model(store, child).predict([[0.0]]).tolist() == [2.0]


def test_a_model_that_was_replaced(store, child):
    assert b"code of" in pickle.dumps(Hostile())
    (place(store, child) / MODEL_FILE).write_bytes(pack_model(Hostile()))
    with pytest.raises(RunException, match="is not the file that raysmith wrote: its SHA-256 is"):
        load_model(store, child)
    with pytest.raises(RunException, match="It is not loaded"):
        save_mlflow_model(store, child)


def test_a_model_without_a_digest(store, child):
    store.client.delete_tag(child, f"raysmith.digest.{MODEL_FILE}")
    with pytest.raises(RunException, match="no digest was recorded"):
        load_model(store, child)


def test_one_flipped_bit(store, child):
    file = place(store, child) / MODEL_FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunException, match=MODEL_FILE):
        load_model(store, child)


def test_data_that_was_replaced(store, run_id):
    store.save_data(run_id, {"X": [1, 2]}, "data.pkl")
    assert store.load_data(run_id, "data.pkl") == {"X": [1, 2]}
    store.save_data(run_id, {"X": [3]}, "data.pkl")  # once more, by another client
    assert store.load_data(run_id, "data.pkl") == {"X": [3]}
    (place(store, run_id) / "spec" / "data.pkl").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(RunException, match=r"spec/data.pkl"):
        store.load_data(run_id, "data.pkl")


def test_a_specification_that_was_changed(store, run_id):
    """It names the script that a driver runs."""
    store.save_spec(run_id, {"settings": {"data_script": "mine.py"}})
    store.save_spec(run_id, {"settings": {"data_script": "ours.py"}})
    assert store.load_spec(run_id)["settings"] == {"data_script": "ours.py"}
    [file] = (place(store, run_id) / "spec").glob("settings-*.json")
    file.write_text(file.read_text().replace("ours.py", "theirs.py"))
    with pytest.raises(RunException, match=r"spec/settings-\w+.json"):
        store.load_spec(run_id)


@pytest.mark.parametrize("change", ["replace", "add", "remove"])
def test_an_mlflow_model_that_was_changed(store, child, tmp_path, change):
    uri = save_mlflow_model(store, child)
    # The card is written when the model is registered.
    store.write_text(child, "model/model_card.md", "a card")
    assert save_mlflow_model(store, child) == uri
    found = download_mlflow_model(store, child, str(tmp_path))
    assert (found / "MLmodel").is_file()
    shutil.rmtree(found)
    folder = place(store, child) / "model"
    if change == "replace":
        (folder / "model.pkl").write_bytes(pickle.dumps(Hostile()))
    elif change == "add":
        (folder / "code").mkdir()
        (folder / "code" / "sklearn.py").write_text("import os")
    else:
        (folder / "requirements.txt").unlink()
    for load in (
        lambda: save_mlflow_model(store, child),
        lambda: download_mlflow_model(store, child, str(tmp_path)),
    ):
        with pytest.raises(RunException, match="'model' of run"):
            load()


def test_one_whose_writer_died_is_written_again(store, child):
    save_mlflow_model(store, child)
    store.client.delete_tag(child, "raysmith.digest.model")
    (place(store, child) / "model" / "model.pkl").write_bytes(b"half")
    save_mlflow_model(store, child)
    assert store.has_digest(child, "model")
    assert (place(store, child) / "model" / "model.pkl").stat().st_size > 4


class Interrupted(BaseException):
    """Ends a writer in the middle."""


def in_halves(store, monkeypatch, between):
    """Have the store's next upload of a folder do something when half of the files are there."""
    upload = store.upload_folder

    def upload_halves(run_id, folder, artifact_path):
        monkeypatch.setattr(store, "upload_folder", upload)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        for part, then in ((files[::2], between), (files[1::2], lambda: None)):
            copy = folder.parent / f"part-{len(part)}-{part[0].name}"
            for file in part:
                place = copy / file.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
            upload(run_id, copy, artifact_path)
            then()

    monkeypatch.setattr(store, "upload_folder", upload_halves)


#: What the tests show is the order of writes, the same in every store.
in_memory = pytest.mark.parametrize("store", ["memory"], indirect=True)


@in_memory
@pytest.mark.parametrize("codes", [(True, False), (False, True)])
def test_two_writers_of_an_mlflow_model_leave_a_whole_one(
    store, child, tmp_path, monkeypatch, codes
):
    one, other = codes
    second = copy.copy(store)
    in_halves(store, monkeypatch, lambda: save_mlflow_model(second, child, with_code=other))
    save_mlflow_model(store, child, with_code=one)
    whole = download_mlflow_model(store, child, str(tmp_path))
    assert (whole / "MLmodel").is_file()
    assert (whole / "code" / "engine").is_dir() == (one or other)
    assert save_mlflow_model(second, child) == save_mlflow_model(store, child, with_code=one)


@in_memory
def test_a_writer_that_dies_leaves_an_mlflow_model_that_is_written_anew(
    store, child, tmp_path, monkeypatch
):
    def dies():
        raise Interrupted

    save_mlflow_model(store, child)  # as the driver does for the best one
    with monkeypatch.context() as patch:
        in_halves(store, patch, dies)
        with pytest.raises(Interrupted):
            save_mlflow_model(store, child, with_code=True)
    with pytest.raises(RunException, match="no digest was recorded"):
        download_mlflow_model(store, child, str(tmp_path / "half"))
    save_mlflow_model(store, child)
    found = download_mlflow_model(store, child, str(tmp_path / "whole"))
    assert (found / "code" / "engine").is_dir()


def test_paths_and_contents_count_in_a_folder(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    one = digest_of_folder(tmp_path)
    (tmp_path / "a").rename(tmp_path / "c")
    assert digest_of_folder(tmp_path) != one
    (tmp_path / "c").rename(tmp_path / "a")
    assert digest_of_folder(tmp_path) == one
    (tmp_path / "card").write_text("3")
    assert digest_of_folder(tmp_path, ["card"]) == one
