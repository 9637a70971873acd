"""Local runs whose trials are replayed: everything from the submit on but Ray."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pytest

from engine.azureml.core.compute import LocalTarget
from engine.driver.clock import SimulatedClock
from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import RecordedBackend, RecordedTrial, Recording
from tests.driver.replay import scored


def replay_local_runs(
    patch: pytest.MonkeyPatch, trials: Mapping[int, RecordedTrial], metric: str = "accuracy"
) -> None:
    """Have drivers of local runs, in threads of this process, replay trials instead of Ray's."""
    clock = SimulatedClock(time.time())
    recording = Recording(metric, by_number=dict(trials), others=scored(0.6))

    def launch(self, launch):
        threading.Thread(target=launch.drive, daemon=True).start()

    def platform(*arguments):
        return RecordedPlatform(RecordedBackend(recording, clock, slots=1), 1)

    patch.setattr(LocalTarget, "launch", launch)
    patch.setattr("engine.driver.driver.RealClock", lambda: clock)
    patch.setattr("engine.driver.ray_platform.RayPlatform", platform)
