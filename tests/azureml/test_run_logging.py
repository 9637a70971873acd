"""What scripts add to runs and iterations: values, files, tags; and models of such files."""

from __future__ import annotations

import io
import json

import matplotlib
import numpy as np
import pytest

from engine import ConfigException
from engine.azureml.core.experiment import Experiment
from engine.azureml.core.model import Model
from tests.client.recorded import BEST, SCORES, record_run

matplotlib.use("Agg")


@pytest.fixture
def run(v1_experiment):
    """A run that the test may change."""
    return v1_experiment.run_of(record_run(v1_experiment).id)


@pytest.fixture(params=["run", "iteration"])
def logging(request, run):
    return run if request.param == "run" else run.get_output()[0]


def test_values_come_back_beside_the_metrics(logging):
    logging.log("test error", np.float32(0.5))
    logging.log("steps", 1, step=7)
    logging.log("steps", np.array([2]))
    logging.log_list("more", [3, True])
    logging.log_row("row", x=1.5, y=2)
    logging.log_table("table", {"a": [1, 2], "b": 3})
    logging.flush()
    shown = logging.get_metrics()
    assert shown["accuracy"] == SCORES[BEST]
    assert shown["test error"] == 0.5
    assert shown["steps"] == [1.0, 2.0]
    assert shown["more"] == [3.0, 1.0]
    assert (shown["row/x"], shown["row/y"]) == (1.5, 2.0)
    assert (shown["table/a"], shown["table/b"]) == ([1.0, 2.0], 3.0)
    assert logging.get_metrics("steps") == {"steps": [1.0, 2.0]}


def test_no_logged_value_chooses_a_model(run):
    first = next(run.get_children())
    first.log("accuracy", 1.0)
    assert first.get_metrics() == {"accuracy": [SCORES[0], 1.0], "log_loss": 0.35}
    assert run.get_output()[0].iteration == BEST
    assert run.get_best_child("accuracy").iteration == BEST
    assert run.get_metrics(recursive=True)[f"{run.id}_0"]["accuracy"] == SCORES[0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", "text", "expected a finite number; tag"),
        ("a", float("nan"), "finite"),
        ("a", [1], "finite"),
        ("a", None, "finite"),
        ("a(b)", 1, "allowed are up to 200 letters"),
        ("", 1, "allowed are"),
        (3, 1, "allowed are"),
    ],
)
def test_what_cannot_be_logged(v1_run, name, value, message):
    with pytest.raises(ConfigException, match=message):
        v1_run.log(name, value)
    assert set(v1_run.get_metrics()) == {"accuracy", "log_loss"}


def test_files_are_kept_with_the_run(logging, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("one")
    (tmp_path / "notes/b.txt").write_text("two")
    logging.upload_file("outputs/a.txt", str(tmp_path / "notes/a.txt"))
    logging.upload_file(name="outputs/stream.txt", path_or_stream=io.StringIO("three"))
    logging.upload_folder("outputs/notes", str(tmp_path / "notes"))
    assert {"outputs/a.txt", "outputs/stream.txt", "outputs/notes/b.txt"} <= set(
        logging.get_file_names()
    )
    copy = logging.download_file("outputs/stream.txt", str(tmp_path / "copy.txt"))
    assert (tmp_path / "copy.txt").read_text() == "three"
    assert copy == str(tmp_path / "copy.txt")
    with pytest.raises(ConfigException, match="has this file"):
        logging.upload_file("outputs/a.txt", str(tmp_path / "notes/b.txt"))
    assert logging.read_file("outputs/a.txt") == b"one"


@pytest.mark.parametrize("name", ["", "/etc/a", "../a", "outputs/../../a"])
def test_names_of_files_stay_in_the_run(v1_run, name, tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(ConfigException, match="relative path"):
        v1_run.upload_file(name, str(tmp_path / "a"))


def test_a_file_that_is_not_there(v1_run, tmp_path):
    with pytest.raises(ConfigException, match="there is no such file"):
        v1_run.upload_file("outputs/a", str(tmp_path / "never"))
    with pytest.raises(ConfigException, match="no such folder"):
        v1_run.upload_folder("outputs", str(tmp_path / "never"))
    with pytest.raises(ConfigException, match="2 names for 1 paths"):
        v1_run.upload_files(["a", "b"], ["c"])


def test_a_made_file_is_not_overwritten(run, tmp_path):
    (tmp_path / "m.pkl").write_bytes(b"other")
    with pytest.raises(ConfigException, match="choose another name"):
        run.get_output()[0].upload_file("outputs/model.pkl", str(tmp_path / "m.pkl"))


def test_images(run, tmp_path):
    from matplotlib import pyplot

    pyplot.plot([1, 2])
    run.log_image("curve", plot=pyplot)
    pyplot.close("all")
    assert run.read_file("outputs/images/curve.png").startswith(b"\x89PNG")
    (tmp_path / "a.svg").write_text("<svg/>")
    run.log_image("drawn", path=str(tmp_path / "a.svg"))
    assert run.read_file("outputs/images/drawn.svg") == b"<svg/>"
    with pytest.raises(ConfigException, match="path or plot"):
        run.log_image("nothing")


def test_tags(logging):
    logging.tag("stage", "test")
    logging.tag("checked")
    logging.set_tags({"a": 1, "b": "2"})
    shown = logging.get_tags()
    assert {"stage": "test", "checked": "", "a": "1", "b": "2"}.items() <= shown.items()
    logging.remove_tags(["a", "never"])
    assert "a" not in logging.tags
    with pytest.raises(ConfigException, match="not starting with"):
        logging.tag("raysmith.status", "Completed")
    with pytest.raises(ConfigException, match="not starting with"):
        logging.remove_tags(["raysmith.status"])


def test_children_are_found_by_their_tags(run):
    best, _ = run.get_output()
    best.tag("chosen", "yes")
    assert [child.id for child in run.get_children(tags="chosen")] == [best.id]
    assert [child.id for child in run.get_children(tags={"chosen": "no"})] == []


def test_an_uploaded_file_becomes_a_model(logging, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "explainer.pkl").write_bytes(b"an explainer")
    logging.upload_file("outputs/explainer.pkl", "explainer.pkl")
    model = logging.register_model(
        model_name="explainer", model_path="outputs/explainer.pkl", tags={"kind": "extra"}
    )
    assert (model.name, model.tags["kind"]) == ("explainer", "extra")
    assert isinstance(logging.experiment, Experiment)
    path = Model(logging.experiment.workspace, "explainer").download("copies")
    assert path.endswith("explainer.pkl")
    assert (tmp_path / path).read_bytes() == b"an explainer"


def test_a_folder_of_files_becomes_a_model(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.json").write_text(json.dumps([1]))
    (tmp_path / "parts/b.json").write_text(json.dumps([2]))
    best, _ = run.get_output()
    best.upload_folder("outputs/parts", "parts")
    model = best.register_model("parts", "outputs/parts")
    assert sorted(model.files()) == ["parts/a.json", "parts/b.json"]
    with pytest.raises(ConfigException, match=r"model_path='outputs/none\.pkl': allowed is any of"):
        best.register_model("none", "outputs/none.pkl")


def test_the_model_itself_is_registered_as_before(run):
    best, _ = run.get_output()
    model = best.register_model("the_model", "outputs/model.pkl")
    assert sorted(model.files()) == ["model.pkl"]
    assert run.register_model("the_model", model_path="outputs/model.pkl").version == 2
