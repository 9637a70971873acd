"""Targets whose creation is interrupted, killed or fails: nothing stays that cannot be named."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from cluster import AmlCompute, ComputeTarget, ComputeTargetException
from cluster.providers import kinds
from cluster.providers.local_processes import CLUSTER_MARK, end_marked, marked
from cluster.providers.provider import Provider
from cluster.targets.compute_target import open_target
from cluster.targets.registry import names


class OneProcess(Provider):
    """A cluster of one process that sleeps, found by its mark; `act` may interfere."""

    act: ClassVar[dict] = {"up": lambda: None, "down": lambda: None}

    def plan(self):
        return {"cluster_id": f"test-{os.getpid()}-{time.monotonic_ns()}"}

    def up(self, name, config):
        mark = {CLUSTER_MARK: self.facts["cluster_id"]}
        subprocess.Popen(["sleep", "600"], env={**os.environ, **mark}, start_new_session=True)
        # Its environment can be read a moment after it has started.
        while not list(marked(CLUSTER_MARK, self.facts["cluster_id"])):
            time.sleep(0.01)
        self.act["up"]()
        return {"cluster_id": self.facts["cluster_id"], "address": "http://127.0.0.1:9"}

    def down(self):
        self.act["down"]()
        if "cluster_id" in self.facts:
            end_marked(CLUSTER_MARK, self.facts["cluster_id"])

    def resize(self, name, config):
        raise AssertionError("nothing to resize")

    def address(self):
        return str(self.facts["address"])

    def runs_here(self):
        return True


@pytest.fixture
def place(tmp_path):
    return SimpleNamespace(folder=tmp_path)


@pytest.fixture
def act(monkeypatch):
    """What happens in ``up`` and ``down``, by name."""
    chosen = {"up": lambda: None, "down": lambda: None}
    monkeypatch.setattr(OneProcess, "act", chosen)
    monkeypatch.setitem(kinds.KINDS, "local", OneProcess)
    return chosen


def config(**more):
    return AmlCompute.provisioning_configuration("STANDARD_D2_V2", **more)


def raises(error):
    def act():
        raise error

    return act


def processes():
    """The processes that this test's clusters have left."""
    found = []
    for line in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{CLUSTER_MARK}=test-{os.getpid()}-".encode() in line.read_bytes():
                found.append(int(line.parent.name))
        except OSError:
            continue
    return [p for p in found if Path(f"/proc/{p}/cmdline").read_bytes().startswith(b"sleep")]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), OSError("the disk is full")])
def test_what_was_started_ends_and_the_name_is_free(place, act, error):
    act["up"] = raises(error)
    with pytest.raises(type(error)):
        ComputeTarget.create(place, "x", config())
    assert processes() == []
    assert names(place) == []
    act["up"] = lambda: None
    target = ComputeTarget.create(place, "x", config())
    assert len(processes()) == 1
    target.delete(force=True)
    assert processes() == []


def test_the_record_is_there_before_anything_starts(place, act):
    seen = []
    act["up"] = lambda: seen.append(open_target(place, "x").get_status().provisioning_state)
    target = ComputeTarget.create(place, "x", config())
    assert seen == ["Creating"]
    assert target.get_status().provisioning_state == "Failed"  # nobody answers at its address
    assert "being_made" not in target.serialize()
    target.delete(force=True)


def test_when_ending_it_is_interrupted_too_it_can_be_named(place, act):
    act["up"] = act["down"] = raises(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ComputeTarget.create(place, "x", config())
    assert len(processes()) == 1
    target = open_target(place, "x")
    status = target.get_status()
    assert status.provisioning_state == "Failed"
    assert "was interrupted; ComputeTarget.create() with its name" in status.errors[0]
    assert repr(target) == "AmlCompute('x', 'local')"
    with pytest.raises(ComputeTargetException, match="was interrupted"):
        target.wait_for_completion()
    with pytest.raises(ComputeTargetException, match="was interrupted"):
        target.update(max_nodes=2)
    act["down"] = lambda: None
    target.delete(force=True)
    assert processes() == []
    assert names(place) == []


def test_one_whose_maker_was_killed_is_made_anew(place, act):
    """SIGKILL cleans nothing up: the next `create` ends what is left, with its own settings."""
    code = f"""
        import os, signal, sys
        from types import SimpleNamespace
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[3])!r})
        from cluster import ComputeTarget
        from cluster.providers import kinds
        from tests.cluster.targets.test_interrupted import OneProcess, config

        class Here(OneProcess):
            def plan(self):
                return {{"cluster_id": "test-{os.getpid()}-of-the-killed"}}

        kinds.KINDS["local"] = Here
        OneProcess.act["up"] = lambda: os.kill(os.getpid(), signal.SIGKILL)
        ComputeTarget.create(SimpleNamespace(folder=Path({str(place.folder)!r})), "x", config())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -9
    [left] = processes()
    assert names(place) == ["x"]
    assert open_target(place, "x").get_status().provisioning_state == "Failed"
    target = ComputeTarget.create(place, "x", config(max_nodes=3))
    assert not list(marked(CLUSTER_MARK, f"test-{os.getpid()}-of-the-killed"))
    [new] = processes()
    assert new != left
    assert target.provisioning.max_nodes == 3
    target.delete(force=True)
    assert processes() == []


def test_machines_that_cannot_be_ended(place, act):
    target = ComputeTarget.create(place, "x", config())
    act["down"] = raises(ComputeTargetException("the cloud does not answer"))
    with pytest.raises(ComputeTargetException, match="the cloud does not answer"):
        target.delete()
    assert names(place) == ["x"]
    with pytest.warns(UserWarning, match="machines may be left running: the cloud"):
        target.delete(force=True)
    assert names(place) == []
    for pid in processes():
        os.kill(pid, 9)
