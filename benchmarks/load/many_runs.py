"""Twenty runs at once on one cluster. Does each end, and what do they take together?"""

from __future__ import annotations

import time

import psutil
from measurement import Row, megabytes
from recorded_runs import settings

from engine import Experiment, Workspace


def runs(quick: bool) -> list[Row]:
    number, iterations = (4, 3) if quick else (20, 5)
    experiment = Experiment(Workspace.from_config(), "runs")
    experiment.submit(settings(iterations=1)).wait_for_completion()  # the cluster is up
    began = time.perf_counter()
    started = [
        experiment.submit(settings(iterations=iterations, max_concurrent_iterations=1))
        for _ in range(number)
    ]
    submitted = time.perf_counter() - began
    ended = [run.wait_for_completion() for run in started]
    seconds = time.perf_counter() - began
    found = sum(len(run.get_children()) for run in started)
    return [
        Row(f"{number} runs at once of {iterations} iterations", seconds, "s"),
        Row("to submit them", submitted, "s", 1.0 * number),
        Row("runs that did not complete", number - ended.count("Completed"), "", 0.0),
        Row("iterations that are missing", number * iterations - found, "", 0.0),
        Row("driver process (unique set size)", megabytes(psutil.Process()), "MB"),
    ]
