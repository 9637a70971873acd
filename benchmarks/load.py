"""raysmith under load: prints a table of measurements and goals, writes JSON.

1. ``runs``: twenty runs at once on one cluster. Does each end, and what do they take together?
2. ``long``: one run of 2,000 iterations and a client that follows it. Do their memories grow after
   200 iterations? Are report and widget still quick?
3. ``pollers``: fifty clients that follow one run on a tracking server. What do they ask of it, and
   when do they see the end?
4. ``slow-store``: 200 trials that print all the time, on a store that takes 0.5 s for a call. What
   does that cost the search? The trials are recorded ones and the clock is 10 times as fast.
5. ``hour``: one hour at concurrency 2. Does anything grow? Only when it is named.

``python benchmarks/load.py [PART ...] [--quick] [--recorded] [--output FILE]``

``--quick`` makes everything small. ``--recorded`` replays trials in part 2 instead of training, and
needs no Ray.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from recorded_runs import PLAIN, FastClock, RandomTrials, X, Y, recorded_run, slowed

from engine import AutoMLConfig, AutoMLRun, Experiment, Workspace
from engine.driver.clock import SimulatedClock
from engine.show.live_state import LiveState
from engine.store.iteration_reader import IterationReader

#: A line of the table: what was measured, its value, its unit, and the goal: at most this much.
Row = tuple[str, float, str, float | None]

# MLflow's client prints an address for each iteration on a server.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

_SPEED = 10.0  # of the clock in `slow_store`
_STORE_SECONDS = 0.5


def settings(**changes: Any) -> AutoMLConfig:
    return AutoMLConfig("classification", X=X, y=Y, **{**PLAIN, **changes})


# 1. Twenty runs at once


def runs(quick: bool, recorded: bool) -> list[Row]:
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
        (f"{number} runs at once of {iterations} iterations", seconds, "s", None),
        ("to submit them", submitted, "s", 1.0 * number),
        ("runs that did not complete", number - ended.count("Completed"), "", 0.0),
        ("iterations that are missing", number * iterations - found, "", 0.0),
        ("driver process (unique set size)", _megabytes(psutil.Process()), "MB", None),
    ]


# 2. and 5. One long run


def long(quick: bool, recorded: bool) -> list[Row]:
    iterations, early = (60, 20) if quick else (2000, 200)
    rows = _followed([str(iterations), "0", str(int(recorded))], lambda s: s["ended"] >= early)
    experiment = Experiment(Workspace.from_config(), "long")
    return [*rows, *_shown(experiment.get_runs()[0])]


def hour(quick: bool, recorded: bool) -> list[Row]:
    minutes, early = (2, 0.5) if quick else (60, 10)
    return _followed(["0", str(minutes), "0"], lambda s: s["seconds"] >= 60 * early)


def _followed(arguments: list[str], is_warm: Callable[[dict[str, float]], bool]) -> list[Row]:
    """Drive a run in one process, follow it in another, and compare both early and late."""
    with _child("drive", *arguments) as driver:
        run_id = driver.stdout.readline().split()[-1]  # type: ignore[union-attr]
        with _child("follow", run_id) as client:
            samples = list(_samples(run_id, driver, client))
    early = next((s for s in samples if is_warm(s)), samples[0])
    late = samples[-1]
    return [
        ("iterations", late["ended"], "", None),
        ("seconds", late["seconds"], "s", None),
        *(
            row
            for who in ("driver", "client")
            for row in (
                (f"{who}: memory early", early[who], "MB", None),
                (f"{who}: memory at the end against early", late[who] / early[who], "x", 1.1),
                (f"{who}: more threads", late[f"{who} threads"] - early[f"{who} threads"], "", 4.0),
                (f"{who}: more files", late[f"{who} files"] - early[f"{who} files"], "", 8.0),
            )
        ),
    ]


def _samples(
    run_id: str, driver: subprocess.Popen[str], client: subprocess.Popen[str]
) -> Iterator[dict[str, float]]:
    store = Workspace.from_config().store
    reader, began = IterationReader(store, run_id), time.monotonic()
    processes = {"driver": psutil.Process(driver.pid), "client": psutil.Process(client.pid)}
    while driver.poll() is None and client.poll() is None:
        record = store.run(run_id)
        reader.read(record)
        if record.is_final:
            return
        sample = {"seconds": time.monotonic() - began, "ended": float(reader.ended_count)}
        with contextlib.suppress(psutil.Error):
            for who, process in processes.items():
                sample[who] = _megabytes(process)
                sample[f"{who} threads"] = process.num_threads()
                sample[f"{who} files"] = process.num_fds()
            yield sample
        time.sleep(2.0)


def drive(iterations: str, minutes: str, recorded: str) -> None:
    experiment = Experiment(Workspace.from_config(), "long")
    if int(recorded):
        clock = FastClock(60.0)
        trials = RandomTrials(1.0, "a line of a log\n" * 150)
        run, driver = recorded_run(experiment, trials, clock, int(iterations), 2)
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
    run = AutoMLRun(Experiment(Workspace.from_config(), "long"), run_id)
    run.wait_for_completion(show_output=True)


def _shown(run: AutoMLRun) -> list[Row]:
    """What report and widget of a run take, in a browser too where there is one."""
    began = time.perf_counter()
    report = Path(run.report("report.html"))
    seconds = time.perf_counter() - began
    live = LiveState(run.view())
    began = time.perf_counter()
    live.look()
    look = time.perf_counter() - began
    rows: list[Row] = [
        ("report: written in", seconds, "s", None),
        ("report: size", report.stat().st_size / 1e6, "MB", 5.0),
        ("widget: a look at the store", look, "s", 0.1),
        ("widget: state when it is opened", len(json.dumps(live.whole())) / 1e6, "MB", None),
    ]
    return [*rows, *_in_browser(report)]


def _in_browser(report: Path) -> list[Row]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        print("no Chromium with playwright: the report is not opened")
        return []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(report.absolute().as_uri())
        page.locator("tr.row").first.click()
        page.locator(".details").wait_for()
        opened = time.perf_counter() - began
        began = time.perf_counter()
        page.locator("tr.row").nth(1).click()
        page.locator("tr.row.chosen[data-iteration]").wait_for()
        clicked = time.perf_counter() - began
        browser.close()
    return [
        ("report: opened, and a row chosen", opened, "s", 2.0),
        ("report: the next row chosen", clicked, "s", 0.5),
    ]


# 3. Fifty clients of one run


def pollers(quick: bool, recorded: bool) -> list[Row]:
    clients, seconds = (6, 15) if quick else (50, 60)
    with _tracking_server() as (uri, server):
        workspace = Workspace.create("pollers", tracking_uri=uri, exist_ok=True)
        experiment = Experiment(workspace, "pollers")
        run, driver = recorded_run(experiment, RandomTrials(2.0), FastClock(1.0), seconds, 2)
        per_process = 10
        processes = [
            _process("poll", run.id, str(min(per_process, clients - first)))
            for first in range(0, clients, per_process)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # its clients are about to wait
        before, began = _cpu_seconds(server), time.perf_counter()
        driver.run()
        ended_at, took = time.time(), time.perf_counter() - began
        answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
        used = _cpu_seconds(server) - before
        n_iterations = len(run.get_children())
    rows_seen = [rows for answer in answers for rows in answer["rows"]]
    late = max(seen - ended_at for answer in answers for seen in answer["ends"])
    calls = sum(answer["calls"] for answer in answers)
    return [
        (f"{clients} clients of a run of {took:.0f} s: requests", calls / took, "a s", None),
        ("requests of a client", calls / took / clients, "a s", 6.5),
        ("server's share of a core", used / took, "", None),
        ("clients that missed rows", sum(n < n_iterations for n in rows_seen), "", 0.0),
        ("the end seen by the last one after", late, "s", 5.0),
    ]


def poll(run_id: str, number: str) -> None:
    """Several clients of a run, each with a workspace of its own."""
    import io
    import re

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


@contextlib.contextmanager
def _tracking_server() -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += [
        "--workers",
        "2",
        "--backend-store-uri",
        f"sqlite:///{Path('server.db').absolute()}",
    ]
    command += ["--artifacts-destination", Path("server").absolute().as_uri()]
    with open("server.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(Path("server.log").read_text(encoding="utf-8")) from None
                time.sleep(0.2)
        yield address, psutil.Process(process.pid)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(30)
        psutil.wait_procs(children, 10)


# 4. A slow store


def slow_store(quick: bool, recorded: bool) -> list[Row]:
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
        (
            f"{trials} trials of {seconds:.0f} s, {concurrency} at once: search",
            fastest,
            "min",
            None,
        ),
        (f"the same on a store of {_STORE_SECONDS:g} s a call", search, "min", None),
        ("slow store against none", search / fastest, "x", 1.1),
        ("calls of an iteration", calls.count / trials, "", None),
    ]


def _search_minutes(run: AutoMLRun, trials: int) -> float:
    """Return the minutes from the first start of an iteration to the last."""
    assert run.get_status() == "Completed", run.get_details()["error"]
    begins = [child.get_details()["startTime"] for child in run.get_children()]
    assert len(begins) == trials
    return (max(begins) - min(begins)) / 60


# Processes and the table


def _process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).resolve()), "--child", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def _child(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this file; what it prints beyond the first line is thrown away."""
    process = _process(*arguments)
    try:
        if arguments[0] != "drive":
            _discard(process)
        yield process
        if arguments[0] == "drive":
            _discard(process)
        process.wait(600)
        assert process.returncode == 0, arguments
    finally:
        process.kill()


def _discard(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    threading.Thread(target=process.stdout.read, daemon=True).start()


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_full_info().uss) / 2**20


def _cpu_seconds(process: psutil.Process) -> float:
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)


PARTS = {
    "runs": runs,
    "long": long,
    "pollers": pollers,
    "slow-store": slow_store,
    "hour": hour,
}
_BY_DEFAULT = ["runs", "long", "pollers", "slow-store"]
_CHILDREN = {"drive": drive, "follow": follow, "poll": poll}


def measure(part: str, options: argparse.Namespace) -> list[Row]:
    """Measure a part in a folder of its own, which becomes its workspace."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="raysmith-load-") as folder:
        os.chdir(folder)
        try:
            return PARTS[part](options.quick, options.recorded)
        finally:
            os.chdir(before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=_BY_DEFAULT, help=" ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, some minutes in all")
    parser.add_argument("--recorded", action="store_true", help="part 2 without Ray")
    parser.add_argument("--output", default="benchmarks/results/load.json")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, *arguments = options.child
        _CHILDREN[name](*arguments)
        return
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"{sorted(unknown)}: allowed is {', '.join(PARTS)}")
    output = Path(options.output).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    earlier = json.loads(output.read_text("utf-8"))["parts"] if output.is_file() else {}
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    for part in options.parts:
        print(f"{part:<56}{'measured':>12}{'goal':>16}", flush=True)
        rows = measure(part, options)
        for text, value, unit, goal in rows:
            limit = "" if goal is None else f"{goal:>10.2f} at most"
            print(f"  {text:<54}{value:>10.2f} {unit:<4}{limit}", flush=True)
        earlier[part] = {
            "quick": options.quick,
            "rows": [
                dict(zip(("what", "value", "unit", "goal"), row, strict=True)) for row in rows
            ],
        }
        output.write_text(json.dumps({"machine": machine, "parts": earlier}, indent=1), "utf-8")
    print(f"written to {output}")


if __name__ == "__main__":
    main()
