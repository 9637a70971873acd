"""`AutoMLConfig`'s signature: the same parameters, defaults and documentation everywhere."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from engine import AutoMLConfig
from engine.config.combinations import DATA_PARAMETERS
from engine.config.settings import FIELDS, wrong_values

SIGNATURE = inspect.signature(AutoMLConfig).parameters
NAMED = {n: p for n, p in SIGNATURE.items() if p.kind is not inspect.Parameter.VAR_KEYWORD}
#: A missing task is reported with all other problems; the metric's default depends on the task.
NEEDED = ("task", "primary_metric")


def test_it_names_all_settings_and_data_and_nothing_else():
    assert set(NAMED) == {*FIELDS, *DATA_PARAMETERS}


def test_only_the_task_may_be_positional():
    kinds = {name: parameter.kind for name, parameter in SIGNATURE.items()}
    assert kinds.pop("task") is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert kinds.pop("unknown") is inspect.Parameter.VAR_KEYWORD
    assert set(kinds.values()) == {inspect.Parameter.KEYWORD_ONLY}
    with pytest.raises(TypeError):
        AutoMLConfig("classification", "accuracy")


@pytest.mark.parametrize("name", NAMED)
def test_defaults_are_those_of_the_settings(name):
    default = SIGNATURE[name].default
    if name in DATA_PARAMETERS or name in NEEDED:
        assert default is None
    else:
        assert default == FIELDS[name].default
        assert type(default) is type(FIELDS[name].default)
    if name in NEEDED:
        assert FIELDS[name].default is dataclasses.MISSING


def test_defaults_are_allowed():
    defaults = {name: p.default for name, p in NAMED.items() if name in FIELDS}
    assert list(wrong_values(defaults)) == ["task"]


@pytest.mark.parametrize("name", NAMED)
def test_every_parameter_is_typed_and_documented(name):
    assert SIGNATURE[name].annotation is not inspect.Parameter.empty
    documented = re.search(rf"^{name} : (.*)$", inspect.getdoc(AutoMLConfig), re.M)
    assert documented is not None
    default = SIGNATURE[name].default
    if default is None:
        assert name == "task" or documented[1].endswith("optional")
    else:
        shown = f'``"{default}"``' if isinstance(default, str) else repr(default)
        shown = "``logging.INFO``" if name == "verbosity" else shown
        assert documented[1].endswith(f"default {shown}")
