"""The portfolio: an ordered list of pipelines to try first, which suits many kinds of data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.metrics.metric import Task
from engine.pipelines.spec import PipelineSpec

#: The portfolio that comes with raysmith; it also names the data sets that it was learned on.
DEFAULT_FILE = Path(__file__).with_name("portfolio.json")
#: Portfolios are learned on 2,000 rows of each data set. From this many rows on larger trees pay:
#: the pipelines below are then inserted at this place.
_MANY_ROWS = 5_000
_PLACE = 4
_FOR_MANY_ROWS: Mapping[Task, Sequence[PipelineSpec]] = {
    "regression": (
        PipelineSpec(
            "LightGBM",
            estimator_params={
                "learning_rate": 0.05,
                "num_leaves": 128,
                "min_child_samples": 3,
                "colsample_bytree": 0.9,
                "subsample": 0.8,
            },
        ),
    )
}


def load_portfolio(
    task: Task, file: Path | None = None, n_rows: int = 0
) -> tuple[PipelineSpec, ...]:
    """Return the portfolio of a task, in the order of trying.

    Parameters
    ----------
    task:
        Classification or regression.
    file:
        A file that `write_portfolio` has written; default: the one that comes with raysmith.
    n_rows:
        Rows of the training data; many rows add pipelines with larger trees. Default: few.

    Examples
    --------
    >>> len(load_portfolio("regression", n_rows=5_000)) - len(load_portfolio("regression"))
    1
    """
    content = json.loads((file or DEFAULT_FILE).read_text(encoding="utf-8"))
    specs = [PipelineSpec(**entry) for entry in content[task]]
    if n_rows >= _MANY_ROWS:
        specs[_PLACE:_PLACE] = _FOR_MANY_ROWS.get(task, ())
    return tuple(specs)


def write_portfolio(
    file: Path, portfolios: dict[str, Sequence[PipelineSpec]], learned_on: dict[str, list[str]]
) -> None:
    """Write a file for `load_portfolio`, a line a pipeline, numbers to four digits.

    Parameters
    ----------
    file:
        The file to write.
    portfolios:
        Task to pipelines, in the order of trying.
    learned_on:
        Task to the names of the data sets that its portfolio was learned on.
    """
    lines = ["{", f' "learned_on": {json.dumps(learned_on)},']
    for number, (task, specs) in enumerate(portfolios.items()):
        lines += [f' "{task}": [', ",\n".join(f"  {_rounded(spec).to_json()}" for spec in specs)]
        lines.append(" ]" + ("," if number + 1 < len(portfolios) else ""))
    file.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")


def _rounded(spec: PipelineSpec) -> PipelineSpec:
    def four(params: Mapping[str, Any]) -> dict[str, Any]:
        return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in params.items()}

    return replace(
        spec,
        estimator_params=four(spec.estimator_params),
        scaler_params=four(spec.scaler_params),
    )
