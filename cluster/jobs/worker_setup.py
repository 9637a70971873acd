"""What the worker processes of a run call before anything else.

A process that sets the environment variable `SETUP_VARIABLE` has its value passed on to the workers
that its runs and endpoints start, and to nobody else.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from cluster.jobs.secrets import KEY_VARIABLE, set_in_worker

#: Environment variable: functions ``package.module:function``, divided by commas.
SETUP_VARIABLE = "RAYSMITH_WORKER_SETUP"
#: What Ray calls in each worker process.
WORKER_HOOK = "cluster.jobs.worker_setup.set_up_worker"


def set_up_worker() -> None:
    """Set the variables of the run, and call what its process asked for."""
    if KEY_VARIABLE in os.environ:
        set_in_worker()
    call_setup()


def call_setup() -> None:
    """Call the functions that `SETUP_VARIABLE` names.

    Examples
    --------
    >>> os.environ[SETUP_VARIABLE] = "gc:collect"
    >>> call_setup()
    >>> del os.environ[SETUP_VARIABLE]
    """
    call_functions(os.environ.get(SETUP_VARIABLE, ""))


def call_functions(names: str) -> None:
    """Call functions without arguments: ``package.module:function``, divided by commas.

    >>> call_functions("")
    """
    for name in filter(None, names.split(",")):
        module, _, function = name.partition(":")
        getattr(import_module(module), function)()


def setup_of_workers(has_secrets: bool = False) -> dict[str, Any]:
    """Return the parts of Ray's ``runtime_env`` that set workers up.

    Parameters
    ----------
    has_secrets:
        Whether the workers have variables to fetch from Ray's store.

    Examples
    --------
    >>> setup_of_workers(has_secrets=True)
    {'worker_process_setup_hook': 'cluster.jobs.worker_setup.set_up_worker'}
    """
    asked = os.environ.get(SETUP_VARIABLE)
    found: dict[str, Any] = {}
    if asked or has_secrets:
        found["worker_process_setup_hook"] = WORKER_HOOK
    if asked:
        found["env_vars"] = {SETUP_VARIABLE: asked}
    return found
