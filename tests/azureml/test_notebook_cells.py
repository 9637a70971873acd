"""The cells of notebooks of July 2019, one after the other, with only their imports changed.

The cells are written here in the manner of these notebooks: identity, training, the table of
children, the choice of a model, its parts, its test, its explanation, more iterations, and the list
of all runs.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine

from tests.azureml.replays import replay_local_runs
from tests.driver import replay
from tests.driver.replay import scored

CELLS = {
    "setup": """
import logging

from matplotlib import pyplot as plt
import numpy as np
import pandas as pd

from engine import azureml
import engine.azureml.core
from engine.azureml.core.experiment import Experiment
from engine.azureml.core.workspace import Workspace
from engine.azureml.train.automl import AutoMLConfig

ws = Workspace.from_config()
project_folder = './sample_projects/automl-local-wine'
experiment = Experiment(ws, experiment_name)

output = {}
output['SDK version'] = azureml.core.VERSION
output['Subscription ID'] = ws.subscription_id
output['Workspace'] = ws.name
output['Resource Group'] = ws.resource_group
output['Location'] = ws.location
output['Project Directory'] = project_folder
output['Experiment Name'] = experiment.name
outputDf = pd.DataFrame(data=output, index=[''])
outputDf.T
""",
    "train": """
from engine.azureml.telemetry import set_diagnostics_collection
set_diagnostics_collection(send_diagnostics=True)

automl_config = AutoMLConfig(task='classification',
                             debug_log='automl_errors.log',
                             primary_metric='AUC_weighted',
                             iteration_timeout_minutes=60,
                             iterations=5,
                             n_cross_validations=3,
                             verbosity=logging.INFO,
                             X=X_train,
                             y=y_train,
                             enable_tf=False,
                             whitelist_models=['LogisticRegression', 'DecisionTree', 'KNN',
                                               'TensorFlowLinearClassifier'],
                             path=project_folder)
local_run = experiment.submit(automl_config, show_output=True)
status = local_run.get_status()
""",
    "children": """
children = list(local_run.get_children())
metricslist = {}
for run in children:
    properties = run.get_properties()
    metrics = {k: v for k, v in run.get_metrics().items() if isinstance(v, float)}
    metricslist[int(properties['iteration'])] = metrics
rundata = pd.DataFrame(metricslist).sort_index(axis=1)
""",
    "choose": """
best_run, fitted_model = local_run.get_output()
print(best_run)
lookup_metric = "log_loss"
best_by_loss, model_by_loss = local_run.get_output(metric=lookup_metric)
iteration = 3
third_run, third_model = local_run.get_output(iteration=iteration)
last_run, last_model = local_run.get_output(iteration=4)
number = int(best_run.id.split('_')[-1])
dependencies = local_run.get_run_sdk_dependencies(iteration=number)
""",
    "print": """
from pprint import pprint

def print_model(model, prefix=""):
    for step in model.steps:
        print(prefix + step[0])
        if hasattr(step[1], 'estimators') and hasattr(step[1], 'weights'):
            pprint({'estimators': [e[0] for e in step[1].estimators], 'weights': step[1].weights})
            for estimator in step[1].estimators:
                print_model(estimator[1], estimator[0] + ' - ')
        elif hasattr(step[1], '_base_learners') and hasattr(step[1], '_meta_learner'):
            print("Meta Learner")
            pprint(step[1]._meta_learner)
            for estimator in step[1]._base_learners:
                print_model(estimator[1], estimator[0] + ' - ')
        else:
            pprint(step[1].get_params())

print_model(third_model)
print_model(last_model)
""",
    "test": """
for index in np.random.choice(len(y_test), 2, replace=False):
    predicted = fitted_model.predict(X_test[index:index + 1])[0]
    label = y_test[index]
""",
    "explain": """
from engine.azureml.train.automl.automlexplainer import explain_model, retrieve_model_explanation

shap_values, expected_values, overall_summary, overall_imp, per_class_summary, per_class_imp = \\
    explain_model(fitted_model, X_train, X_test, features=features, best_run=best_run,
                  y_train=y_train)
print(overall_summary)
again = retrieve_model_explanation(best_run)
""",
    "continue": """
local_run.continue_experiment(X=X_train, y=y_train, show_output=True, iterations=1)
local_run.clean_preprocessor_cache()
""",
    "reopen": """
from engine.azureml.train.automl.run import AutoMLRun
ml_run = AutoMLRun(experiment=experiment, run_id=local_run.id)
child_run = AutoMLRun(experiment, best_run.id)
""",
    "list": """
import json
from datetime import datetime

experiment_list = Experiment.list(workspace=ws)
summary_df = pd.DataFrame(index=['No of Runs'])
for experiment in experiment_list:
    automl_runs = list(experiment.get_runs(type='automl'))
    summary_df[experiment.name] = [len(automl_runs)]

runs = {}
for run in Experiment(ws, experiment_name).get_runs(type='automl'):
    properties = run.get_properties()
    tags = run.get_tags()
    amlsettings = json.loads(properties['AMLSettingsJsonString'])
    details = run.get_details()
    form = '%Y-%m-%dT%H:%M:%S.%fZ'
    times = [datetime.strptime(details[key], form) for key in ('startTimeUtc', 'endTimeUtc')]
    runs[run.id] = [amlsettings['task_type'], run.get_details()['status'],
                    properties['num_iterations'], properties['primary_metric'],
                    properties['target'], (times[1] - times[0]).total_seconds()]
""",
}


#: Explains anew, which needs a cluster.
ON_A_CLUSTER = """
from engine.azureml.interpret import ExplanationClient
first_run, _ = local_run.get_output(iteration=0)
client = ExplanationClient.from_run(first_run)
engineered = client.download_model_explanation(raw=False).get_feature_importance_dict()
raw = client.download_model_explanation(raw=True).get_feature_importance_dict()
"""


def _wine():
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return X[order], y[order], [*load_wine().feature_names]


@pytest.fixture(
    scope="module",
    params=["recorded", pytest.param("real", marks=[pytest.mark.ray, pytest.mark.long])],
)
def names(request, module_workspace):
    """Names that the cells have left, after all of them: with recorded and with real trials."""
    is_real = request.param == "real"
    with pytest.MonkeyPatch.context() as patch:
        if not is_real:
            replay_local_runs(patch, {1: scored(0.9), 2: scored(0.8)}, "AUC_weighted")
        X, y, features = _wine() if is_real else (replay.X, replay.Y, ["a", "b", "c"])
        found: dict[str, object] = {
            "experiment_name": f"automl-local-{request.param}",
            "X_train": X[:-20] if is_real else X,
            "y_train": y[:-20] if is_real else y,
            "X_test": X[-20:],
            "y_test": y[-20:],
            "features": features,
            "engineered": features,
            "raw": features,
        }
        for title, cell in (CELLS | ({"cluster": ON_A_CLUSTER} if is_real else {})).items():
            exec(compile(cell, f"cell {title}", "exec"), found)
        yield found


def test_training_has_ended_when_submit_returns(names, capsys):
    assert names["status"] == "Completed"
    assert names["output"]["Workspace"]


def test_iterations_count_the_ensembles_in(names):
    properties = [child.get_properties() for child in names["children"]]
    assert [p["run_algorithm"] for p in properties[3:]] == ["VotingEnsemble", "StackEnsemble"]
    assert len(properties) == 5
    assert list(names["rundata"].columns) == [0, 1, 2, 3, 4]
    assert {"AUC_weighted", "AUC_micro", "matthews_correlation"} <= set(names["rundata"].index)


def test_the_best_model_predicts(names):
    assert names["number"] == names["best_run"].iteration
    assert (names["fitted_model"].predict(names["X_test"]) == names["y_test"]).mean() > 0.8
    assert names["third_run"].iteration == 3
    assert names["dependencies"]["azureml-sdk"] == names["azureml"].core.VERSION


def test_the_explanation_is_of_the_named_columns(names):
    assert set(names["overall_imp"]) == set(names["features"])
    assert names["again"].overall_imp == names["overall_imp"]
    assert len(names["engineered"]) == len(names["raw"]) == len(names["features"])


def test_more_iterations_have_been_added(names):
    numbers = [child.iteration for child in names["ml_run"].get_children()]
    assert numbers[:6] == [0, 1, 2, 3, 4, 5]
    assert names["ml_run"].id == names["local_run"].id
    assert names["child_run"].id == names["best_run"].id


def test_all_runs_are_listed(names):
    [row] = names["runs"].values()
    assert row[:2] == ["classification", "Completed"]
    assert row[3:5] == ["AUC_weighted", "local"]
    assert row[5] > 0
    assert names["summary_df"][names["experiment_name"]].tolist() == [1]
