"""Runs and iterations by the names, arguments and results of SDK v1."""

from __future__ import annotations

import json
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml

from engine import AutoMLRun as OwnRun
from engine import ConfigException, DataException, RunException
from engine import Experiment as OwnExperiment
from engine import IterationRun as OwnIteration
from engine.azureml.core import VERSION
from engine.azureml.core.experiment import Experiment
from engine.azureml.core.run import Run, get_run
from engine.azureml.train.automl import constants
from engine.azureml.train.automl.automlexplainer import retrieve_model_explanation
from engine.azureml.train.automl.run import AutoMLRun
from engine.azureml.unavailable import NotAvailable
from engine.azureml.widgets import RunDetails
from engine.store.properties import IterationProperties
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus, RunStatus
from tests.client.recorded import BEST, LABELS, SCORES, TABLE, keep_explanation, record_run
from tests.driver.replay import Replay, X, Y

pytestmark = pytest.mark.usefixtures("store_in_memory")


def test_ids_of_iterations_end_in_their_numbers(v1_run, v1_experiment):
    children = {int(child.id.split("_")[-1]): child for child in v1_run.get_children()}
    assert list(children) == [0, 1, 2, 3]
    best, _ = v1_run.get_output()
    assert best.id == f"{v1_run.id}_{BEST}"
    assert best.parent is v1_run
    assert best.experiment is v1_experiment
    assert best.run_id != best.id
    assert v1_run.run_id == v1_run.id


@pytest.mark.parametrize("opened", [AutoMLRun, Run, get_run])
def test_runs_and_iterations_are_opened_by_their_ids(opened, v1_run, v1_experiment):
    run = opened(experiment=v1_experiment, run_id=v1_run.id)
    assert type(run) is AutoMLRun
    child = opened(v1_experiment, f"{v1_run.id}_{BEST}")
    assert isinstance(child, Run | OwnIteration)
    assert child.get_metrics() == {"accuracy": 0.9, "log_loss": 0.45}
    explained = opened(v1_experiment, v1_run.get_properties()["ModelExplainRunId"])
    assert type(explained) is AutoMLRun
    assert child.properties["ModelExplainRunId"] == f"{v1_run.id}_ModelExplain"
    for wrong in (f"{v1_run.id}_9", f"{v1_run.id}_x", "never"):
        with pytest.raises(RunException):
            opened(v1_experiment, wrong)
    with pytest.raises(RunException, match="does not belong to the experiment 'other'"):
        opened(Experiment(v1_experiment.workspace, "other"), v1_run.id)


def test_an_experiment_of_engine_itself_opens_no_run_of_v1(v1_run, module_workspace):
    with pytest.raises(ConfigException, match=r"expected an Experiment of engine\.azureml"):
        AutoMLRun(OwnExperiment(module_workspace, "recorded"), v1_run.id)


def test_a_run_is_found_in_its_workspace(v1_run, module_workspace):
    assert Run.get(module_workspace, v1_run.id).id == v1_run.id
    assert Run.get(module_workspace, f"{v1_run.id}_0").iteration == 0


def test_the_table_of_children_that_scripts_make(v1_run):
    metricslist = {}
    for run in list(v1_run.get_children()):
        properties = run.get_properties()
        metrics = {k: v for k, v in run.get_metrics().items() if isinstance(v, float)}
        metricslist[int(properties["iteration"])] = metrics
    table = pd.DataFrame(metricslist).sort_index(axis=1)
    assert table.columns.tolist() == [0, 1, 2, 3]
    assert table.loc["accuracy", BEST] == 0.9


def test_children_are_an_iterator_with_conditions(v1_run):
    assert next(v1_run.get_children()).iteration == 0
    failed = v1_run.get_children(status="Failed")
    assert [child.iteration for child in failed] == [1]
    last = v1_run.get_children(properties={"iteration": "3"}, recursive=True)
    assert [child.iteration for child in last] == [3]
    assert not list(v1_run.get_children(tags="none"))
    assert not list(v1_run.get_children(type="automl"))
    assert not list(next(v1_run.get_children()).get_children())


def test_properties_of_an_iteration(v1_run):
    best = v1_run.get_best_child()
    properties = best.properties
    assert properties == best.get_properties()
    assert properties["score"] == "0.9"
    assert properties["primary_metric"] == "accuracy"
    assert properties["goal"] == "accuracy_max"
    assert properties["run_algorithm"] == "DecisionTree"
    assert properties["run_preprocessor"] == "PCA"
    assert properties["training_type"] == "MeanCrossValidation"
    assert properties["model_name"] == f"AutoML{v1_run.id[:9]}{BEST}"
    assert json.loads(properties["dependencies_versions"])["azureml-core"] == VERSION
    assert len(properties["pipeline_id"]) == 40
    assert all(isinstance(value, str) for value in properties.values())
    failed = next(v1_run.get_children(status="Failed"))
    assert "score" not in failed.properties


def test_properties_of_a_run(v1_run):
    properties = v1_run.get_properties()
    assert properties["num_iterations"] == str(len(SCORES) + 2)
    assert (properties["primary_metric"], properties["target"]) == ("accuracy", "local")
    settings = json.loads(properties["AMLSettingsJsonString"])
    assert settings["task_type"] == "classification"
    assert settings["name"] == "a run"
    assert settings["primary_metric"] == "accuracy"
    assert v1_run.type == "automl"
    assert v1_run.status == "Completed"
    assert v1_run.tags["team"] == "x"
    assert v1_run.name == v1_run.id
    assert repr(v1_run).startswith("Run(Experiment: recorded,\nId: ")


def test_details_are_those_of_v1(v1_run):
    details = v1_run.wait_for_completion(show_output=False, wait_post_processing=True)
    assert details == v1_run.get_details()
    assert (details["runId"], details["status"]) == (v1_run.id, "Completed")
    assert pd.Timestamp(details["startTimeUtc"]) <= pd.Timestamp(details["endTimeUtc"])
    assert details["properties"]["num_iterations"]
    assert "error" not in details
    child = v1_run.get_best_child().wait_for_completion()
    assert child["runId"].endswith(f"_{BEST}")
    assert child["properties"]["iteration"] == str(BEST)
    failed = next(v1_run.get_children(status="Failed"))
    assert failed.get_details()["error"]["error"]["message"].startswith("ValueError: bad")
    with pytest.raises(RunException, match="iteration 1 is Failed"):
        failed.wait_for_completion()
    assert failed.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_a_failed_run_raises_on_request_only(v1_experiment):
    run = v1_experiment.run_of(record_run(v1_experiment, RunStatus.FAILED).id)
    with pytest.warns(UserWarning, match=f"run {run.id} has failed"):
        details = run.wait_for_completion()
    assert details["status"] == "Failed"
    with pytest.raises(RunException):
        run.wait_for_completion(raise_on_error=True)
    run.store.set_status(run.id, RunStatus.FAILED, ValueError("no rows"))
    assert run.get_details()["error"]["error"]["message"] == "no rows"


def test_states_that_v1_did_not_know(experiment):
    experiment = Experiment(experiment.workspace, experiment.name)
    run = experiment.run_of(record_run(experiment).id)
    store = run.store
    child = next(run.get_children())
    store.tag(child.run_id, "raysmith.status", "Pruned")
    assert child.get_status() == child.status == child.get_details()["status"] == "Canceled"
    store.tag(child.run_id, "raysmith.status", "Timeout")
    assert child.status == "Failed"


def test_metrics_by_ids(v1_run):
    assert v1_run.get_metrics() == {"accuracy": 0.9, "log_loss": 0.45}
    assert v1_run.get_metrics("accuracy") == {"accuracy": 0.9}
    metrics = v1_run.get_metrics(recursive=True)
    assert metrics[f"{v1_run.id}_3"] == {"accuracy": 0.8, "log_loss": 0.4}
    assert len(metrics) == len(SCORES)


def test_the_summary_is_a_list(v1_run):
    assert v1_run.summary() == [["DecisionTree", 4, 0.9]]


def test_the_best_by_the_primary_metric_is_handed_over(v1_run, monkeypatch):
    best, model = v1_run.get_output()
    assert best.iteration == BEST
    assert (model.predict(TABLE) == LABELS).mean() > 0.9
    assert v1_run.get_output(iteration=3)[0].iteration == 3
    assert v1_run.get_output(metric="log_loss")[0].iteration == 0
    assert v1_run.get_best_child(metric="log_loss").iteration == 0
    assert v1_run.get_best_child().id == best.id


def test_an_ensemble_is_not_preferred_to_a_better_score(v1_run):
    """From 25 pipelines on `engine` itself hands over an ensemble that does as well."""
    preferred = IterationProperties(run_algorithm="VotingEnsemble", preferred="0.89 against 0.88")
    records = [
        IterationRecord("a", 0, IterationStatus.COMPLETED, "KNN", metrics={"accuracy": 0.9}),
        IterationRecord(
            "b", 1, IterationStatus.COMPLETED, "V", metrics={"accuracy": 0.89}, properties=preferred
        ),
    ]
    assert OwnRun.handed_over(v1_run, records).iteration == 1
    assert v1_run.handed_over(records).iteration == 0


def test_files_are_made_when_they_are_asked_for(v1_run, tmp_path):
    best, model = v1_run.get_output()
    names = best.get_file_names()
    assert names == sorted(names)
    wanted = {constants.MODEL_PATH, constants.SCORING_FILE_PATH, constants.CONDA_ENV_FILE_PATH}
    assert wanted <= set(names)
    assert constants.MODEL_PATH_ONNX not in names
    for name in wanted:
        best.download_file(name, str(tmp_path / "inference" / name.rpartition("/")[2]))
    for load in (joblib.load, lambda path: pickle.loads(path.read_bytes())):
        loaded = load(tmp_path / "inference" / "model.pkl")
        np.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    environment = yaml.safe_load((tmp_path / "inference/conda_env_v_1_0_0.yml").read_text())
    [pip] = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert any(requirement.startswith("scikit-learn") for requirement in pip)
    script = (tmp_path / "inference/scoring_file_v_1_0_0.py").read_text()
    assert best.properties["model_name"] in script
    failed = next(v1_run.get_children(status="Failed"))
    assert not wanted & set(failed.get_file_names())
    with pytest.raises(FileNotFoundError):
        failed.download_file(constants.MODEL_PATH, tmp_path)
    best.download_files("outputs/conda", str(tmp_path / "all"))
    assert (tmp_path / "all/outputs/conda_env_v_1_0_0.yml").is_file()
    with pytest.raises(ConfigException, match="output_paths has 2 paths for 1 files"):
        best.download_files("outputs/conda", output_paths=["a", "b"])


def test_the_scoring_file_scores(v1_run, tmp_path, monkeypatch):
    best, model = v1_run.get_output()
    best.download_file(constants.MODEL_PATH, tmp_path)
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    script = best.read_file(constants.SCORING_FILE_PATH).decode()
    names: dict[str, object] = {}
    exec(compile(script, "score.py", "exec"), names)
    names["init"]()
    asked = json.dumps({"data": TABLE.head(3).to_dict(orient="records")})
    assert json.loads(names["run"](asked)) == {"result": model.predict(TABLE.head(3)).tolist()}
    assert "error" in json.loads(names["run"](json.dumps({"data": [{"z": 1}]})))


def test_dependencies(v1_run):
    dependencies = v1_run.get_run_sdk_dependencies(iteration=BEST)
    for package in ("azureml-train-automl", "azureml-sdk", "azureml-core"):
        assert dependencies[package] == VERSION
    assert dependencies["scikit-learn"]
    assert v1_run.get_run_sdk_dependencies() == dependencies
    with pytest.raises(RunException):
        v1_run.get_run_sdk_dependencies(iteration=9)


def test_small_methods(v1_run, capsys):
    assert v1_run.clean_preprocessor_cache() is True
    assert v1_run.get_guardrails() == {"faults": []}
    assert "No problems" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="iteration 0 has ended already"):
        v1_run.cancel_iteration(0)
    with pytest.raises(NotAvailable, match="ray job submit"):
        Run.get_context()
    assert f"/runs/{v1_run.get_best_child().run_id}" in v1_run.get_best_child().get_portal_url()
    assert v1_run.get_best_child().number == BEST
    v1_run.set_tags({"stage": "draft"})
    assert v1_run.get_tags()["stage"] == "draft"


def test_the_widget_shows_the_run_of_an_iteration(v1_run, monkeypatch):
    shown = RunDetails(v1_run.get_best_child())
    data = shown.get_widget_data()
    assert data["run_details"]["runId"] == v1_run.id
    assert f"{v1_run.id}_0" in data["run_metrics"]
    with pytest.raises(ConfigException):
        RunDetails("a run")


def test_models_are_registered(v1_run):
    model = v1_run.register_model(description="the best one", tags={"stage": "draft"})
    assert model.name == v1_run.model_id == f"AutoML{v1_run.id[:9]}best"
    assert model.version == 1
    assert v1_run.register_model(iteration=3).name == f"AutoML{v1_run.id[:9]}3"
    best = v1_run.get_best_child()
    again = best.register_model(
        model_name="churn", model_path="outputs/model.pkl", tags={"a": "b"}, properties={"c": "d"}
    )
    assert (again.name, again.version) == ("churn", 1)
    assert best.register_model("churn", "outputs/").version == 2


def test_only_the_model_is_registered(v1_run):
    with pytest.raises(ConfigException, match=r"model_path='outputs/other\.pkl': allowed"):
        v1_run.get_best_child().register_model("churn", "outputs/other.pkl")
    with pytest.raises(RunException, match="iteration 1 has no model"):
        next(v1_run.get_children(status="Failed")).register_model("churn", "outputs/model.pkl")


def test_explanations_are_found(v1_run):
    keep_explanation(v1_run, BEST)
    shap_values, expected, summary, names, per_class, per_class_names = retrieve_model_explanation(
        v1_run.get_best_child()
    )
    assert names == ["b", "a"]
    assert len(shap_values) == len(expected) == len(per_class) == len(per_class_names) == 2
    assert summary == [0.5, 0.125]


def test_experiments_and_their_runs(experiment):
    workspace = experiment.workspace
    first = Experiment(workspace=workspace, name="first")
    record_run(first)
    record_run(first, RunStatus.FAILED)
    names = [found.name for found in Experiment.list(workspace=workspace)]
    assert "first" in names
    [again] = Experiment.list(workspace, experiment_name="first")
    assert type(again) is Experiment
    assert len(list(again.get_runs(type="automl"))) == 2
    assert [run.status for run in again.get_runs(status="Completed")] == ["Completed"]
    assert len(list(again.get_runs(tags={"team": "x"}))) == 2
    assert not list(again.get_runs(tags={"team": "y"}))
    assert not list(again.get_runs(type="azureml.scriptrun"))
    assert not list(again.get_runs(properties={"target": "elsewhere"}))
    assert len(list(again.get_runs(include_children=True))) == 2 + 2 * len(SCORES)
    assert len(list(Run.list(again))) == 2
    with pytest.raises(NotAvailable, match="mlflow"):
        again.start_logging()


def test_data_of_a_continued_run_must_be_its_own(experiment):
    experiment = Experiment(experiment.workspace, experiment.name)
    replay = Replay(experiment, iterations=2)
    replay.drive()
    run = experiment.run_of(replay.run_id)
    run.check_data({"X": X, "y": Y})
    run.check_data({})
    for data in ({"X": X[::-1], "y": Y}, {"X": X[:, :2], "y": Y}):
        with pytest.raises(DataException, match="the data is not what the run's 2 iterations"):
            run.continue_experiment(**data, iterations=1)
    with pytest.raises(DataException, match="no 'y'"):
        run.continue_experiment(X=X)
    with pytest.raises(NotAvailable, match="spark_context"):
        run.continue_experiment(spark_context=object())
    with pytest.raises(ConfigException, match="columns: give X and y"):
        run.continue_experiment(columns=["a"])
    assert run.status == "Completed"
