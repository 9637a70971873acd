"""Registered models, images and the size of services, by the names of SDK v1, without Ray."""

from __future__ import annotations

from pathlib import Path

import joblib
import pytest

from engine.azureml.core import Image, Model, Webservice
from engine.azureml.core.image import ContainerImage
from engine.azureml.core.model import InferenceConfig
from engine.azureml.core.webservice import AciWebservice, AksWebservice, LocalWebservice
from engine.azureml.exceptions import WebserviceException
from engine.azureml.unavailable import NotAvailable
from engine.errors import ConfigException
from engine.serving.served_script import MODELS_VARIABLE


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"1")
    return path


def test_a_file_is_registered_and_comes_back(ws, file, tmp_path):
    model = Model.register(ws, str(file), "mine", {"area": "x"}, description="first")
    assert (model.name, model.version, model.id) == ("mine", 1, "mine:1")
    assert (model.description, model.tags) == ("first", {"area": "x"})
    file.write_bytes(b"2")
    assert Model.register(ws, str(file), "mine").version == 2
    assert Model(ws, "mine").version == 2
    assert Model(ws, id="mine:1").files() == {"weights.bin": b"1"}
    assert [found.id for found in Model.list(ws)] == ["mine:2"]
    assert list(ws.models) == ["mine"]
    path = model.download(str(tmp_path / "here"))
    assert Path(path).read_bytes() == b"1"
    with pytest.raises(ConfigException, match="exist_ok=True"):
        model.download(str(tmp_path / "here"))
    assert model.download(str(tmp_path / "here"), exist_ok=True) == path


def test_a_folder_is_registered(ws, tmp_path):
    folder = tmp_path / "parts"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "b.txt").write_text("b")
    model = Model.register(ws, str(folder), "parts")
    assert model.files() == {"parts/a.txt": b"a", "parts/deep/b.txt": b"b"}


def test_the_model_of_a_run_is_a_pickle(v1_run, tmp_path, monkeypatch):
    workspace = v1_run.experiment.workspace
    model = v1_run.register_model("digits")
    path = Model.get_model_path("digits", _workspace=workspace)
    expected = v1_run.get_output()[1]
    table = getattr(expected, "feature_names_in_", None)
    assert model.run_id == v1_run.get_best_child().run_id
    assert type(joblib.load(path)) is type(expected)
    assert table is None or list(joblib.load(path).feature_names_in_) == list(table)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["none", "none:1"])
def test_a_model_that_is_not_there(ws, name):
    with pytest.raises(WebserviceException, match="no registered model 'none'"):
        Model(ws, id=name)
    with pytest.raises(WebserviceException):
        Model.get_model_path(name, _workspace=ws)


def test_a_version_that_is_not_there(ws, file):
    Model.register(ws, str(file), "mine")
    with pytest.raises(WebserviceException, match="has no version 7"):
        Model(ws, "mine", version=7)
    Model(ws, "mine").delete()
    with pytest.raises(WebserviceException):
        Model(ws, "mine")


def test_what_cannot_be_registered(ws):
    with pytest.raises(ConfigException, match="no such file"):
        Model.register(ws, "nothing.pkl", "mine")
    with pytest.raises(NotAvailable, match="deploy"):
        Model.package(ws, [])


def test_a_service_finds_its_models(tmp_path, monkeypatch):
    for version in ("1", "10", "2"):
        folder = tmp_path / "mine" / version
        folder.mkdir(parents=True)
        (folder / "model.pkl").write_text(version)
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert Path(Model.get_model_path("mine")).read_text() == "10"
    assert Path(Model.get_model_path("mine", version=2)).read_text() == "2"
    assert Path(Model.get_model_path("mine:1")).read_text() == "1"
    with pytest.raises(
        WebserviceException, match="no model 'other'; it has mine:1, mine:10, mine:2"
    ):
        Model.get_model_path("other")


def test_the_files_of_a_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    for name in ("score.py", "helper.py", ".secret"):
        (tmp_path / "code" / name).write_text(name)
    (tmp_path / "score.py").write_text("alone")
    whole = InferenceConfig("score.py", source_directory="code").sources()
    assert whole == ("score.py", {"helper.py": b"helper.py", "score.py": b"score.py"})
    assert InferenceConfig(entry_script="score.py").sources() == (
        "score.py",
        {"score.py": b"alone"},
    )
    config = ContainerImage.image_configuration(
        "score.py", "python", "env.yml", dependencies=["code/helper.py"]
    )
    image = Image.create(None, "image", [], config)
    image.wait_for_creation(show_output=True)
    assert image.creation_state == "Succeeded"
    assert sorted(image.sources()[1]) == ["helper.py", "score.py"]
    with pytest.raises(ConfigException, match="no such file"):
        InferenceConfig("other.py").sources()


def test_sizes():
    assert AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, tags={}).cpu_cores == 1
    assert AciWebservice.deploy_configuration().cpu_cores == 0.1
    assert LocalWebservice.deploy_configuration(port=8890).num_replicas == 1
    grows = AksWebservice.deploy_configuration(True, 2, 5)
    assert (grows.min_replicas, grows.max_replicas) == (2, 5)
    fixed = AksWebservice.deploy_configuration(num_replicas=3, autoscale_enabled=False)
    assert (fixed.num_replicas, fixed.max_replicas) == (3, None)


def test_services_that_are_not_there(ws):
    assert Webservice.list(ws) == []
    assert ws.webservices == {}
    assert not Webservice.check_for_existing_webservice(ws, "mine")
    with pytest.raises(WebserviceException, match="no endpoint 'mine'"):
        Webservice(ws, "mine")


def test_without_a_script_one_model_of_a_run_is_served(ws, file):
    model = Model.register(ws, str(file), "mine")
    with pytest.raises(WebserviceException, match="InferenceConfig"):
        Model.deploy(ws, "service", [model])
