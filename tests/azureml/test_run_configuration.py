"""Run configurations, environments and dependencies of old scripts."""

from __future__ import annotations

import warnings
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from cluster.errors import ComputeTargetException
from cluster.provisioning.run_configuration import RunConfiguration as StrictConfiguration
from engine import AutoMLConfig
from engine.azureml.core import Datastore, Environment
from engine.azureml.core.conda_dependencies import CondaDependencies
from engine.azureml.core.runconfig import (
    DEFAULT_CPU_IMAGE,
    DataReferenceConfiguration,
    DockerConfiguration,
    RunConfiguration,
)
from engine.azureml.core.service_packages import without_service_packages
from engine.azureml.unavailable import NotAvailable
from engine.errors import WorkspaceException


def test_the_articles_configuration():
    run_config = RunConfiguration(framework="python")
    run_config.target = "automlcl"
    run_config.environment.docker.enabled = True
    run_config.environment.docker.base_image = DEFAULT_CPU_IMAGE
    run_config.environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["scikit-learn", "scipy", "numpy"]
    )
    assert run_config.to_runtime_env() == {"pip": ["scikit-learn", "scipy", "numpy"]}
    assert AutoMLConfig(
        "classification", X=[[1], [2]] * 5, y=[0, 1] * 5, run_configuration=run_config
    ).settings.compute_target == "automlcl"  # fmt: skip


@pytest.mark.parametrize("make", [RunConfiguration, StrictConfiguration])
def test_unknown_attributes_are_refused(make):
    config = make()
    with pytest.raises(ComputeTargetException, match="no attribute 'enviroment'; it has"):
        config.enviroment = None
    with pytest.raises(ComputeTargetException, match="no attribute 'base_images'"):
        config.environment.docker.base_images = "x"
    with pytest.raises(ComputeTargetException, match="no attribute 'conda_dependancies'"):
        config.environment.python.conda_dependancies = None


def test_attributes_without_effect_warn():
    config = RunConfiguration()
    with pytest.warns(UserWarning, match=r"node_count=2 has no effect"):
        config.node_count = 2
    with pytest.warns(UserWarning, match=r"gpu_support=True has no effect"):
        config.environment.docker.gpu_support = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.auto_prepare_environment = True
        config.environment.docker.shared_volumes = True
    with pytest.raises(NotAvailable, match=r"Dataset\.Tabular"):
        config.spark = {}
    with pytest.raises(NotAvailable, match="build the image"):
        config.environment.docker.base_dockerfile = "FROM scratch"


def test_an_image_of_ones_own():
    config = RunConfiguration()
    config.docker = DockerConfiguration(use_docker=True)
    config.environment.docker.base_image = "registry/mine:1"
    config.environment.python.user_managed_dependencies = True
    config.environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy"])
    assert config.to_runtime_env() == {"image_uri": "registry/mine:1"}
    assert config.environment.python.conda_dependencies.pip_packages == ["numpy"]


def test_files_of_a_datastore_are_placed(ws, tmp_path):
    """`remote-datastore` of 2019: get_data() reads the copy by its path."""
    Path("data").mkdir()
    pd.DataFrame({"a": [1]}).to_csv("data/data.tsv", sep="\t")
    store = ws.get_default_datastore()
    store.upload(src_dir="./data", target_path="data", overwrite=True, show_progress=True)
    config = RunConfiguration()
    config.data_references = {
        store.name: DataReferenceConfiguration(
            datastore_name=store.name,
            path_on_datastore="data",
            path_on_compute=str(tmp_path / "node"),
            mode="download",
            overwrite=False,
        )
    }
    variables = config.to_runtime_env()["env_vars"]
    assert (tmp_path / "node/data/data.tsv").is_file()
    place = variables["AZUREML_DATAREFERENCE_workspaceblobstore"]
    assert place == str(tmp_path / "node/data")
    config.data_references = {"here": store.path("data").as_mount()}
    assert config.to_runtime_env()["env_vars"] == {
        "AZUREML_DATAREFERENCE_here": f"{store.location}/data"
    }


def test_files_at_a_uri_are_copied_into_the_workspace(ws):
    with fsspec.open("memory://far/data/a.csv", "w") as file:
        file.write("a")
    store = Datastore.register_folder(ws, "far", "memory://far")
    config = RunConfiguration()
    config.data_references = {"far": store.path("data").as_download()}
    place = config.to_runtime_env()["env_vars"]["AZUREML_DATAREFERENCE_far"]
    assert Path(place, "a.csv").read_text() == "a"
    assert ws.folder in Path(place).parents


def test_data_references_that_cannot_be_placed(ws):
    class Far:
        name, workspace, runs_here = "far", ws, False

    config = RunConfiguration()
    config.target = Far()
    config.data_references = {"x": DataReferenceConfiguration("workspaceblobstore")}
    with pytest.raises(ComputeTargetException, match="other machines"):
        config.to_runtime_env()
    config.target = None
    config.data_references = {"x": DataReferenceConfiguration("nosuch")}
    with pytest.raises(WorkspaceException, match="no datastore 'nosuch'"):
        config.to_runtime_env()
    config.data_references = {"x": "data"}
    with pytest.raises(ComputeTargetException, match="DataReferenceConfiguration"):
        config.to_runtime_env()


def test_dependencies(tmp_path):
    made = CondaDependencies.create(
        pip_packages=["azureml-sdk[automl]"], conda_packages=["numpy", "py-xgboost<=0.80"],
        python_version="3.6.2", pin_sdk_version=False,
    )  # fmt: skip
    made.add_pip_package("git+https://host/repository.git")
    made.remove_conda_package("numpy")
    assert made.save_to_file(str(tmp_path), "myenv.yml") == "myenv.yml"
    again = CondaDependencies(conda_dependencies_file_path=tmp_path / "myenv.yml")
    assert again.pip_packages == ["azureml-sdk[automl]", "git+https://host/repository.git"]
    assert again.conda_packages == ["py-xgboost<=0.80"]
    assert again.get_python_version() == "3.6.2"
    assert again.serialize_to_string() == (tmp_path / "myenv.yml").read_text()
    with pytest.warns(UserWarning, match="is not used"):
        CondaDependencies.create(pip_indexurl="https://host/simple")


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, {}),
        ({"pip": ["azureml-sdk[automl]", "azureml-defaults==1.0.48"]}, {}),
        ({"uv": ["no-such-package"], "env_vars": {"A": "1"}},
         {"uv": ["no-such-package"], "env_vars": {"A": "1"}}),
        ({"pip": ["numpy==1.16.2", "scikit-learn<=0.20.3", "pandas"]}, {}),
        ({"conda": {"dependencies": ["python=3.6.2", "numpy=1.16", "py-xgboost<=0.80",
                                     {"pip": ["azureml-sdk[automl]"]}]}}, {}),
        ({"conda": {"dependencies": ["pytorch=1.0", "tensorflow==1.*"]}},
         {"pip": ["torch==1.0.*", "tensorflow==1.*"]}),
        ({"conda": {"channels": ["c"], "dependencies": ["gdal", "nltk", "numpy"]}},
         {"conda": {"channels": ["c"],
                    "dependencies": ["gdal", "pip", {"pip": ["nltk"]}]}}),
        ({"conda": "named"}, {"conda": "named"}),
    ],
)  # fmt: skip
def test_packages_on_nodes_that_run_this_interpreter(asked, left):
    found = without_service_packages(asked, is_here=True)
    assert found.runtime_env == left
    gone = str(asked).count("azureml-") + str(asked).count("numpy")
    assert bool(found.notes) == bool(gone)


def test_packages_on_other_machines():
    """Only what no machine can have is left out there."""
    asked = {"conda": {"channels": [], "dependencies": ["numpy=1.16", {"pip": ["azureml-sdk"]}]}}
    found = without_service_packages(asked, is_here=False)
    assert found.runtime_env == {"conda": {"channels": [], "dependencies": ["numpy=1.16"]}}
    assert "azureml-sdk (the retired service's" in found.notes[0]


def test_notes_name_every_package_that_is_left_out():
    found = without_service_packages({"pip": ["azureml-sdk", "numpy==1.16", "pandas"]}, True)
    (note,) = found.notes
    assert all(name in note for name in ("azureml-sdk", "numpy==1.16", "pandas"))
    assert "raysmith brings numpy 2" in note


def test_environments(ws, tmp_path):
    made = Environment("mine")
    made.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["numpy"], conda_packages=["git"], python_version="3.6.2"
    )
    made.environment_variables = {"PASSWORD": "hunter2"}
    first = made.register(ws)
    assert (first.name, first.version) == ("mine", "1")
    assert made.register(ws).version == "1"
    made.python.conda_dependencies.add_pip_package("scipy")
    assert made.register(ws).version == "2"
    assert Environment.get(ws, "mine", 1).python.conda_dependencies.pip_packages == ["numpy"]
    assert Environment.get(ws, "mine").python.conda_dependencies.conda_packages == ["git"]
    assert list(ws.environments) == list(Environment.list(workspace=ws)) == ["mine"]
    assert not [f for f in ws.folder.rglob("*.json") if "hunter2" in f.read_text()]
    with pytest.raises(WorkspaceException, match="there is mine"):
        Environment.get(ws, "nosuch")
    assert Environment.get(ws, "AzureML-AutoML").python.conda_dependencies.pip_packages == []
    made.save_to_directory(tmp_path / "env")
    loaded = Environment.load_from_directory(tmp_path / "env")
    assert loaded.python.conda_dependencies.pip_packages == ["numpy", "scipy"]
    with pytest.raises(WorkspaceException, match="exists"):
        made.save_to_directory(tmp_path / "env")
    with pytest.raises(WorkspaceException, match="needs a name"):
        Environment().register(ws)


def test_environments_of_files(tmp_path):
    file = tmp_path / "conda.yml"
    CondaDependencies.create(conda_packages=["numpy"]).save(file)
    made = Environment.from_conda_specification(name="mine", file_path=str(file))
    assert made.python.conda_dependencies.conda_packages == ["numpy"]
    (tmp_path / "requirements.txt").write_text("# tools\nnumpy>=2  # arrays\n\npandas\n")
    made = Environment.from_pip_requirements("mine", tmp_path / "requirements.txt")
    assert made.python.conda_dependencies.pip_packages == ["numpy>=2", "pandas"]
    config = RunConfiguration()
    config.environment = made
    assert config.to_runtime_env() == {"pip": ["numpy>=2", "pandas"]}
