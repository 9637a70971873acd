"""A run as plain values: what the widget and the report show of it."""

from __future__ import annotations

import contextlib
import json
import math
import platform
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from engine.errors import RunException
from engine.metrics.metric import METRICS, metrics_in
from engine.show.table import first_line
from engine.store.choice import chosen_iteration
from engine.store.mlflow_store import LOG_FILE, RunStore
from engine.store.records import IterationRecord, RunRecord

#: Files of a run.
QUALITY_FILE, DATA_FILE = "summary/quality.json", "summary/data.json"
_PACKAGES = ("raysmith", "ray", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost", "mlflow",
             "numpy", "pandas", "shap")  # fmt: skip
_MOST_FEATURES = 50
_LONGEST_LOG = 20_000
_HIDDEN_SETTINGS = ("path", "debug_log", "run_configuration")


@dataclass(frozen=True)
class RunView:
    """A run to be shown.

    Attributes
    ----------
    url:
        Its page in the MLflow UI.
    status_of:
        Record -> status, for who knows more than the record.
    ends_as:
        The final status that the run is about to get.
    """

    store: RunStore
    run_id: str
    url: str
    status_of: Callable[[RunRecord], str] = lambda record: record.status
    ends_as: str | None = None


def run_state(
    view: RunView,
    record: RunRecord,
    iterations: Sequence[IterationRecord],
    folds_of: Collection[int] = (),
) -> dict[str, Any]:
    """What changes while a run goes on: its status and its iterations.

    Parameters
    ----------
    record, iterations:
        The run and its iterations, as the store has them now.
    folds_of:
        Iterations whose scores by fold are wanted too; each takes a request.
    """
    store = view.store
    metric = METRICS[record.primary_metric]
    best = chosen_iteration(iterations, metric)
    known = metrics_in(metric.task, [child.metrics for child in iterations])
    return {
        "run": {
            "id": record.run_id,
            "name": record.name,
            "experiment": store.experiment_of(record.run_id),
            "status": view.ends_as or view.status_of(record),
            "task": record.task,
            "metric": metric.name,
            "target": record.target,
            "started": record.started,
            "ended": record.ended if view.ends_as is None else time.time(),
            "error": record.error or "",
            "notes": list(record.notes),
            "url": view.url,
        },
        "metrics": {name: m.greater_is_better for name, m in known.items()},
        "best": None if best is None else best.iteration,
        "iterations": [
            _iteration(store, child, metric.name if child.iteration in folds_of else None)
            for child in iterations
        ],
    }


def full_state(view: RunView, most: int | None = None) -> dict[str, Any]:
    """All that a report holds.

    Parameters
    ----------
    most:
        So many iterations with their logs and scores by fold, the best and those that failed;
        default: all.
    """
    record, iterations = view.store.run(view.run_id), view.store.iterations(view.run_id)
    children = _ranked(record, iterations)[:most]
    state = run_state(view, record, iterations, {child.iteration for child in children})
    state["logs"] = {str(child.iteration): log_of(view.store, child) for child in children}
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
    return state


def _ranked(record: RunRecord, iterations: Sequence[IterationRecord]) -> list[IterationRecord]:
    """The iterations in the order in which somebody would ask for them."""
    metric = METRICS[record.primary_metric]
    sign = -1 if metric.greater_is_better else 1

    def place(child: IterationRecord) -> tuple[bool, float, int]:
        score = child.metrics.get(metric.name, math.inf * sign)
        failed = child.status in ("Failed", "Timeout")
        return not failed, sign * score, child.iteration

    return sorted(iterations, key=place)


def log_of(store: RunStore, child: IterationRecord) -> str:
    """The end of an iteration's log; empty while there is none."""
    try:
        text = store.read_bytes(child.run_id, LOG_FILE).decode(errors="replace")
    except FileNotFoundError:
        return ""
    return text[-_LONGEST_LOG:]


def importance_of(
    view: RunView, iteration: int | None, iterations: Sequence[IterationRecord]
) -> dict[str, Any] | None:
    """Feature importance of one of the iterations, overall and by class; ``None`` when it is not
    explained."""
    if iteration is None:
        return None
    from engine.explain.files import load_explanation

    records = {r.iteration: r.run_id for r in iterations}
    try:
        explanation = load_explanation(view.store, records[iteration])
    except (RunException, KeyError):
        return None
    summary = explanation.summary()
    classes = summary["classes"] or []
    groups = [
        {"label": "all" if classes else "", "names": summary["overall_imp"][:_MOST_FEATURES],
         "values": summary["overall_summary"][:_MOST_FEATURES]}
    ]  # fmt: skip
    for k, label in enumerate(classes):
        groups.append(
            {
                "label": label,
                "names": summary["per_class_imp"][k][:_MOST_FEATURES],
                "values": summary["per_class_summary"][k][:_MOST_FEATURES],
            }
        )
    return {
        "iteration": iteration,
        "source": summary["source"],
        "rows_explained": summary["rows_explained"],
        "rows_given": summary["rows_given"],
        "groups": groups,
    }


def _iteration(store: RunStore, child: IterationRecord, folds_of: str | None) -> dict[str, Any]:
    properties = dict(child.properties)
    spec = properties.pop("pipeline_spec", "{}")
    result: dict[str, Any] = {
        "iteration": child.iteration,
        "pipeline": child.pipeline,
        "status": child.status,
        "reason": first_line(child.reason),
        "seconds": round(child.seconds, 2),
        "started": child.started,
        "ended": child.ended,
        "node": properties.get("node_ip", ""),
        "metrics": {k: v for k, v in child.metrics.items() if math.isfinite(v)},
        "properties": properties,
        "parameters": _parameters(spec),
        "retries": list(child.retries),
    }
    if folds_of is not None and child.status == "Completed":
        result["folds"] = store.fold_metrics(child.run_id, folds_of)
    return result


def _parameters(spec: str) -> dict[str, str]:
    try:
        content = json.loads(spec)
    except ValueError:
        return {}
    scaler = content.get("scaler", "")
    found = {k: _shown(v) for k, v in content.get("estimator_params", {}).items()}
    return found | {f"{scaler}.{k}": _shown(v) for k, v in content.get("scaler_params", {}).items()}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def json_file(view: RunView, name: str) -> Any:
    """A file of the run as values; ``None`` while there is none."""
    try:
        return json.loads(view.store.read_bytes(view.run_id, name))
    except (FileNotFoundError, ValueError):
        return None


def installed_versions() -> dict[str, str]:
    """Package -> version, of those that decide about results."""
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _snippet(run: dict[str, Any]) -> str:
    return (
        "from engine import AutoMLRun, Experiment, Workspace\n\n"
        "ws = Workspace.from_config()\n"
        f"run = AutoMLRun(Experiment(ws, {run['experiment']!r}), {run['id']!r})\n"
        "best_run, fitted_model = run.get_output()\n"
        "fitted_model.predict(X)  # the raw columns\n"
    )
