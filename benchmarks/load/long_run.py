"""One run of 2,000 iterations or of an hour, and a client that follows it. Does anything grow?"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator

import processes
import psutil
from measurement import Row, megabytes
from recorded_runs import FastClock, RandomTrials, recorded_run, settings
from shown import shown

from engine import AutoMLRun, Experiment, Workspace
from engine.store.iteration_reader import IterationReader
from engine.store.status import RunStatus

_EXPERIMENT = "long"
_SAMPLE_SECONDS = 2.0


def long(quick: bool) -> list[Row]:
    return _long(quick, recorded=False)


def long_recorded(quick: bool) -> list[Row]:
    return _long(quick, recorded=True)


def hour(quick: bool) -> list[Row]:
    minutes, early = (2, 0.5) if quick else (60, 10)
    return _followed("0", str(minutes), "0", is_warm=lambda s: s["seconds"] >= 60 * early)


def ten_minutes(quick: bool) -> list[Row]:
    minutes, early = (2, 0.5) if quick else (10, 2)
    return _followed("0", str(minutes), "0", is_warm=lambda s: s["seconds"] >= 60 * early)


def _long(quick: bool, recorded: bool) -> list[Row]:
    iterations, early = (60, 20) if quick else (2000, 200)
    rows = _followed(
        str(iterations), "0", str(int(recorded)), is_warm=lambda s: s["ended"] >= early
    )
    experiment = Experiment(Workspace.from_config(), _EXPERIMENT)
    return [*rows, *shown(experiment.get_runs()[0])]


def _followed(*arguments: str, is_warm: Callable[[dict[str, float]], bool]) -> list[Row]:
    """Drive a run in one process, follow it in another, and compare both early and late."""
    with processes.running("drive", *arguments) as (driver, first):
        run_id = first.split()[-1]
        with processes.running("follow", run_id) as (client, _):
            samples = list(_samples(run_id, driver, client))
    warm = [sample for sample in samples if is_warm(sample)] or samples[-1:]
    early, last = warm[0], warm[-1]
    late = ([sample for sample in warm if sample["trials"]] or warm)[-1]
    return [
        Row("iterations", last["ended"]),
        Row("seconds", last["seconds"], "s"),
        *(row for who in ("driver", "client") for row in _growth(who, early, late, last)),
    ]


def _growth(
    who: str, early: dict[str, float], late: dict[str, float], last: dict[str, float]
) -> list[Row]:
    return [
        Row(f"{who}: memory after {early['ended']:.0f} iterations", early[who], "MB"),
        Row(
            f"{who}: memory after {late['ended']:.0f} against that",
            late[who] / early[who],
            "x",
            1.1,
        ),
        Row(f"{who}: memory while the report is written", last[who] / early[who], "x", 1.2),
        Row(f"{who}: more threads", late[f"{who} threads"] - early[f"{who} threads"], "", 4.0),
        Row(f"{who}: more files", late[f"{who} files"] - early[f"{who} files"], "", 8.0),
    ]


def _samples(
    run_id: str, driver: subprocess.Popen[str], client: subprocess.Popen[str]
) -> Iterator[dict[str, float]]:
    store = Workspace.from_config().store
    reader, began = IterationReader(store, run_id), time.monotonic()
    observed = {"driver": psutil.Process(driver.pid), "client": psutil.Process(client.pid)}
    while driver.poll() is None and client.poll() is None:
        record = store.run(run_id)
        reader.read(record)
        if record.is_final:
            return
        sample = {
            "seconds": time.monotonic() - began,
            "ended": float(reader.ended_count),
            "trials": float(record.status is RunStatus.RUNNING),
        }
        with contextlib.suppress(psutil.Error):
            for who, process in observed.items():
                sample[who] = megabytes(process)
                sample[f"{who} threads"] = process.num_threads()
                sample[f"{who} files"] = process.num_fds()
            yield sample
        time.sleep(_SAMPLE_SECONDS)


def drive(iterations: str, minutes: str, recorded: str) -> None:
    """Drive a run in this process; print its id."""
    experiment = Experiment(Workspace.from_config(), _EXPERIMENT)
    if int(recorded):
        trials = RandomTrials(1.0, "a line of a log\n" * 150)
        run, driver = recorded_run(experiment, trials, FastClock(60.0), int(iterations), 2)
        print("run", run.id, flush=True)
        driver.run()
        return
    limits = (
        {"experiment_timeout_minutes": float(minutes)}
        if float(minutes)
        else {"iterations": int(iterations)}
    )
    run = experiment.submit(settings(max_concurrent_iterations=2, **limits))
    print("run", run.id, flush=True)
    run.wait_for_completion()


def follow(run_id: str) -> None:
    """Print the table of a run in this process."""
    run = AutoMLRun(Experiment(Workspace.from_config(), _EXPERIMENT), run_id)
    run.wait_for_completion(show_output=True)
