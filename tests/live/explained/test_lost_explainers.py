"""Explainer actors whose processes are killed, in each phase of an explanation."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from engine import RunException
from engine.driver.explain_actors import explain_with_actors
from engine.explain.pieces import Work, in_this_process
from tests.live.helpers import wait_until

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

COLUMNS = ("a", "b", "c")
X = np.random.default_rng(0).normal(size=(24, 3))


class Deadly:
    """Predicts a sum; kills its process in a given call of it, for the first ``times`` actors.

    Only processes other than the one that has made it are killed.
    """

    def __init__(self, folder: Path, call: int, times: int = 1) -> None:
        self.folder = str(folder)
        self.call = call
        self.times = times
        self.maker = os.getpid()
        self.calls = 0

    def predict(self, X):
        self.calls += 1
        if os.getpid() != self.maker and self.calls == self.call:
            victims = Path(self.folder, "victims")
            with victims.open("a") as file:
                file.write(f"{os.getpid()}\n")
            if len(victims.read_text().split()) <= self.times:
                os.kill(os.getpid(), signal.SIGKILL)
        return np.asarray(X) @ [3.0, 0.0, 1.0]


def work(model):
    return Work(model, X[:10], X, COLUMNS)


# Its first call gives the expected output, the next ones are pieces of the rows.
@pytest.mark.parametrize(
    "call", [pytest.param(1, marks=pytest.mark.long), 2, pytest.param(3, marks=pytest.mark.long)]
)
def test_an_explainer_that_is_killed_is_replaced(tmp_path, call):
    done = []
    explanation = explain_with_actors(
        work(Deadly(tmp_path, call)), "killed", progress=lambda *p: done.append(p), actors=1
    )
    assert len((tmp_path / "victims").read_text().split()) >= 1
    expected = in_this_process(work(Deadly(tmp_path, call)))
    np.testing.assert_allclose(
        np.asarray(explanation.values), np.asarray(expected.values), atol=1e-6
    )
    assert done[-1] == (24, 24)


@pytest.mark.long
def test_all_explainers_at_once(tmp_path):
    explanation = explain_with_actors(work(Deadly(tmp_path, 2, times=2)), "killed", actors=2)
    assert len(explanation.rows) == 24


@pytest.mark.long
def test_a_model_that_kills_every_explainer_ends_the_explanation(tmp_path):
    with pytest.raises(RunException, match="6 explainers died"):
        explain_with_actors(work(Deadly(tmp_path, 1, times=100)), "killed", actors=1)
    victims = [int(pid) for pid in (tmp_path / "victims").read_text().split()]
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in victims), 30)
