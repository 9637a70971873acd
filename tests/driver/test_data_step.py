"""Waiting for data: cancel, limits, errors."""

from __future__ import annotations

import math

import pytest

from engine.data.check import check_data
from engine.driver.data_host import DataHost, DataLost, LoadedData, Pending, barred_note
from engine.show.view import DATA_FILE, QUALITY_FILE
from engine.store.driver_identity import DriverIdentity
from engine.store.status import RunStatus
from tests.driver.replay import Replay, X, Y, scored

pytestmark = pytest.mark.usefixtures("store_in_memory")

DATA = check_data({"X": X, "y": Y}, "classification")
SCRIPT = "def get_data(): ...\n"
GOOD = LoadedData([DATA], DATA.summary(), None, "reading\n", 2.0)


class Later(Pending):
    """A value that comes after so many simulated seconds."""

    def __init__(self, clock, seconds, value):
        self.clock, self.value = clock, value
        self.ready = clock.time() + seconds
        self.cancelled = False

    def wait(self, seconds):
        self.clock.sleep(min(seconds, max(0.0, self.ready - self.clock.time())))
        return self.clock.time() >= self.ready

    def result(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def cancel(self):
        self.cancelled = True


class SlowHost(DataHost):
    """A node that has room after a while and reads for a while."""

    def __init__(
        self, clock, room=1.0, reading=2.0, loaded=GOOD, elsewhere=None, busy=0.0, describes=None,
        nodes_left=0, refused_after=math.inf,
    ):  # fmt: skip
        self.clock, self.room, self.reading = clock, room, reading
        self.loaded = loaded if isinstance(loaded, list) else [loaded]
        self.elsewhere, self.busy = elsewhere, busy
        #: What it says of the data, and what another node says.
        self.describes = describes or [{"rows": 120}]
        self.pending, self.starts, self.barred = [], 0, {}
        #: How many more nodes come, and after how long the autoscaler refuses.
        self.nodes_left, self.refused_at = nodes_left, clock.time() + refused_after

    def start(self):
        self.starts += 1
        self.pending.append(Later(self.clock, self.room, None))
        return self.pending[-1]

    def load(self):
        loaded = self.loaded.pop(0) if len(self.loaded) > 1 else self.loaded[0]
        self.pending.append(Later(self.clock, self.reading, loaded))
        return self.pending[-1]

    def has_node_left(self):
        return len(self.barred) <= self.nodes_left and self.clock.time() < self.refused_at

    def load_elsewhere(self, reason):
        self.barred[f"n{self.starts}"] = barred_note(f"10.0.0.{self.starts}", reason)
        if self.elsewhere is None:
            return None
        self.pending.append(Later(self.clock, 2.0, self.elsewhere))
        return self.pending[-1]

    def targets(self):
        self.pending.append(Later(self.clock, self.busy, DATA.without_features()))
        return self.pending[-1]

    def describe(self):
        return Later(self.clock, 2 * self.busy, self.describes[0])

    def describe_elsewhere(self):
        return Later(self.clock, 1.0, self.describes[1]) if self.describes[1:] else None


@pytest.fixture
def drive(experiment, tmp_path):
    """Drive a run whose data is read by a `SlowHost`."""

    def drive(host=None, ask=None, **settings):
        replay = Replay(experiment, {0: scored(0.9)}, script=SCRIPT, **settings)
        host = dict(host or {})
        replay.host = host.pop("kind", SlowHost)(replay.clock, **host)
        for seconds, do in ask or ():
            replay.after(seconds, lambda do=do: do(replay))
        replay.drive(data_host=replay.host)
        return replay

    return drive


def error(replay):
    return replay.store.run(replay.run_id).error


def test_data_that_is_read_elsewhere(drive):
    replay = drive()
    assert replay.status == "Completed"
    assert replay.statuses == dict.fromkeys(range(6), "Completed")
    assert "get_data.log" in {f.split("/")[-1] for f in replay.run.get_file_names()}
    assert replay.now == pytest.approx(9.0)
    assert b'"rows": 120' in replay.store.read_bytes(replay.run_id, DATA_FILE)


def test_a_node_that_is_slow_is_not_lost(drive):
    replay = drive({"busy": 300.0})
    assert replay.status == "Completed"
    assert replay.host.starts == 1


LOST = DataLost("the process that ran get_data() died")


@pytest.mark.parametrize("others", [[{"rows": 120}], [LOST], []])
def test_the_first_node_is_gone_when_the_report_is_written(drive, others):
    replay = drive({"describes": [LOST, *others]})
    assert replay.status == "Completed"
    files = replay.run.get_file_names()
    assert (DATA_FILE in files) == (others == [{"rows": 120}])
    assert QUALITY_FILE in files
    if DATA_FILE in files:
        assert b'"rows": 120' in replay.store.read_bytes(replay.run_id, DATA_FILE)


def test_nobody_waits_for_ever_for_a_description(drive):
    replay = drive({"busy": 3600.0})
    assert replay.status == "Completed"
    assert DATA_FILE not in replay.run.get_file_names()


@pytest.mark.parametrize("limit", [None, 5.0])
def test_reading_that_goes_on_is_told_every_minute(drive, caplog, limit):
    with caplog.at_level("WARNING", "raysmith.driver"):
        drive({"reading": 200.0}, iteration_timeout_minutes=limit)
    told = [line for line in caplog.messages if line.startswith("get_data() has been running")]
    assert [line.split()[5] for line in told] == ["1", "2", "3"]
    assert all(("as long as the run" in line) == (limit is None) for line in told)


def test_data_that_cannot_be_used(drive):
    replay = drive({"loaded": LoadedData([], None, "KeyError: 'my key'", "", 0.1)})
    assert (replay.status, error(replay)) == ("Failed", "KeyError: 'my key'")
    assert replay.statuses == {}


def test_a_process_that_dies_while_it_reads(drive):
    dead = DataLost("the process that ran get_data() died")
    replay = drive({"loaded": dead})
    assert (replay.status, error(replay)) == ("Failed", "the process that ran get_data() died")
    assert replay.host.starts == 4


@pytest.mark.parametrize("deaths", [1, 3])
def test_a_node_that_is_lost_while_it_reads_is_replaced(drive, deaths):
    dead = DataLost("the process that ran get_data() died: its node was lost")
    replay = drive({"loaded": [dead] * deaths + [GOOD]})
    assert replay.status == "Completed"
    assert replay.statuses == dict.fromkeys(range(6), "Completed")
    assert replay.host.starts == deaths + 1


BAD = LoadedData([], None, "get_data() failed\nOSError: /data is not mounted", "", 0.1)
NOTE = "node 10.0.0.1 takes no part in the run: OSError: /data is not mounted"


def test_a_node_that_cannot_have_the_data_is_barred(drive):
    replay = drive({"loaded": BAD, "elsewhere": GOOD})
    assert replay.status == "Completed"
    assert NOTE in replay.store.run(replay.run_id).notes


def test_a_node_where_reading_hangs_is_barred(drive):
    replay = drive({"reading": 600.0, "elsewhere": GOOD}, iteration_timeout_minutes=0.5)
    assert replay.status == "Completed"
    (note,) = replay.store.run(replay.run_id).notes
    assert "get_data() did not return within iteration_timeout_minutes=0.5" in note


def test_the_first_nodes_own_error_is_told_when_no_node_has_data(drive):
    other = LoadedData([], None, "another error", "", 0.1)
    replay = drive({"loaded": BAD, "elsewhere": other})
    assert (replay.status, error(replay)) == ("Failed", BAD.error)


def fails(error):
    return LoadedData([], None, f"get_data() failed\n{error}", "", 0.1)


def notes(replay):
    return list(replay.store.run(replay.run_id).notes)


def test_a_growing_cluster_brings_up_another_node_when_all_have_failed(drive):
    replay = drive({"loaded": [BAD, GOOD], "nodes_left": 1})
    assert replay.status == "Completed"
    assert notes(replay) == [NOTE]


def test_two_nodes_that_fail_alike_say_that_the_script_is_to_blame(drive):
    replay = drive({"loaded": BAD, "nodes_left": 9})
    assert (replay.status, error(replay)) == ("Failed", BAD.error)
    assert replay.host.starts == 2
    assert notes(replay) == [NOTE, NOTE.replace("0.1", "0.2")]


def test_new_nodes_are_tried_while_each_fails_in_its_own_way_but_not_for_ever(drive):
    errors = [fails(f"OSError: no disk {n}") for n in range(9)]
    first = errors[0].error
    replay = drive({"loaded": errors, "nodes_left": 9})
    assert (replay.status, error(replay)) == ("Failed", first)
    assert replay.host.starts == 1 + 3


def test_an_autoscaler_that_refuses_another_node_is_not_waited_for(drive):
    """Its answer takes some seconds."""
    replay = drive({"loaded": BAD, "nodes_left": 1, "room": 20.0, "refused_after": 30.0})
    assert (replay.status, error(replay)) == ("Failed", BAD.error)
    assert replay.now < 32.0
    assert replay.host.pending[-1].cancelled


def test_another_node_that_never_comes_has_a_limit(drive):
    class Endless(SlowHost):
        def start(self):
            self.room = 1e9 if self.starts else 1.0
            return super().start()

    replay = drive({"loaded": BAD, "nodes_left": 1, "kind": Endless})
    assert (replay.status, error(replay)) == ("Failed", BAD.error)
    assert replay.now < 26 * 60


def test_cancel_while_another_node_is_waited_for(drive):
    cancel = [(30.0, lambda replay: replay.run.cancel())]
    replay = drive({"loaded": BAD, "nodes_left": 1, "room": 20.0}, cancel)
    assert replay.status == "Canceled"
    assert replay.now < 32.0


def test_a_node_that_is_lost_after_another_has_failed(drive):
    """Nobody is left: the first error says why."""
    replay = drive({"loaded": [BAD, LOST], "nodes_left": 1, "refused_after": 7.0})
    assert (replay.status, error(replay)) == ("Failed", BAD.error)


def test_reading_has_the_time_of_an_iteration(drive):
    replay = drive({"reading": 600.0}, iteration_timeout_minutes=0.5)
    assert error(replay) == "get_data() did not return within iteration_timeout_minutes=0.5"
    assert replay.now == pytest.approx(31.0, abs=0.5)


def test_waiting_for_a_node_has_no_limit_of_its_own(drive):
    replay = drive({"room": 60.0}, iteration_timeout_minutes=0.5)
    assert replay.status == "Completed"


@pytest.mark.parametrize("place", ["room", "reading", "busy"])
def test_cancel_while_it_waits(drive, place):
    replay = drive({place: 600.0}, [(5.1, lambda replay: replay.run.cancel())])
    assert replay.status == "Canceled"
    assert replay.now < 7.1
    assert replay.host.pending[-1].cancelled


def test_the_experiments_time_is_over_before_there_is_data(drive):
    replay = drive({"room": 600.0}, experiment_timeout_minutes=0.5)
    assert replay.status == "Failed"
    assert error(replay) == (
        "no iteration gave a model; experiment_timeout_minutes was over before the first one "
        "started"
    )


def test_another_driver_takes_over_while_it_waits(drive):
    other = DriverIdentity.of_this_process()
    take = [(5.1, lambda replay: replay.take_over(other))]
    replay = drive({"room": 600.0}, take)
    assert replay.status == "Preparing"  # the other one sets it
    replay.store.set_status(replay.run_id, RunStatus.CANCELED)


def test_data_that_this_process_reads(experiment):
    script = "import numpy as np\ndef get_data():\n    X = np.arange(60.0).reshape(20, 3)\n"
    replay = Replay(experiment, script=script + "    return {'X': X, 'y': [0, 1] * 10}\n")
    assert replay.drive() == dict.fromkeys(range(6), "Completed")
    assert b'"n_rows": 20' in replay.store.read_bytes(replay.run_id, DATA_FILE)


def test_a_script_that_fails_in_this_process(experiment):
    replay = Replay(experiment, script="def get_data():\n    raise KeyError('my key')\n")
    replay.drive()
    assert replay.status == "Failed"
    assert "failed with KeyError: 'my key'" in error(replay)
    assert "line 2, in get_data" in error(replay)
