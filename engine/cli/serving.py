"""The commands ``raysmith serve`` and ``raysmith endpoints``."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import time
from pathlib import Path

from engine.client.endpoint_records import Served
from engine.client.endpoints import Endpoint, deploy
from engine.client.experiment import Experiment
from engine.client.run import AutoMLRun
from engine.client.workspace import Workspace
from engine.errors import RunException
from engine.show.console import print_table

_DONE = 0
_LOOK_SECONDS = 0.5
_COLUMNS = ("name", "state", "version", "compute_target", "url")


def serve(options: argparse.Namespace) -> int:
    """Deploy a model as an endpoint; on the embedded Ray, keep it until Ctrl-C."""
    # Whoever ends the process otherwise than with Ctrl-C has the endpoint deleted, too.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _serve(options)
    finally:
        signal.signal(signal.SIGTERM, before)


def _serve(options: argparse.Namespace) -> int:
    workspace = Workspace.from_config(options.workspace)
    iteration_id, found = _iteration_id(workspace, options.model, options.iteration)
    endpoint = deploy(
        workspace,
        options.name or re.sub(r"[^A-Za-z0-9]+", "-", found).strip("-")[:63].strip("-"),
        Served.of_iteration(workspace, iteration_id),
        options.compute_target,
        None if options.token_file is None else Path(options.token_file).read_text().strip(),
        options.timeout,
        num_replicas=options.replicas,
        cores_per_replica=options.cores,
        max_batch_size=options.batch_size,
        batch_wait_ms=options.batch_wait_ms,
    )
    print(f"endpoint {endpoint.name}: {endpoint.scoring_uri}", flush=True)
    if endpoint.token is not None:
        print("requests need its token: Endpoint(workspace, name).token", flush=True)
    if options.compute_target not in (None, "local"):
        return _DONE
    print("serving until Ctrl-C", flush=True)
    try:
        while endpoint.name in workspace.endpoints:  # another process may delete it
            time.sleep(_LOOK_SECONDS)
        print(f"endpoint {endpoint.name} has been deleted", flush=True)
    except KeyboardInterrupt:
        print("ending the endpoint", flush=True)
    finally:
        endpoint.delete()
    return _DONE


def endpoints(options: argparse.Namespace) -> int:
    """List the endpoints of the workspace, or show, roll back or delete one."""
    workspace = Workspace.from_config(options.workspace)
    if options.name is None:
        found = [_row(endpoint) for endpoint in workspace.endpoints.values()]
        if options.json:
            print(json.dumps(found, indent=1))
        else:
            print_table(list(_COLUMNS), found)
        return _DONE
    endpoint = Endpoint(workspace, options.name)
    if options.logs:
        sys.stdout.write(endpoint.get_logs())
    elif options.rollback:
        print(f"endpoint {endpoint.name}: version {endpoint.rollback().version}")
    elif options.delete:
        endpoint.delete()
        print(f"endpoint {endpoint.name}: deleted")
    else:
        print(json.dumps(endpoint.get_details(), indent=1))
    return _DONE


def _row(endpoint: Endpoint) -> dict[str, str]:
    details = endpoint.get_details()
    return {
        "name": endpoint.name,
        "state": details["state"],
        "version": str(endpoint.version),
        "compute_target": details["compute_target"],
        "url": endpoint.scoring_uri,
    }


def _iteration_id(workspace: Workspace, text: str, iteration: int | None) -> tuple[str, str]:
    """Return the iteration that a run's id or a registered model's name means, and a name."""
    try:
        record = workspace.store.run(text)
    except RunException:
        return workspace.store.iteration_of_model(text), text.partition("@")[0].partition("/")[0]
    experiment = Experiment.existing(
        workspace, workspace.store.experiment_of(record.run_id), record.experiment_id
    )
    run = AutoMLRun(experiment, record.run_id)
    return run.get_output(iteration)[0].run_id, experiment.name
