"""The pipelines that are tried first: an ordered list that covers kinds of data well."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.metrics.metric import Task
from engine.pipelines.spec import PipelineSpec

#: Kept as a file that a person can read, with the data sets that it was learned on.
DEFAULT_FILE = Path(__file__).with_name("portfolio.json")
#: Portfolios are learned on 2,000 rows of each data set. More rows bear larger trees: from so many
#: on, what a task has here takes this place among the others.
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
    """The portfolio of ``task``, in the order of trying.

    Parameters
    ----------
    file:
        As ``benchmarks/build_portfolio.py`` writes it; default: the one that comes with raysmith.
    n_rows:
        Of the data; default: few.
    """
    content = json.loads((file or DEFAULT_FILE).read_text(encoding="utf-8"))
    specs = [PipelineSpec(**entry) for entry in content[task]]
    if n_rows >= _MANY_ROWS:
        specs[_PLACE:_PLACE] = _FOR_MANY_ROWS.get(task, ())
    return tuple(specs)


def write_portfolio(
    file: Path, portfolios: dict[str, Sequence[PipelineSpec]], learned_on: dict[str, list[str]]
) -> None:
    """Write a file for `load_portfolio`, a line a pipeline, numbers to four digits."""
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
