"""What a run on Ray is put together from."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import ClassVar

import pytest

from cluster.targets.connection import Connection
from engine import AutoMLConfig
from engine.deadline import Deadline
from engine.driver import ray_platform
from engine.driver.data_host import RunData
from engine.driver.ray_gauges import RunMetrics, TrialMetrics
from engine.driver.ray_platform import RayPlatform
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_backends.backend import Proposal
from engine.driver.trial_backends.tune import TuneBackend
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from tests.driver.in_process_ray import Handle
from tests.driver.replay import X, Y

ACCURACY = METRICS["accuracy"]


@pytest.fixture
def given():
    """A run's settings and data."""

    def given(**settings):
        values = {"n_cross_validations": 3} | settings
        return AutoMLConfig("classification", X=X, y=Y, **values).prepare()

    return given


def data_of(platform, given):
    dataset = given.dataset
    return RunData(dataset.summary(), dataset.without_features(), platform.share(given))


def test_trials_get_the_runs_settings_and_its_data(in_process_ray, given):
    run = given(mem_in_mb=100, class_weight="balanced", random_state=7)
    platform = RayPlatform("run", run.settings, ACCURACY)
    data = data_of(platform, run)
    limits = IterationLimits(iteration_seconds=60.0)
    backend = platform.trial_backend(data, 2, limits)
    assert isinstance(backend, TuneBackend)
    trials = backend.settings
    assert trials.source.shared == data.reference
    assert trials.fingerprint == data.summary.fingerprint
    assert (trials.primary_metric, trials.cores, trials.random_state) == ("accuracy", 2, 7)
    assert (trials.class_weight, trials.limits) == ("balanced", limits)
    assert backend.resources == {"cpu": 2, "memory": 100 * 2**20}


def test_data_that_is_not_here_is_read_where_a_trial_has_room(in_process_ray, tmp_path, given):
    (tmp_path / "get_data.py").write_text("def get_data(): ...")
    config = AutoMLConfig("classification", data_script=str(tmp_path / "get_data.py"))
    platform = RayPlatform("run", config.settings, ACCURACY)
    host = platform.data_host(config.prepare(), 2)
    assert host.resources == {"num_cpus": 2}


def test_the_machines_are_asked_for_what_the_settings_want(in_process_ray, given, monkeypatch):
    connected = []

    def connect(is_of_cluster):
        connected.append(is_of_cluster)
        return Connection("127.0.0.1:1")

    monkeypatch.setattr(ray_platform, "connect", connect)
    far = given(compute_target="far", max_concurrent_iterations=3)
    dead, mine = (SimpleNamespace(clean=lambda: None) for _ in range(2))
    for driver, actor in (("dead", dead), ("mine", mine)):
        in_process_ray.actors[f"data-run:{driver}-node"] = Handle(actor)
    platform = RayPlatform("run", far.settings, ACCURACY, "mine")
    platform.connect()
    assert connected == [True]
    assert [handle.actor for handle in in_process_ray.killed] == [dead]
    assert platform.trial_cores() == 1
    assert platform.concurrency(1) == 3
    platform.ask_for_nodes(1)
    platform.close()
    assert in_process_ray.requested == [[{"CPU": 1}] * 3, []]
    assert [handle.actor for handle in in_process_ray.killed] == [dead, mine]


def test_nothing_is_asked_of_a_cluster_that_is_lost(in_process_ray, given, monkeypatch):
    connection = Connection("127.0.0.1:1")
    monkeypatch.setattr(ray_platform, "connect", lambda is_of_cluster: connection)
    platform = RayPlatform("run", given(max_concurrent_iterations=3).settings, ACCURACY, "mine")
    platform.connect()
    assert (platform.loss, platform.call(lambda: 7)) == (None, 7)
    in_process_ray.actors["data-run:mine-node"] = Handle(SimpleNamespace(clean=lambda: None))
    connection.loss = "its head has ended"
    platform.ask_for_nodes(1)
    requested = list(in_process_ray.requested)
    in_process_ray.nodes = []
    assert platform.has_room(1)
    platform.close()
    platform.hand_over()
    assert platform.loss == "its head has ended"
    assert in_process_ray.requested == requested
    assert in_process_ray.killed == []


def test_a_driver_that_has_lost_its_run_leaves_the_others_actors_and_nodes(in_process_ray, given):
    drivers = {}
    for driver in ("loser", "winner"):
        drivers[driver] = SimpleNamespace(clean=lambda: None)
        in_process_ray.actors[f"data-run:{driver}-node"] = Handle(drivers[driver])
    far = given(compute_target="far")
    RayPlatform("run", far.settings, ACCURACY, "loser").hand_over()
    assert [handle.actor for handle in in_process_ray.killed] == [drivers["loser"]]
    assert in_process_ray.requested == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"enable_stack_ensemble": False}, False),
        ({"blocked_models": ["LightGBM"]}, False),
        ({"n_cross_validations": None, "validation_size": 0.2}, False),
    ],
)
def test_a_second_level_where_there_can_be_one(in_process_ray, given, settings, expected):
    run = given(**settings)
    platform = RayPlatform("run", run.settings, ACCURACY)
    begin = platform.second_level(data_of(platform, run), Deadline())
    assert (begin is not None) == expected


@pytest.mark.parametrize(
    ("until", "seconds"), [(Deadline(), None), (Deadline(9.0, lambda: 2.0), 7.0)]
)
def test_an_explanation_has_the_time_until_its_deadline(
    in_process_ray, given, monkeypatch, until, seconds
):
    asked = []

    class Step:
        def __init__(self, *arguments):
            asked.append(arguments)

        def explain(self, iteration, request):
            asked.append((iteration, request.X, request.seconds, request.stop))

    monkeypatch.setattr(ray_platform, "ExplainStep", Step)
    run = given(random_state=7)
    platform = RayPlatform("run", run.settings, ACCURACY)
    data = data_of(platform, run)
    platform.explain("store", "iteration", data, "rows", until, all)
    assert asked == [
        ("store", "run", data.reference, 7, True), ("iteration", "rows", seconds, all),
    ]  # fmt: skip


class Instrument:
    """A gauge or histogram that remembers."""

    made: ClassVar[dict] = {}

    def __init__(self, name, *_, **__):
        self.values = []
        self.made[name] = self

    def set(self, value, tags):
        self.values.append((value, tags))

    observe = set


@pytest.fixture
def instruments(monkeypatch):
    monkeypatch.setattr("engine.driver.ray_gauges.Gauge", Instrument)
    monkeypatch.setattr("engine.driver.ray_gauges.Histogram", Instrument)
    Instrument.made = {}
    return Instrument.made


def test_the_gauges_of_a_run(instruments, given):
    gauges = RayPlatform("run", given().settings, ACCURACY).gauges()
    assert isinstance(gauges, RunMetrics)
    gauges.counted("", 1, 5)
    gauges.counted("Completed", 0, 5)
    gauges.counted("Completed", 0, 4)
    gauges.best(0.9)
    states = {tags["state"]: value for value, tags in instruments["raysmith_iterations"].values}
    assert states == {"Running": 0, "Completed": 2}
    assert [value for value, _ in instruments["raysmith_queue_length"].values] == [5, 5, 4]
    assert instruments["raysmith_best_score"].values == [
        (0.9, {"run": "run", "metric": "accuracy"})
    ]


def test_the_gauges_of_a_trial(instruments):
    gauges = TrialMetrics("run")
    gauges.fitted(2.0)
    gauges.loaded(3.0)
    assert instruments["raysmith_fit_seconds"].values == [(2.0, {"run": "run"})]
    assert instruments["raysmith_get_data_seconds"].values == [(3.0, {"run": "run"})]


def test_the_memory_of_a_trial_is_that_of_the_largest_node(in_process_ray, given):
    platform = RayPlatform("run", given().settings, ACCURACY)
    assert platform.trial_memory_mb(1) == 4096.0
    growing = RayPlatform("run", given().settings, ACCURACY)
    in_process_ray.autoscaler_refuses()
    assert growing.trial_memory_mb(1) == math.inf
    assert platform.trial_memory_mb(1) == 4096.0  # whether it grows is asked once
    limited = RayPlatform("run", given(mem_in_mb=100).settings, ACCURACY)
    assert limited.trial_memory_mb(1) == 100.0


def test_there_is_no_room_for_a_trial_that_waits_for_a_node_that_was_lost(in_process_ray, given):
    run = given()
    platform = RayPlatform("run", run.settings, ACCURACY)
    backend = platform.trial_backend(data_of(platform, run), 1, IterationLimits())
    large = {"NodeID": "b" * 56, "Alive": True, "NodeManagerAddress": "10.0.0.2",
             "Resources": {"CPU": 2.0, "memory": 64 * 2.0**30}}  # fmt: skip
    in_process_ray.nodes = [*in_process_ray.nodes, large]
    backend.memory_for(Proposal(0, PipelineSpec("KNN"), expected_mb=20_000.0))
    assert platform.has_room(1)
    in_process_ray.nodes = in_process_ray.nodes[:1]
    assert not platform.has_room(1)
    backend.forget(0)
    assert platform.has_room(1)
