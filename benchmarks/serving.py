"""Endpoints beside MLflow's own scoring server: prints a table, writes JSON.

The best model of the demo's settings is served twice on this machine, one after the other: by
``run.deploy(...)`` on the embedded Ray with its defaults, and by ``mlflow models serve --workers``
with a worker for each core. The load generator, a third process, runs on the same cores. It sends
single rows and batches of 1,000 rows, from one client and from 16, each waiting for its answer.
Then the endpoint is updated while 16 clients go on. Rows are JSON ``instances``, as both take them.

``CPU ms`` is the processor time of all server processes for a request. Unlike the others, it hardly
depends on what else runs on the machine.

``python benchmarks/serving.py [--quick] [--run WORKSPACE ID] [--output FILE]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

CASES = [(1, 1), (1, 16), (1000, 1), (1000, 16)]


async def load(url: str, body: bytes, clients: int, seconds: float) -> dict[str, Any]:
    """Send the body again and again from several clients; count the answers after a warm-up."""
    import aiohttp

    headers = {"Content-Type": "application/json"}
    latencies: list[float] = []
    statuses: dict[str, int] = {}
    began = time.perf_counter()
    until = began + 1.2 * seconds

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=clients)) as session:

        async def client() -> None:
            while (sent := time.perf_counter()) < until:
                try:
                    async with session.post(url, data=body, headers=headers) as answer:
                        await answer.read()
                        status = str(answer.status)
                except aiohttp.ClientError as error:
                    status = type(error).__name__
                statuses[status] = statuses.get(status, 0) + 1
                ended = time.perf_counter()
                if 0.2 * seconds < ended - began <= 1.2 * seconds:
                    latencies.append(ended - sent)

        await asyncio.gather(*(client() for _ in range(clients)))
    return {
        "requests_a_second": len(latencies) / seconds,
        "p50_ms": 1000 * float(np.percentile(latencies, 50)),
        "p99_ms": 1000 * float(np.percentile(latencies, 99)),
        "statuses": statuses,
    }


def generate(url: str, file: str, clients: int, seconds: float) -> dict[str, Any]:
    """Run the load generator in a process of its own."""
    command = [sys.executable, __file__, "--load", url, file, str(clients), str(seconds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def bodies(folder: Path) -> dict[int, str]:
    """Write a body of one row and one of a thousand; return rows -> file."""
    from sklearn.datasets import load_digits

    rows = np.resize(load_digits().data, (1000, 64)).tolist()
    files = {}
    for count in (1, 1000):
        file = folder / f"{count}.json"
        file.write_text(json.dumps({"instances": rows[:count]}))
        files[count] = str(file)
    return files


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Processor time that some processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def memory_mb(process: psutil.Process) -> float:
    """Memory that ends with a process, in MB."""
    return process.memory_full_info().uss / 2**20


def actors_of_serve(*titles: str) -> list[psutil.Process]:
    """The processes of Ray whose titles begin like this."""
    return [
        p
        for p in psutil.process_iter(["cmdline"])
        if any(word.startswith(titles) for word in p.info["cmdline"] or ())
    ]


@contextmanager
def mlflow_server(uri: str, workers: int, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """MLflow's scoring server, until the block ends."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri, "--port", str(port),
        "--env-manager", "local", "--workers", str(workers),
    ]  # fmt: skip
    with (folder / "mlflow.log").open("w") as log:
        # MLflow calls uvicorn by its bare name.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = psutil.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": path})
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/ping", process, folder / "mlflow.log")
            yield f"{url}/invocations", process
        finally:
            for child in process.children(recursive=True):
                child.kill()
            process.kill()
            process.wait()


def wait_for(url: str, process: psutil.Popen, log: Path) -> None:
    import requests

    until = time.monotonic() + 400
    while True:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(log.read_text()) from None
        time.sleep(0.2)


def table_of(
    url: str, files: dict[int, str], seconds: float, processes: list[psutil.Process]
) -> dict[str, Any]:
    """All cases at one server."""
    table = {}
    for rows, clients in CASES:
        before = cpu_seconds(processes)
        found = generate(url, files[rows], clients, seconds)
        spent = cpu_seconds(processes) - before
        found["cpu_ms"] = 1000 * spent / sum(found["statuses"].values())
        table[f"{rows} x {clients}"] = found
    return table


def train(iterations: int) -> Any:
    """A run with the demo's settings."""
    from engine import AutoMLConfig, Experiment, Workspace

    script = Path(__file__).parents[1] / "examples" / "digits" / "get_data.py"
    config = AutoMLConfig(
        task="classification", data_script=script, iterations=iterations, n_cross_validations=5,
        primary_metric="AUC_weighted", preprocess=False, max_concurrent_iterations=10,
    )  # fmt: skip
    run = Experiment(Workspace.from_config(), "serving").submit(config)
    run.wait_for_completion()
    return run


def stored_run(workspace: str, run_id: str) -> Any:
    """A run that has ended."""
    from engine import AutoMLRun, Experiment, Workspace

    return AutoMLRun(Experiment(Workspace.from_config(path=workspace), "serving"), run_id)


def measure(run: Any, seconds: float) -> dict[str, Any]:
    """The best model of a run, behind both servers."""
    best = run.get_output()[0]
    files = bodies(Path.cwd())
    result: dict[str, Any] = {"model": best.get_details()["pipeline"]}
    endpoint = run.deploy("digits")
    [replica] = actors_of_serve("ray::ServeReplica:digits")
    servers = [replica, *actors_of_serve("ray::ProxyActor")]
    result["endpoint"] = table_of(endpoint.scoring_uri, files, seconds, servers)
    result["endpoint_memory_mb"] = memory_mb(replica)
    result["update"] = updated_under_load(endpoint, run, files[1], seconds)
    endpoint.delete()
    from engine.store.mlflow_model import save_mlflow_model

    os.environ["MLFLOW_TRACKING_URI"] = run.experiment.workspace.tracking_uri
    uri = save_mlflow_model(run.store, best.id)
    with mlflow_server(uri, os.cpu_count() or 1, Path.cwd()) as (url, process):
        workers = process.children(recursive=True)
        result["mlflow"] = table_of(url, files, seconds, workers)
        result["mlflow_memory_mb"] = max(memory_mb(worker) for worker in workers)
    return result


def updated_under_load(endpoint: Any, run: Any, file: str, seconds: float) -> dict[str, Any]:
    """Statuses of the requests of 16 clients while the endpoint gets a new model."""
    found: dict[str, Any] = {}

    def hammer() -> None:
        found.update(generate(endpoint.scoring_uri, file, 16, 2 * seconds + 10))

    thread = threading.Thread(target=hammer)
    thread.start()
    time.sleep(5)
    began = time.perf_counter()
    endpoint.update(run, iteration=0)
    found["update_seconds"] = time.perf_counter() - began
    thread.join()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 iterations, 3 s a case")
    parser.add_argument("--output", default="benchmarks/results/serving.json")
    parser.add_argument("--run", nargs=2, metavar=("WORKSPACE", "ID"), help="train no other run")
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        url, file, clients, seconds = options.load
        content = Path(file).read_bytes()
        print(json.dumps(asyncio.run(load(url, content, int(clients), float(seconds)))))
        return
    output = Path(options.output).absolute()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = stored_run(*options.run) if options.run else train(3 if options.quick else 20)
        result = measure(run, 3.0 if options.quick else 15.0)
        os.chdir(here)
    print(f"model: {result['model']}, {os.cpu_count()} cores")
    measures = ("p50 ms", "p99 ms", "CPU ms")
    head = ["endpoint", "mlflow", "ratio", *(text for m in measures for text in (m, "mlflow"))]
    print(f"{'rows x clients':<16}" + "".join(f"{text:>10}" for text in head))
    for case, ours in result["endpoint"].items():
        theirs = result["mlflow"][case]
        rates = ours["requests_a_second"], theirs["requests_a_second"]
        numbers = [*rates, rates[0] / rates[1]]
        numbers += [
            table[key] for key in ("p50_ms", "p99_ms", "cpu_ms") for table in (ours, theirs)
        ]
        print(f"{case:<16}" + "".join(f"{number:>10.1f}" for number in numbers))
    update = result["update"]
    print(f"update under load: {update['update_seconds']:.1f} s, answers {update['statuses']}")
    print(
        f"memory of a replica: {result['endpoint_memory_mb']:.0f} MB, "
        f"of a worker of MLflow's: {result['mlflow_memory_mb']:.0f} MB"
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    output.write_text(json.dumps({"machine": machine, "result": result}, indent=1))
    print(f"written to {output}")


if __name__ == "__main__":
    main()
