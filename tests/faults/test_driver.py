"""A whole run on a store that fails, hangs, is slow or goes away, at each of its calls in turn."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from engine.driver.trial_backends.recorded import RecordedTrial, Recording
from engine.errors import StoreUnavailable
from engine.store.files import LOG_FILE, MODEL_FILE, PREDICTIONS_FILE
from engine.store.mlflow_model import load_model
from engine.store.spool import Spool
from engine.store.spooled_results import write_spooled
from tests.driver.replay import Replay, X, scored
from tests.faults import stores

SCORES = (0.5, 0.9)
ESTIMATORS = ("LogisticRegression", "DecisionTree")


@dataclass(frozen=True)
class Noted(RecordedTrial):
    """A trial that notes that it has ended with a score."""

    number: int = 0
    ended: list[int] = field(default_factory=list)

    def to_end(self, metric):
        self.ended.append(self.number)
        return super().to_end(metric)


class Scene:
    """A run of two trials, and what is in the store of it."""

    def __init__(self, experiment, client, **settings):
        self.client = client
        self._settings = settings
        self.ended: list[int] = []
        self.replay: Replay | None = None
        self._experiment = experiment

    def submit(self):
        trials = {n: self._trial(n, score) for n, score in enumerate(SCORES)}
        recording = Recording("accuracy", by_number=trials)
        self.replay = Replay(self._experiment, recording, iterations=len(SCORES), **self._settings)

    def _trial(self, number, score):
        trial = scored(score, estimator=ESTIMATORS[number], log=f"log of {number}")
        values = {name: getattr(trial, name) for name in RecordedTrial.__dataclass_fields__}
        return Noted(**values, number=number, ended=self.ended)

    def drive(self, fault):
        """Submit and drive while the store fails; whether the run was submitted."""
        self.client.calls.clear()
        self.ended.clear()
        self.client.fault = fault
        try:
            self.submit()
            driver = self.replay.driver()
            driver.claim()
        except StoreUnavailable:
            return False  # who submits is told
        driver.run()
        return True

    def heal(self):
        self.client.fault = stores.works

    @property
    def files(self):
        store = self.replay.store
        iterations = store.iterations(self.replay.run_id)
        return {r.iteration: store.files(r.run_id, "outputs") for r in iterations if r.is_completed}

    def check_ended_iterations(self):
        """Nothing that a trial has given is lost, and nothing is there twice."""
        store, run_id = self.replay.store, self.replay.run_id
        found = store.iterations(run_id)
        numbers = [r.iteration for r in found]
        assert numbers == sorted(set(numbers))
        completed = {r.iteration: r for r in found if r.is_completed}
        assert set(self.ended) <= set(completed)
        for number in self.ended:
            record = completed[number]
            assert record.metrics == {"accuracy": pytest.approx(SCORES[number])}
            assert store.fold_metrics(record.run_id, "accuracy") == [SCORES[number]] * 3
            for file in (MODEL_FILE, PREDICTIONS_FILE):
                assert store.read_bytes(record.run_id, file)
            assert store.read_bytes(record.run_id, LOG_FILE) == f"log of {number}".encode()
        curve = store.metric_history(run_id, "accuracy")
        assert curve == {number: pytest.approx(SCORES[number]) for number in self.ended}


@pytest.fixture
def scene(experiment, client):
    scene = Scene(experiment, client)
    assert scene.drive(stores.works)
    scene.check_ended_iterations()
    assert scene.replay.status == "Completed"
    return scene


def numbers_of_calls(scene):
    return range(len(scene.client.calls))


def in_turn(kinds):
    """Each kind of fault with its step for a slow test, and with a longer one."""
    slow = [pytest.param(kind, step, id=name, marks=pytest.mark.slow)
            for name, (kind, step) in kinds.items()]  # fmt: skip
    quick = [pytest.param(kind, 3 * step + 8, id=f"{name} now and then")
             for name, (kind, step) in kinds.items()]  # fmt: skip
    return [*quick, *slow]


#: How one call goes wrong, and which calls do in turn: all, each second one, or each sixth one.
#: Hanging is a kind of failing.
ONCE = {
    "fails": (lambda number, time: stores.fails_at(number), 1),
    "answers in vain": (lambda number, time: stores.loses_the_answer_to(number), 2),
    "hangs": (stores.hangs_at, 6),
    "is slow": (stores.is_slow_at, 6),
}


@pytest.mark.parametrize(("make", "step"), in_turn(ONCE))
def test_one_call_that_goes_wrong_changes_nothing(scene, make, step, time):
    calls = numbers_of_calls(scene)
    files = scene.files
    assert len(calls) > 50
    for number in calls[::step]:
        assert scene.drive(make(number, time)), number
        assert scene.ended == [0, 1], number
        scene.check_ended_iterations()
        assert scene.replay.status == "Completed", number
        assert scene.files == files, number
        assert Spool(scene.replay.run_id).is_empty, number


@pytest.mark.parametrize("seed", range(5))
def test_a_store_of_which_every_second_call_goes_wrong_changes_nothing(scene, seed):
    luck = random.Random(seed)

    def fault(number, name, call):
        if luck.random() < 0.3:
            raise stores.away()
        answer = call()
        if luck.random() < 0.3:
            raise stores.away()
        return answer

    files = scene.files
    while not scene.drive(fault):
        """The client's patience was over."""
    scene.heal()
    assert scene.ended == [0, 1]
    scene.check_ended_iterations()
    assert (scene.replay.status, scene.files) == ("Completed", files)


def test_an_outage_of_five_minutes_costs_nothing(scene, time):
    calls = list(scene.client.calls)
    number = calls.index("log_artifacts")
    began = time.now

    def fault(number_now, name, call):
        if number_now >= number and time.now < began + 300.0:
            raise stores.away()
        return call()

    assert scene.drive(fault)
    assert time.now > began + 300.0
    scene.check_ended_iterations()
    assert (scene.ended, scene.replay.status) == ([0, 1], "Completed")


GONE = {
    "all": (lambda name: True, 2),
    "writes": (stores.is_write, 3),
    "files": (stores.is_of_files, 3),
}


@pytest.mark.parametrize(("which", "step"), in_turn(GONE))
def test_a_store_that_goes_for_good_costs_nothing_that_has_ended(scene, which, step, time, capfd):
    for number in numbers_of_calls(scene)[::step]:
        began = time.now
        capfd.readouterr()
        if not scene.drive(stores.gone_from(number, which)):
            continue
        # Within ten minutes, the state is in the store or in the spool and on the console.
        assert time.now - began < 600.0, number
        told = capfd.readouterr().err
        run_id = scene.replay.run_id
        spool = Spool(run_id)
        scene.heal()
        if not spool.is_empty:
            state = spool.state()
            assert f"run {run_id} is " in told, number
            assert str(spool.path) in told, number
            assert state is None or state.status.is_final, number
        else:
            assert scene.replay.store.run(run_id).is_final, number
        write_spooled(scene.replay.store, run_id)
        assert spool.is_empty, number
        scene.check_ended_iterations()
        record = scene.replay.store.run(run_id)
        assert record.is_final, number
        if record.status == "Failed":
            assert "in the store" in record.error, number
        # Whatever is left to do, another driver does.
        if number % 12 == 0:
            assert scene.replay.drive() == {0: "Completed", 1: "Completed"}, number
            assert scene.replay.status == "Completed", number


ENSEMBLES = {2: "VotingEnsemble", 3: "StackEnsemble"}
#: Call at which the store goes: the run, two iterations and the ensembles are created.
MOMENTS = {
    "voting begins": ("create_run", 4),
    "voting's files": ("log_artifacts", 4),
    "stack begins": ("create_run", 5),
    "stack ends": ("set_terminated", 4),
}


@pytest.mark.parametrize(("name", "count"), MOMENTS.values(), ids=MOMENTS)
def test_a_store_that_goes_while_ensembles_are_written_costs_none(
    experiment, client, capfd, name, count
):
    scene = Scene(experiment, client, enable_voting_ensemble=True, enable_stack_ensemble=True)
    assert scene.drive(stores.gone_from_the(count, name))
    run_id, store = scene.replay.run_id, scene.replay.store
    told = capfd.readouterr().err
    assert str(Spool(run_id).path) in told
    scene.heal()
    assert store.run(run_id).status == "Finalizing"
    write_spooled(store, run_id)
    assert Spool(run_id).is_empty
    found = {r.iteration: r for r in store.iterations(run_id)}
    assert {n: found[n].pipeline for n in ENSEMBLES} == ENSEMBLES
    assert {str(r.status) for r in found.values()} == {"Completed"}
    for n in ENSEMBLES:
        assert load_model(store, found[n].run_id).predict(X).shape == (len(X),)
        assert len(store.predictions(found[n].run_id)) == len(X)
    assert store.run(run_id).status == "Failed"
    # Another driver does the rest, and no ensemble a second time.
    assert scene.replay.drive() == dict.fromkeys(range(4), "Completed")
    assert scene.replay.status == "Completed"
    again = {r.iteration: r.ended for r in store.iterations(run_id)}
    assert again == {n: record.ended for n, record in found.items()}


def test_an_ensemble_whose_members_cannot_be_read_is_left_for_later(experiment, client):
    scene = Scene(experiment, client, enable_voting_ensemble=True)
    assert scene.drive(stores.gone_from_the(1, "download_artifacts", stores.is_of_files))
    scene.heal()
    write_spooled(scene.replay.store, scene.replay.run_id)
    assert scene.replay.statuses == {0: "Completed", 1: "Completed"}
    assert scene.replay.status == "Failed"
    assert scene.replay.drive() == dict.fromkeys(range(3), "Completed")
