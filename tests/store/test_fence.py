"""The fence around a run: when the claim is looked up again, and what a lost one stops."""

from __future__ import annotations

import threading

import pytest

from engine.errors import StoreUnavailable
from engine.store.fence import CONFIRMED_SECONDS, ClaimLost, Fence
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.retrying import Patience
from engine.store.status import IterationStatus, RunStatus


class Scene:
    """A fence, and two clocks of which one may stand still while the process does."""

    def __init__(self):
        self.looks, self.mine, self.now = 0, True, [0.0, 1000.0]
        self.fence = Fence(self.look, lambda: self.now[0], lambda: self.now[1])

    def look(self):
        self.looks += 1
        if isinstance(self.mine, Exception):
            raise self.mine
        return self.mine


@pytest.fixture
def scene():
    return Scene()


def test_many_writes_need_one_look(scene):
    for _ in range(100):
        scene.now = [moment + CONFIRMED_SECONDS / 200 for moment in scene.now]
        scene.fence.check()
    assert scene.looks == 1


@pytest.mark.parametrize("clock", [0, 1])
@pytest.mark.parametrize("step", [CONFIRMED_SECONDS, 3600.0, -1.0])
def test_a_jump_of_either_clock_needs_another(scene, clock, step):
    scene.fence.check()
    scene.now[clock] += step
    scene.fence.check()
    scene.fence.check()
    assert scene.looks == 2


def test_what_is_lost_is_never_got_back(scene):
    scene.fence.check()
    assert not scene.fence.is_lost
    scene.mine = False
    scene.now[1] += 60.0
    for _ in range(3):
        with pytest.raises(ClaimLost, match="another driver has the run by now"):
            scene.fence.check()
        scene.mine = True
    assert scene.fence.is_lost
    assert scene.looks == 2


def test_a_store_that_does_not_say_is_asked_again(scene):
    scene.mine = StoreUnavailable("away")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            scene.fence.check()
    assert not scene.fence.is_lost
    scene.mine = True
    scene.fence.check()
    assert scene.looks == 3


def refuse():
    raise ClaimLost("another driver has the run")


def test_every_write_of_a_store_is_behind_it(store, run_id, tmp_path):
    record = store.run(run_id)
    child = store.start_iteration(record, 0, "KNN", {}, IterationProperties(), 1.0)
    before = str(store.client.get_run(run_id).to_dictionary())
    mine = store.behind(refuse).with_patience(Patience(60.0))
    (tmp_path / "a file").touch()
    writes = {
        "status": lambda: mine.set_status(run_id, RunStatus.RUNNING),
        "final": lambda: mine.set_status(run_id, RunStatus.FAILED, ValueError("no")),
        "notes": lambda: mine.tag_notes(run_id, ["a note"]),
        "best": lambda: mine.tag_best(run_id, 0, child),
        "start": lambda: mine.start_iteration(record, 1, "KNN", {}, IterationProperties(), 1.0),
        "restart": lambda: mine.restart_iteration(child, IterationProperties(), 1.0),
        "retry": lambda: mine.retry_iteration(child, ["lost"]),
        "end": lambda: mine.end_iteration(child, IterationEnd(IterationStatus.FAILED, "no")),
        "curve": lambda: mine.log_best(run_id, 0, {"accuracy": 1.0}),
        "text": lambda: mine.write_text(run_id, "report.html", "text"),
        "files": lambda: mine.write_files(child, "", {"model": b"x"}),
        "folder": lambda: mine.upload_folder(child, tmp_path, "model"),
        "data": lambda: mine.save_data(run_id, [1], "data.pkl"),
        "specification": lambda: mine.save_spec(run_id, {}),
        "requests": lambda: mine.request_pause(run_id, True),
    }
    for write in writes.values():
        with pytest.raises(ClaimLost):
            write()
    assert str(store.client.get_run(run_id).to_dictionary()) == before
    assert [r.iteration for r in mine.iterations(run_id)] == [0]
    assert mine.iteration(child).status == "Running"
    assert store.files(run_id) == store.files(child) == []


def test_a_write_is_checked_at_each_of_its_tries(store, run_id, monkeypatch):
    tries, paused = [], threading.Event()

    def check():
        tries.append(1)
        if paused.is_set():
            raise ClaimLost("another driver has the run")
        raise StoreUnavailable("away")

    mine = store.behind(check).with_patience(Patience(60.0, sleep=lambda _: paused.set()))
    with pytest.raises(ClaimLost):
        mine.set_status(run_id, RunStatus.RUNNING)
    assert len(tries) == 2
