"""A model card: origin, data, quality and use of a registered model, as Markdown.

The headings follow Mitchell et al. (2019), Model cards for model reporting, where a run has the
answers.
"""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.metrics.metric import Metric, metrics_in
from engine.show.view import (
    DATA_FILE,
    Importance,
    RunView,
    importance_of,
    installed_versions,
    json_file,
)
from engine.store.records import IterationRecord, RunRecord

_MOST_COLUMNS = 200
_MOST_FEATURES = 20

_CARD = """\
# {name}
{description}
## Model

- Pipeline: {pipeline}, a fitted scikit-learn pipeline that takes the raw columns
- Task: {task}
- Fitted: {made:%Y-%m-%d %H:%M} UTC by raysmith, iteration {iteration} of run {run} ({run_id}) in \
experiment {experiment}
{link}
### Parameters

{parameters}

## Data

{data}

## Quality

Measured on rows that the model was not fitted on ({validation}); the run looked for the best \
{metric}.

{scores}

It is the best of many that were tried on the same rows: of new ones expect a bit less.
{importance}
## Use

```python
import mlflow

model = mlflow.sklearn.load_model({uri})
model.predict(X)  # a table with the columns above
```

Made with {versions}.

The owner of the model has to add its purpose, whom its errors would harm, and how it does on \
groups of people.
"""

_IMPORTANCE = """
## What it looks at

Mean absolute SHAP value of the raw columns over {rows} rows ({source}).

{table}
"""


def model_card(
    view: RunView, child: IterationRecord, name: str, description: str | None = None
) -> str:
    """Write the card of an iteration's model.

    Parameters
    ----------
    view:
        The run.
    child:
        The iteration.
    name:
        Name of the registered model.
    description:
        The user's description of the model.
    """
    store = view.store
    record = store.run(view.run_id)
    data = json_file(view, DATA_FILE) or {}
    explained = importance_of(view, child.iteration, [child])
    return _CARD.format(
        name=_plain(name),
        description=f"\n{description.strip()}\n" if description else "",
        pipeline=_code(child.pipeline),
        task=record.task,
        made=datetime.datetime.fromtimestamp(child.ended or child.started, datetime.UTC),
        iteration=child.iteration,
        run=_code(record.name),
        run_id=_code(record.run_id),
        experiment=_code(store.experiment_of(record.run_id)),
        link=f"- Run: {view.url}\n" if view.url else "",
        parameters=_parameters(child),
        data=_data(data),
        validation=_validation(view, record, child, data),
        metric=record.primary_metric,
        scores=_scores(child, record.metric),
        importance="" if explained is None else _importance(explained),
        uri=json.dumps(f"models:/{name}/<version>"),
        versions=_versions(),
    )


def _versions() -> str:
    versions = {"python": platform.python_version(), **installed_versions()}
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def _parameters(child: IterationRecord) -> str:
    spec = child.spec
    found = {**spec.estimator_params, **spec.scaler_params}
    if not found:
        return "The estimator's defaults."
    return _table(("Parameter", "Value"), [(_code(k), _code(v)) for k, v in found.items()])


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return "Not known."
    parts = [f"{data['n_rows']} rows, {data['n_columns']} columns."]
    if data["class_counts"]:
        counts = ", ".join(f"{_code(label)}: {n}" for label, n in data["class_counts"].items())
        parts.append(f"Rows of each class: {counts}.")
    columns = data["columns"][:_MOST_COLUMNS]
    rows = [
        (_code(column["name"]), column["type"], f"{column['missing']:.1%}", str(column["unique"]))
        for column in columns
    ]
    parts.append(_table(("Column", "Type", "Missing", "Values"), rows))
    if len(columns) < data["n_columns"]:
        parts.append(f"And {data['n_columns'] - len(columns)} more.")
    return "\n\n".join(parts)


def _validation(
    view: RunView, record: RunRecord, child: IterationRecord, data: Mapping[str, Any]
) -> str:
    if data.get("n_validation_rows"):
        return f"{data['n_validation_rows']} rows of validation data"
    n_folds = len(view.store.fold_metrics(child.run_id, record.primary_metric))
    if n_folds <= 1:
        return "a part held out"
    if view.store.load_spec(view.run_id)["settings"].get("validation_size"):
        return f"mean over {n_folds} random splits"
    return f"mean over {n_folds} folds of a cross validation"


def _scores(child: IterationRecord, primary: Metric) -> str:
    rows = [
        (
            f"**{name}**" if name == primary.name else name,
            f"{child.metrics[name]:.6g}",
            "higher" if metric.greater_is_better else "lower",
        )
        for name, metric in metrics_in(primary.task, [child.metrics]).items()
        if name in child.metrics
    ]
    return _table(("Metric", "Value", "Better"), rows)


def _importance(explained: Importance) -> str:
    overall = explained["groups"][0]
    pairs = list(zip(overall["names"], overall["values"], strict=True))[:_MOST_FEATURES]
    return _IMPORTANCE.format(
        rows=explained["rows_explained"],
        source=explained["source"],
        table=_table(("Column", "Importance"), [(_code(n), f"{v:.4g}") for n, v in pairs]),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(value: object) -> str:
    """Format a value as inline code, whatever it holds: names come from data."""
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text or ' '}`"


def _plain(text: str) -> str:
    return " ".join(str(text).split())
