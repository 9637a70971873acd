"""Properties of runs and iterations by the names that SDK v1 had for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from engine.azureml.core.version import VERSION
from engine.config.settings import Settings
from engine.ensembles.names import STACK, VOTING
from engine.metrics.metric import Metric
from engine.store.records import IterationRecord, RunRecord

#: Packages of the retired service that scripts look up.
_OF_SERVICE = (
    "azureml-sdk",
    "azureml-core",
    "azureml-train-automl",
    "azureml-train-automl-client",
    "azureml-train-automl-runtime",
    "azureml-automl-core",
    "azureml-automl-runtime",
    "azureml-defaults",
    "azureml-dataprep",
    "azureml-telemetry",
)
_PACKAGES = ("raysmith", "ray", "mlflow", "scikit-learn", "numpy", "scipy", "pandas", "lightgbm")
#: What SDK v1 added to the id of a run for the run that explained its best model.
EXPLANATION = "_ModelExplain"
#: What SDK v1 showed where an iteration has no pipeline of its own.
_ENSEMBLE_IDS = {VOTING: "__AutoML_Ensemble__", STACK: "__AutoML_Stack_Ensemble__"}


def sdk_dependencies() -> dict[str, str]:
    """Return package -> version: the tree's version for the service's packages, and real ones.

    Examples
    --------
    >>> sdk_dependencies()["azureml-core"] == VERSION, "scikit-learn" in sdk_dependencies()
    (True, True)
    """
    found = dict.fromkeys(_OF_SERVICE, VERSION)
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def model_name_of(run_id: str, which: object) -> str:
    """Return the default name of a registered model of a run.

    Parameters
    ----------
    run_id:
        Id of the run.
    which:
        ``"best"``, the name of a metric, or the number of an iteration.

    Examples
    --------
    >>> model_name_of("0123456789abcdef", "best"), model_name_of("0123456789abcdef", 7)
    ('AutoML012345678best', 'AutoML0123456787')
    """
    return f"AutoML{run_id.replace('-', '')[:9]}{which}"


def properties_of_iteration(record: IterationRecord, parent: Any) -> dict[str, str]:
    """Return the properties of an iteration.

    Parameters
    ----------
    record:
        The iteration.
    parent:
        Its `engine.azureml.train.automl.run.AutoMLRun`.
    """
    own = record.properties.to_tags()
    metric: Metric = parent.metric
    pipeline = own.get("pipeline_spec", "")
    identity = _ENSEMBLE_IDS.get(record.kind) or hashlib.sha1(pipeline.encode()).hexdigest()
    properties = {
        "runTemplate": "automl_child",
        "iteration": str(record.iteration),
        "run_algorithm": record.kind,
        "run_preprocessor": "",
        "pipeline_id": identity,
        "pipeline_script": pipeline,
        "pipeline_spec": pipeline,
        "primary_metric": metric.name,
        "goal": f"{metric.name}_{'max' if metric.greater_is_better else 'min'}",
        "training_type": "MeanCrossValidation"
        if (record.properties.folds or 0) > 1
        else "TrainAndValidate",
        "training_percent": "100",
        "fit_time": str(record.properties.fit_seconds or record.seconds),
        "dependencies_versions": json.dumps(sdk_dependencies()),
        "model_name": model_name_of(parent.run_id, record.iteration),
        "ModelExplainRunId": f"{parent.run_id}{EXPLANATION}",
    }
    if metric.name in record.metrics:
        properties["score"] = str(record.metrics[metric.name])
    return properties | own


def properties_of_run(record: RunRecord, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the properties of a run.

    Parameters
    ----------
    settings:
        The run's settings, as the store has them.
    """
    known = Settings.from_dict(settings)
    total = known.iterations + len(known.ensembles)
    folds = "" if known.n_cross_validations is None else str(known.n_cross_validations)
    shown = {
        **settings,
        "name": record.name,
        "task_type": record.task,
        "primary_metric": record.primary_metric,
        "iterations": total,
        "compute_target": record.target,
        "preprocess": known.featurization_config is not None,
        "is_timeseries": False,
    }
    return {
        "num_iterations": str(total),
        "training_type": "TrainFull",
        "primary_metric": record.primary_metric,
        "num_cross_validation": folds,
        "target": record.target,
        "runTemplate": "AutoML",
        "display_task_type": record.task,
        "ModelExplainRunId": f"{record.run_id}{EXPLANATION}",
        "AMLSettingsJsonString": json.dumps(shown, default=str),
        "dependencies_versions": json.dumps(sdk_dependencies()),
    }
