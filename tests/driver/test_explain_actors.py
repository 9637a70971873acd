"""The pool's bookkeeping, with actors of this process that die when they should."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from engine.data.check import check_data
from engine.driver.explain_actors import (
    ActorLost,
    ActorPool,
    Actors,
    ExplainerActor,
    explain_rows,
)
from engine.errors import RunException
from engine.explain.pieces import Work, in_this_process
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec

N_ROWS = 24


class Broken:
    """A model that predicts nothing."""

    def predict(self, X):
        raise ZeroDivisionError("a broken model")


class LocalActors(Actors):
    """Actors that do what they are asked when their result is taken.

    Parameters
    ----------
    dies:
        Takes the number of an actor and of its task, from 0; returns whether it dies in it.
    at_once:
        How many results are ready at a time.
    """

    def __init__(self, work, dies=lambda actor, task: False, at_once=1):
        self._work = work
        self._dies = dies
        self._at_once = at_once
        self._tickets = itertools.count()
        self._tasks = {}
        self.done = []  # tasks of each actor
        self.ended = []

    def start(self):
        self.done.append(0)
        return len(self.done) - 1

    def expected(self, actor):
        return self._ask(actor, lambda explainer: explainer.expected())

    def explain(self, actor, rows):
        return self._ask(actor, lambda explainer: explainer.explain(rows))

    def ready(self, futures, seconds):
        return futures[: self._at_once]

    def get(self, future):
        actor, task = self._tasks.pop(future)
        number = self.done[actor]
        self.done[actor] += 1
        if self._dies(actor, number):
            raise ActorLost(f"actor {actor} died\nin task {number}")
        return task(ExplainerActor(self._work))

    def kill(self, actor):
        self.ended.append(actor)

    def _ask(self, actor, task):
        assert actor not in [busy for busy, _ in self._tasks.values()]
        future = next(self._tickets)
        self._tasks[future] = (actor, task)
        return future


@pytest.fixture(scope="module")
def work():
    """A linear model, whose SHAP values are exact and fast."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    data = check_data({"X": X, "y": X @ [1.0, 2.0, 0.0]}, "regression")
    pipeline = build_pipeline(PipelineSpec("ElasticNet", "", {"alpha": 0.01}), "regression")
    model = pipeline.fit(data.X, data.y)
    return Work(model, data.X[:10], data.X[:N_ROWS], data.feature_names)


def is_whole(explanation, work):
    expected = in_this_process(work)
    assert explanation.rows.tolist() == list(range(N_ROWS))
    np.testing.assert_allclose(explanation.values, expected.values, atol=1e-12)
    np.testing.assert_allclose(explanation.expected, expected.expected)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("at_once", [1, 3])
def test_a_pool_gives_what_one_process_gives(work, size, at_once):
    actors, seen = LocalActors(work, at_once=at_once), []
    pool = ActorPool(actors, work, size, progress=lambda done, n_rows: seen.append((done, n_rows)))
    is_whole(pool.run(), work)
    assert sorted(actors.ended) == list(range(size))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (N_ROWS, N_ROWS)


@pytest.mark.parametrize("task", [0, 1, 2])
def test_an_actor_that_dies_is_replaced_and_its_piece_done_again(work, task):
    actors = LocalActors(work, dies=lambda actor, number: (actor, number) == (0, task))
    is_whole(ActorPool(actors, work, 2).run(), work)
    assert sorted(actors.ended) == [0, 1, 2]


def test_every_actor_dies_and_the_pool_gives_up(work):
    actors = LocalActors(work, dies=lambda actor, number: number == 1)
    with pytest.raises(RunException, match="6 explainers died, the last one: actor") as error:
        ActorPool(actors, work, 2).run()
    assert isinstance(error.value.__cause__, ActorLost)
    assert sorted(actors.ended) == list(range(len(actors.done)))


def test_errors_of_the_model_end_the_pool(work):
    broken = Work(Broken(), work.background, work.X, work.columns)
    actors = LocalActors(broken)
    with pytest.raises(ZeroDivisionError):
        ActorPool(actors, broken, 2).run()
    assert sorted(actors.ended) == [0, 1]


def test_a_stopped_pool_ends_its_actors(work):
    actors, asked = LocalActors(work), []

    def stop():
        asked.append(True)
        return len(asked) == 3

    with pytest.raises(RunException, match="was stopped"):
        ActorPool(actors, work, 2).run(stop)
    assert sorted(actors.ended) == [0, 1]


class Seconds:
    """A clock that goes on by a second at each look at the actors."""

    def __init__(self, actors, after=0):
        self.now, self._ready, self._after = 0.0, actors.ready, after
        actors.ready = self.ready

    def __call__(self):
        return self.now

    def ready(self, futures, seconds):
        self.now += 1.0
        return self._ready(futures, seconds) if self.now > self._after else []


def test_when_the_time_is_over_fewer_rows_are_explained(work):
    """And one piece is explained where an actor was ready in time."""
    actors = LocalActors(work)
    clock = Seconds(actors)
    explanation = ActorPool(actors, work, 1, seconds=0.5, clock=clock).run()
    assert 0 < len(explanation.rows) < N_ROWS
    assert explanation.n_given == N_ROWS
    assert actors.done == [2]
    totals = explanation.expected + explanation.values.sum(axis=1)
    np.testing.assert_allclose(totals[:, 0], work.model.predict(work.X[explanation.rows]))


def test_a_cluster_without_room_does_not_keep_an_explanation_waiting(work):
    actors = LocalActors(work)
    clock = Seconds(actors, after=1000)
    with pytest.raises(RunException, match="no explainer had room and time"):
        ActorPool(actors, work, 2, seconds=20.0, clock=clock).run()
    assert clock.now <= 21.0
    assert sorted(actors.ended) == [0, 1]


def test_a_first_piece_that_hangs_is_not_waited_for(work):
    actors = LocalActors(work)
    clock = Seconds(actors)
    ready = actors.ready
    actors.ready = lambda futures, seconds: ready(futures, seconds) if clock.now < 1 else (
        setattr(clock, "now", clock.now + 1.0) or []
    )  # fmt: skip
    with pytest.raises(RunException, match="within 3 s"):
        ActorPool(actors, work, 1, seconds=3.0, clock=clock).run()
    assert clock.now <= 3.0 + 5.0 + 1.0


def test_an_explanation_without_room_and_limit_hears_a_cancel(work):
    actors, asked = LocalActors(work), []
    Seconds(actors, after=1000)
    with pytest.raises(RunException, match="was stopped"):
        ActorPool(actors, work, 2).run(lambda: len(asked) > 3 or bool(asked.append(1)))
    assert sorted(actors.ended) == [0, 1]


def test_without_a_cluster_rows_are_explained_here(work):
    is_whole(explain_rows(work), work)
