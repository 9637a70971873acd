"""Deaths that Tune does not know end one trial and not the experiment."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import ActorDiedError, NodeDiedError, OutOfMemoryError, RayActorError

from engine.driver.trial_backends.tune_errors import accept_all_deaths, known_death


@pytest.mark.parametrize("kind", [OutOfMemoryError, NodeDiedError])
def test_tune_takes_a_death_for_the_end_of_its_trial(kind):
    accept_all_deaths()
    accept_all_deaths()
    told = []
    actor = SimpleNamespace(actor_id=1, _on_error=lambda actor, error: told.append(error))
    task = SimpleNamespace(
        _tracked_actor=actor, _on_error=lambda actor, error: told.append(error), _on_result=None
    )
    manager = RayActorManager(None)
    manager._cleanup_actor = lambda tracked_actor: None  # the actor is none of Ray's
    error = kind("the node is running low on memory")
    manager._actor_task_failed(tracked_actor_task=task, exception=error)
    assert len(told) == 2
    assert all(isinstance(error, RayActorError) for error in told)
    assert {str(error) for error in told} == {"the node is running low on memory"}


def test_other_errors_stay_what_they_are():
    for error in (ActorDiedError(), ValueError("no")):
        assert known_death(error) is error
