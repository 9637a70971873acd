"""Workspace, experiments, runs, data, compute and models, by the names of SDK v1."""

from engine.azureml.lazy_package import lazy_package

_CORE = "engine.azureml.core"

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "ComputeTarget": f"{_CORE}.compute",
        "ContainerRegistry": f"{_CORE}.container_registry",
        "Dataset": f"{_CORE}.dataset",
        "Datastore": f"{_CORE}.datastore",
        "Environment": f"{_CORE}.environment",
        "Experiment": f"{_CORE}.experiment",
        "Image": f"{_CORE}.image",
        "Keyvault": f"{_CORE}.keyvault",
        "Model": f"{_CORE}.model",
        "Run": f"{_CORE}.run",
        "RunConfiguration": f"{_CORE}.runconfig",
        "ScriptRun": f"{_CORE}.script_run",
        "ScriptRunConfig": f"{_CORE}.script_run_config",
        "VERSION": f"{_CORE}.version",
        "Webservice": f"{_CORE}.webservice",
        "Workspace": f"{_CORE}.workspace",
        "get_run": f"{_CORE}.run",
        "__version__": f"{_CORE}.version",
    },
)
