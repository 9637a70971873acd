"""Fifty clients that follow one run on a tracking server.

What do they ask of it, and when do they see the end?
"""

from __future__ import annotations

import io
import json
import re
import sys
import threading
import time
from pathlib import Path

import processes
from measurement import Row, cpu_seconds
from recorded_runs import FastClock, RandomTrials, recorded_run, slowed
from server import tracking_server

from engine import AutoMLRun, Experiment, Workspace
from engine.driver.driver import Driver

_PER_PROCESS = 10
_TRIAL_SECONDS, _CONCURRENCY = 2.0, 2


def pollers(quick: bool) -> list[Row]:
    clients, trials = (6, 15) if quick else (50, 60)
    with tracking_server() as (uri, server):
        workspace = Workspace.create("pollers", tracking_uri=uri, exist_ok=True)
        experiment = Experiment(workspace, "pollers")
        alone = _driven(*_recorded(experiment, trials))
        run, driver = _recorded(experiment, trials)
        readers = [
            processes.start("poll", run.id, str(min(_PER_PROCESS, clients - first)))
            for first in range(0, clients, _PER_PROCESS)
        ]
        for reader in readers:
            assert reader.stdout is not None
            reader.stdout.readline()  # its clients are about to wait
        before = cpu_seconds(server)
        took = _driven(run, driver)
        ended_at = time.time()
        answers = [json.loads(reader.communicate(timeout=120)[0]) for reader in readers]
        used = cpu_seconds(server) - before
        n_iterations = len(run.get_children())
        failed = Path("server.log").read_text("utf-8").count('" 500 ')
    rows_seen = [rows for answer in answers for rows in answer["rows"]]
    late = max(seen - ended_at for answer in answers for seen in answer["ends"])
    calls = sum(answer["calls"] for answer in answers)
    return [
        Row(f"{trials} trials of {_TRIAL_SECONDS:.0f} s, {_CONCURRENCY} at once", alone, "s"),
        Row(f"the same with {clients} clients", took, "s"),
        Row("with clients against without", took / alone, "x"),
        Row("requests of all clients", calls / took, "a s"),
        Row("requests of a client", calls / took / clients, "a s", 6.5),
        Row("server's share of a core", used / took),
        Row("requests that the server answered with error 500", failed),
        Row("clients that missed rows", sum(n < n_iterations for n in rows_seen), "", 0.0),
        Row("the end seen by the last one after", late, "s", 5.0),
    ]


def _recorded(experiment: Experiment, trials: int) -> tuple[AutoMLRun, Driver]:
    return recorded_run(
        experiment, RandomTrials(_TRIAL_SECONDS), FastClock(1.0), trials, _CONCURRENCY
    )


def _driven(run: AutoMLRun, driver: Driver) -> float:
    """Drive a run to its end; return the seconds that it took."""
    began = time.perf_counter()
    driver.run()
    assert run.get_status() == "Completed", run.get_details()["error"]
    return time.perf_counter() - began


def poll(run_id: str, number: str) -> None:
    """Several clients of a run, each with a workspace of its own."""
    from rich.console import Console  # noqa: F401 - imported before the threads start

    outputs = [io.StringIO() for _ in range(int(number))]
    current = threading.local()

    class ByThread(io.TextIOBase):
        def write(self, text: str) -> int:
            return current.output.write(text)

    ends = []

    def client(output: io.StringIO) -> None:
        current.output = output
        run = AutoMLRun(Experiment(Workspace.from_config(), "pollers"), run_id)
        run.wait_for_completion(show_output=True)
        ends.append(time.time())

    real, sys.stdout = sys.stdout, ByThread()  # type: ignore[assignment]
    threads = [threading.Thread(target=client, args=[output]) for output in outputs]
    print("waiting", file=real, flush=True)
    with slowed() as calls:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = [len(re.findall(r"^ *\d+   ", output.getvalue(), re.MULTILINE)) for output in outputs]
    print(json.dumps({"rows": rows, "ends": ends, "calls": calls.count}), file=real, flush=True)
