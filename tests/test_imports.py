"""What a process must import to build a pipeline, to execute a trial and to drive recorded ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DRIVING = ["driver", "recorded_platform", "trial_backends.recorded", "trial_evaluation", "steps"]
# Processes that are forked from one that has imported what all need.
LOOK = """
import importlib, os, sys
import engine.pipelines.build, engine.pipelines.fitting.early_stopping

def look(purpose, *modules):
    if (child := os.fork()) == 0:
        for module in modules:
            importlib.import_module(f"engine.driver.{module}")
            print(purpose, module, *sys.modules, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, purpose

print("building", "build", *sys.modules, flush=True)
look("trial", "trial")
look("driving", *sys.argv[1:])
"""


@pytest.fixture(scope="module")
def imported():
    """Purpose -> module that is imported for it -> all modules that are there then."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *DRIVING],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {"building": {}, "trial": {}, "driving": {}}
    for line in done.stdout.splitlines():
        purpose, module, *modules = line.split(" ")
        found[purpose][module] = set(modules)
    return found


def test_building_imports_neither_boosters_nor_what_searches(imported):
    there = imported["building"]["build"]
    assert "engine.pipelines.fitting.early_stopping" in there
    assert not there & {"lightgbm", "xgboost", "catboost", "shap", "onnx", "optuna"}


def test_importing_the_trial_does_not_import_mlflow(imported):
    there = imported["trial"]["trial"]
    assert "engine.driver.trial" in there
    assert not there & {"mlflow", "shap"}


def test_runs_of_recorded_trials_need_no_ray(imported):
    assert list(imported["driving"]) == DRIVING
    for module, there in imported["driving"].items():
        assert f"engine.driver.{module}" in there
        assert "ray" not in there, module


def test_the_commands_help_needs_neither_ray_nor_mlflow():
    look = "import sys, engine.cli.parser as p; p.make_parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    there = set(done.stdout.split())
    assert {"engine.cli.parser", "cluster.commands"} <= there
    assert not there & {"ray", "mlflow", "pandas", "sklearn", "engine.cli.commands"}
