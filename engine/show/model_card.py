"""A model card: what a registered model is, how it was made and how good it is, as Markdown.

The headings follow Mitchell et al. (2019), Model cards for model reporting, as far as a run knows
the answers.
"""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from engine.metrics.metric import METRICS, metrics_in
from engine.show.view import DATA_FILE, RunView, importance_of, installed_versions, json_file
from engine.store.records import IterationRecord

CARD_FILE = "model_card.md"

_MOST_COLUMNS = 200
_MOST_FEATURES = 20


def model_card(
    view: RunView, child: IterationRecord, name: str, description: str | None = None
) -> str:
    """The card of an iteration's model.

    Parameters
    ----------
    view:
        Its run.
    child:
        The iteration.
    name:
        Under which it is registered.
    description:
        The user's words about it.
    """
    store = view.store
    record = store.run(view.run_id)
    settings = store.load_spec(view.run_id)["settings"]
    n_folds = len(store.fold_metrics(child.run_id, record.primary_metric))
    data = json_file(view, DATA_FILE) or {}
    metric = METRICS[record.primary_metric]
    lines = [f"# {_plain(name)}", ""]
    if description:
        lines += [description.strip(), ""]
    made = datetime.datetime.fromtimestamp(child.ended or child.started, datetime.UTC)
    lines += [
        "## Model",
        "",
        f"- Pipeline: {_code(child.pipeline)}, a fitted scikit-learn pipeline that takes the raw "
        "columns",
        f"- Task: {record.task}",
        f"- Fitted: {made:%Y-%m-%d %H:%M} UTC by raysmith, iteration {child.iteration} of run "
        f"{_code(record.name)} ({_code(record.run_id)}) in experiment "
        f"{_code(store.experiment_of(record.run_id))}",
    ]
    if view.url:
        lines.append(f"- Run: {view.url}")
    lines += ["", "### Parameters", "", *_parameters(child), "", "## Data", "", *_data(data)]
    lines += [
        "",
        "## Quality",
        "",
        "Measured on rows that the model was not fitted on "
        f"({_validation(settings, data, n_folds)}); the run looked for the best {metric.name}.",
        "",
        *_table(
            ("Metric", "Value", "Better"),
            [
                (
                    f"**{key}**" if key == metric.name else key,
                    f"{child.metrics[key]:.6g}",
                    "higher" if known.greater_is_better else "lower",
                )
                for key, known in metrics_in(metric.task, [child.metrics]).items()
                if key in child.metrics
            ],
        ),
        "",
        "It is the best of many that were tried on the same rows: of new ones expect a bit less.",
    ]
    explained = importance_of(view, child.iteration, [child])
    if explained is not None:
        group = explained["groups"][0]
        pairs = list(zip(group["names"], group["values"], strict=True))[:_MOST_FEATURES]
        lines += [
            "",
            "## What it looks at",
            "",
            f"Mean absolute SHAP value of the raw columns over {explained['rows_explained']} rows "
            f"({explained['source']}).",
            "",
            *_table(("Column", "Importance"), [(_code(n), f"{v:.4g}") for n, v in pairs]),
        ]
    versions = {"python": platform.python_version(), **installed_versions()}
    lines += [
        "",
        "## Use",
        "",
        "```python",
        "import mlflow",
        "",
        f"model = mlflow.sklearn.load_model({json.dumps(f'models:/{name}/<version>')})",
        "model.predict(X)  # a table with the columns above",
        "```",
        "",
        "Made with " + ", ".join(f"{package} {version}" for package, version in versions.items())
        + ".",
        "",
        "What it is meant for, whom its errors would harm, and how it does on groups of people "
        "is for its owner to say: a run does not know.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _parameters(child: IterationRecord) -> list[str]:
    spec = json.loads(child.properties.get("pipeline_spec", "{}"))
    found = {**spec.get("estimator_params", {}), **spec.get("scaler_params", {})}
    if not found:
        return ["The estimator's defaults."]
    return _table(("Parameter", "Value"), [(_code(k), _code(v)) for k, v in found.items()])


def _data(data: Mapping[str, Any]) -> list[str]:
    if not data:
        return ["Not known."]
    lines = [f"{data['n_rows']} rows, {data['n_columns']} columns."]
    if data["class_counts"]:
        counts = ", ".join(f"{_code(label)}: {n}" for label, n in data["class_counts"].items())
        lines += ["", f"Rows of each class: {counts}."]
    columns = data["columns"][:_MOST_COLUMNS]
    rows = [
        (_code(column["name"]), column["type"], f"{column['missing']:.1%}", str(column["unique"]))
        for column in columns
    ]
    lines += ["", *_table(("Column", "Type", "Missing", "Values"), rows)]
    if len(columns) < data["n_columns"]:
        lines += ["", f"And {data['n_columns'] - len(columns)} more."]
    return lines


def _validation(settings: Mapping[str, Any], data: Mapping[str, Any], n_folds: int) -> str:
    if data.get("n_validation_rows"):
        return f"{data['n_validation_rows']} rows of validation data"
    if n_folds <= 1:
        return "a part held out"
    if settings.get("validation_size"):
        return f"mean over {n_folds} random splits"
    return f"mean over {n_folds} folds of a cross validation"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "| " + " | ".join("---" for _ in head) + " |",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _code(value: Any) -> str:
    """As inline code, whatever it holds: names come from data."""
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text or ' '}`"


def _plain(text: str) -> str:
    return " ".join(str(text).split())
