"""200 trials that print all the time, on a store that takes 0.5 s for a call.

What does that cost the search? The trials are recorded ones and the clock runs fast.
"""

from __future__ import annotations

import time

from measurement import Row
from recorded_runs import FastClock, RandomTrials, recorded_run, slowed

from engine import AutoMLRun, Experiment, Workspace
from engine.driver.clock import SimulatedClock

#: Of the clock.
_SPEED = 10.0
_STORE_SECONDS = 0.5


def slow_store(quick: bool) -> list[Row]:
    trials, concurrency, seconds = (24 if quick else 200), 8, 60.0
    experiment = Experiment(Workspace.from_config(), "slow")
    made = RandomTrials(seconds)
    # On a simulated clock the store takes no time at all.
    simulated = SimulatedClock(time.time())
    quiet, driver = recorded_run(experiment, made, simulated, trials, concurrency)
    driver.run()
    clock = FastClock(_SPEED)
    with slowed(_STORE_SECONDS / _SPEED) as calls:
        chatty, driver = recorded_run(experiment, made, clock, trials, concurrency, chatty=True)
        driver.run()
    fastest, search = _search_minutes(quiet, trials), _search_minutes(chatty, trials)
    return [
        Row(f"{trials} trials of {seconds:.0f} s, {concurrency} at once: search", fastest, "min"),
        Row(f"the same on a store of {_STORE_SECONDS:g} s a call", search, "min"),
        Row("slow store against none", search / fastest, "x", 1.1),
        Row("calls of an iteration, logs included", calls.count / trials),
        Row("calls that its writer makes", calls.by_thread["raysmith-recorder"] / trials),
    ]


def _search_minutes(run: AutoMLRun, trials: int) -> float:
    """Return the minutes from the first start of an iteration to the last."""
    assert run.get_status() == "Completed", run.get_details()["error"]
    begins = [child.get_details()["startTime"] for child in run.get_children()]
    assert len(begins) == trials
    return (max(begins) - min(begins)) / 60
