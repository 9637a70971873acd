"""Results on disk while a store does not take them, and their way into it."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.store import spooled_results
from engine.store.driver_identity import DriverIdentity
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.spool import (
    IterationStart,
    Spool,
    SpooledIteration,
    SpooledState,
    folders,
)
from engine.store.spooled_results import keep_writing, write_spooled
from engine.store.status import IterationStatus, RunStatus

PROPERTIES = IterationProperties(iteration=3, node_ip="x", ensemble_weights=(0.25, 0.75))
END = IterationEnd(
    IterationStatus.COMPLETED,
    metrics={"accuracy": 0.5},
    fold_metrics=({"accuracy": 0.25}, {"accuracy": float("nan")}),
    properties=IterationProperties(folds=2),
    model=os.urandom(1000),
    predictions=b"",
    log="日本 \ud800",
)


def iteration(number=3, end=END, started=100.0):
    start = IterationStart(number, "PCA KNN", {"k": 5}, PROPERTIES, started)
    return SpooledIteration(start, end, started + 10.0, {"accuracy": 0.5})


@pytest.fixture
def spool(tmp_path):
    return Spool("run", tmp_path / "spool")


def test_what_is_kept_comes_back(spool):
    assert spool.is_empty
    assert (spool.state(), list(spool.iterations())) == (None, [])
    for number in (11, 3):
        spool.keep_iteration(iteration(number))
    state = SpooledState(RunStatus.FAILED, "token", "no\nanswer", "RunException")
    spool.keep_state(state)
    assert not spool.is_empty
    assert spool.state() == state
    first, second = spool.iterations()
    assert (first.start.iteration, second.start.iteration) == (3, 11)
    assert first.start == IterationStart(3, "PCA KNN", {"k": "5"}, PROPERTIES, 100.0)
    assert repr(first.end) == repr(END)  # NaN is not equal to itself
    assert (first.ended, first.scores) == (110.0, {"accuracy": 0.5})
    spool.forget_iteration(3)
    spool.forget_iteration(4)
    assert [i.start.iteration for i in spool.iterations()] == [11]
    spool.remove()
    assert spool.is_empty


def test_only_the_user_reads_it(spool):
    spool.keep_iteration(iteration())
    assert spool.path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.delenv("RAYSMITH_SPOOL", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool("run")
    spool.keep_iteration(iteration())
    assert spool.path.is_relative_to(folders()[1])
    assert len(list(Spool("run").iterations())) == 1


def test_no_folder_at_all_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    spool = Spool("run", tmp_path / "file")
    with pytest.raises(OSError, match="Not a directory"):
        spool.keep_state(SpooledState(RunStatus.FAILED, "token"))
    assert spool.is_empty


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_folder_of_another_user_is_not_used(spool):
    spool.path.mkdir(parents=True)
    os.chown(spool.path, 12345, -1)
    assert spool.is_empty
    with pytest.raises(PermissionError, match="belongs to another user"):
        spool.keep_iteration(iteration())


def test_a_link_is_not_followed(spool, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    spool.path.parent.mkdir()
    spool.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionError):
        spool.keep_iteration(iteration())
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_way_into_the_store(store, run_id, spool):
    record = store.run(run_id)
    children = {
        n: store.start_iteration(record, n, "KNN", {}, IterationProperties(), 1.0) for n in (0, 1)
    }
    store.end_iteration(children[1], IterationEnd(IterationStatus.COMPLETED, metrics={"a": 1.0}))
    for number in (0, 1, 2):
        spool.keep_iteration(iteration(number))
    assert write_spooled(store, run_id, spool) is None
    found = store.iterations(run_id)
    assert [r.iteration for r in found] == [0, 1, 2]
    assert {r.status for r in found} == {"Completed"}
    # By another driver, which has tried it again meanwhile.
    assert found[1].metrics == {"a": 1.0}
    assert found[2].metrics == {"accuracy": 0.5}
    assert (found[2].started, found[2].ended) == (100.0, 110.0)
    assert found[2].pipeline == "PCA KNN"
    assert store.metric_history(run_id, "accuracy")[2] == 0.5
    assert spool.is_empty
    assert write_spooled(store, run_id, spool) is None


def test_what_is_written_twice_is_there_once(store, run_id, spool):
    for _ in range(2):
        spool.keep_iteration(iteration())
        write_spooled(store, run_id, spool)
    (only,) = store.iterations(run_id)
    assert (only.iteration, only.seconds) == (3, 10.0)


def test_the_state_of_the_runs_driver_counts(store, run_id, spool):
    driver = DriverIdentity.of_this_process()
    store.tag_driver(run_id, driver)
    spool.keep_state(SpooledState(RunStatus.FAILED, driver.token, "no data", "DataException"))
    assert write_spooled(store, run_id, spool) is RunStatus.FAILED
    record = store.run(run_id)
    assert (record.status, record.error) == (RunStatus.FAILED, "no data")
    assert record.error_type == "DataException"


def test_the_state_of_a_driver_that_another_one_has_followed_does_not(store, run_id, spool):
    store.tag_driver(run_id, DriverIdentity.of_this_process())
    spool.keep_state(SpooledState(RunStatus.COMPLETED, "the driver before"))
    assert write_spooled(store, run_id, spool) is None
    assert store.run(run_id).status is RunStatus.NOT_STARTED
    assert spool.is_empty


def test_a_store_that_is_away_again_costs_nothing(store, run_id, spool, monkeypatch):
    spool.keep_iteration(iteration(0))
    spool.keep_iteration(iteration(1))
    with monkeypatch.context() as patch:
        patch.setattr(store, "log_best", _away)
        with pytest.raises(StoreUnavailable):
            write_spooled(store, run_id, spool)
    assert len(list(spool.iterations())) == 2
    write_spooled(store, run_id, spool)
    assert [r.iteration for r in store.iterations(run_id)] == [0, 1]


def test_a_process_that_lives_goes_on_trying(store, run_id, spool, monkeypatch):
    spool.keep_iteration(iteration())
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            monkeypatch.setattr(spooled_results, "write_spooled", write_spooled)

    monkeypatch.setattr(spooled_results, "write_spooled", _away)
    thread = keep_writing(store, run_id, spool, wait)
    thread.join(30.0)
    assert (len(waits), spool.is_empty) == (3, True)
    assert store.iterations(run_id)[0].is_completed


def test_two_processes_do_not_write_the_same(store, run_id, spool):
    for number in range(4):
        spool.keep_iteration(iteration(number))
    threads = [threading.Thread(target=write_spooled, args=(store, run_id, spool)) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert [r.iteration for r in store.iterations(run_id)] == [0, 1, 2, 3]
    assert spool.is_empty


def test_who_comes_while_it_is_removed_does_not_bring_it_back(spool, monkeypatch):
    """As a driver's thread does whose run is resumed in another process at the same time."""
    spool.keep_iteration(iteration())
    rmdir = os.rmdir
    came = []

    def remove(*arguments, **more):
        came.append(True)
        with pytest.raises(FileNotFoundError), spool.locked():
            pass
        rmdir(*arguments, **more)

    monkeypatch.setattr(os, "rmdir", remove)
    spool.remove()
    assert came
    assert spool.is_empty
    assert list(spool.path.parent.iterdir()) == []


def test_who_has_waited_for_one_that_is_gone_has_nothing_to_write(spool, monkeypatch):
    spool.keep_iteration(iteration())
    answers, waits = [], threading.Event()
    flock = fcntl.flock

    def wait(*arguments):
        waits.set()
        flock(*arguments)

    def write():
        answers.append(write_spooled(_NoStore(), "run", spool))

    with spool.locked():
        monkeypatch.setattr(fcntl, "flock", wait)
        waiting = threading.Thread(target=write)
        waiting.start()
        assert waits.wait(30.0)
        spool.remove()
        # Results that come now are another lock's.
        spool.keep_iteration(iteration())
    waiting.join(30.0)
    assert answers == [None]
    assert [i.start.iteration for i in spool.iterations()] == [3]


def test_a_full_disk_leaves_no_folder(spool, monkeypatch):
    def full(*_, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        spool.keep_state(SpooledState(RunStatus.FAILED, "token"))
    monkeypatch.setattr("engine.store.spool.zipfile.ZipFile", full)
    with pytest.raises(OSError, match="No space left"):
        spool.keep_iteration(iteration())
    assert not spool.path.exists()


class _NoStore:
    """A store that nobody may ask."""


def _away(*_):
    raise StoreUnavailable("away")
