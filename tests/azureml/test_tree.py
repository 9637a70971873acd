"""The module tree: every path that old scripts import is there, and what cannot be had says so."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from engine import azureml
from engine.azureml.unavailable import NotAvailable

#: Imports of the sample notebooks and of public scripts, with the names that they take.
IMPORTS = """
azureml.core VERSION ComputeTarget Dataset Datastore Environment RunConfiguration
azureml.core ScriptRunConfig Workspace
azureml.core.authentication InteractiveLoginAuthentication ServicePrincipalAuthentication
azureml.core.authentication MsiAuthentication AzureCliAuthentication
azureml.core.compute AmlCompute ComputeTarget AksCompute DsvmCompute RemoteCompute ComputeInstance
azureml.core.compute_target ComputeTargetException
azureml.core.conda_dependencies CondaDependencies
azureml.core.container_registry ContainerRegistry
azureml.core.dataset Dataset
azureml.core.datastore Datastore
azureml.core.environment Environment
azureml.core.runconfig RunConfiguration DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE CondaDependencies
azureml.core.runconfig DataReferenceConfiguration DockerConfiguration EnvironmentDefinition
azureml.core.script_run_config ScriptRunConfig
azureml.core.workspace Workspace
azureml.data FileDataset TabularDataset OutputFileDatasetConfig
azureml.data.azure_storage_datastore AzureBlobDatastore AzureFileDatastore
azureml.data.data_reference DataReference
azureml.data.datapath DataPath
azureml.data.dataset_factory TabularDatasetFactory FileDatasetFactory DataType
azureml.data.dataset_error_handling DatasetValidationError
azureml.dataprep auto_read_file read_csv smart_read_file Dataflow
azureml.exceptions ComputeTargetException UserErrorException ProjectSystemException
azureml.opendatasets NycTlcGreen
azureml.pipeline.core Pipeline PipelineData TrainingOutput PipelineRun
azureml.pipeline.core.graph PipelineParameter
azureml.pipeline.steps AutoMLStep PythonScriptStep
azureml.telemetry set_diagnostics_collection
azureml.train.hyperdrive HyperDriveConfig choice
azureml.interpret._internal.explanation_client ExplanationClient
azureml.interpret.scoring.scoring_explainer TreeScoringExplainer LinearScoringExplainer load save
azureml.explain.model.scoring.scoring_explainer KernelScoringExplainer DeepScoringExplainer
azureml.train.automl.model_proxy ModelProxy
azureml.train.estimator Estimator
azureml.train.sklearn SKLearn
azureml.train.dnn TensorFlow
azureml.contrib.automl.pipeline.steps AutoMLPipelineBuilder
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [(line.split()[0], name) for line in IMPORTS.split("\n") if line for name in line.split()[1:]],
)
def test_what_scripts_import_is_there(module, name):
    assert getattr(import_module(f"engine.{module}"), name) is not None


def test_modules_are_found_by_attribute():
    """`import azureml.core` binds `azureml`, whose modules the rest of a script then names."""
    assert azureml.core.runconfig.DEFAULT_CPU_IMAGE.startswith("rayproject/")
    assert azureml.core.authentication.MsiAuthentication() is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+", azureml.core.VERSION)
    assert tuple(map(int, azureml.core.VERSION.split("."))) >= (1, 0, 85)
    assert "Workspace" in dir(azureml.core)


def test_a_name_that_never_was():
    with pytest.raises(AttributeError, match=r"no 'Workspaces'; it has .*Workspace"):
        azureml.core.Workspaces  # noqa: B018
    with pytest.raises(ImportError):
        from engine.azureml.core import Workspaces  # noqa: F401
    with pytest.raises(AttributeError):
        azureml.no_such_package  # noqa: B018


@pytest.mark.parametrize(
    ("module", "name", "way"),
    [
        ("azureml.pipeline.steps", "AutoMLStep", "experiment.submit"),
        ("azureml.train.automl", "AutoMLStep", "experiment.submit"),
        ("azureml.train.automl.runtime", "AutoMLStep", "experiment.submit"),
        ("azureml.pipeline.core", "Pipeline", "experiment.submit"),
        ("azureml.train.hyperdrive", "HyperDriveConfig", "ray.tune"),
        ("azureml.train.hyperdrive", "uniform", "ray.tune"),
        ("azureml.core", "ScriptRunConfig", "ray job submit"),
        ("azureml.train.estimator", "Estimator", "ray job submit"),
        ("azureml.opendatasets", "NycTlcGreen", "download the data"),
        ("azureml.core.compute", "DsvmCompute", "AmlCompute.provisioning_configuration"),
        (
            "azureml.automl.core.forecasting_parameters",
            "ForecastingParameters",
            "forecasting is not available yet",
        ),
        ("azureml.contrib.automl.pipeline.steps", "AutoMLPipelineBuilder", "loop over the groups"),
    ],
)
def test_what_cannot_be_had_names_the_way(module, name, way):
    found = getattr(import_module(f"engine.{module}"), name)
    with pytest.raises(NotAvailable, match=f"{name} of the retired service.*{way}"):
        found("any", argument=1)
    with pytest.raises(NotAvailable, match=way):
        found.some_static_method("any")
    assert not isinstance("any", found)


def test_importing_the_tree_imports_neither_ray_nor_mlflow():
    import subprocess
    import sys

    code = (
        "import sys; from engine import azureml; azureml.core.VERSION; azureml.telemetry; "
        "from engine.azureml.core.authentication import MsiAuthentication; "
        "print({'ray', 'mlflow', 'pandas'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
