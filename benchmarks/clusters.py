"""How a cluster grows, shrinks and keeps its nodes at work: prints a table, writes JSON.

Nodes are raylets of this machine under Ray's real autoscaler, so their fits are made to sleep:
what is measured is everything but the fits.

1. An empty target: seconds from ``submit`` to the first node, the first result, six nodes; and from
   the run's end to the last node's.
2. Sleeping iterations on one node and on six: how many times as many an hour, and what an iteration
   costs beyond its sleep.
3. Twelve nodes and short iterations: how much of a core the driver takes.

``python benchmarks/clusters.py [--output FILE] [--nodes 6] [--many 12]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cluster import AmlCompute, ComputeTarget, RunConfiguration
from engine import AutoMLConfig, AutoMLRun, Experiment, Workspace

_FITS = 4  # three folds and all rows

_GET_DATA = """
import numpy as np

def get_data():
    # There is nothing to learn: no pipeline is so much worse that it is pruned before its last fit.
    generator = np.random.default_rng(0)
    return {"X": generator.normal(size=(200, 4)), "y": generator.integers(0, 2, 200)}
"""

#: Ray puts a job's folder on the path of its workers, where Python looks for this module.
_SLEEPING = """
import os, sys, time

if os.environ.get("FIT_SECONDS") and "default_worker" in " ".join(sys.orig_argv):
    from sklearn.linear_model import LogisticRegression

    def fit(self, *args, _fit=LogisticRegression.fit, **kwargs):
        time.sleep(float(os.environ["FIT_SECONDS"]))
        return _fit(self, *args, **kwargs)

    LogisticRegression.fit = fit
"""


@contextmanager
def a_target(
    workspace: Workspace, name: str, nodes: int, least: int, idle: float = 600.0
) -> Iterator[AmlCompute]:
    config = AmlCompute.provisioning_configuration(
        resources={"CPU": 1, "memory_gib": 0.5}, min_nodes=least, max_nodes=nodes,
        idle_seconds_before_scaledown=idle,
    )  # fmt: skip
    target = ComputeTarget.create(workspace, name, config)
    try:
        target.wait_for_completion(timeout_in_minutes=10)
        yield target
    finally:
        target.delete(force=True)


def submit(target: AmlCompute, iterations: int, at_once: int, fit_seconds: float) -> AutoMLRun:
    configuration = RunConfiguration()
    configuration.environment.environment_variables = {"FIT_SECONDS": str(fit_seconds)}
    config = AutoMLConfig(
        task="classification", path="project", data_script="project/get_data.py",
        compute_target=target, run_configuration=configuration, iterations=iterations,
        max_concurrent_iterations=at_once, n_cross_validations=3,
        allowed_models=["LogisticRegression"], enable_early_stopping=False,
        enable_voting_ensemble=False, enable_stack_ensemble=False, model_explainability=False,
    )  # fmt: skip
    return Experiment(target.workspace, "cluster").submit(config)


def times_of(run: AutoMLRun) -> list[tuple[float, float]]:
    """(start, end) of each iteration that completed, by end."""
    details = [child.get_details() for child in run.get_children()]
    assert all(d["status"] in ("Completed", "Pruned") for d in details), details
    return sorted(((d["startTime"], d["endTime"]) for d in details), key=lambda t: t[1])


def steady_rate(times: list[tuple[float, float]], at_once: int) -> float:
    """Iterations a second, without the first on each node: that one starts a process."""
    ends = [end for _, end in times]
    return (len(ends) - at_once - 1) / (ends[-1] - ends[at_once])


class Watch(threading.Thread):
    """Notes when how many nodes were there, and what the driver's process has used."""

    def __init__(self, target: AmlCompute, run: AutoMLRun) -> None:
        super().__init__(daemon=True)
        self._target, self._run = target, run
        self.started = time.time()
        self.first: dict[int, float] = {}
        self.driver: list[tuple[float, float]] = []
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        driver = None
        while not self.over.wait(0.25):
            count = self._target.get_status().current_node_count
            for number in range(1, count + 1):
                self.first.setdefault(number, time.time() - self.started)
            try:
                driver = driver or self._find_driver()
                if driver is not None:
                    used = driver.cpu_times()
                    self.driver.append((time.time(), used.user + used.system))
            except psutil.Error:
                driver = None

    def _find_driver(self) -> psutil.Process | None:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            # Not its supervisor, whose arguments end alike.
            if words[-4:-1] == ["-m", "engine.driver", self._run.id]:
                return process
        return None

    def share(self, start: float, end: float) -> float:
        """Of a core, that the driver used between two moments."""
        inside = [(t, used) for t, used in self.driver if start <= t <= end]
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def growing(workspace: Workspace, nodes: int) -> dict[str, float]:
    with a_target(workspace, "growing", nodes, 0, idle=10.0) as target:
        run = submit(target, 6 * nodes, nodes, 0.5)
        watch = Watch(target, run)
        run.wait_for_completion(timeout_seconds=900)
        first_result = times_of(run)[0][1] - watch.started
        ended = time.time()
        while target.get_status().current_node_count:
            time.sleep(0.25)
        watch.over.set()
        return {
            "first_node_seconds": watch.first[1],
            "first_result_seconds": first_result,
            "all_nodes_seconds": watch.first.get(nodes, float("nan")),
            "idle_seconds": 10.0,
            "scaled_down_seconds": time.time() - ended,
        }


def sleeping(workspace: Workspace, nodes: int, each: int, fit_seconds: float) -> dict[str, float]:
    with a_target(workspace, f"sleeping-{nodes}", nodes, nodes) as target:
        run = submit(target, each * nodes, nodes, fit_seconds)
        run.wait_for_completion(timeout_seconds=1800)
        rate = steady_rate(times_of(run), nodes)
    return {"rate": rate, "overhead": nodes / rate - _FITS * fit_seconds}


def many(workspace: Workspace, nodes: int, iterations: int, fit_seconds: float) -> dict[str, float]:
    with a_target(workspace, "many", nodes, nodes) as target:
        run = submit(target, iterations, nodes, fit_seconds)
        watch = Watch(target, run)
        run.wait_for_completion(timeout_seconds=1800)
        watch.over.set()
        times = times_of(run)
    seconds = times[-1][1] - times[nodes][1]
    share = watch.share(times[nodes][1], times[-1][1])
    return {
        "nodes": nodes,
        "iterations": iterations,
        "iteration_sleeps_seconds": _FITS * fit_seconds,
        "iterations_per_second": (iterations - nodes - 1) / seconds,
        "driver_share_of_a_core": share,
        "driver_seconds_per_iteration": share * seconds / (iterations - nodes - 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=6)
    parser.add_argument("--many", type=int, default=12)
    parser.add_argument("--fit-seconds", type=float, default=1.0, help="that a fit sleeps")
    parser.add_argument("--output", default="benchmarks/results/clusters.json")
    options = parser.parse_args()
    output = Path(options.output).absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("project").mkdir()
        Path("project/get_data.py").write_text(_GET_DATA)
        Path("project/sitecustomize.py").write_text(_SLEEPING)
        workspace = Workspace.from_config()
        result = growing(workspace, options.nodes)
        one = sleeping(workspace, 1, 8, options.fit_seconds)
        six = sleeping(workspace, options.nodes, 8, options.fit_seconds)
        result |= {
            "throughput_ratio": six["rate"] / one["rate"],
            "overhead_1_node_seconds": one["overhead"],
            "overhead_all_nodes_seconds": six["overhead"],
        }
        busy = many(workspace, options.many, 200, options.fit_seconds)
        os.chdir("/")
    n = options.nodes
    rows = [
        ("submit on an empty target to the first node", result["first_node_seconds"], "s", None),
        ("to the first result", result["first_result_seconds"], "s", None),
        (f"to {n} nodes", result["all_nodes_seconds"], "s", None),
        ("run's end to no node, 10 s of them idle", result["scaled_down_seconds"], "s", None),
        (f"iterations a second, {n} nodes against 1", result["throughput_ratio"], "x", 5.5 * n / 6),
        ("an iteration beyond its sleep, 1 node", result["overhead_1_node_seconds"], "s", None),
        (f"the same on {n} nodes", result["overhead_all_nodes_seconds"], "s", None),
        (f"driver's share of a core, {busy['nodes']} nodes, {busy['iterations_per_second']:.1f} "
         "iterations a second", busy["driver_share_of_a_core"], "", 0.25),
    ]  # fmt: skip
    print(f"{'':<72}{'measured':>12}{'goal':>10}")
    for text, value, unit, goal in rows:
        print(f"{text:<72}{value:>10.2f} {unit:<2}{'' if goal is None else f'{goal:>9.2f}'}")
    output.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    output.write_text(json.dumps({"machine": machine, "result": result, "many": busy}, indent=1))
    print(f"written to {output}")


if __name__ == "__main__":
    main()
