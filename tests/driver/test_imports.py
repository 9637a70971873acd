"""What a process must import to drive recorded trials, and to execute one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "module",
    ["driver", "recorded_platform", "trial_backends.recorded", "trial_evaluation", "steps"],
)
def test_a_run_of_recorded_trials_needs_no_ray(module):
    code = f"import sys, engine.driver.{module}; print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.strip() == "False"
