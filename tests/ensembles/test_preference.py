"""Whether an ensemble is preferred to a single pipeline."""

from __future__ import annotations

import pytest

from engine.ensembles.compose import EnsembleResult
from engine.ensembles.preference import Preference
from engine.metrics.metric import METRICS
from tests.ensembles.candidates import sixty_guesses

ACCURACY = METRICS["accuracy"]


def result(scores, own_weight=None):
    return EnsembleResult({}, {}, [{"accuracy": s} for s in scores], None, own_weight=own_weight)


@pytest.mark.parametrize(
    ("name", "scores", "preferred"),
    [
        ("VotingEnsemble", [0.8, 0.8, 0.8], True),
        ("VotingEnsemble", [0.8, 0.81, 0.78], True),
        ("VotingEnsemble", [0.79, 0.79, 0.789], False),
        ("StackEnsemble", [0.9, 0.8, 0.79], False),
        ("StackEnsemble", [0.9, 0.89, 0.91], True),
        ("StackEnsemble", [0.83, 0.8, 0.8], False),
        ("StackEnsemble", [0.83, 0.81, 0.8], False),
        ("a second level", [0.83, 0.8, 0.8], True),
        ("a second level", [0.8, 0.8, 0.8], False),
        ("a second level", [0.83, 0.77, 0.8], False),
    ],
)
def test_what_is_preferred_to_a_single_pipeline(name, scores, preferred):
    found = result(scores, own_weight=0.5 if name == "a second level" else None)
    why = Preference(ACCURACY, [0.8, 0.8, 0.8]).reason(name, found)
    assert (why is not None) == preferred
    assert Preference(ACCURACY, None).reason(name, found) is None


def test_a_preferred_ensemble_is_what_the_next_one_must_beat():
    preference = Preference(ACCURACY, [0.7, 0.7, 0.7])
    assert preference.reason("VotingEnsemble", result([0.8, 0.8, 0.8])) is not None
    assert preference.reason("StackEnsemble", result([0.75, 0.75, 0.75])) is None
    why = preference.reason("StackEnsemble", result([0.9, 0.9, 0.9]))
    assert why == "0.9 against 0.8 of VotingEnsemble"


def test_parts_that_cannot_be_compared_give_no_preference():
    assert Preference(ACCURACY, [0.7, 0.7]).reason("VotingEnsemble", result([0.9])) is None


@pytest.mark.parametrize(("n_tried", "preferred"), [(24, False), (25, True)])
def test_few_tries_leave_the_choice_to_the_scores(n_tried, preferred):
    found = Preference.among(sixty_guesses(), ACCURACY, n_tried)
    assert (found.reason("VotingEnsemble", result([0.9] * 5)) is not None) == preferred
