"""Environment variables of a run configuration: their values are not kept with the settings."""

from __future__ import annotations

import json
import pickle

import pytest

from cluster import RunConfiguration
from engine import AutoMLConfig, ConfigException
from engine.config.specification import RunSpecification
from engine.config.variables import variables_here

PLANTED = "planted-4711"


@pytest.fixture
def configuration():
    made = RunConfiguration()
    made.target = "mine"
    made.environment.environment_variables = {"DB_PASSWORD": PLANTED, "A": "1"}
    return made


@pytest.fixture
def config(configuration):
    X, y = [[float(i)] for i in range(40)], [0, 1] * 20
    return AutoMLConfig("classification", X=X, y=y, run_configuration=configuration)


def test_the_run_gets_them_and_the_specification_has_their_names(config):
    given = config.prepare()
    assert dict(given.variables) == {"DB_PASSWORD": PLANTED, "A": "1"}
    assert given.settings.variable_names == ("A", "DB_PASSWORD")
    assert PLANTED not in json.dumps(given.to_spec())
    again = RunSpecification.from_spec(given.to_spec(), lambda name: given.files()[name])
    assert again.settings == given.settings
    assert dict(again.variables) == {}


def test_no_text_shows_them(config, configuration):
    given = config.prepare()
    shown = [config, configuration, configuration.environment, given, config.settings]
    assert all(PLANTED not in f"{one!r} {one}" for one in shown)
    assert PLANTED not in repr(given.variables)
    assert pickle.loads(pickle.dumps(given.variables)) == given.variables


@pytest.mark.parametrize("wrong", [f"DB_PASSWORD={PLANTED}", [("DB_PASSWORD", PLANTED)], 7])
def test_errors_do_not_show_them(wrong):
    made = RunConfiguration()
    made.target = "mine"
    made.environment.environment_variables = wrong
    with pytest.raises(ConfigException, match=r"environment_variables of type") as told:
        AutoMLConfig("classification", X=[[1.0]], y=[0], run_configuration=made)
    assert PLANTED not in str(told.value)
    assert PLANTED not in repr(made)
    with pytest.raises(ConfigException, match="run_configuration=dict: allowed is") as told:
        AutoMLConfig(
            "classification", X=[[1.0]], y=[0], run_configuration={"env_vars": {"P": PLANTED}}
        )
    assert PLANTED not in str(told.value)


def test_another_process_takes_them_from_its_environment(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", PLANTED)
    monkeypatch.delenv("NOWHERE_TO_BE_FOUND", raising=False)
    assert dict(variables_here(["DB_PASSWORD", "A"], {"A": "2"})) == {
        "DB_PASSWORD": PLANTED,
        "A": "2",
    }
    with pytest.raises(ConfigException, match=r"'NOWHERE_TO_BE_FOUND'\. Its value is kept"):
        variables_here(["DB_PASSWORD", "NOWHERE_TO_BE_FOUND"], {})
