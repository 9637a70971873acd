"""The files at the root do what they say."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def test_cluster_yaml_passes_rays_own_checks(tmp_path):
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    validate_config(prepare_config(config))
    assert config["max_workers"] == 6
    assert config["available_node_types"]["worker"]["max_workers"] == 6
    assert "127.0.0.1" in " ".join(config["head_start_ray_commands"])


def test_readme_tells_the_version_and_names_that_exist():
    import engine

    text = (ROOT / "README.md").read_text()
    for names in re.findall(r"from engine import ([\w, ]+)", text):
        for name in names.split(", "):
            assert hasattr(engine, name)
    assert engine.__version__ in (ROOT / "CHANGELOG.md").read_text()


def test_the_catalogue_in_the_readme_is_the_catalogue():
    from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS
    from engine.pipelines.catalogue.scalers import SCALERS

    text = (ROOT / "README.md").read_text()
    for row, entries in (
        ("classifiers", CLASSIFIERS),
        ("regressors", REGRESSORS),
        ("preprocessors", SCALERS),
    ):
        line = next(line for line in text.splitlines() if line.startswith(f"| {row} |"))
        assert set(re.findall(r"`(\w+)`", line)) == set(entries)


@pytest.mark.parametrize("arguments", [["--help"], ["cancel", "--help"]])
def test_the_commands_help(arguments, capsys):
    from engine.cli.parser import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "raysmith" in capsys.readouterr().out


def test_the_package_of_the_command_is_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["raysmith", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("engine.cli", run_name="__main__", alter_sys=True)
    assert ended.value.code in (0, None)
    assert "raysmith" in capsys.readouterr().out
