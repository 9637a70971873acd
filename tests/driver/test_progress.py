"""What is proposed, and what becomes of it, without a backend."""

from __future__ import annotations

import math

import pytest

from engine.data.check import check_data
from engine.deadline import NEVER, Deadline
from engine.driver.clock import RealClock, SimulatedClock
from engine.driver.progress import MAX_RETRIES, Progress
from engine.driver.running_trials import Verdict
from engine.driver.schedule import Goals, Next, Schedule
from engine.driver.trial_backends.backend import Placement
from engine.driver.trial_backends.recorded import RecordedBackend, RecordedTrial, Recording
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.search.pipeline_search import PipelineSearch
from engine.search.usable import Restrictions
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus
from tests.driver.replay import X, Y

ACCURACY = METRICS["accuracy"]
HERE = Placement("n1", "10.0.0.1", 17)
ESTIMATORS = ["LogisticRegression", "KNN", "DecisionTree", "SGD"]


class Notes:
    """A recorder that remembers its calls."""

    is_behind = False

    def __init__(self):
        self.calls, self.specs = [], []

    def started(self, number, spec, properties, time):
        self.calls.append(("started", number, properties.to_tags()))
        self.specs.append((number, spec))

    def ended(self, number, end, scores):
        self.calls.append(("ended", number, end, dict(scores)))

    def retried(self, number, reasons):
        self.calls.append(("retried", number, list(reasons)))

    def of(self, name):
        return [call[1:] for call in self.calls if call[0] == name]


class Counts:
    """Gauges that remember what they were shown."""

    def __init__(self):
        self.states, self.bests = [], []

    def counted(self, state, running, to_come):
        self.states.append((state, running, to_come))

    def best(self, score):
        self.bests.append(score)


class Scene:
    def __init__(self, iterations=6, until=NEVER, **goals):
        self.clock = SimulatedClock(1000.0)
        self.notes, self.counts, self.killed = Notes(), Counts(), []
        self.schedule = Schedule(Goals(iterations, **goals), ACCURACY)
        summary = check_data({"X": X, "y": Y}, "classification").summary()
        self.search = PipelineSearch(summary, ACCURACY, Restrictions(ESTIMATORS))
        self.progress = Progress(
            self.schedule, self.search, self.notes, ACCURACY, self.killed.append, self.clock,
            until, self.counts,
        )  # fmt: skip

    def end(self, number, *folds, status=IterationStatus.COMPLETED):
        metrics = {"accuracy": sum(folds) / len(folds)} if folds else {}
        fold_metrics = tuple({"accuracy": fold} for fold in folds)
        self.progress.ended(
            number, IterationEnd(status, metrics=metrics, fold_metrics=fold_metrics)
        )


@pytest.fixture
def scene():
    return Scene()


def test_later_proposals_carry_the_folds_of_the_best(scene):
    progress = scene.progress
    assert progress.propose().best_folds == ()
    progress.begun(0, HERE)
    scene.end(0, 0.6, 0.8)
    assert progress.propose().best_folds == (0.6, 0.8)
    progress.begun(1, HERE)
    scene.end(1, 0.1, 0.2)
    assert progress.propose().best_folds == (0.6, 0.8)


def test_what_is_recorded_of_an_iteration(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.end(0, 0.6, 0.8)
    where = {"node_id": "n1", "node_ip": "10.0.0.1", "pid": "17"}
    assert scene.notes.of("started") == [(0, where)]
    ((number, end, points),) = scene.notes.of("ended")
    assert number == 0
    assert end.status == "Completed"
    assert points == {"accuracy": 0.7, "best_accuracy": 0.7}
    assert scene.counts.states == [("", 1, 5), ("Completed", 0, 5)]
    assert scene.counts.bests == [0.7]


@pytest.mark.parametrize("score", [None, math.nan])
def test_no_score_leaves_no_point_on_the_curves(scene, score):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.end(0, *([] if score is None else [score]), status=IterationStatus.FAILED)
    assert scene.notes.of("ended")[0][2] == {}
    assert scene.counts.bests == []
    assert scene.schedule.best is None


def test_over_comes_only_when_nothing_runs_that_may_have_to_be_tried_again():
    scene = Scene(iterations=1)
    assert scene.progress.propose().number == 0
    scene.progress.begun(0, HERE)
    assert scene.progress.propose() is Next.WAIT
    scene.progress.lost(0, "node n1 was lost", None)
    assert scene.progress.propose().number == 0
    scene.progress.begun(0, HERE)
    scene.end(0, 0.5)
    assert scene.progress.propose() is Next.OVER


def test_the_same_pipeline_is_tried_again_until_it_is_given_up():
    scene = Scene(iterations=1)
    specs = set()
    for _ in range(MAX_RETRIES + 1):
        specs.add(scene.progress.propose().spec.to_json())
        scene.progress.begun(0, HERE)
        scene.progress.lost(0, "node n1 was lost", "a log")
    assert len(specs) == 1
    assert [len(reasons) for _, reasons in scene.notes.of("retried")] == [1, 2, 3]
    ((_, end, _),) = scene.notes.of("ended")
    assert (end.status, end.reason, end.log) == (
        "Failed", "the worker died: node n1 was lost", "a log",
    )  # fmt: skip
    assert [s for s, *_ in scene.counts.states].count("Retried") == 3
    assert scene.progress.propose() is Next.OVER


def test_a_trial_that_we_have_ended_is_not_tried_again(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.progress.running.end(0, Verdict(IterationStatus.TIMEOUT, "too long"))
    assert scene.killed == [0]
    scene.progress.lost(0, "node n1 was lost", None)
    assert scene.notes.of("retried") == []
    ((_, end, _),) = scene.notes.of("ended")
    assert (end.status, end.reason) == ("Timeout", "too long")


def test_a_run_that_stops_at_once_tries_nothing_again(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.schedule.stop("the run was canceled", at_once=True)
    assert scene.progress.stops_at_once
    scene.progress.lost(0, "node n1 was lost", None)
    assert scene.notes.of("retried") == []


@pytest.mark.parametrize("report", ["died", "lost", "killed"])
def test_a_trial_that_ends_before_it_has_begun_is_begun_first(scene, report):
    scene.progress.propose()
    if report == "killed":
        scene.progress.killed(0, None)
    else:
        getattr(scene.progress, report)(0, "the actor could not be made", None)
    assert scene.notes.calls[0] == ("started", 0, {})
    assert len(scene.notes.calls) == 2


def test_an_outcome_that_was_under_way_counts_more_than_the_verdict(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.progress.running.end(0, Verdict(IterationStatus.TIMEOUT, "too long"))
    scene.end(0, 0.5)
    ((_, end, _),) = scene.notes.of("ended")
    assert end.status == "Completed"


def test_a_cancelled_iteration_is_a_row_and_never_proposed(scene):
    scene.progress.cancelled = frozenset({0, 1})
    assert scene.progress.propose().number == 2
    assert [(n, e.status, e.reason) for n, e, _ in scene.notes.of("ended")] == [
        (n, "Canceled", "canceled by the user before it started") for n in (0, 1)
    ]


def test_what_the_backend_leaves_open_is_cancelled(scene):
    for number in range(2):
        scene.progress.propose()
        scene.progress.begun(number, HERE)
    scene.end(0, 0.5)
    scene.progress.end_unfinished("the run was canceled")
    ended = {n: (e.status, e.reason) for n, e, _ in scene.notes.of("ended")}
    assert ended == {0: ("Completed", ""), 1: ("Canceled", "the run was canceled")}


def test_what_waits_for_another_node_is_cancelled_with_the_run(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.progress.lost(0, "node-1 was lost", None)
    scene.progress.end_unfinished("the run was canceled")
    ended = {n: (e.status, e.reason) for n, e, _ in scene.notes.of("ended")}
    assert ended == {0: ("Canceled", "the run was canceled")}


def test_the_search_is_told_the_time_of_an_iteration(scene):
    spec = scene.progress.propose().spec
    scene.progress.begun(0, HERE)
    scene.clock.sleep(7.0)
    scene.end(0, 0.5)
    assert scene.search.expected_seconds(spec.estimator) == 7.0


def test_what_a_pruned_iteration_would_have_taken_counts(scene):
    spec = scene.progress.propose().spec
    scene.progress.begun(0, HERE)
    scene.progress.ended(0, IterationEnd(IterationStatus.PRUNED, "hopeless", whole_seconds=50.0))
    assert scene.search.expected_seconds(spec.estimator) == 50.0


def test_nothing_is_proposed_that_would_not_end_in_time():
    clock = SimulatedClock(1000.0)
    scene = Scene(until=Deadline(1060.0, clock.time), iterations=20)
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.progress.ended(0, IterationEnd(IterationStatus.PRUNED, "no", whole_seconds=5000.0))
    assert scene.progress.propose() is Next.OVER
    assert scene.schedule.stopped == "no pipeline would end within experiment_timeout_minutes"


@pytest.mark.parametrize("good", ["LogisticRegression", "SGD"])
def test_estimators_with_good_scores_come_more_often(good):
    scene = Scene(iterations=80)
    trials = {name: RecordedTrial((0.9 if name == good else 0.2,), 1.0) for name in ESTIMATORS}
    backend = RecordedBackend(Recording("accuracy", by_pipeline=trials), scene.clock, nodes=4)
    backend.run(scene.progress, concurrency=4)
    tried = [spec.estimator for _, spec in scene.notes.specs]
    assert len(tried) == 80
    assert tried[40:].count(good) > 15


@pytest.mark.parametrize("catches_up", [True, False])
def test_nothing_is_begun_while_the_store_is_behind(catches_up):
    """On a simulated clock the store catches up in no time, if it does."""
    scene = Scene(iterations=3)
    scene.notes.is_behind = True
    waits = []

    def wait(seconds):
        waits.append(seconds)
        scene.notes.is_behind = not catches_up
        return catches_up

    scene.notes.wait_until_ready = wait
    proposal = scene.progress.propose()
    assert len(waits) == 1
    if catches_up:
        assert proposal.number == 0
    else:
        assert proposal is Next.WAIT
        scene.progress.schedule.stop("canceled")
        assert scene.progress.propose() is Next.OVER


def test_a_real_clock_does_not_wait_for_the_store():
    RealClock().catch_up(lambda: pytest.fail("it has waited"))


def test_what_found_no_place_has_failed(scene):
    for _ in range(3):
        scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.progress.fail_unplaced("no node could hold a trial")
    ended = {n: (e.status, e.reason) for n, e, _ in scene.notes.of("ended")}
    assert ended == dict.fromkeys((1, 2), ("Failed", "no node could hold a trial"))


def test_a_trial_that_loses_its_node_after_the_last_is_ended(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.schedule.stop("the best score has stood still")
    scene.progress.lost(0, "node n1 was lost", "a log")
    assert scene.notes.of("retried") == []
    ((_, end, _),) = scene.notes.of("ended")
    assert (end.status, end.log) == ("Canceled", "a log")
    assert end.reason == (
        "node n1 was lost; it was not tried again: the best score has stood still"
    )


def test_what_waits_for_another_node_is_cancelled_on_request(scene):
    scene.progress.propose()
    scene.progress.begun(0, HERE)
    scene.progress.lost(0, "node n1 was lost", None)
    scene.schedule.paused = True
    scene.progress.cancelled = frozenset({0})
    assert scene.progress.propose() is Next.WAIT
    ((number, end, _),) = scene.notes.of("ended")
    assert (number, end.status, end.reason) == (0, "Canceled", "canceled by the user")
    scene.schedule.paused = False
    assert scene.progress.propose().number == 1


def test_a_proposal_says_what_time_is_left():
    clock = SimulatedClock(1000.0)
    scene = Scene(until=Deadline(1060.0, clock.monotonic))
    clock.sleep(20.0)
    assert scene.progress.propose().seconds_left == 40.0
    assert Scene().progress.propose().seconds_left is None


@pytest.mark.parametrize(
    "reason", ["out of memory: Ray ended it", "over mem_in_mb=100: it used 120 MB"]
)
def test_an_estimator_that_needs_too_much_memory_is_not_tried_again(scene, reason):
    progress = scene.progress
    first = progress.propose()
    progress.begun(0, HERE)
    progress.died(0, reason, None)
    (_, end, _) = scene.notes.of("ended")[0]
    assert (end.status, end.reason) == (IterationStatus.FAILED, reason)
    others = {progress.propose().spec.estimator for _ in range(5)}
    assert first.spec.estimator not in others


def test_an_estimator_that_has_given_a_score_gets_another_chance(scene):
    search = scene.search
    spec = search.ask(0)
    search.tell(0, spec, 0.9, 1.0)
    search.avoid(spec)
    assert spec.estimator in {search.ask(number).estimator for number in range(1, 30)}
    search.avoid(spec)
    assert spec.estimator not in {search.ask(number).estimator for number in range(30, 60)}


def test_when_every_estimator_needs_too_much_the_search_goes_on(scene):
    for name in ESTIMATORS:
        scene.search.avoid(PipelineSpec(name))
    assert scene.search.ask(0) is not None
