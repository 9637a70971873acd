"""The store of runs and iterations, kept by MLflow."""

from __future__ import annotations

from engine.store.iterations import Iterations
from engine.store.logged_values import LoggedValues
from engine.store.registry import ModelRegistry
from engine.store.runs import ControlRequests, Runs

#: Environment variable that names the store for a driver on a cluster. The URI may hold a
#: password, so it is not an argument of the process.
TRACKING_URI_VARIABLE = "RAYSMITH_TRACKING_URI"


class RunStore(Runs, ControlRequests, Iterations, LoggedValues, ModelRegistry):
    """Read and write runs on one MLflow tracking server or database.

    The store is the only truth about a run. Clients and drivers of several processes use it at
    the same time and meet nowhere else.

    Parameters
    ----------
    tracking_uri:
        Any MLflow tracking URI.
    patience:
        How long a call is repeated while the store does not answer; default: 130 seconds.
    client:
        Makes the calls; default: an ``MlflowClient`` of ``tracking_uri``.

    Notes
    -----
    *Threads and processes.* One object may be used by several threads. It keeps nothing beside
    the connection but ids that never change, so every call reads what other processes have
    written.

    *Order.* A call returns when its writes are in the store. A state is the last write of the call
    that sets it: a reader who sees a final state sees the scores, properties and files that belong
    to it. Calls that write several things are not atomic: a process that dies in between leaves
    the earlier ones.

    *Repetition.* A call may be repeated with the same arguments and leaves the same state, except
    `create_run`, `start_iteration`, `log_values` and `register_model`, which create something each
    time.

    *Failures.* While the store does not answer, a call is repeated for as long as the store's
    patience lasts; see `engine.store.retrying.Patience`. None of these repetitions creates
    anything twice. `with_patience` returns the same store with another patience.

    *Errors.* An id that is not in the store is a `RunException`, a file that is not there a
    ``FileNotFoundError``: the store has answered so. A store that does not answer is a
    `StoreUnavailable`. Other errors of MLflow are passed on as they are.
    """
