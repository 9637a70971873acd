"""Tags of MLflow runs: the codecs of `RunRecord` and `IterationRecord`.

An experiment is an MLflow experiment, a run a parent run, an iteration a child run. Values that
MLflow has no field for are tags that start with ``raysmith.``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import RunException
from engine.store.driver_identity import DriverIdentity
from engine.store.properties import IterationProperties
from engine.store.records import IterationRecord, Requests, RunRecord
from engine.store.status import IterationStatus, RunStatus
from engine.store.texts import plain_text
from engine.uris import hide_passwords

if TYPE_CHECKING:
    from mlflow.entities import Run

_PREFIX = "raysmith."
_PREFIX_OF_MLFLOW = "mlflow."

PARENT = "mlflow.parentRunId"
_NAME = "mlflow.runName"

KIND = f"{_PREFIX}kind"
STATUS = f"{_PREFIX}status"
ERROR, ERROR_TYPE = f"{_PREFIX}error", f"{_PREFIX}error_type"
NOTES = f"{_PREFIX}notes"
BEST_ITERATION, BEST_RUN_ID = f"{_PREFIX}best_iteration", f"{_PREFIX}best_run_id"
DRIVER = f"{_PREFIX}driver"
#: Tells whether a run was created although the answer did not arrive.
CREATION = f"{_PREFIX}creation"
#: Prefix of the parameters that hold the claims of drivers, by number.
_CLAIM = f"{_PREFIX}driver."
DATA = f"{_PREFIX}data"
_RESUMABLE = f"{_PREFIX}resumable"
#: The file of the specification that counts.
SPECIFICATION = f"{_PREFIX}specification"
TARGET = f"{_PREFIX}target"
CANCEL, PAUSE = f"{_PREFIX}request.cancel", f"{_PREFIX}request.pause"
_CANCEL_ITERATION = f"{_PREFIX}request.cancel_iteration."
_TASK, _METRIC = f"{_PREFIX}task", f"{_PREFIX}primary_metric"
_ITERATION, _PIPELINE = f"{_PREFIX}iteration", f"{_PREFIX}pipeline"
_REASON, _RETRIES = f"{_PREFIX}reason", f"{_PREFIX}retries"
_STARTED = f"{_PREFIX}started"
_PROPERTY = f"{_PREFIX}property."
#: SHA-256 of a file that runs code when it is loaded; the path of the file follows.
DIGEST = f"{_PREFIX}digest."

#: MLflow's status of each state. A state that runs and iterations share has one entry.
MLFLOW_STATUS: Mapping[RunStatus | IterationStatus, str] = {
    RunStatus.NOT_STARTED: "SCHEDULED",
    RunStatus.PREPARING: "SCHEDULED",
    RunStatus.RUNNING: "RUNNING",
    RunStatus.FINALIZING: "RUNNING",
    RunStatus.COMPLETED: "FINISHED",
    RunStatus.CANCELED: "KILLED",
    RunStatus.FAILED: "FAILED",
    IterationStatus.RETRIED: "RUNNING",
    IterationStatus.TIMEOUT: "KILLED",
    IterationStatus.PRUNED: "KILLED",
}

#: Prefix of metrics that have a step for each fold.
FOLDS = "folds/"
#: Prefix of metrics that a user's script has logged: they choose no model.
LOGGED = "logged/"

_TEXT_LIMIT = 4000
_REASON_LIMIT = 300


def is_reserved(key: str) -> bool:
    """Whether a tag belongs to raysmith or to MLflow rather than to the user.

    Examples
    --------
    >>> is_reserved("mlflow.note.content"), is_reserved("team")
    (True, False)
    """
    return key.startswith((_PREFIX, _PREFIX_OF_MLFLOW))


def is_request_or_error(key: str) -> bool:
    """Whether a tag must go before a run is driven again.

    Examples
    --------
    >>> is_request_or_error(CANCEL), is_request_or_error(ERROR), is_request_or_error(STATUS)
    (True, True, False)
    """
    return key.startswith((f"{_PREFIX}request.", ERROR))


def cancel_iteration(iteration: int) -> str:
    """Return the tag that asks the driver to cancel an iteration.

    Examples
    --------
    >>> cancel_iteration(7)
    'raysmith.request.cancel_iteration.7'
    """
    return f"{_CANCEL_ITERATION}{iteration}"


def shorten(text: str) -> str:
    """Cut a text to 4,000 characters, well under MLflow's own limits.

    Characters that a database or a terminal does not take are removed, see
    `engine.store.texts.plain_text`.

    Examples
    --------
    >>> shorten("short"), len(shorten("x" * 100_000))
    ('short', 4000)
    """
    text = plain_text(text)
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."


def message(text: str) -> str:
    """Return an error, a reason or a warning as it is stored: short, and without passwords.

    Examples
    --------
    >>> message("no answer from https://ada:secret@host")
    'no answer from https://ada:***@host'
    """
    return shorten(hide_passwords(text))


def tags_of_new_run(
    name: str,
    settings: Mapping[str, Any],
    user_tags: Mapping[str, str],
    creator: DriverIdentity | None = None,
    is_resumable: bool = True,
) -> dict[str, str]:
    """Encode a run in the state ``NotStarted``, driven by its creator so far.

    Examples
    --------
    >>> settings = {"task": "regression", "primary_metric": "r2_score"}
    >>> tags = tags_of_new_run("a run", settings, {"team": "x"})
    >>> tags[STATUS], tags[TARGET], tags["team"]
    ('NotStarted', 'local', 'x')
    """
    return {
        **{key: shorten(str(value)) for key, value in user_tags.items()},
        _NAME: name,
        KIND: "run",
        STATUS: RunStatus.NOT_STARTED.value,
        _TASK: settings["task"],
        _METRIC: settings["primary_metric"],
        TARGET: settings.get("compute_target") or "local",
        **({} if creator is None else {DRIVER: creator.to_json()}),
        **({} if is_resumable else {_RESUMABLE: "false"}),
    }


def is_run(tags: Mapping[str, str]) -> bool:
    """Whether the tags are those of an AutoML run rather than of an iteration.

    Examples
    --------
    >>> is_run({KIND: "run"}), is_run({KIND: "iteration"}), is_run({})
    (True, False, False)
    """
    return tags.get(KIND) == "run"


#: Filter of a search for AutoML runs, in MLflow's syntax.
ALL_RUNS = f"tags.`{KIND}` = 'run'"


def run_record(run: Run) -> RunRecord:
    """Decode a parent run.

    Raises
    ------
    RunException
        When the MLflow run is not an AutoML run.
    """
    tags = run.data.tags
    if not is_run(tags):
        raise RunException(f"run {run.info.run_id} is not an AutoML run")
    status = RunStatus(tags[STATUS])
    return RunRecord(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        name=tags.get(_NAME, run.info.run_id),
        status=status,
        error=tags.get(ERROR),
        error_type=tags.get(ERROR_TYPE),
        task=tags[_TASK],
        primary_metric=tags[_METRIC],
        started=run.info.start_time / 1000,
        ended=_end_of(run) if status.is_final else None,
        driver=driver_of(run),
        requests=_requests(tags),
        notes=tuple(tags.get(NOTES, "").splitlines()),
        tags={key: value for key, value in tags.items() if not is_reserved(key)},
        target=tags.get(TARGET, "local"),
        data=tags.get(DATA),
        is_resumable=tags.get(_RESUMABLE) != "false",
    )


def claims_of(params: Mapping[str, str]) -> dict[int, str]:
    """Return number -> identity, as JSON, of the drivers that have claimed a run.

    Examples
    --------
    >>> claims_of({claim(1): "first", claim(2): "second", "task": "regression"})
    {1: 'first', 2: 'second'}
    """
    return {
        int(key.removeprefix(_CLAIM)): value
        for key, value in params.items()
        if key.startswith(_CLAIM)
    }


def claim(number: int) -> str:
    """Return the parameter that holds a run's claim of this number.

    Examples
    --------
    >>> claim(2)
    'raysmith.driver.2'
    """
    return f"{_CLAIM}{number}"


def driver_of(run: Run) -> DriverIdentity | None:
    """Return the driver with the last claim, with its last heartbeat.

    The tag holds heartbeats. A driver that has lost the run may still write one.
    """
    claims = claims_of(run.data.params)
    beating = run.data.tags.get(DRIVER)
    tagged = None if beating is None else DriverIdentity.from_json(beating)
    if not claims:
        return tagged
    claimed = DriverIdentity.from_json(claims[max(claims)])
    return tagged if tagged is not None and tagged.token == claimed.token else claimed


def _requests(tags: Mapping[str, str]) -> Requests:
    return Requests(
        cancel=tags.get(CANCEL) == "true",
        pause=tags.get(PAUSE) == "true",
        cancel_iterations=frozenset(
            int(key.removeprefix(_CANCEL_ITERATION))
            for key in tags
            if key.startswith(_CANCEL_ITERATION)
        ),
    )


def tags_of_new_iteration(
    parent_id: str, iteration: int, pipeline: str, properties: IterationProperties
) -> dict[str, str]:
    """Encode an iteration in the state ``Running``.

    Examples
    --------
    >>> tags_of_new_iteration("parent", 3, "PCA KNN", IterationProperties())[STATUS]
    'Running'
    """
    return {
        PARENT: parent_id,
        _NAME: f"{iteration} {pipeline}",
        KIND: "iteration",
        _ITERATION: str(iteration),
        _PIPELINE: pipeline,
        STATUS: IterationStatus.RUNNING.value,
        **_property_tags(properties),
    }


def tags_of_restart(properties: IterationProperties, started: float) -> dict[str, str]:
    """Encode an iteration that is in the state ``Running`` again.

    Examples
    --------
    >>> tags_of_restart(IterationProperties(pid=7), 12.5)["raysmith.started"]
    '12.5'
    """
    return {
        STATUS: IterationStatus.RUNNING.value,
        _REASON: "",
        _STARTED: str(started),
        **_property_tags(properties),
    }


def tags_of_retry(reasons: Sequence[str]) -> dict[str, str]:
    """Encode an iteration in the state ``Retried``; ``reasons`` are all lost nodes so far.

    Examples
    --------
    >>> tags_of_retry(["node a was lost", "node b was lost"])["raysmith.reason"]
    'node b was lost'
    """
    shown = [message(reason)[:_REASON_LIMIT] for reason in reasons]
    return {
        _RETRIES: json.dumps(shown),
        _REASON: shown[-1],
        STATUS: IterationStatus.RETRIED.value,
    }


def tags_of_error(text: str, kind: str) -> dict[str, str]:
    """Encode the reason why a run fails: the text of an error and the name of its type.

    Examples
    --------
    >>> tags_of_error("no", "ValueError")
    {'raysmith.error': 'no', 'raysmith.error_type': 'ValueError'}
    """
    return {ERROR: message(text), ERROR_TYPE: kind}


def tags_of_end(
    status: IterationStatus, reason: str, properties: IterationProperties
) -> dict[str, str]:
    """Encode an iteration in its final state.

    Examples
    --------
    >>> tags_of_end(IterationStatus.TIMEOUT, "too long", IterationProperties())
    {'raysmith.reason': 'too long', 'raysmith.status': 'Timeout'}
    """
    return {
        **_property_tags(properties),
        _REASON: message(reason),
        STATUS: status.value,
    }


def iteration_record(run: Run) -> IterationRecord:
    """Decode a child run."""
    tags = run.data.tags
    status = IterationStatus(tags[STATUS])
    return IterationRecord(
        run_id=run.info.run_id,
        iteration=int(tags[_ITERATION]),
        status=status,
        pipeline=tags[_PIPELINE],
        reason=tags.get(_REASON, ""),
        metrics={k: v for k, v in run.data.metrics.items() if not k.startswith((FOLDS, LOGGED))},
        properties=IterationProperties.from_tags(
            {
                key.removeprefix(_PROPERTY): value
                for key, value in tags.items()
                if key.startswith(_PROPERTY)
            }
        ),
        started=float(tags.get(_STARTED, run.info.start_time / 1000)),
        ended=_end_of(run) if status.is_final else None,
        retries=tuple(json.loads(tags.get(_RETRIES, "[]"))),
    )


def _end_of(run: Run) -> float | None:
    """MLflow reads a run before its tags, so a run that ended in between has no time yet."""
    return None if run.info.end_time is None else run.info.end_time / 1000


def _property_tags(properties: IterationProperties) -> dict[str, str]:
    return {f"{_PROPERTY}{key}": shorten(text) for key, text in properties.to_tags().items()}
