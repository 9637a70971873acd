from __future__ import annotations

import pytest

from engine import (
    AutoMLConfig,
    AutoMLRun,
    ConfigException,
    DataException,
    Experiment,
    RunException,
)

pytestmark = pytest.mark.usefixtures("store_in_memory")


@pytest.mark.parametrize("name", ["a", "a b", "A-b_c.9", "x" * 250])
def test_names_that_are_allowed(workspace, name):
    assert Experiment(workspace, name).name == name


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("a/b", "'/'"),
        ("naïve", "'ï'"),
        ("a\n", r"'\\n'"),
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 251, "251 characters"),
        (7, "expected text"),
    ],
)
def test_names_that_are_not(workspace, name, match):
    with pytest.raises(ValueError, match=match):
        Experiment(workspace, name)


def test_it_needs_a_workspace():
    with pytest.raises(ValueError, match="needs a Workspace"):
        Experiment("ws", "name")


@pytest.mark.parametrize(
    "settings",
    [
        {"data_script": "nowhere.py"},
        {"data_script": "empty.py"},
        {"X": [[1.0], [2.0]], "y": [1, 1]},
        {"X": [["a"], ["b"]], "y": [0, 1]},
    ],
)
def test_what_cannot_start_leaves_no_run(experiment, settings):
    open("empty.py", "w").close()
    with pytest.raises(DataException):
        experiment.submit(AutoMLConfig("classification", **settings))
    assert experiment.get_runs() == []


@pytest.mark.parametrize(
    ("tags", "match"),
    [
        (
            {"raysmith.status": "Completed", "mlflow.user": "x", "fine": "y"},
            "(?s)2 problems.*raysm",
        ),
        ({"": "x"}, "tag '': expected a name"),
        ({7: "x"}, "tag 7: expected a name"),
        (["a"], "expected a dict"),
    ],
)
def test_tags_that_are_not_the_users(experiment, tags, match):
    config = AutoMLConfig("classification", X=[[1.0], [2.0]] * 9, y=[0, 1] * 9)
    with pytest.raises(ConfigException, match=match):
        experiment.submit(config, tags=tags)
    assert experiment.get_runs() == []


def test_a_log_that_cannot_be_written_is_told_before_anything_starts(experiment, tmp_path):
    (tmp_path / "file").touch()
    for log, reason in (("file/automl.log", "File exists|Not a directory"), (".", "Is a dir")):
        config = AutoMLConfig("classification", X=[[1.0], [2.0]] * 9, y=[0, 1] * 9, debug_log=log)
        with pytest.raises(ConfigException, match=rf"debug_log=.* cannot be written \(({reason})"):
            experiment.submit(config)
    assert experiment.get_runs() == []


def test_only_a_configuration_can_be_submitted(experiment):
    with pytest.raises(ValueError, match="expected an AutoMLConfig"):
        experiment.submit({"task": "classification"})


def test_runs_that_do_not_exist(experiment):
    with pytest.raises(RunException, match="there is no run"):
        AutoMLRun(experiment, "nothing")
