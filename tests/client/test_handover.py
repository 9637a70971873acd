"""Models on their way out of a run, taken by several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from engine.store.mlflow_model import download_mlflow_model
from tests.client.recorded import BEST, record_run

REGISTERING = """
import json, sys
from engine import AutoMLRun, Experiment, Workspace
import mlflow.sklearn
run = AutoMLRun(Experiment(Workspace.from_config(), sys.argv[1]), sys.argv[2])
who = sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
made = []
for _ in range(2):
    made.append(run.register_model(
        "shared", description=who, tags={"who": who}, alias="champion"
    ))
print(json.dumps([[v.version, v.run_id, v.description, v.tags] for v in made]))
"""


@pytest.mark.slow
def test_two_processes_register_models_of_one_name(experiment, tmp_path):
    run = record_run(experiment)
    clients = {
        who: subprocess.Popen(
            [sys.executable, "-c", REGISTERING, experiment.name, run.id, who],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for who in ("ada", "bob")
    }  # fmt: skip
    for client in clients.values():
        assert client.stdout.readline() == "ready\n"
    for client in clients.values():
        client.stdin.write("go\n")
        client.stdin.flush()
    made = {who: json.loads(c.communicate(timeout=120)[0]) for who, c in clients.items()}
    [best] = [child.id for child in run.get_children() if child.iteration == BEST]
    for who, versions in made.items():
        assert [run_id for _, run_id, _, _ in versions] == [best, best]
        assert all((text, tags) == (who, {"who": who}) for _, _, text, tags in versions)
    numbers = [int(number) for versions in made.values() for number, *_ in versions]
    assert sorted(numbers) == [1, 2, 3, 4]
    champion = run.store.client.get_model_version_by_alias("shared", "champion")
    # One of the last calls was the last.
    assert int(champion.version) in {int(versions[-1][0]) for versions in made.values()}
    found = download_mlflow_model(run.store, best, str(tmp_path))
    assert (found / "code" / "engine" / "__init__.py").is_file()
