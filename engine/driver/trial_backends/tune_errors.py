"""Deaths of actors that Tune does not know, in the form that it knows."""

from __future__ import annotations

from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError

#: In Ray's words, these end an actor's call too. They are no `RayActorError`: Tune would end the
#: whole experiment with "Caught unexpected exception".
_ALSO_DEATHS = (OutOfMemoryError, NodeDiedError)


def known_death(error: Exception) -> Exception:
    """Return the death of an actor as a `RayActorError` with the same text; other errors as is.

    Examples
    --------
    >>> death = known_death(OutOfMemoryError("the node is running low on memory"))
    >>> isinstance(death, RayActorError), str(death)
    (True, 'the node is running low on memory')
    >>> known_death(ValueError("no"))
    ValueError('no')
    """
    if isinstance(error, _ALSO_DEATHS):
        return RayActorError(error_msg=str(error))
    return error


class _Installed:
    """Whether Tune in this process has been told."""

    is_done = False


def accept_all_deaths() -> None:
    """Have Tune take every death of an actor for the end of one trial; once in a process."""
    if _Installed.is_done:
        return
    _Installed.is_done = True
    of_ray = RayActorManager._actor_task_failed

    # Ray gives the arguments by their names.
    def failed(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        of_ray(manager, tracked_actor_task, known_death(exception))

    RayActorManager._actor_task_failed = failed
