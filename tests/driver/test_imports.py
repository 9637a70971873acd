"""What a process must import to drive recorded trials, and to execute one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULES = ["driver", "recorded_platform", "trial_backends.recorded", "trial_evaluation", "steps"]
LOOK = """
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(f"engine.driver.{module}")
    print(module, "ray" in sys.modules)
"""


def test_runs_of_recorded_trials_need_no_ray():
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *MODULES],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.splitlines() == [f"{module} False" for module in MODULES]
