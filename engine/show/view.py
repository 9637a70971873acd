"""The state of a run as plain values, which widget, report and model card show."""

from __future__ import annotations

import contextlib
import json
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NotRequired, TypedDict

from engine.errors import RunException
from engine.metrics.metric import Metric, metrics_in
from engine.pipelines.spec import PipelineSpec
from engine.show.seen_run import SeenRun
from engine.show.table import first_line
from engine.store.choice import chosen_iteration
from engine.store.files import LOG_FILE
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord, RunRecord
from engine.store.status import IterationStatus

#: Files of a run.
QUALITY_FILE, DATA_FILE = "summary/quality.json", "summary/data.json"
_PACKAGES = (
    "raysmith",
    "ray",
    "scikit-learn",
    "lightgbm",
    "xgboost-cpu",
    "catboost",
    "mlflow",
    "numpy",
    "pandas",
    "shap",
)
_MOST_FEATURES = 50
#: Iterations whose logs a report holds by default.
MOST_LOGS = 40
#: Characters of one log, and of all logs of a report together.
_LONGEST_LOG, _LONGEST_LOGS = 20_000, 500_000
#: Logs that are read at the same time.
_READERS = 8
_SHOWN_ELSEWHERE = ("pipeline_spec", "fold_scores")
_HIDDEN_SETTINGS = ("path", "debug_log", "run_configuration")


class RunState(TypedDict):
    """A run; times are seconds since the epoch."""

    id: str
    name: str
    experiment: str
    status: str
    task: str
    metric: str
    target: str
    started: float
    ended: float | None
    error: str
    notes: list[str]
    url: str


class IterationState(TypedDict):
    """An iteration; ``folds`` holds the primary metric's value on each fold."""

    iteration: int
    pipeline: str
    status: str
    reason: str
    seconds: float
    started: float
    ended: float | None
    node: str
    metrics: dict[str, float]
    properties: dict[str, str]
    parameters: dict[str, str]
    retries: list[str]
    folds: NotRequired[list[float]]


class ImportanceGroup(TypedDict):
    """Features by descending importance, for all classes or for one."""

    label: str
    names: list[str]
    values: list[float]


class Importance(TypedDict):
    """Feature importance of an iteration's model."""

    iteration: int
    source: str
    rows_explained: int
    rows_given: int
    groups: list[ImportanceGroup]


class ViewState(TypedDict):
    """Everything that the browser draws.

    ``metrics`` says for each metric whether greater is better; ``best`` is the number of the
    iteration that the run hands over.
    """

    run: RunState
    metrics: dict[str, bool]
    best: int | None
    iterations: list[IterationState]
    logs: NotRequired[dict[str, str]]
    explanation: NotRequired[Importance | None]
    quality: NotRequired[Any]
    data: NotRequired[Any]
    settings: NotRequired[dict[str, str]]
    versions: NotRequired[dict[str, str]]
    snippet: NotRequired[str]


@dataclass(frozen=True)
class RunView:
    """A run to be shown.

    Attributes
    ----------
    store:
        The store that holds the run.
    run_id:
        The run.
    experiment:
        Name of the run's experiment.
    url:
        Address of the run's page in the MLflow UI.
    death_of:
        Record -> why nobody drives the run, although it has no final state; ``None`` when somebody
        does. Default: somebody does.
    ends_as:
        The final status that the run is about to get.
    """

    store: RunStore
    run_id: str
    experiment: str
    url: str
    death_of: Callable[[RunRecord], str | None] = lambda record: None
    ends_as: str | None = None

    def seen(self) -> SeenRun:
        """Read the run, and whether it has a driver."""
        record = self.store.run(self.run_id)
        return SeenRun(record, self.death_of(record))


def run_state(view: RunView, seen: SeenRun, iterations: Sequence[IterationRecord]) -> ViewState:
    """Return what changes while a run goes on: its status and its iterations.

    Parameters
    ----------
    seen:
        The run as it is now.
    iterations:
        Its iterations, from `SeenRun.iterations`.
    """
    record = seen.record
    metric = record.metric
    best = chosen_iteration(iterations, metric)
    known = metrics_in(metric.task, [child.metrics for child in iterations])
    return {
        "run": {
            "id": record.run_id,
            "name": record.name,
            "experiment": view.experiment,
            "status": view.ends_as or seen.status.value,
            "task": record.task,
            "metric": metric.name,
            "target": record.target,
            "started": record.started,
            "ended": record.ended if view.ends_as is None else time.time(),
            "error": seen.error,
            "notes": list(record.notes),
            "url": view.url,
        },
        "metrics": {name: m.greater_is_better for name, m in known.items()},
        "best": None if best is None else best.iteration,
        "iterations": [iteration_state(child) for child in iterations],
    }


def full_state(view: RunView, logs: int | None = MOST_LOGS) -> ViewState:
    """Return everything that a report holds.

    Parameters
    ----------
    logs:
        Number of iterations with their logs, failed ones first, then the best; each takes a
        request. ``None``: all.
    """
    seen = view.seen()
    iterations = seen.iterations(view.store.iterations(view.run_id))
    state = run_state(view, seen, iterations)
    state["logs"] = logs_of(view.store, _ranked(seen.record.metric, iterations)[:logs])
    add_summaries(state, view, iterations)
    return state


def add_summaries(state: ViewState, view: RunView, iterations: Sequence[IterationRecord]) -> None:
    """Add what a run has only at its end: explanation, quality, data, settings, versions."""
    state["explanation"] = importance_of(view, state["best"], iterations)
    state["quality"] = json_file(view, QUALITY_FILE)
    state["data"] = json_file(view, DATA_FILE)
    settings = view.store.load_spec(view.run_id)["settings"]
    state["settings"] = {
        key: _shown(value)
        for key, value in settings.items()
        if value is not None and key not in _HIDDEN_SETTINGS
    }
    state["versions"] = {"python": platform.python_version(), **installed_versions()}
    state["snippet"] = _snippet(state["run"])


def _ranked(metric: Metric, iterations: Sequence[IterationRecord]) -> list[IterationRecord]:
    """Sort iterations by how likely a reader is to open them."""

    def place(child: IterationRecord) -> tuple[bool, float, int]:
        loss = metric.loss(child.metrics[metric.name]) if metric.name in child.metrics else math.inf
        failed = child.status in (IterationStatus.FAILED, IterationStatus.TIMEOUT)
        return not failed, loss, child.iteration

    return sorted(iterations, key=place)


def log_of(store: RunStore, child: IterationRecord) -> str:
    """Return the last 20,000 characters of an iteration's log; empty while there is none."""
    try:
        text = store.read_bytes(child.run_id, LOG_FILE).decode(errors="replace")
    except FileNotFoundError:
        return ""
    return text[-_LONGEST_LOG:]


def logs_of(store: RunStore, children: Sequence[IterationRecord]) -> dict[str, str]:
    """Return number -> end of the log; all together have 500,000 characters at most."""
    if not children:
        return {}
    longest = min(_LONGEST_LOG, _LONGEST_LOGS // len(children))
    with ThreadPoolExecutor(_READERS, thread_name_prefix="raysmith-logs") as readers:
        texts = readers.map(lambda child: log_of(store, child)[-longest:], children)
    return {str(child.iteration): text for child, text in zip(children, texts, strict=True)}


def importance_of(
    view: RunView, iteration: int | None, iterations: Sequence[IterationRecord]
) -> Importance | None:
    """Return the feature importance of an iteration's model, overall and by class.

    ``None`` when the iteration has not been explained.
    """
    if iteration is None:
        return None
    from engine.explain.files import load_explanation

    records = {r.iteration: r.run_id for r in iterations}
    try:
        explanation = load_explanation(view.store, records[iteration])
    except (RunException, KeyError):
        return None
    summary = explanation.summary()
    return {
        "iteration": iteration,
        "source": summary["source"],
        "rows_explained": summary["rows_explained"],
        "rows_given": summary["rows_given"],
        "groups": _groups(summary),
    }


def _groups(summary: Mapping[str, Any]) -> list[ImportanceGroup]:
    classes = summary["classes"] or []
    overall = _group("all" if classes else "", summary["overall_imp"], summary["overall_summary"])
    by_class = [
        _group(label, summary["per_class_imp"][k], summary["per_class_summary"][k])
        for k, label in enumerate(classes)
    ]
    return [overall, *by_class]


def _group(label: str, names: list[str], values: list[float]) -> ImportanceGroup:
    return {"label": label, "names": names[:_MOST_FEATURES], "values": values[:_MOST_FEATURES]}


def iteration_state(child: IterationRecord) -> IterationState:
    """Return an iteration as plain values."""
    properties = child.properties.to_tags()
    for name in _SHOWN_ELSEWHERE:
        properties.pop(name, None)
    result: IterationState = {
        "iteration": child.iteration,
        "pipeline": child.pipeline,
        "status": child.status.value,
        "reason": first_line(child.reason),
        "seconds": round(child.seconds, 2),
        "started": child.started,
        "ended": child.ended,
        "node": child.properties.node_ip or "",
        "metrics": {k: float(f"{v:.7g}") for k, v in child.metrics.items() if math.isfinite(v)},
        "properties": properties,
        "parameters": _parameters(child.spec),
        "retries": list(child.retries),
    }
    if child.properties.fold_scores:
        result["folds"] = list(child.properties.fold_scores)
    return result


def _parameters(spec: PipelineSpec) -> dict[str, str]:
    names = ("estimator", "scaler")
    return {k: _shown(v) for k, v in spec.flat().items() if k not in names}


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def json_file(view: RunView, name: str) -> Any:
    """Read a JSON file of the run; ``None`` while there is none."""
    try:
        return json.loads(view.store.read_bytes(view.run_id, name))
    except (FileNotFoundError, ValueError):
        return None


def installed_versions() -> dict[str, str]:
    """Return package -> version, for the installed packages that results depend on.

    Examples
    --------
    >>> "scikit-learn" in installed_versions()
    True
    """
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _snippet(run: RunState) -> str:
    return (
        "from engine import AutoMLRun, Experiment, Workspace\n\n"
        "ws = Workspace.from_config()\n"
        f"run = AutoMLRun(Experiment(ws, {run['experiment']!r}), {run['id']!r})\n"
        "best_run, fitted_model = run.get_output()\n"
        "fitted_model.predict(X)  # the raw columns\n"
    )
