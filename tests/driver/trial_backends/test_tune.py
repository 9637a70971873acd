"""Tune's interfaces over a host; what Ray does with them is in the tests of the cluster."""

from __future__ import annotations

import logging
import os
import pickle
import time
from types import SimpleNamespace

import pytest
from ray.tune import PlacementGroupFactory
from ray.tune.search import Searcher

from engine.driver.memory_watch import LastMemory
from engine.driver.node_data import LastWords
from engine.driver.schedule import Next
from engine.driver.trial import Announcement
from engine.driver.trial_backends import endings
from engine.driver.trial_backends.backend import Proposal
from engine.driver.trial_backends.tune import Reports, TuneBackend, room_of
from engine.driver.trial_backends.tune_adapters import (
    HostSearcher,
    NoReports,
    StopAtOnce,
    quiet_tune,
)
from engine.pipelines.spec import PipelineSpec
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus
from tests.driver.in_process_ray import NODE, Handle, actor_died
from tests.driver.trial_backends.suite import ListHost

SPEC = PipelineSpec("KNN", "", {"n_neighbors": 5})


class Node:
    """A node that has logs."""

    def __init__(self, logs, reason=None, memory=None):
        self.logs, self.reason, self.memory = logs, reason, memory

    def tail(self, file):
        log = self.logs[file]
        if isinstance(log, Exception):
            raise log
        return log

    def last_words(self, file):
        return LastWords(self.tail(file), self.reason, self.memory)


def announcement(logs=None, node_id=NODE["NodeID"], has_data=True, memory=None):
    logs = {f"{n}.log": log for n, log in (logs or {0: "a line\n"}).items()}
    node = Handle(Node(logs, memory=memory))
    return Announcement("the actor", node, node_id, "10.0.0.1", 17, has_data)


def trial(number=0, error_file=None):
    return SimpleNamespace(config={"iteration": number}, last_result={}, error_file=error_file)


@pytest.fixture
def scene(in_process_ray, monkeypatch):
    """A backend, its host, and Tune's callback between them."""
    monkeypatch.setattr(endings, "NOTICE_SECONDS", 0.3)
    backend, host = TuneBackend("run", None, {"cpu": 1}), ListHost()
    return SimpleNamespace(
        backend=backend, host=host, reports=Reports(backend, host), ray=in_process_ray
    )


def begin(scene, number=0, **more):
    result = {"announcement": announcement(**more)}
    scene.reports.on_trial_result(1, [], trial(number), result)


def died(tmp_path, text):
    file = tmp_path / "error.txt"
    file.write_text(text)
    return trial(error_file=str(file))


def test_the_searcher_hands_over_proposals_and_the_hosts_other_answers():
    host = ListHost(SPEC)
    host.waits = [Next.WAIT]
    searcher = HostSearcher(host)
    assert searcher.suggest("t0") is None
    assert searcher.suggest("t0") == {
        "iteration": 0, "pipeline": SPEC.to_json(), "best_folds": [], "seconds_left": None,
        "avoid": [], "memory": 0,
    }  # fmt: skip
    assert searcher.suggest("t1") == Searcher.FINISHED
    assert searcher.on_trial_complete("t0") is None
    assert searcher.save("file") is searcher.restore("file") is None


def test_the_stopper_ends_the_loop_and_no_single_trial():
    host = ListHost()
    stopper = StopAtOnce(host)
    assert not stopper.stop_all()
    host.stop = True
    assert stopper.stop_all()
    assert not stopper("t0", {})


def test_nothing_is_reported_and_nothing_is_written_down():
    reporter = NoReports()
    assert not reporter.should_report([])
    assert type(pickle.loads(pickle.dumps(HostSearcher(ListHost())))) is object


def test_tune_is_quiet_meanwhile_and_as_before_afterwards(monkeypatch):
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "1")
    monkeypatch.delenv("TUNE_GLOBAL_CHECKPOINT_S", raising=False)
    level = logging.getLogger("ray.tune").level
    with quiet_tune():
        assert os.environ["RAY_AIR_NEW_OUTPUT"] == "0"
        assert os.environ["TUNE_GLOBAL_CHECKPOINT_S"] == "1000000"
        assert logging.getLogger("ray.tune").level == logging.CRITICAL
    assert os.environ["RAY_AIR_NEW_OUTPUT"] == "1"
    assert "TUNE_GLOBAL_CHECKPOINT_S" not in os.environ
    assert logging.getLogger("ray.tune").level == level


def test_the_last_of_two_runs_restores_what_tune_had(monkeypatch):
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "1")
    level = logging.getLogger("ray.tune").level
    first, second = quiet_tune(), quiet_tune()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert os.environ["RAY_AIR_NEW_OUTPUT"] == "0"
    assert logging.getLogger("ray.tune").level == logging.CRITICAL
    second.__exit__(None, None, None)
    assert os.environ["RAY_AIR_NEW_OUTPUT"] == "1"
    assert logging.getLogger("ray.tune").level == level


def test_a_trials_results_are_its_announcement_and_its_outcome(scene):
    begin(scene)
    placement = scene.host.last(0)
    assert (placement.node_ip, placement.pid) == ("10.0.0.1", 17)
    one = trial()
    end = IterationEnd(IterationStatus.COMPLETED)
    one.last_result = {"end": end, "training_iteration": 2}
    scene.reports.on_trial_result(2, [], one, {"end": end, "done": True})
    assert scene.host.last(0) is end
    assert one.last_result == {"training_iteration": 2}  # Tune keeps it for good
    assert scene.backend.logs([0]) == {}


def test_a_trial_is_killed_by_its_actor(scene):
    scene.backend.kill(0)
    assert scene.ray.killed == []
    begin(scene)
    scene.backend.kill(0)
    assert scene.ray.killed == ["the actor"]
    scene.reports.on_trial_error(2, [], trial())
    assert scene.host.of(0) == ["begun", "killed"]
    assert scene.host.last(0) == "a line\n"


def test_a_kill_that_hits_the_actors_next_trial_costs_that_one_nothing(scene, tmp_path):
    """The outcome of the first was under way, its actor went on to the next one and died."""
    begin(scene)
    scene.backend.kill(0)
    scene.reports.on_trial_result(2, [], trial(), {"end": IterationEnd(IterationStatus.FAILED)})
    begin(scene, 1, logs={1: "a line\n"})
    error = tmp_path / "error.txt"
    error.write_text("The actor is dead because it was killed by `ray.kill`.")
    scene.reports.on_trial_error(3, [], trial(1, str(error)))
    assert scene.host.of(1) == ["begun", "lost"]
    assert scene.host.last(1) == "its worker was ended with the iteration before it"


def test_what_has_ended_is_not_killed_any_more(scene):
    begin(scene)
    scene.reports.on_trial_result(2, [], trial(), {"end": IterationEnd(IterationStatus.FAILED)})
    scene.backend.kill(0)
    assert scene.ray.killed == []


def test_a_node_that_cannot_have_the_data_is_reported(scene):
    begin(scene, has_data=False)
    result = {"unfit": "KeyError: 'my key'", "done": True}
    scene.reports.on_trial_result(2, [], trial(), result)
    assert scene.host.of(0) == ["begun", "lost"]  # as a host that does not bar nodes takes it
    assert scene.host.last(0) == "KeyError: 'my key'"


def test_a_trial_that_is_killed_while_its_node_reads_takes_the_nodes_actor_along(scene):
    begin(scene, has_data=False)
    scene.backend.kill(0)
    scene.reports.on_trial_error(2, [], trial())
    assert scene.host.last(0) == "get_data() did not return"
    assert len(scene.ray.killed) == 2


def test_a_trial_whose_node_has_read_the_data_is_killed_alone(scene):
    begin(scene, has_data=False)
    scene.reports.on_trial_result(2, [], trial(), {"loaded": True})
    scene.backend.kill(0)
    scene.reports.on_trial_error(3, [], trial())
    assert scene.host.of(0) == ["begun", "killed"]
    assert scene.ray.killed == ["the actor"]


def test_a_trial_avoids_the_nodes_of_its_proposal():
    resources = {"cpu": 1, "memory": 100}
    room = room_of(resources, {"avoid": []})
    assert room == PlacementGroupFactory([{"CPU": 1.0, "memory": 100.0}])
    (selector,) = room_of(resources, {"avoid": ["b", "a"]})._kwargs["bundle_label_selector"]
    assert selector == {"ray.io/node-id": "!in(a,b)"}


def test_a_room_with_memory():
    room = room_of({"cpu": 1}, {"avoid": [], "memory": 100})
    assert room == PlacementGroupFactory([{"CPU": 1.0, "memory": 100.0}])
    assert room_of({"cpu": 1}, {"memory": 0}) == PlacementGroupFactory([{"CPU": 1.0}])


def test_trials_that_do_not_fit_together_ask_for_memory(scene):
    backend = scene.backend  # the node has 2 cores and 4 GiB
    small, large = (Proposal(n, SPEC, expected_mb=mb) for n, mb in ((0, 500.0), (1, 3000.0)))
    assert backend.memory_for(small) == 0
    assert backend.memory_for(large) == 3 * 2**30
    assert backend.waited_for == 3 * 2**30
    backend.announce(1, announcement({1: ""}))
    assert backend.waited_for == 0
    assert backend.memory_for(Proposal(2, SPEC, expected_mb=500.0)) == 2**30
    backend.forget(2)
    assert backend.waited_for == 0


def test_trials_with_a_limit_of_the_users_ask_for_that_alone(scene):
    backend = TuneBackend("run", scene.backend.settings, {"cpu": 1, "memory": 100})
    assert backend.memory_for(Proposal(0, SPEC, expected_mb=3000.0)) == 0


def test_nodes_besides_those_that_are_barred(scene):
    assert scene.backend.has_nodes_besides([])
    assert not scene.backend.has_nodes_besides([NODE["NodeID"]])
    scene.ray.autoscaler_refuses()  # others may come
    assert scene.backend.has_nodes_besides([NODE["NodeID"]])


def test_an_outcome_may_come_after_the_kill(scene):
    begin(scene)
    scene.backend.kill(0)
    scene.reports.on_trial_result(2, [], trial(), {"end": IterationEnd(IterationStatus.FAILED)})
    assert scene.host.of(0) == ["begun", "ended"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Traceback\nValueError: no\nmore", "ValueError: no"),
        ("first\nThe actor is dead: no\nlast", "The actor is dead: no"),
        ("something\nelse", "else"),
        ("", "Ray gave no reason"),
    ],
)  # fmt: skip
def test_why_a_process_died(scene, tmp_path, text, reason):
    begin(scene)
    scene.reports.on_trial_error(2, [], died(tmp_path, text))
    assert scene.host.of(0) == ["begun", "died"]
    assert scene.host.last(0) == reason


LOW = "ray.exceptions.OutOfMemoryError: the node is running low on memory"


@pytest.mark.parametrize(
    ("memory", "end"),
    [
        (LastMemory(peak_mb=200.0, beside_mb=3000.0), "lost"),
        (LastMemory(peak_mb=400.0, beside_mb=3000.0), "died"),  # more than it was expected to need
        (LastMemory(peak_mb=200.0, beside_mb=0.0), "died"),
        (LastMemory(peak_mb=200.0, beside_mb=100.0), "died"),
        (None, "died"),
    ],
)
def test_a_trial_beside_the_one_that_took_the_memory_is_tried_again(scene, tmp_path, memory, end):
    scene.backend.memory_for(Proposal(0, SPEC, expected_mb=300.0))
    begin(scene, memory=memory)
    scene.reports.on_trial_error(2, [], died(tmp_path, LOW))
    assert scene.host.of(0) == ["begun", end]
    word = "another trial took" if end == "lost" else "out of memory: "
    assert word in scene.host.last(0)


def test_only_a_lack_of_memory_excuses_a_trial(scene, tmp_path):
    begin(scene, memory=LastMemory(peak_mb=200.0, beside_mb=3000.0))
    scene.reports.on_trial_error(2, [], died(tmp_path, "Error: the actor is dead"))
    assert scene.host.of(0) == ["begun", "died"]


def test_a_process_that_died_before_it_began(scene):
    scene.reports.on_trial_error(1, [], trial())
    assert scene.host.of(0) == ["died"]
    assert scene.host.last(0) == "Ray gave no reason"


def test_a_node_that_is_not_there_any_more_was_lost(scene, tmp_path):
    begin(scene, node_id="b" * 56)
    scene.reports.on_trial_error(2, [], died(tmp_path, "Error: the actor is dead"))
    assert scene.host.of(0) == ["begun", "lost"]
    assert scene.host.last(0) == f"node 10.0.0.1 ({'b' * 12}) was lost"


def step(scene, until):
    """Steps of Tune's loop until something has been reported of trial 0."""
    limit = time.monotonic() + 30
    while scene.host.of(0)[-1] == "begun":
        assert time.monotonic() < limit, f"never {until}"
        scene.reports.on_step_end(3, [])


@pytest.mark.parametrize(
    "why", ["RpcError: unavailable", "Error: the actor is dead: The process receives a SIGTERM."]
)
def test_a_first_sign_is_a_lost_node_once_ray_has_noticed(scene, tmp_path, monkeypatch, why):
    alive = [NODE]
    monkeypatch.setattr("ray.nodes", lambda: alive)
    begin(scene)
    scene.reports.on_trial_error(2, [], died(tmp_path, why))
    scene.reports.on_step_end(3, [])
    assert scene.host.of(0) == ["begun"]  # Tune's loop goes on meanwhile
    alive.clear()
    scene.reports.on_step_end(4, [])
    assert scene.host.of(0) == ["begun", "lost"]


def test_a_broken_connection_to_a_node_that_stays_is_a_death(scene, tmp_path):
    begin(scene)
    scene.reports.on_trial_error(2, [], died(tmp_path, "RpcError: unavailable"))
    assert scene.host.of(0) == ["begun"]
    step(scene, "died")
    assert scene.host.of(0) == ["begun", "died"]


def test_a_death_is_reported_while_tune_only_asks_for_trials(scene, tmp_path):
    """Without any other trial Tune's loop makes no steps."""
    begin(scene)
    scene.host.waits = [Next.WAIT] * 10**6
    searcher = HostSearcher(scene.host, scene.reports.report_endings)
    scene.reports.on_trial_error(2, [], died(tmp_path, "RpcError: unavailable"))
    limit = time.monotonic() + 30
    while scene.host.of(0) == ["begun"]:
        assert time.monotonic() < limit
        assert searcher.suggest("t1") is None
    assert scene.host.of(0) == ["begun", "died"]


def test_a_node_that_does_not_say_its_last_words_holds_nobody_up(scene, monkeypatch):
    monkeypatch.setattr(endings, "_LAST_WORDS_SECONDS", 0.1)
    begin(scene)
    monkeypatch.setattr("ray.wait", lambda references, **_: ([], references))
    scene.backend.kill(0)
    scene.reports.on_trial_error(2, [], trial())
    assert scene.host.of(0) == ["begun"]
    step(scene, "killed")
    assert scene.host.of(0) == ["begun", "killed"]


@pytest.mark.parametrize(
    "text",
    [
        "Worker exit type: NODE_OUT_OF_MEMORY Worker exit detail: Task was killed due to the node "
        "running low on memory.\nRayActorError: The actor is dead",
        "ray.exceptions.OutOfMemoryError: 1 Worker was killed",
    ],
)
def test_what_ray_ends_for_its_memory_is_told_so(scene, tmp_path, text):
    begin(scene)
    scene.reports.on_trial_error(2, [], died(tmp_path, text))
    assert scene.host.of(0) == ["begun", "died"]
    assert scene.host.last(0).startswith("out of memory: Ray ended it because its node")


def test_what_its_node_ends_for_its_memory_is_told_so(scene, tmp_path):
    begin(scene)
    node = scene.backend._running[0].node.actor
    node.reason = "over mem_in_mb=100: it used 120 MB"
    scene.reports.on_trial_error(2, [], died(tmp_path, "Error: The actor is dead"))
    assert scene.host.last(0) == "over mem_in_mb=100: it used 120 MB"


def test_a_node_that_does_not_answer_is_asked_for_a_log_once(scene, monkeypatch):
    asked = []
    begin(scene)
    node = scene.backend._running[0].node.actor
    node.tail = lambda file: asked.append(file) or "late\n"
    with monkeypatch.context() as patch:
        patch.setattr("ray.wait", lambda references, **_: ([], references))
        assert scene.backend.logs([0]) == scene.backend.logs([0]) == {}
    assert asked == ["0.log"]
    assert scene.backend.logs([0]) == {0: "late\n"}
    scene.backend.logs([0])
    assert asked == ["0.log", "0.log"]


@pytest.mark.parametrize("text", ["Error: the node has died", "Error: node was preempted"])
def test_a_node_that_ray_says_is_lost(scene, tmp_path, text):
    begin(scene)
    scene.reports.on_trial_error(2, [], died(tmp_path, text))
    assert scene.host.of(0) == ["begun", "lost"]
    assert scene.host.last(0) == f"its node was lost: {text}"


def test_logs_of_nodes_that_answer(scene, monkeypatch):
    logs = {0: "zero\n", 1: actor_died(), 2: "two\n"}
    for number in logs:
        begin(scene, number, logs=logs)
    assert scene.backend.logs([0, 1, 2, 7]) == {0: "zero\n", 2: "two\n"}
    monkeypatch.setattr("ray.wait", lambda references, **_: ([], references))
    assert scene.backend.logs([0]) == {}


def test_the_last_log_of_a_node_that_is_gone(scene):
    begin(scene, logs={0: actor_died()})
    scene.backend.kill(0)
    scene.reports.on_trial_error(2, [], trial())
    assert scene.host.last(0) is None


def test_the_run_is_handed_to_tune(scene, monkeypatch):
    seen = {}

    class Tuner:
        def __init__(self, trainable, tune_config, run_config):
            seen.update(tune=tune_config, run=run_config)

        def fit(self):
            seen["folder"] = os.path.isdir(seen["run"].storage_path)

    def with_resources(trainable, resources):
        pickle.dumps(resources)  # it travels to the actors with the trainable
        return trainable

    monkeypatch.setattr("ray.tune.Tuner", Tuner)
    monkeypatch.setattr("ray.tune.with_parameters", lambda trainable, settings: trainable)
    monkeypatch.setattr("ray.tune.with_resources", with_resources)
    scene.backend.run(scene.host, concurrency=3)
    assert seen["tune"].max_concurrent_trials == 3
    assert seen["tune"].reuse_actors
    assert seen["tune"].num_samples == -1
    assert seen["run"].failure_config.max_failures == 0
    assert seen["folder"]
    assert not os.path.exists(seen["run"].storage_path)
    named = seen["tune"].trial_name_creator(trial(5)), seen["tune"].trial_dirname_creator(trial(5))
    assert named == ("trial-run-5", "5")


def test_ends_that_are_not_clear_when_the_loop_is_over_are_waited_for(scene, tmp_path):
    begin(scene)
    trial_that_died = died(tmp_path, "ActorUnavailableError: The actor is unavailable")
    scene.reports.on_trial_error(2, [], trial_that_died)
    assert scene.host.of(0) == ["begun"]
    scene.reports.report_last_endings()
    assert scene.host.of(0) == ["begun", "died"]


def test_a_run_that_stops_at_once_waits_for_no_end(scene, tmp_path):
    begin(scene)
    trial_that_died = died(tmp_path, "ActorUnavailableError: The actor is unavailable")
    scene.reports.on_trial_error(2, [], trial_that_died)
    scene.host.stop = True
    scene.reports.report_last_endings()
    assert scene.host.of(0) == ["begun"]
