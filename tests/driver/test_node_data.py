"""A node's data: read once, kept for the trials; and the host that finds the node."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import tempfile
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import ray
from ray import JobID

from engine import AutoMLConfig
from engine.driver.data_host import DataLost
from engine.driver.data_source import DataSource
from engine.driver.node_data import (
    NodeData,
    NodeFeatures,
    end_node_data,
    log_folder,
    node_data,
    node_features,
)
from engine.driver.ray_data_host import RayDataHost
from engine.errors import DataException
from tests.driver.in_process_ray import (
    NODE,
    Handle,
    Method,
    Reference,
    actor_died,
    stdout_of_a_process,
)

SCRIPT = """
import numpy as np

def get_data():
    print("reading")
    with open("calls.txt", "a") as file:
        file.write("called ")
    return {"X": np.arange(60.0).reshape(20, 3), "y": [0, 1] * 10}
"""


@pytest.fixture
def source(tmp_path, monkeypatch, in_process_ray):
    """Make the source of a run's data from its script."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def source(script=SCRIPT, name="get_data.py"):
        (tmp_path / name).write_text(script)
        config = AutoMLConfig("classification", data_script=name)
        return DataSource.of("run", config.prepare())

    return source


def test_data_is_read_once(source, tmp_path):
    node = NodeData("run", source())
    with stdout_of_a_process():
        first = node.load()
    assert node.load() is first
    assert first.checked().n_rows == 20
    assert first.output == "reading\n"
    assert first.seconds > 0
    assert (tmp_path / "calls.txt").read_text() == "called "
    assert node.targets().n_rows == 20
    assert node.targets().X.shape[1] == 0
    assert node.describe()["n_rows"] == 20


@pytest.mark.parametrize(
    ("script", "match"),
    [
        ("def get_data():\n    raise KeyError('my key')", "KeyError: 'my key'"),
        ("def get_data():\n    return {'X': [[1], [2]], 'y': [0, 1]}", "needs at least 10 rows"),
    ],
)
def test_what_goes_wrong_is_the_nodes_error(source, script, match):
    loaded = NodeData("run", source(script)).load()
    with pytest.raises(DataException, match=match):
        loaded.checked()
    assert loaded.reference == []


def test_what_nobody_expected_is_the_nodes_error(source, monkeypatch):
    monkeypatch.setattr(DataSource, "read", lambda self: 1 / 0)
    loaded = NodeData("run", source()).load()
    assert loaded.error == "the data cannot be used: ZeroDivisionError: division by zero"


def test_the_end_of_a_log(source):
    node = NodeData("run", source())
    assert node.tail("3.log") == ""
    folder = log_folder("run")
    folder.mkdir(parents=True)
    (folder / "3.log").write_text("x" * 300_000 + "the end")
    beginning, end = node.tail("3.log").split("\n")
    assert beginning == "[100007 bytes before this were left out]"
    assert (len(end), end[-7:]) == (200_000, "the end")
    node.clean()
    assert not folder.exists()
    assert node.tail("3.log") == ""


def test_an_actor_ends_with_the_job_of_its_driver(source, in_process_ray, monkeypatch):
    """A detached actor outlives its driver, and would keep the data on its node."""
    monkeypatch.setattr("engine.driver.node_data._JOB_SECONDS", 0.01)
    ended = threading.Event()
    monkeypatch.setattr("os.kill", lambda pid, number: ended.set())
    jobs = in_process_ray.jobs
    jobs[JobID.from_hex("01000000")] = SimpleNamespace(is_dead=False)
    jobs[JobID.from_hex("02000000")] = SimpleNamespace(is_dead=True)
    node = NodeData("run", source())
    node.end_with("01000000")
    node.end_with("02000000")  # another trial's call changes nothing
    assert not ended.wait(0.1)
    jobs[JobID.from_hex("01000000")] = SimpleNamespace(is_dead=True)
    assert ended.wait(10)
    assert not log_folder("run").parent.exists()


def test_the_memory_of_a_trial_is_watched(source):
    node = NodeData("run", source())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        node.watch_memory("3.log", process.pid, 0, 1)
        assert process.wait(30) == -signal.SIGKILL
    assert node.last_words("3.log").reason.startswith("over mem_in_mb=1: it used ")
    assert node.memory_use("3.log", process.pid, 0) is None


def test_features_are_made_once_and_kept_while_there_is_room(source):
    handle = Handle(NodeData("run", source()))
    kept, made = NodeFeatures(handle), []

    def make(size):
        made.append(size)
        return "encoder", np.zeros(size, dtype=np.int8), None

    for _ in range(2):
        assert kept(0, lambda: make(150))[0] == "encoder"
    assert made == [150]
    for _ in range(2):  # a fifth of the 1,000 bytes of the node's store, of which 50 are left
        kept(1, lambda: make(60))
    assert made == [150, 60, 60]


def test_features_are_made_again_when_the_actor_is_gone(source):
    class Gone:
        def __getattr__(self, name):
            def fails(*_):
                raise actor_died()

            return Method(fails)

    assert NodeFeatures(Gone())(0, lambda: "features") == "features"


def test_a_node_has_one_actor_a_run_until_it_is_ended(source, in_process_ray):
    assert node_features("run") is None
    node = node_data(source())
    assert node_data(source()) is node
    assert len(in_process_ray.actors) == 1
    assert in_process_ray.options[0]["lifetime"] == "detached"
    assert in_process_ray.options[0]["num_cpus"] == 0
    assert node_features("run") is not None
    in_process_ray.actors["data-other:-node"] = Handle(None)
    # A client's explanation has data of its own on the node.
    in_process_ray.actors["data-run-explain:-node"] = Handle(None)
    end_node_data("run")
    assert in_process_ray.killed == [node]


def test_two_drivers_of_a_run_have_actors_of_their_own(source, in_process_ray):
    loser, winner = (
        node_data(dataclasses.replace(source(), driver=driver)) for driver in ("loser", "winner")
    )
    assert loser is not winner
    end_node_data("run", "loser")
    assert in_process_ray.killed == [loser]
    end_node_data("run", but="winner")
    assert winner not in in_process_ray.killed
    assert node_features("run", "winner") is not None


def test_an_actor_that_is_gone_before_it_is_ended(source, in_process_ray, monkeypatch):
    node_data(source())

    def gone(name, namespace):
        raise ValueError("no actor")

    monkeypatch.setattr("ray.get_actor", gone)
    end_node_data("run")
    assert in_process_ray.killed == []


class TestHost:
    """`RayDataHost`, with one node."""

    @pytest.fixture
    def host(self, source, monkeypatch):
        host = RayDataHost(source(), {"num_cpus": 2})
        asked = []

        class Somewhere:
            @staticmethod
            def options(**options):
                asked.append(options)
                return Method(lambda source: (Handle(NodeData("run", source)), NODE["NodeID"]))

        monkeypatch.setattr("engine.driver.ray_data_host.node_data_somewhere", Somewhere)
        host.asked = asked
        return host

    def test_data_comes_from_a_node_with_room(self, host):
        room = host.start()
        assert room.wait(0.1)
        room.result()
        assert host.asked == [{"num_cpus": 2}]
        loading = host.load()
        assert loading.wait(0.1)
        assert loading.result().checked().n_rows == 20
        assert host.targets().result().n_rows == 20
        assert host.describe().result()["n_rows"] == 20

    def test_a_process_that_dies(self, host):
        host.start().result()

        def dies():
            raise ray.exceptions.RayActorError(None, "A line\nThe actor died unexpectedly.\nMore")

        host.node.actor.load = dies
        with pytest.raises(DataException) as caught:
            host.load().result()
        assert str(caught.value) == (
            "the process that ran get_data() died: The actor died unexpectedly."
        )

    OTHERS = ("b" * 56, "c" * 56)

    @pytest.fixture
    def others(self, host, in_process_ray, source, monkeypatch):
        """Two more nodes; what they read is set by the test."""
        in_process_ray.nodes = [
            NODE, *({**NODE, "NodeID": n, "NodeManagerAddress": n[:1]} for n in self.OTHERS)
        ]  # fmt: skip
        scripts = dict.fromkeys(self.OTHERS, SCRIPT)

        def node_data(_, node_id):
            return Handle(NodeData("run", source(scripts[node_id], f"{node_id[0]}.py")))

        monkeypatch.setattr("engine.driver.ray_data_host.node_data", node_data)
        return scripts

    def test_the_other_nodes_read_what_the_first_cannot(self, host, others, in_process_ray):
        others[self.OTHERS[0]] = "def get_data():\n    raise OSError('not mounted')"
        host.start().result()
        first = host.node
        elsewhere = host.load_elsewhere("OSError: no disk")
        assert elsewhere.wait(10)
        assert elsewhere.result().checked().n_rows == 20
        assert host.node_id == self.OTHERS[1]
        assert host.targets().result().n_rows == 20
        assert in_process_ray.killed == [first]
        notes = list(host.barred.values())
        assert notes[0] == "node 10.0.0.1 takes no part in the run: OSError: no disk"
        assert notes[1].startswith("node b takes no part in the run: ")
        assert "not mounted" in notes[1]

    def test_no_other_node_has_the_data(self, host, others):
        for node_id in self.OTHERS:
            others[node_id] = "def get_data():\n    raise OSError('not mounted')"
        host.start().result()
        elsewhere = host.load_elsewhere("OSError: no disk")
        assert elsewhere.wait(10)
        assert "not mounted" in elsewhere.result().error
        assert len(host.barred) == 3

    def test_there_is_no_other_node(self, host):
        host.start().result()
        assert host.load_elsewhere("OSError: no disk") is None
        assert not host.has_node_left()

    def test_a_node_to_come(self, source):
        asked = []
        host = RayDataHost(source(), {}, lambda barred: not asked.append(sorted(barred)))
        host.bar("b", "no disk")
        assert host.has_node_left()
        assert asked == [["b"]]

    def test_nodes_that_have_not_answered_in_time_are_barred(self, host, others, in_process_ray):
        host.start().result()
        elsewhere = host.load_elsewhere("OSError: no disk")
        for reference in elsewhere._loading.values():
            reference.ready = False
        assert not elsewhere.wait(0.01)
        elsewhere.cancel()
        assert set(host.barred) == {NODE["NodeID"], *self.OTHERS}

    def test_a_host_that_starts_again_avoids_barred_nodes(self, host):
        host.start().result()
        host.bar("b", "no disk")
        host.start()
        assert host.asked[1] == {"num_cpus": 2, "label_selector": {"ray.io/node-id": "!in(b)"}}

    def test_data_whose_process_is_gone_is_lost(self, host):
        host.start().result()

        def dies():
            raise actor_died()

        host.node.actor.targets = dies
        with pytest.raises(DataLost):
            host.targets().result()

    def test_another_node_that_has_read_the_data_describes_it(self, host, in_process_ray, source):
        host.start().result()
        assert host.describe_elsewhere() is None
        other = "b" * 56
        in_process_ray.actors[f"data-run:-{other}"] = Handle(NodeData("run", source()))
        assert host.describe_elsewhere() is None  # that node is gone, too
        in_process_ray.nodes = [{**NODE, "NodeID": other}]
        assert host.describe_elsewhere().result()["n_rows"] == 20
        host.bar(other, "no disk")
        assert host.describe_elsewhere() is None

    def test_waiting_and_giving_up(self, host, in_process_ray):
        room = host.start()
        room._reference = Reference(ready=False)
        assert not room.wait(0.01)
        room.cancel()
        assert in_process_ray.cancelled == [room._reference]
